// Below each chart of a dashboard: what its figures leave out.
document.addEventListener("warren:chart", (event) => {
  const place = event.target.parentElement?.querySelector("[data-chart-notes]");
  if (!place) return;
  const notes = event.detail.notes ?? [];
  place.textContent = notes.join(" ");
  place.hidden = !notes.length;
});
