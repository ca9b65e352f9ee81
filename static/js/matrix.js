// The matrix: arrows move between cells, Space chooses one, Enter or a click edits it in place.
// Without this script rows and columns are chosen by their boxes, and a cell is a link to its form.
const form = document.querySelector("form[data-matrix]");
const editor = document.querySelector("[data-editor]");
if (form) {
  let rows, names;
  const chosen = new Set();
  let anchor = null;

  const handle = (cell) => cell?.querySelector(".cell");
  const placeOf = (cell) => [cell.parentElement.sectionRowIndex, cell.cellIndex - 1];

  // Once, and after each refresh in place: one cell is in the order of Tab, the focused or the first.
  function read() {
    rows = [...form.querySelectorAll("tbody tr")].map((row) => [...row.cells].slice(1));
    names = [...form.querySelectorAll("thead [data-vhost]")].map((one) => one.dataset.vhost);
    const cells = rows.flat().map(handle);
    const entered = cells.includes(document.activeElement) ? document.activeElement : cells[0];
    for (const cell of cells) cell.tabIndex = cell === entered ? 0 : -1;
  }

  function focus(row, column) {
    const next = handle(rows[row]?.[column]);
    if (!next) return;
    form.querySelector(".cell[tabindex='0']")?.setAttribute("tabindex", "-1");
    next.tabIndex = 0;
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function choose(cell, on = !chosen.has(cell)) {
    if (!form.querySelector("[name=user]")) return;
    if (on) chosen.add(cell);
    else chosen.delete(cell);
    cell.setAttribute("aria-selected", String(on));
    tell();
  }

  function tell() {
    const users = form.querySelectorAll("[name=user]:checked").length;
    const vhosts = form.querySelectorAll("[name=vhost]:checked").length;
    const blocks = users || vhosts ? (users || rows.length) * (vhosts || names.length) : 0;
    form.querySelector("[data-refresh]")?.toggleAttribute("data-choosing", Boolean(blocks || chosen.size));
    const line = form.querySelector("[data-chosen]");
    if (!line) return;
    line.textContent =
      blocks || chosen.size
        ? `Selected: ${[blocks && `${blocks} cells by users and virtual hosts`, chosen.size && `${chosen.size} single cells`].filter(Boolean).join(", ")}.`
        : "Select users or virtual hosts, or select cells with Space or Ctrl+click.";
  }

  async function edit(link) {
    const address = new URL(link.href);
    address.searchParams.set("next", location.pathname + location.search);
    const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) {
      location.href = address;
      return;
    }
    const body = editor.querySelector("[data-editor-body]");
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    body.replaceChildren(...parsed.body.childNodes);
    editor.showModal();
    body.dispatchEvent(new CustomEvent("warren:form", { bubbles: true }));
    body.querySelector("[name=rights]:checked, input:not([type=hidden])")?.focus();
  }

  form.addEventListener("click", (event) => {
    const link = event.target.closest("a.cell");
    if (!link || event.metaKey) return;
    event.preventDefault();
    const cell = link.closest("td");
    if (event.ctrlKey) {
      choose(cell);
      anchor = cell;
    } else if (event.shiftKey && anchor) {
      const [from, to] = [placeOf(anchor), placeOf(cell)];
      for (let row = Math.min(from[0], to[0]); row <= Math.max(from[0], to[0]); row++)
        for (let column = Math.min(from[1], to[1]); column <= Math.max(from[1], to[1]); column++)
          choose(rows[row][column], true);
    } else {
      edit(link);
    }
  });

  form.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.(".cell")?.closest("td");
    if (!cell) return;
    const [row, column] = placeOf(cell);
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (moves[event.key]) {
      event.preventDefault();
      focus(row + moves[event.key][0], column + moves[event.key][1]);
    } else if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      focus(row, event.key === "Home" ? 0 : names.length - 1);
    } else if (event.key === " ") {
      event.preventDefault();
      choose(cell);
      anchor = cell;
    }
  });

  document.addEventListener("htmx:after:swap", read);
  form.addEventListener("change", tell);
  form.addEventListener("submit", () => {
    for (const old of form.querySelectorAll("input[data-cell]")) old.remove();
    for (const cell of chosen) {
      const [row, column] = placeOf(cell);
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = "cell";
      input.dataset.cell = "";
      input.value = JSON.stringify([form.querySelectorAll("tbody tr")[row].dataset.user, names[column]]);
      form.append(input);
    }
  });
  read();
  tell();
}

editor?.addEventListener("click", (event) => {
  if (event.target === editor || event.target.closest("[data-close]")) {
    event.preventDefault();
    editor.close();
  }
});
