// A confirmation is sent once, however often the button is pressed: the server knows it by its key,
// and the button says that it is on its way.
for (const form of document.querySelectorAll("form[data-act]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    event.submitter?.setAttribute("aria-busy", "true");
  });
  // The page may come back from the browser's history.
  addEventListener("pageshow", () => delete form.dataset.sent);
}
