// The lines of a definition (textarea[data-definition]) as rows of a key and a value. The text area stays
// what is sent, and can be edited as text; without this script it always is. The keys that the broker has
// stand in the list below it, .definition-keys.
const CHOICES = /^[a-z-]+(, [a-z-]+)* or [a-z-]+$/;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function datalist(id, values) {
  return make("datalist", { id }, ...values.map((value) => make("option", { value })));
}

// Returns key → { form, choices } of the list.
function known(field) {
  const rows = [...field.querySelectorAll(".definition-keys [data-key]")];
  return new Map(rows.map(({ dataset: { key, form } }) => [key, { form, choices: CHOICES.test(form) ? form.split(/, | or /) : [] }]));
}

// Returns [key, value] pairs, or null if a line has no "=".
function parsed(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const pairs = lines.map((line) => [line, line.indexOf("=")]);
  if (pairs.some(([, at]) => at < 1)) return null;
  return pairs.map(([line, at]) => [line.slice(0, at).trim(), line.slice(at + 1).trim()]);
}

class Editor {
  constructor(area) {
    this.area = area;
    this.field = area.closest(".field");
    this.keys = known(this.field);
    this.rows = make("div", { class: "definition-rows", role: "group", "aria-label": "Definition" });
    this.add = make("button", { type: "button", class: "btn btn-quiet" }, "Add key");
    this.mode = make("button", { type: "button", class: "btn btn-quiet" }, "Edit as text");
    const acts = make("div", { class: "definition-acts" }, this.add, this.mode);
    area.before(this.rows, datalist("definition-key-names", [...this.keys.keys()]));
    area.after(acts);
    this.add.addEventListener("click", () => this.append("", "").querySelector("input").focus());
    this.mode.addEventListener("click", () => this.show(this.area.hidden));
    this.rows.addEventListener("input", () => this.store());
    area.addEventListener("input", (event) => {
      // A draft was restored, or the text was edited.
      if (!event.isTrusted && !this.storing) this.show(!this.area.hidden);
    });
    this.show(false);
    if (area.getAttribute("aria-invalid") && !area.hidden) area.focus();
    else if (area.getAttribute("aria-invalid")) this.rows.querySelector("input").focus();
  }

  // Shows the text, or the rows if every line can be one.
  show(asText) {
    const pairs = parsed(this.area.value);
    const text = asText || pairs === null;
    this.area.hidden = !text;
    this.rows.hidden = this.add.hidden = text;
    this.mode.textContent = text ? "Edit as rows" : "Edit as text";
    this.rows.replaceChildren();
    if (text) return;
    for (const [key, value] of pairs) this.append(key, value);
    if (!pairs.length) this.append("", "");
  }

  append(key, value) {
    const number = this.rows.childElementCount + 1;
    const name = make("input", { class: "form-control mono", list: "definition-key-names", value: key, "aria-label": `Key ${number}`, autocomplete: "off", spellcheck: "false", placeholder: "max-length" });
    const said = make("input", { class: "form-control mono", value, "aria-label": `Value ${number}`, autocomplete: "off", spellcheck: "false", list: `definition-values-${number}` });
    const choices = datalist(`definition-values-${number}`, []);
    const remove = make("button", { type: "button", class: "btn btn-quiet", "aria-label": `Remove key ${number}` }, "Remove");
    const hint = make("p", { class: "definition-hint muted" });
    const row = make("div", { class: "definition-row" }, name, make("span", { "aria-hidden": "true" }, "="), said, remove, hint, choices);
    const describe = () => {
      const meant = this.keys.get(name.value.trim());
      hint.textContent = meant ? meant.form : name.value.trim() ? "This broker has no such key." : "";
      choices.replaceChildren(...(meant ? meant.choices : []).map((choice) => make("option", { value: choice })));
    };
    name.addEventListener("input", describe);
    remove.addEventListener("click", () => {
      row.remove();
      this.store();
    });
    describe();
    this.rows.append(row);
    return row;
  }

  store() {
    const lines = [...this.rows.children].map((row) => [...row.querySelectorAll("input")].map((one) => one.value.trim()));
    this.storing = true;
    this.area.value = lines.filter(([key, value]) => key || value).map(([key, value]) => `${key} = ${value}`).join("\n");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
    this.storing = false;
  }
}

for (const area of document.querySelectorAll("textarea[data-definition]")) new Editor(area);
