// Search everything: a dialog with a combobox. The server finds and ranks (/search/); the page's own
// acts are read from the page. Up, Down and Tab choose, Enter opens, Escape closes.
const dialog = document.getElementById("palette");
const field = document.getElementById("palette-field");
const results = document.getElementById("palette-results");
const note = dialog.querySelector("[data-palette-note]");
const count = dialog.querySelector("[data-palette-count]");
const PAUSE_MS = 150;
let request = null;
let timer = 0;
let isCurrent = false;

function options() {
  return [...results.querySelectorAll("[role=option]")];
}

function chosen() {
  return results.querySelector("[aria-selected=true]");
}

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  if (!option) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = options();
  if (!all.length) return;
  const at = all.indexOf(chosen()) + step;
  choose(all[(at + all.length) % all.length]);
}

function moveGroup(step) {
  const groups = [...results.querySelectorAll("[role=group]")];
  if (!groups.length) return;
  const at = groups.indexOf(chosen()?.closest("[role=group]")) + step;
  choose(groups[(at + groups.length) % groups.length].querySelector("[role=option]"));
}

// The acts of the page behind the dialog, as it offers them; [safe ones, those that lose something].
function pageActs(text) {
  const found = [[], []];
  for (const act of document.querySelectorAll("main .page-acts :is(a[href], button), main .danger-zone :is(a[href], button)")) {
    const label = act.textContent.trim().replace(/\s+/g, " ");
    if (!label || act.disabled || !label.toLowerCase().includes(text.toLowerCase())) continue;
    const loses = act.matches(".btn-danger, .text-danger, .menu-danger") || act.closest(".danger-zone") !== null;
    found[loses ? 1 : 0].push([label, act]);
  }
  return found;
}

function actGroup(label, acts, loses) {
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  const head = document.createElement("div");
  head.className = "palette-head";
  head.setAttribute("role", "presentation");
  head.textContent = label;
  group.append(head);
  for (const [name, act] of acts) {
    const option = document.createElement("div");
    option.className = loses ? "palette-item palette-danger" : "palette-item";
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    const words = document.createElement("span");
    words.className = "palette-name";
    words.textContent = name;
    option.append(words);
    option.addEventListener("click", () => {
      dialog.close();
      act.click();
    });
    group.append(option);
  }
  return group;
}

function show(html, typed) {
  results.innerHTML = html;
  const text = typed.startsWith(">") ? typed.slice(1).trim() : typed;
  if (!typed.startsWith("@")) {
    const [safe, losing] = pageActs(text);
    const group = safe.length ? actGroup("On this page", safe, false) : null;
    if (group && text) results.append(group);
    else if (group) results.prepend(group);
    if (losing.length) results.append(actGroup("On this page, with confirmation", losing, true));
  }
  options().forEach((option, at) => { option.id = `palette-option-${at}`; });
  const number = options().filter((option) => !option.matches(".palette-all")).length;
  results.hidden = number === 0;
  field.setAttribute("aria-expanded", String(number > 0));
  note.hidden = number > 0;
  note.textContent = typed ? `Nothing that you can see has “${text.replace(/^@\s*/, "")}” in its name.` : "";
  count.textContent = number === 1 ? "1 result" : `${number} results`;
  choose(options()[0]);
  results.scrollTop = 0;
}

function fail(sentence) {
  results.replaceChildren();
  results.hidden = true;
  field.setAttribute("aria-expanded", "false");
  choose(null);
  note.hidden = false;
  note.textContent = sentence;
  count.textContent = "";
}

async function load() {
  clearTimeout(timer);
  request?.abort();
  const mine = (request = new AbortController());
  const typed = field.value.trim();
  const query = new URLSearchParams(dialog.dataset.scope);
  query.set("q", typed);
  try {
    const answer = await fetch(`${dialog.dataset.url}?${query}`, {
      headers: { "HX-Request": "true" },
      signal: mine.signal,
    });
    if (answer.redirected || answer.headers.has("HX-Redirect") || answer.status === 401) {
      fail("Your session has ended. Sign in again, then search.");
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const html = await answer.text();
    if (mine.signal.aborted) return;
    show(html, typed);
    isCurrent = true;
  } catch (error) {
    if (error.name !== "AbortError") fail("The search didn’t work. Check your connection, then try again.");
  }
}

function open() {
  if (dialog.open) {
    field.select();
    return;
  }
  field.value = "";
  results.replaceChildren();
  results.hidden = true;
  note.hidden = true;
  dialog.showModal();
  field.focus();
  load();
}

function go(inNewTab) {
  const option = chosen();
  if (!option) return;
  if (inNewTab && option.href) {
    window.open(option.href, "_blank", "noopener");
    return;
  }
  option.click();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open-palette]");
  if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open();
  } else if (event.target === dialog) {
    dialog.close(); // its backdrop
  }
});

dialog.addEventListener("close", () => {
  clearTimeout(timer);
  request?.abort();
});

field.addEventListener("input", () => {
  isCurrent = false;
  clearTimeout(timer);
  request?.abort();
  timer = setTimeout(load, PAUSE_MS);
});

field.addEventListener("keydown", async (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Tab" && options().length) {
    event.preventDefault();
    moveGroup(event.shiftKey ? -1 : 1);
  } else if (event.key === "Escape") {
    event.preventDefault(); // which would only empty the field
    dialog.close();
  } else if (event.key === "Enter") {
    event.preventDefault();
    const inNewTab = event.ctrlKey || event.metaKey;
    // What is shown may belong to what was typed before.
    if (!isCurrent) await load();
    if (isCurrent && dialog.open) go(inNewTab);
  }
});
