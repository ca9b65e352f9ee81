// Rows of a list that are selected: check boxes named ids, and the bar below ([data-selection]). Shift selects a
// range, "x" selects the row that has focus, Shift-x the range up to it, Escape clears. While something is selected,
// the list isn't refreshed (data-choosing). "All that match" is decided by the server; rows that are taken out again
// go along as "except".
let last = null;

const bar = () => document.querySelector("[data-selection]");
const boxes = () => [...document.querySelectorAll('input[name="ids"][form="selection"]')];

function show() {
  const form = bar();
  if (!form) return;
  const all = form.querySelector("[data-selection-all]").checked;
  const listed = boxes();
  const chosen = listed.filter((box) => box.checked).length;
  const out = all ? listed.length - chosen : 0;
  const number = all ? Number(form.dataset.matched) - out : chosen;
  form.querySelector("[data-selection-count]").textContent = number ? `${number.toLocaleString("en-US").replaceAll(",", "\u202f")} selected` : "Select rows";
  form.querySelector("[data-selection-clear]").hidden = !number;
  form.classList.toggle("is-active", number > 0);
  for (const box of listed) box.closest("tr").classList.toggle("is-selected", box.checked);
  const page = document.querySelector("[data-selection-page]");
  if (page) {
    page.checked = chosen > 0 && chosen === listed.length;
    page.indeterminate = chosen > 0 && chosen < listed.length;
  }
  form.closest("[data-refresh]")?.toggleAttribute("data-choosing", number > 0);
}

function range(from, to, checked) {
  const listed = boxes();
  const [a, b] = [listed.indexOf(from), listed.indexOf(to)].sort((one, other) => one - other);
  if (a < 0) return;
  for (const box of listed.slice(a, b + 1)) box.checked = checked;
}

function choose(box, withShift) {
  if (withShift && last && last.isConnected) range(last, box, box.checked);
  last = box;
  show();
}

function clear() {
  for (const box of boxes()) box.checked = false;
  bar().querySelector("[data-selection-all]").checked = false;
  last = null;
  show();
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.('input[name="ids"][form="selection"]');
  if (box) choose(box, event.shiftKey);
  if (event.target.closest?.("[data-selection-clear]")) clear();
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-selection-all], [data-selection-page]")) {
    for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches("[data-selection-page]") && !event.target.checked) bar().querySelector("[data-selection-all]").checked = false;
    show();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !bar() || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  if (event.key === "Escape") clear();
  if (event.key.toLowerCase() !== "x") return;
  const box = event.target.closest("tr")?.querySelector('input[name="ids"]');
  if (!box) return;
  event.preventDefault();
  box.checked = event.shiftKey ? true : !box.checked;
  choose(box, event.shiftKey);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-selection]");
  if (!form || !form.querySelector("[data-selection-all]").checked) return;
  form.querySelector('input[name="except"]')?.remove();
  const out = document.createElement("input");
  out.type = "hidden";
  out.name = "except";
  out.value = boxes().filter((box) => !box.checked).map((box) => box.value).join(",");
  form.append(out);
});
document.addEventListener("htmx:after:swap", show);
addEventListener("pageshow", show);
show();
