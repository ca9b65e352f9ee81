// Ages tick: <time data-age="12" data-stale-after="25">. The server says the age when it renders,
// so that a wrong clock in the browser changes nothing; console/faces/templatetags/_text.py says the same words.
const seen = new WeakMap();

function words(seconds) {
  if (seconds < 1) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

function exact(at) {
  const utc = at.toISOString().slice(0, 19).replace("T", " ");
  const local = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${local} (${zone})\n${utc} UTC`;
}

function tick() {
  for (const element of document.querySelectorAll("time[data-age]")) {
    const rendered = `${element.dateTime} ${element.dataset.age}`;
    let known = seen.get(element);
    if (known?.rendered !== rendered) {
      known = { rendered, base: performance.now() };
      seen.set(element, known);
      element.dataset.tip = exact(new Date(element.dateTime));
    }
    const seconds = Number(element.dataset.age) + Math.floor((performance.now() - known.base) / 1000);
    const limit = Number(element.dataset.staleAfter || Infinity);
    const stale = "stale" in element.dataset || seconds > limit;
    const text = (stale ? "stale, " : "") + words(seconds);
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("is-stale", stale);
  }
}

tick();
setInterval(tick, 1000);
document.addEventListener("htmx:after:swap", tick);
