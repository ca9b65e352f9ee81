// Draws a map (topology.js) as SVG. All text is set as text. Colours come from topology.css; a downloaded picture gets
// them as attributes, because it has no style sheet.
const NS = "http://www.w3.org/2000/svg";
const MARGIN = 24;
const BOX = 220;
const WARN = "M7 1.5 13 12.5H1ZM7 5.2v3.2M7 10.2v.4";

export function element(name, attributes = {}, ...children) {
  const found = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) found.setAttribute(key, value);
  }
  found.append(...children);
  return found;
}

function text(words, attributes) {
  const found = element("text", attributes);
  found.textContent = words;
  return found;
}

function arrow(id, kind) {
  const shape = element("path", { d: "M0 1 8 4.5 0 8Z", class: `map-head map-head-${kind}` });
  return element(
    "marker",
    { id, viewBox: "0 0 9 9", refX: 8, refY: 4.5, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" },
    shape,
  );
}

function line({ x1, y1, x2, y2 }, from, to, what) {
  if (what === "dead_letter" && from.x < to.x) return `M${x1} ${y1}C${x1} ${y1 + 44} ${x2 - 110} ${y2} ${x2} ${y2}`;
  if (from.x < to.x) return `M${x1} ${y1}C${x1 + 84} ${y1} ${x2 - 110} ${y2} ${x2} ${y2}`;
  if (from.x === to.x) {
    const bulge = Math.min(150, 44 + Math.abs(y2 - y1) / 5);
    return `M${x1} ${y1}C${x1 + bulge} ${y1} ${x2 + bulge} ${y2} ${x2} ${y2}`;
  }
  return `M${x1} ${y1}C${x1} ${y1 + 40} ${x2} ${y2 + 40} ${x2} ${y2}`;
}

function edge(one, end, from, to) {
  const group = element("g", { class: `map-edge map-edge-${one.what}`, "data-from": one.from, "data-to": one.to });
  group.append(
    element("path", { d: line(end, from, to, one.what), fill: "none", "marker-end": `url(#map-${one.what})` }),
  );
  const title = element("title");
  title.textContent = one.title;
  group.append(title);
  return group;
}

// Labels are above all lines: those of bindings before their arrow, of what goes back in the middle.
function label(one, end, from, to) {
  const group = element("g", { class: `map-edge map-edge-${one.what}`, "data-from": one.from, "data-to": one.to });
  let [x, y, anchor] = [end.x2 - 14, end.y2 + 4, "end"];
  if (from.x === to.x) [x, anchor] = [end.x2 + 14, "start"];
  if (from.x > to.x) [x, y, anchor] = [(end.x1 + end.x2) / 2, (end.y1 + end.y2) / 2 + 34, "middle"];
  group.append(text(one.label, { x, y, "text-anchor": anchor, class: "map-label" }));
  return group;
}

function node(one, { x, y, h }) {
  const queue = one.kind === "queue";
  const width = queue ? BOX : 176;
  const middle = h / 2;
  const group = element("g", {
    class: `map-node map-${one.kind}`, transform: `translate(${x} ${y})`, tabindex: "-1", role: "link",
    "data-id": one.id,
  });
  group.append(element("rect", { width, height: h, rx: queue ? 6 : Math.min(23, h / 2), class: "map-box" }));
  const inset = queue ? 10 : 16;
  group.append(text(one.label, { x: inset, y: middle - 4, class: "map-name", "aria-hidden": "true", "data-most": width - 2 * inset }));
  group.append(element("g", { class: "map-figures", "aria-hidden": "true" }));
  const title = element("title");
  title.textContent = one.title;
  group.append(title);
  return group;
}

// What changes with the figures alone: depth, its bar on a square root scale, consumers, state.
export function figures(group, one, { h }, most) {
  const queue = one.kind === "queue";
  const into = group.querySelector(".map-figures");
  const middle = h / 2;
  const inset = queue ? 10 : 16;
  into.replaceChildren();
  for (const tone of ["ok", "warn", "bad", "busy", "mute"]) group.classList.toggle(`map-is-${tone}`, one.state?.tone === tone);
  group.querySelector("title").textContent = one.title;
  if (one.state) {
    into.append(element("path", { d: WARN, transform: `translate(${inset - 1} ${middle + 1})`, class: "map-icon" }));
    into.append(text(one.state.word, { x: inset + 17, y: middle + 12, class: "map-sub map-word" }));
  } else {
    into.append(text(one.type, { x: inset, y: middle + 12, class: "map-sub" }));
  }
  if (!queue) return;
  into.append(text(one.depth, { x: BOX - 10, y: middle + 12, "text-anchor": "end", class: "map-sub map-depth" }));
  into.append(element("rect", { x: 10, y: h - 5, width: BOX - 20, height: 2, rx: 1, class: "map-bar" }));
  if (one.total > 0 && most > 0) {
    const width = Math.max(2, (BOX - 20) * Math.sqrt(one.total / most));
    into.append(element("rect", { x: 10, y: h - 5, width, height: 2, rx: 1, class: "map-level" }));
  }
  const some = one.consumers !== "" && !one.consumers.startsWith("0 ");
  if (some) into.append(element("path", { d: `M${BOX} ${middle}h18`, class: "map-consume", fill: "none" }));
  const words = one.consumers === "" ? "" : some ? one.consumers : "no consumer";
  into.append(text(words, { x: BOX + 24, y: middle + 4, class: "map-sub map-consumers" }));
}

export function draw(data, placed) {
  const [width, height] = [placed.width + 2 * MARGIN, placed.height + 2 * MARGIN];
  const svg = element("svg", { xmlns: NS, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}`, class: "map" });
  const kinds = ["binding", "dead_letter", "alternate"];
  svg.append(element("defs", {}, ...kinds.map((kind) => arrow(`map-${kind}`, kind))));
  const edges = element("g", { class: "map-edges", "aria-hidden": "true" });
  data.edges.forEach((one, i) => edges.append(edge(one, placed.ends[i], placed.at[one.from], placed.at[one.to])));
  const labels = element("g", { class: "map-labels", "aria-hidden": "true" });
  data.edges.forEach((one, i) => {
    const end = placed.ends[i];
    if (one.label && end.labelled) labels.append(label(one, end, placed.at[one.from], placed.at[one.to]));
  });
  const nodes = element("g", { class: "map-nodes" });
  for (const one of data.nodes) nodes.append(node(one, placed.at[one.id]));
  svg.append(edges, labels, nodes);
  return { svg, width, height };
}

// Names that are wider than their box are shortened in the middle, after the map is in the page and has its font.
export function fit(svg) {
  const wide = [...svg.querySelectorAll(".map-name")]
    .map((label) => [label, Number(label.dataset.most), label.getComputedTextLength()])
    .filter(([, most, found]) => found > most);
  for (const [label, most, found] of wide) {
    const letters = [...label.textContent];
    const keep = Math.max(4, Math.floor((letters.length * most) / found) - 2);
    const tail = Math.floor((keep * 2) / 5);
    label.textContent = `${letters.slice(0, keep - tail).join("")}…${letters.slice(-tail).join("")}`;
  }
}

const STYLES = [
  "fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "paint-order", "opacity",
];

// The map as a document of its own, with the colours of now.
export function standalone(svg, width, height, ground) {
  const copy = svg.cloneNode(true);
  const from = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((one, i) => {
    const style = getComputedStyle(from[i]);
    if (one.matches("path, rect, text")) for (const name of STYLES) one.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["tabindex", "role", "class", "aria-hidden", "data-id", "data-from", "data-to", "data-most"]) one.removeAttribute(name);
  });
  copy.removeAttribute("class");
  copy.removeAttribute("style");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.prepend(element("rect", { x: -MARGIN, y: -MARGIN, width, height, fill: ground }));
  return new XMLSerializer().serializeToString(copy);
}
