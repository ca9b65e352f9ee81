// Fleet: j and k move between the items that need attention, Enter opens the one in focus (it is a
// link). While the pointer moves over the items, they keep their order. Esc leaves wall mode.
let steadyUntil = 0;

function items() {
  const more = document.getElementById("attention-more");
  const all = [...document.querySelectorAll(".attention .att p a")];
  return { all, more };
}

function move(by) {
  const { all, more } = items();
  if (!all.length) return;
  const at = all.findIndex((link) => link.closest(".att").contains(document.activeElement));
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  if (more?.contains(next)) more.open = true;
  next.focus();
  next.closest(".att").scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
  } else if (event.key === "Escape") {
    document.querySelector("[data-leave-wall]")?.click();
  }
});

document.addEventListener("pointermove", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-steady]")) return;
  steadyUntil = performance.now() + 3000;
  event.target.closest("[data-refresh]")?.setAttribute("data-choosing", "");
});
setInterval(() => {
  if (performance.now() < steadyUntil) return;
  document.querySelector("#fleet[data-choosing]")?.removeAttribute("data-choosing");
}, 500);
