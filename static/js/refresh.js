// Refresh in place: an element with data-refresh="5" (seconds), hx-get, hx-trigger="refresh" and
// hx-swap="outerMorph" is asked for anew while its page is looked at. It waits while somebody works
// in it: an open menu, a selection of text, a field being filled in, a choice (data-choosing). The mark in the page header
// ([data-refresh-mark]) says live, paused or behind. The tag of what a region shows goes with the next request; the
// answer is 304, and nothing is swapped, while it would show the same. Tags are kept here and nowhere else: what a
// signed-in person sees is in no cache.
const last = new WeakMap();
const tags = new WeakMap();
let mark = "live";

function show(state) {
  mark = state;
  const texts = { live: "Live", paused: "Paused", behind: "The console isn’t responding" };
  for (const element of document.querySelectorAll("[data-refresh-mark]")) {
    if (element.dataset.state === state) continue;
    element.dataset.state = state;
    element.textContent = texts[state];
  }
}

function isBusy(region) {
  if (region.hasAttribute("data-choosing")) return true;
  if (region.querySelector("details.menu[open], details[data-hold][open], dialog[open]")) return true;
  const active = document.activeElement;
  if (region.contains(active) && active.matches("input:not([type=checkbox]), textarea, select")) return true;
  const selection = window.getSelection();
  return !selection.isCollapsed && region.contains(selection.anchorNode);
}

function tick() {
  if (document.hidden || !navigator.onLine) return;
  let paused = false;
  for (const region of document.querySelectorAll("[data-refresh]")) {
    const every = Number(region.dataset.refresh) * 1000;
    if (!last.has(region)) last.set(region, performance.now());
    if (performance.now() - last.get(region) < every) continue;
    if (isBusy(region)) {
      paused = true;
      continue;
    }
    last.set(region, performance.now());
    htmx.trigger(region, "refresh");
  }
  if (paused && mark === "live") show("paused");
  if (!paused && mark === "paused") show("live");
}

function isRefresh(event) {
  return event.target instanceof Element && event.target.closest("[data-refresh]") !== null;
}

function askAll() {
  for (const region of document.querySelectorAll("[data-refresh]")) last.set(region, -Infinity);
  tick();
}

document.addEventListener("htmx:config:request", (event) => {
  const { request, sourceElement } = event.detail.ctx;
  const tag = tags.get(sourceElement);
  if (tag && sourceElement.matches("[data-refresh]")) request.headers["If-None-Match"] = tag;
});
document.addEventListener("htmx:after:request", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  if (!sourceElement.matches("[data-refresh]")) return;
  if (response.status === 200) tags.set(sourceElement, response.headers.get("ETag"));
  if (response.status === 304) show("live");
});
document.addEventListener("htmx:after:swap", (event) => {
  if (isRefresh(event)) show("live");
  // What a change that has just ended did is in the lists at once.
  const ended = document.querySelector("#change-strip[role=status]:not([data-refresh], [data-told])");
  if (ended) {
    ended.dataset.told = "";
    askAll();
  }
});
document.addEventListener("htmx:response:error", (event) => {
  if (isRefresh(event)) show("behind");
});
document.addEventListener("htmx:error", (event) => {
  if (isRefresh(event)) show("behind");
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) askAll();
});

show("live");
setInterval(tick, 500);
