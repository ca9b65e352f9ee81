// Forms with [data-draft]: what was edited comes back after Back, after another broker was chosen and after
// signing in again; the first field, or the first wrong one, has the focus; red goes when a field is edited.
// Drafts stay in this tab (sessionStorage). Secrets are never part of them: no password field, and nothing
// marked [data-secret].
const PREFIX = "warren-draft:";
const LONGEST = 12 * 3600 * 1000;
const who = document.body.dataset.who;

function kept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null; // storage is switched off, or holds something else
  }
}

function keep(key, draft) {
  try {
    if (draft) sessionStorage.setItem(key, JSON.stringify(draft));
    else sessionStorage.removeItem(key);
  } catch {
    // Storage is switched off or full: this form has no draft.
  }
}

function keys() {
  try {
    return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function isDrafted(control) {
  if (!control.name || control.disabled || control.closest("[data-secret]")) return false;
  return !["hidden", "password", "file", "submit", "button", "reset"].includes(control.type);
}

function isChoice(control) {
  return control.type === "checkbox" || control.type === "radio";
}

function read(form) {
  return [...form.elements].filter(isDrafted).map((one) => {
    if (isChoice(one)) return [one.name, one.value, one.checked];
    if (one.multiple) return [one.name, [...one.selectedOptions].map((option) => option.value), true];
    return [one.name, one.value, true];
  });
}

// Returns whether anything differs from what the server filled in.
function write(form, fields) {
  let differs = false;
  for (const control of [...form.elements].filter(isDrafted)) {
    const found = fields.find(([name, value]) => name === control.name && (!isChoice(control) || value === control.value));
    if (!found) continue;
    const before = JSON.stringify(read(form));
    if (isChoice(control)) control.checked = found[2];
    else if (control.multiple) for (const option of control.options) option.selected = found[1].includes(option.value);
    else if (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === found[1])) control.value = found[1];
    if (JSON.stringify(read(form)) === before) continue;
    differs = true;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  }
  return differs;
}

// Names of the fields that the person has edited. Only they are kept: of an object that somebody else
// has edited meanwhile, the other fields are as the server says now.
const edited = new WeakMap();

function editedOf(form) {
  if (!edited.has(form)) edited.set(form, new Set());
  return edited.get(form);
}

function keyOf(form) {
  return `${PREFIX}${who}:${location.pathname}:${form.dataset.draft}`;
}

function save(form, sent) {
  const fields = read(form).filter(([name]) => editedOf(form).has(name));
  keep(keyOf(form), fields.length ? { at: Date.now(), sent, fields } : null);
}

function remember(form, control) {
  editedOf(form).add(control.name);
  save(form, false);
}

function tell(form) {
  const note = document.createElement("div");
  note.className = "note note-busy";
  note.setAttribute("role", "status");
  const text = document.createElement("p");
  const secret = [...form.elements].some((one) => one.type === "password" || one.matches("[data-secret]"));
  text.textContent = `What you typed before is filled in again.${secret ? " Passwords and keys aren’t kept: enter them again." : ""}`;
  const again = document.createElement("a");
  again.className = "btn push";
  again.href = location.href;
  again.textContent = "Start over";
  note.append(text, again);
  form.before(note);
}

function restore() {
  const [visit] = performance.getEntriesByType("navigation");
  const forms = [...document.querySelectorAll("main form[data-draft]")];
  for (const form of forms) {
    const draft = kept(keyOf(form));
    if (!draft) continue;
    const wanted = draft.sent || visit?.type === "back_forward" || visit?.type === "reload";
    keep(keyOf(form), null);
    if (!wanted || Date.now() - draft.at > LONGEST) continue;
    for (const [name] of draft.fields) editedOf(form).add(name);
    if (write(form, draft.fields)) tell(form);
    save(form, false);
  }
  // A page that is not on the way from form to confirmation: what was sent has arrived, or was given up.
  const here = `${PREFIX}${who}:${location.pathname}:`;
  for (const key of keys()) {
    if (!key.startsWith(`${PREFIX}${who}:`) || (!key.startsWith(here) && kept(key)?.sent)) keep(key, null);
  }
}

// A field that is edited is not wrong any more, as far as anybody knows yet.
function settle(control) {
  const field = control.closest(".field");
  if (!field?.querySelector(".field-error, [aria-invalid='true']")) return;
  for (const one of field.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
  for (const slot of field.querySelectorAll("[id$='_error']")) slot.replaceChildren();
  const summary = document.querySelector("[data-summary]");
  for (const one of field.querySelectorAll("[id]")) summary?.querySelector(`a[href="#${CSS.escape(one.id)}"]`)?.closest("p").remove();
  if (summary && !summary.querySelector("p:not([data-aside])")) summary.remove();
}

function focusFirst() {
  const form = document.querySelector("dialog[open] form") ?? document.querySelector("main form[data-draft]");
  if (!form || location.hash) return;
  if (document.activeElement !== document.body && !document.activeElement.matches("dialog, dialog [data-close-dialog]")) return;
  const shown = (one) => one.checkVisibility() && !one.disabled;
  const wrong = [...form.querySelectorAll(".field")].filter((one) => one.querySelector(".field-error:not([x-show])"));
  const first = wrong.flatMap((one) => [...one.querySelectorAll("input, select, textarea")]).find(shown);
  if (first) first.focus();
  else if (document.querySelector("[data-summary]")) document.querySelector("[data-summary]").focus();
  else if (!matchMedia("(pointer: coarse)").matches) {
    [...form.querySelectorAll(".field :is(input, select, textarea)")].find(shown)?.focus({ preventScroll: true });
  }
}

document.addEventListener("input", (event) => {
  if (event.target.closest?.("main form")) settle(event.target);
  const form = event.target.closest?.("form[data-draft]");
  if (form) remember(form, event.target);
});
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-draft]");
  if (form) remember(form, event.target);
});
document.addEventListener(
  "submit",
  (event) => {
    if (event.target.matches("[data-forget-drafts]")) for (const key of keys()) keep(key, null);
    else if (event.target.matches("form[data-draft]")) save(event.target, true);
    else if (event.target.matches("[data-keep-drafts]")) {
      for (const form of document.querySelectorAll("main form[data-draft]")) save(form, true);
    }
  },
  true,
);
// What the server says of one field: red is on while it says something.
document.addEventListener("htmx:after:swap", () => {
  for (const slot of document.querySelectorAll("form[data-draft] [hx-post] [id$='_error']")) {
    const control = document.getElementById(slot.id.slice(0, -"_error".length));
    if (slot.querySelector(".field-error")) control?.setAttribute("aria-invalid", "true");
    else control?.removeAttribute("aria-invalid");
  }
});
// A result that may be below the fold: [data-reveal] comes into view when it is filled.
for (const place of document.querySelectorAll("[data-reveal]")) {
  new MutationObserver(() => {
    if (place.childElementCount) place.scrollIntoView({ block: "nearest" });
  }).observe(place, { childList: true });
}

// A page that answers a POST asks before it is shown again, on Back or reload. As an ordinary visit of the
// same address it is the form, filled in from the draft.
if (document.querySelector("main :is(form[data-draft], form[data-act])")) history.replaceState(history.state, "", location.href);
if (who) restore();
focusFirst();
