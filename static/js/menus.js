// Menus are <details class="menu">: Escape, a click elsewhere and another menu close them.
// The drawer of narrow screens is the rail, opened by [data-rail-toggle].

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except && !menu.contains(except)) menu.open = false;
  }
}

function setRail(open) {
  const rail = document.getElementById("rail");
  rail?.classList.toggle("is-open", open);
  document.querySelector("[data-rail-toggle]")?.setAttribute("aria-expanded", String(open));
  if (open) rail?.querySelector("a")?.focus();
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  if (event.target.closest("[data-rail-toggle]")) {
    setRail(!document.getElementById("rail").classList.contains("is-open"));
  } else if (!event.target.closest("#rail")) {
    setRail(false);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    }
    setRail(false);
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const menu = document.activeElement?.closest("details.menu[open]");
  if (!menu) return;
  const items = [...menu.querySelectorAll("summary, input, .menu-item")].filter((one) => one.offsetParent);
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = items[items.indexOf(document.activeElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
});

// A menu of many entries has a field that narrows it down: <input data-filter-menu>.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-filter-menu]");
  if (!field) return;
  const wanted = field.value.trim().toLowerCase();
  for (const item of field.closest(".menu-panel, [data-filter-within]").querySelectorAll("[data-filter-text]")) {
    item.hidden = !item.dataset.filterText.toLowerCase().includes(wanted);
  }
});

// <details data-load-on-open> fetches its content when opened; htmx listens to "open".
document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.("details[open]")) {
      const panel = event.target.querySelector("[data-load-on-open]");
      if (panel) htmx.trigger(panel, "open");
    }
  },
  true,
);

// The scope picker opens where one is.
document.addEventListener("htmx:after:swap", () => {
  document.querySelector("details.scope[open] [aria-current]")?.scrollIntoView({ block: "nearest" });
});

// Selects and check boxes with [data-submit] submit their form when changed.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// An empty field is left out of the address: the list's URL stays short and readable.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get") return;
  for (const field of form.elements) {
    if (field.name && field.value === "") field.disabled = true;
  }
  setTimeout(() => {
    for (const field of form.elements) field.disabled = false;
  });
});
