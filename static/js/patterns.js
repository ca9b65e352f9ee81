// Beside each field of a pattern: what it means and which queues and exchanges it matches, asked of the
// server when typing pauses. The names come from the last inventory; no broker is called.
const timers = new WeakMap();

async function look(field) {
  const form = field.closest("form[data-permission]");
  const slot = field.closest(".field-control")?.querySelector("[data-pattern-preview]");
  if (!form || !slot) return;
  const query = new URLSearchParams({ pattern: field.value, vhost: vhostOf(form) });
  if (form.dataset.topic) query.set("topic", "1");
  const asked = `${form.dataset.preview}?${query}`;
  slot.dataset.asked = asked;
  const answer = await fetch(asked, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (slot.dataset.asked !== asked) return; // something newer has been typed
  const text = answer?.ok ? await answer.text() : "";
  // The server's own fragment, of which every name is escaped there.
  slot.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.children);
}

function vhostOf(form) {
  const typed = form.elements.namedItem("vhost")?.value;
  if (typed) return typed;
  try {
    return JSON.parse(form.elements.namedItem("cells").value)[0][0][0];
  } catch {
    return "/";
  }
}

function start(root) {
  for (const field of root.querySelectorAll("form[data-permission] [data-pattern]")) {
    if (field.value && field.offsetParent) look(field);
  }
}

document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-pattern]");
  if (!field) return;
  clearTimeout(timers.get(field));
  timers.set(field, setTimeout(() => look(field), 300));
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[name=rights], [name=vhost]")) start(event.target.form.parentElement);
});
document.addEventListener("warren:form", (event) => start(event.target));
start(document);
