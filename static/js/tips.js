// One tool-tip for all: [data-tip] shows its text on hover and on keyboard focus, Escape hides it.
const tip = document.createElement("div");
tip.className = "tip";
tip.id = "tip";
tip.setAttribute("role", "tooltip");
tip.hidden = true;
document.body.append(tip);
let owner = null;

function show(element) {
  owner = element;
  tip.textContent = element.dataset.tip;
  tip.hidden = false;
  const box = element.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left + box.width / 2 - size.width / 2, innerWidth - size.width - 8));
  const above = box.top - size.height - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
}

function hide() {
  owner = null;
  tip.hidden = true;
}

function over(event) {
  const element = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
  if (element?.dataset.tip) show(element);
  else if (owner && event.type !== "focusin") hide();
}

document.addEventListener("pointerover", over);
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.(":focus-visible")) over(event);
});
document.addEventListener("focusout", hide);
document.addEventListener("scroll", hide, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});
