// A dot's label, shown beside the pointer. The page is whole without it: each map has a table.
const tip = document.getElementById("tip");
document.addEventListener("pointerover", (event) => {
  const dot = event.target.closest(".map circle");
  tip.hidden = !dot;
  if (!dot) return;
  tip.textContent = dot.getAttribute("aria-label");
  const place = dot.getBoundingClientRect();
  const left = place.left + place.width / 2 - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
  const above = place.top - tip.offsetHeight - 8;
  tip.style.top = `${above > 8 ? above : place.bottom + 8}px`;
});
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
