// Keyboard: Ctrl-K searches everything (palette.js), "/" goes to the filter of the page's list, else
// searches too, "?" help, "g" then a letter goes to the rail's entry with that letter (data-key), "c"
// presses the page's main act (the primary button of its header).
let goingUntil = 0;

function mainAct() {
  return document.querySelector("main .page-acts .btn-primary");
}

function help() {
  const dialog = document.getElementById("shortcuts");
  const act = mainAct();
  for (const line of dialog.querySelectorAll("[data-main-act]")) line.hidden = !act;
  if (act) dialog.querySelector("dd[data-main-act]").textContent = act.textContent.trim();
  dialog.showModal();
}

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  const search = document.querySelector("[data-open-palette]");
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k" && search) {
    event.preventDefault();
    search.click();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && event.target.matches?.(".list-bar input[type=search]")) event.target.blur();
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;

  if (performance.now() < goingUntil) {
    goingUntil = 0;
    const link = document.querySelector(`#rail a[data-key="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }
  if (event.key === "g") {
    goingUntil = performance.now() + 1500;
  } else if (event.key === "/" && search) {
    event.preventDefault();
    const filter = document.querySelector(".list-bar input[type=search]");
    if (filter?.offsetParent) {
      filter.focus();
      filter.select();
    } else {
      search.click();
    }
  } else if (event.key === "?") {
    help();
  } else if (event.key === "c") {
    mainAct()?.click();
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-open-shortcuts]")) help();
  const opener = event.target.closest("[data-open-dialog]");
  const dialog = opener ? document.getElementById(opener.dataset.openDialog) : event.target.closest("dialog");
  if (!dialog) return;
  // Both are links for who has no JavaScript: to the page with the dialog open, and to the page without.
  if (opener) {
    event.preventDefault();
    dialog.showModal();
    dialog.querySelector(".field :is(input, select, textarea)")?.focus();
  } else if (event.target.closest("[data-close-dialog]")) {
    event.preventDefault();
    dialog.close();
  }
});

// A dialog that came open, with an error or by its link, is modal as any other.
const opened = document.querySelector("dialog.drawer[open]");
if (opened) {
  opened.open = false;
  opened.showModal();
}
