// The page that listens: asks once a second for what came, puts it on top, keeps the last few. While it is paused the
// messages that the console keeps stay where they are. While the page is hidden nothing is asked, so listening ends.
const EVERY_MS = 1000;

function part(text) {
  const template = document.createElement("template");
  template.innerHTML = text; // from the console itself, which escapes what comes from brokers
  return template.content;
}

function listen(box) {
  const rows = box.querySelector("[data-rows]");
  const status = box.querySelector("[data-status]");
  const none = box.querySelector("[data-none]");
  const keep = box.querySelector("[data-keep]");
  const filter = box.querySelector("[data-filter]");
  const pause = box.querySelector("[data-pause]");
  const token = box.querySelector("[name=csrfmiddlewaretoken]").value;
  let after = box.dataset.after;
  let paused = false;
  let asking = false;
  let ended = false;

  function trim() {
    while (rows.childElementCount > Number(keep?.value ?? 50)) rows.lastElementChild.remove();
    none.hidden = rows.childElementCount > 0;
  }

  function say(text) {
    status.textContent = text;
  }

  async function ask() {
    if (asking || ended || document.hidden || !navigator.onLine) return;
    asking = true;
    try {
      const query = new URLSearchParams({ after, paused: paused ? "1" : "0" });
      for (const [name, value] of filter ? new FormData(filter) : []) if (value.trim()) query.append(name, value);
      const answer = await fetch(box.dataset.listen, { method: "POST", body: query, headers: { "X-CSRFToken": token } });
      if (answer.status === 404 || answer.status === 403) {
        ended = true;
        box.dataset.state = "ended";
        say(answer.status === 404 ? "Listening has ended. Start again to continue." : "You may no longer listen here.");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const found = part(await answer.text()).firstElementChild;
      if (paused) return;
      after = found.dataset.after;
      box.dataset.state = found.dataset.state;
      status.replaceChildren(...found.querySelector("[data-status-new]").childNodes);
      rows.prepend(...found.querySelector("[data-rows-new]").children);
      trim();
    } catch {
      box.dataset.state = "behind";
      say("The console isn’t responding. Trying again.");
    } finally {
      asking = false;
    }
  }

  async function open(row) {
    const place = row.querySelector("[data-one]");
    if (place.childElementCount > 0) return;
    const answer = await fetch(row.dataset.url);
    if (answer.ok) place.replaceChildren(part(await answer.text()));
    else place.replaceChildren(part("<p class='muted'>This message is no longer kept. Pause the list to keep what it shows.</p>"));
  }

  rows.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches("[data-url]") && event.target.open) open(event.target);
    },
    true,
  );
  pause?.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) say("Paused. The list stays as it is.");
    ask();
  });
  box.querySelector("[data-clear]")?.addEventListener("click", () => {
    rows.replaceChildren();
    trim();
  });
  keep?.addEventListener("change", trim);
  filter?.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("visibilitychange", ask);
  // The tap needn't wait until this page counts as left.
  window.addEventListener("pagehide", (event) => {
    if (event.persisted) return;
    const form = new FormData();
    form.set("csrfmiddlewaretoken", token);
    if (!ended) navigator.sendBeacon(box.dataset.stop, form);
  });
  setInterval(ask, EVERY_MS);
  ask();
}

for (const box of document.querySelectorAll("[data-listen]")) listen(box);
