// The map of a virtual host: <div data-map data-url data-draw data-layout> beside <script type="application/json"
// id="map-data">. A worker (topology_layout.js) places the objects, topology_draw.js draws them. The figures are asked
// for again while the page is looked at; only if the shape of the graph has changed is it drawn again.
// Keys on the map: arrows go along the lines, Enter opens, f shows what is around, r asks where a message goes, Esc leaves.
const box = document.querySelector("[data-map]");
const EVERY_MS = 10_000;
const STEPS = [0.25, 0.4, 0.55, 0.7, 0.85, 1, 1.25, 1.5, 2];
const state = { data: null, placed: null, svg: null, size: null, zoom: 1, chosen: "", tag: "", asked: 0 };
let drawing;
let worker;

const panel = box?.closest("[data-map-panel]");
const find = (selector) => panel.querySelector(selector);
const nodeOf = (id) => state.svg.querySelector(`.map-node[data-id="${CSS.escape(id)}"]`);
const objectOf = (id) => state.data.nodes.find((one) => one.id === id);

function place(data) {
  const of = (state.asked += 1);
  const nodes = data.nodes.map(({ id, kind, keys }) => ({ id, kind, keys }));
  const edges = data.edges.map(({ from, to, what }) => ({ from, to, what }));
  return new Promise((resolve, reject) => {
    const done = (event) => {
      if (event.data.of !== of) return;
      stop();
      resolve(event.data);
    };
    const failed = (event) => {
      stop();
      reject(event);
    };
    const stop = () => {
      worker.removeEventListener("message", done);
      worker.removeEventListener("error", failed);
    };
    worker.addEventListener("message", done);
    worker.addEventListener("error", failed);
    worker.postMessage({ of, nodes, edges });
  });
}

function setFigures() {
  const most = Math.max(0, ...state.data.nodes.map((one) => one.total ?? 0));
  for (const one of state.data.nodes) drawing.figures(nodeOf(one.id), one, state.placed.at[one.id], most);
}

function setZoom(zoom, round = null) {
  state.zoom = Math.min(STEPS.at(-1), Math.max(STEPS[0], zoom));
  const before = round && round.getBoundingClientRect();
  state.svg.setAttribute("width", Math.round(state.size.width * state.zoom));
  state.svg.setAttribute("height", Math.round(state.size.height * state.zoom));
  find("[data-map-zoom]").textContent = `${Math.round(state.zoom * 100)} %`;
  if (before) {
    const after = round.getBoundingClientRect();
    box.scrollBy(after.left - before.left, after.top - before.top);
  }
}

function toMiddle(id) {
  const { x, y, w, h } = state.placed.at[id];
  box.scrollTo((x + 24 + w / 2) * state.zoom - box.clientWidth / 2, (y + 24 + h / 2) * state.zoom - box.clientHeight / 2);
}

