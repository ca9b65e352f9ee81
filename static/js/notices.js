// Copying, toasts and the live region that tells results to screen readers.

function announce(text) {
  const region = document.getElementById("announce");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https there is no clipboard API but on localhost: use a selection.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    const focused = document.activeElement;
    const done = await copy(button.dataset.copy);
    focused?.focus();
    button.classList.toggle("is-done", done);
    announce(done ? "Copied." : "Couldn’t copy: this browser doesn’t allow it.");
    setTimeout(() => button.classList.remove("is-done"), 1500);
  }
  event.target.closest("[data-dismiss]")?.closest(".toast-line")?.remove();
});

// Good news goes away by itself; bad news stays until it is dismissed.
for (const toast of document.querySelectorAll(".toast-success, .toast-info")) {
  setTimeout(() => toast.remove(), 8000);
}

// The result of an operation, read aloud: [data-announce] in a swapped-in fragment.
document.addEventListener("htmx:after:swap", () => {
  for (const element of document.querySelectorAll("[data-announce]")) {
    announce(element.dataset.announce);
    element.removeAttribute("data-announce");
  }
});
