// Sets the theme before anything is painted: loaded in <head>, not deferred, on every page.
// "auto" follows the system; the choice is kept in this browser.
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const choices = ["auto", "light", "dark"];

  function choice() {
    try {
      const kept = localStorage.getItem("warren-theme");
      return choices.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // storage is switched off
    }
  }

  function apply() {
    const chosen = choice();
    const theme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
    if (root.dataset.bsTheme !== theme) {
      root.dataset.bsTheme = theme;
      document.dispatchEvent(new CustomEvent("warren:theme"));
    }
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
    }
  }

  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      localStorage.setItem("warren-theme", button.dataset.themeChoice);
    } catch {
      // Kept for this page only.
    }
    apply();
  });
})();