// The lines of an object are drawn strongly, everything else fades.
function choose(id, { focus = false } = {}) {
  state.chosen = id;
  state.svg.classList.toggle("has-chosen", id !== "");
  const near = new Set([id]);
  for (const line of state.svg.querySelectorAll(".map-edge")) {
    const touches = id !== "" && (line.dataset.from === id || line.dataset.to === id);
    line.classList.toggle("is-near", touches);
    if (touches) near.add(line.dataset.from).add(line.dataset.to);
  }
  for (const one of state.svg.querySelectorAll(".map-node")) {
    one.classList.toggle("is-chosen", one.dataset.id === id);
    one.classList.toggle("is-near", id !== "" && near.has(one.dataset.id));
  }
  detail(id ? objectOf(id) : null);
  if (!id) return;
  for (const one of state.svg.querySelectorAll('.map-node[tabindex="0"]')) one.setAttribute("tabindex", "-1");
  nodeOf(id).setAttribute("tabindex", "0");
  if (focus) {
    nodeOf(id).focus({ preventScroll: true });
    nodeOf(id).scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

function link(href, words) {
  const found = document.createElement("a");
  found.href = href;
  found.textContent = words;
  return found;
}

function detail(one) {
  const into = find("[data-map-detail]");
  into.replaceChildren();
  into.hidden = one === null;
  if (one === null) return;
  const title = document.createElement("strong");
  title.textContent = one.title;
  into.append(title);
  if (one.url) into.append(link(one.url, `Open ${one.kind}`));
  if (one.focus) into.append(link(one.focus, "Show what is around it"));
  if (one.route) into.append(link(one.route, "Where does a message go?"));
}

// The next object in the direction of an arrow: along a line to the left or right, else the next in the column.
function next(id, key) {
  const here = state.placed.at[id];
  const middle = (at) => at.y + at.h / 2;
  const away = (one) => Math.abs(middle(state.placed.at[one]) - middle(here));
  const nearest = (ids) => ids.sort((a, b) => away(a) - away(b))[0];
  if (key === "ArrowRight") return nearest(state.data.edges.filter((one) => one.from === id).map((one) => one.to));
  if (key === "ArrowLeft") return nearest(state.data.edges.filter((one) => one.to === id).map((one) => one.from));
  const down = key === "ArrowDown";
  return nearest(
    state.data.nodes
      .map((one) => one.id)
      .filter((one) => state.placed.at[one].x === here.x && (middle(state.placed.at[one]) - middle(here)) * (down ? 1 : -1) > 0),
  );
}

function onKey(event) {
  const id = event.target.closest?.(".map-node")?.dataset.id;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (state.chosen) {
      choose("");
      event.target.blur?.();
    } else {
      find("[data-map-leave]")?.click();
    }
    return;
  }
  if (!id) return;
  const one = objectOf(id);
  const to = { Enter: one.url || one.focus, f: one.focus, r: one.route }[event.key];
  if (event.key.startsWith("Arrow")) {
    const other = next(id, event.key);
    if (other) choose(other, { focus: true });
  } else if (to) {
    location.assign(to);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function search(words) {
  const wanted = words.trim().toLowerCase();
  const found = [];
  for (const one of state.data.nodes) {
    const matches = wanted !== "" && one.title.toLowerCase().includes(wanted);
    nodeOf(one.id).classList.toggle("is-match", matches);
    if (matches) found.push(one.id);
  }
  find("[data-map-found]").textContent = wanted === "" ? "" : found.length === 1 ? "1 match" : `${found.length} matches`;
  return found;
}

function save(name, href) {
  const anchor = link(href, "");
  anchor.download = name;
  anchor.click();
}

function picture() {
  const ground = getComputedStyle(box).backgroundColor;
  return drawing.standalone(state.svg, state.size.width, state.size.height, ground);
}

function saveSvg() {
  const url = URL.createObjectURL(new Blob([picture()], { type: "image/svg+xml" }));
  save("topology.svg", url);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// No side of a canvas may have more than 16,384 pixels.
function savePng() {
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    const scale = Math.min(2, 16_000 / Math.max(state.size.width, state.size.height));
    canvas.width = state.size.width * scale;
    canvas.height = state.size.height * scale;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      const url = URL.createObjectURL(blob);
      save("topology.png", url);
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    });
  });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture())}`;
}

async function show(data, placing = place(data)) {
  const placed = await placing;
  const { svg, width, height } = drawing.draw(data, placed);
  const chosen = data.nodes.some((one) => one.id === state.chosen) ? state.chosen : "";
  Object.assign(state, { data, placed, svg, size: { width, height } });
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Exchanges and queues. The table below says the same.");
  box.replaceChildren(svg);
  setFigures();
  setZoom(state.zoom);
  document.fonts.ready.then(() => drawing.fit(svg));
  if (chosen) choose(chosen);
  else svg.querySelector(".map-node")?.setAttribute("tabindex", "0");
}

async function refresh() {
  if (document.hidden || !state.data) return;
  try {
    const headers = { "HX-Request": "true", ...(state.tag && { "If-None-Match": state.tag }) };
    const response = await fetch(box.dataset.url, { headers });
    if (response.status !== 200 || !response.headers.get("Content-Type")?.includes("json")) return;
    const data = await response.json();
    if (data.shape !== state.data.shape) await show(data);
    else {
      state.data = data;
      setFigures();
      const title = find("[data-map-detail] strong");
      const said = state.chosen && objectOf(state.chosen)?.title;
      // Only the text: whoever is on a link in there stays on it.
      if (title && said && title.textContent !== said) title.textContent = said;
    }
    state.tag = response.headers.get("ETag") ?? "";
  } catch {
    // Nothing is lost: the figures keep the age that the page shows, and the next time may succeed.
  }
}

function listen() {
  box.addEventListener("keydown", onKey);
  box.addEventListener("click", (event) => {
    const id = event.target.closest(".map-node")?.dataset.id ?? "";
    choose(id, { focus: id !== "" });
  });
  box.addEventListener("dblclick", (event) => {
    const one = objectOf(event.target.closest(".map-node")?.dataset.id);
    if (one?.url || one?.focus) location.assign(one.url || one.focus);
  });
  box.addEventListener("focusin", (event) => {
    const id = event.target.dataset?.id;
    if (id && id !== state.chosen && event.target.matches(":focus-visible")) choose(id);
  });
  const input = find("[data-map-search]");
  input.addEventListener("input", () => {
    const [first] = search(input.value);
    if (first) toMiddle(first);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const found = search(input.value);
    if (found.length) choose(found[(found.indexOf(state.chosen) + 1) % found.length], { focus: true });
  });
  const middle = () => state.svg.querySelector(".is-chosen") ?? null;
  find("[data-map-in]").addEventListener("click", () => setZoom(STEPS.find((step) => step > state.zoom + 0.01) ?? 2, middle()));
  find("[data-map-out]").addEventListener("click", () => setZoom(STEPS.findLast((step) => step < state.zoom - 0.01) ?? STEPS[0], middle()));
  find("[data-map-fit]").addEventListener("click", () => setZoom(Math.min(1, box.clientWidth / state.size.width, box.clientHeight / state.size.height)));
  document.querySelector("[data-map-svg]").addEventListener("click", saveSvg);
  document.querySelector("[data-map-png]").addEventListener("click", savePng);
}

async function begin() {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  worker = new Worker(box.dataset.layout, { type: "module" });
  const placing = place(data);
  drawing = await import(box.dataset.draw);
  for (const one of document.querySelectorAll("[data-needs-map]")) one.hidden = false;
  await show(data, placing);
  state.zoom = Math.min(1, Math.max(0.85, box.clientWidth / state.size.width));
  setZoom(state.zoom);
  listen();
  if (data.focus) {
    choose(data.focus);
    toMiddle(data.focus);
  }
  box.dataset.state = "shown";
  performance.mark("map-shown");
  setInterval(refresh, EVERY_MS);
}

if (box) begin();
