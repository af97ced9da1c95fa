// Filters, keys and printing. The page is whole without them: everything is in it, behind <details>.
const filters = document.querySelector(".filters");
const cards = [...document.querySelectorAll("article")];
const leaves = new Map([...document.querySelectorAll("nav li")].map((leaf) => [leaf.dataset.for, leaf]));
const groups = [...document.querySelectorAll("section.application, section.environment, nav .branch")];
const expand = document.querySelector("[data-do=all]");
const keys = document.querySelector("dialog");
const texts = new Map();
let expanded = false;

const textOf = (card) => {
  if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
  return texts.get(card);
};
const shownCards = () => cards.filter((card) => !card.hidden);

function apply() {
  const { text, environment, kind, change, level } = filters.elements;
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const card of cards) {
    const { dataset } = card;
    card.hidden = (environment.value && dataset.environment !== environment.value)
      || (kind.value && dataset.kind !== kind.value)
      || (change.value && dataset.change !== change.value)
      || Number(dataset.level) < Number(level.value)
      || !words.every((word) => textOf(card).includes(word));
    leaves.get(card.id).hidden = card.hidden;
  }
  for (const group of groups) group.hidden = !group.querySelector("article:not([hidden]), [data-for]:not([hidden])");
  const shown = shownCards().length;
  const all = `${cards.length.toLocaleString("en")} resource${cards.length === 1 ? "" : "s"}`;
  filters.elements.count.value = shown === cards.length ? all : `${shown.toLocaleString("en")} of ${all}`;
  document.querySelector(".nothing").hidden = shown > 0;
}

function clear() {
  filters.reset();
  apply();
}

function expandAll(open) {
  expanded = open;
  for (const card of shownCards()) card.querySelector("details").open = open;
  expand.textContent = open ? "Collapse all" : "Expand all";
}

function show(card) {
  const summary = card.querySelector("summary");
  summary.focus({ preventScroll: true });
  card.scrollIntoView({ block: "start" });
}

function step(by) {
  const shown = shownCards();
  const here = shown.indexOf(document.activeElement.closest("article"));
  const next = here < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(Math.max(here + by, 0), shown.length - 1);
  if (shown[next]) show(shown[next]);
}

function stepInTree(by) {
  const stops = [...document.querySelectorAll("nav a, nav summary")].filter((stop) => stop.checkVisibility());
  const next = stops[stops.indexOf(document.activeElement) + by];
  if (next) next.focus();
}

// A link to a resource opens it, also when a filter hides it.
function follow() {
  const card = document.getElementById(location.hash.slice(1));
  if (!card || card.tagName !== "ARTICLE") return;
  if (card.hidden) clear();
  card.querySelector("details").open = true;
  show(card);
}

filters.addEventListener("input", apply);
filters.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", follow);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#r']");
  if (link && link.hash === location.hash) follow();
  const what = event.target.closest("[data-do]")?.dataset.do;
  if (what === "all") expandAll(!expanded);
  if (what === "keys") keys.showModal();
  if (what === "clear") clear();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  const typing = event.target.closest("input, select");
  if (event.key === "Escape" && (typing || !event.target.closest("dialog"))) {
    clear();
    document.activeElement.blur();
  } else if (typing) {
    return;
  } else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "x") expandAll(!expanded);
  else if (event.key === "?") keys.showModal();
  else if (event.key === "/") filters.elements.text.focus();
  else if (event.key === "ArrowDown" && event.target.closest("nav")) stepInTree(1);
  else if (event.key === "ArrowUp" && event.target.closest("nav")) stepInTree(-1);
  else return;
  event.preventDefault();
});

// What is printed is what the filters show, unfolded.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("article:not([hidden]) > details:not([open])")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});

// On a phone the tree would come before everything else.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".treebox").open = false;
apply();
follow();
