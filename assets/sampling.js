// The gallery of drawn pictures: runs inside its gr.HTML, which gives `element`, `props`, `trigger` and `watch`.
// What is accepted lives here, so that a key is answered at once; the server reads it as the component's value.
const grid = element.querySelector(".sg-grid");
const pair = element.querySelector(".sg-pair");
const hint = element.querySelector(".sg-hint");
const SIGNS = { accepted: "✓", rejected: "✕", added: "★" };
let byIndex = [];  // in the order of drawing
let cells = [];  // in the order that is shown
let states = [];
let focused = 0;
let filter = { sort: "drawn", confidence: 0, distance: 0 };

const drawn = () => props.pictures || { draw: "", items: [] };
const scoreOf = (index) => (props.scores && props.scores.draw === drawn().draw ? props.scores.items[index] : null) || {};
const word = (key) => (props.words || {})[key] || "";
const shown = () => cells.filter((cell) => !cell.hidden).map((cell) => Number(cell.dataset.index));

function build() {
  const items = drawn().items;
  states = items.map(() => "");
  focused = 0;
  byIndex = items.map((item, index) => {
    const cell = document.createElement("div");
    cell.className = "thumbnail-item";
    cell.dataset.index = index;
    cell.setAttribute("role", "option");
    const picture = document.createElement("img");
    picture.src = item.src;
    picture.alt = "";
    cell.append(picture, document.createElement("span"));
    return cell;
  });
  cells = byIndex;
  markAdded();
  arrange();
  tell();
}

function markAdded() {
  const added = new Set(props.added && props.added.draw === drawn().draw ? props.added.items : []);
  states = states.map((state, index) => (added.has(index) ? "added" : state === "added" ? "accepted" : state));
}

function arrange() {
  const passes = (index) => {
    const { confidence, distance } = scoreOf(index);
    return !(confidence < filter.confidence) && !(distance < filter.distance);
  };
  const order = byIndex.map((_, index) => index);
  if (filter.sort !== "drawn") {
    const value = (index) => scoreOf(index)[filter.sort] ?? -1;
    order.sort((a, b) => value(b) - value(a));
  }
  const held = grid.contains(document.activeElement);
  byIndex.forEach((cell, index) => { cell.hidden = !passes(index); });
  const sorted = order.map((index) => byIndex[index]);
  if (sorted.some((cell, at) => grid.children[at] !== cell) || grid.children.length !== sorted.length) {
    grid.replaceChildren(...sorted);
  }
  cells = sorted;
  if (cells.length && !shown().includes(focused)) focused = shown()[0] ?? 0;
  paint();
  if (held) byIndex[focused]?.focus({ preventScroll: true });
}

function paint() {
  for (const cell of cells) {
    const index = Number(cell.dataset.index);
    const item = drawn().items[index];
    const score = scoreOf(index);
    const state = states[index];
    const value = filter.sort === "drawn" ? item.seed : score[filter.sort + "_text"] || item.seed;
    cell.lastChild.textContent = state ? `${SIGNS[state]} ${value}` : value;
    cell.dataset.state = state;
    cell.classList.toggle("sg-copy", Boolean(score.copy));
    cell.setAttribute("aria-selected", state === "accepted" ? "true" : "false");
    cell.setAttribute("aria-label", [item.title, word(state), score.text].filter(Boolean).join(", "));
    cell.title = [item.title, score.text].filter(Boolean).join(" · ");
    cell.tabIndex = index === focused ? 0 : -1;
    cell.classList.toggle("sg-focused", index === focused);
  }
  compare();
}

function compare() {
  const item = drawn().items[focused];
  const [made, real] = pair.querySelectorAll("figure");
  const score = item ? scoreOf(focused) : {};
  pair.hidden = !item;
  fill(made, item && (item.large || item.src), item ? item.title : "");
  fill(real, score.nearest, score.nearest ? word("nearest") : word(props.scores?.draw === drawn().draw ? "no_nearest" : "waiting"));
  pair.querySelector(".sg-note").textContent = score.text || "";
}

function fill(figure, src, caption) {
  const picture = figure.querySelector("img");
  if (src) picture.src = src;
  else picture.removeAttribute("src");
  picture.alt = caption;
  figure.querySelector("figcaption").textContent = caption;
}

function focusOn(index, grab = true) {
  focused = index;
  paint();
  const cell = byIndex[index];
  if (grab && cell) {
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest" });
  }
}

function mark(index, state) {
  // What is in the set stays there; the button takes it back.
  if (states[index] === "added") return;
  states[index] = state;
  paint();
  tell();
}

const toggle = (index) => mark(index, states[index] === "accepted" ? "" : "accepted");

function step(by) {
  const visible = shown();
  const at = visible.indexOf(focused);
  const next = visible[Math.min(Math.max(at + by, 0), visible.length - 1)];
  if (next !== undefined) focusOn(next);
}

function columns() {
  const visible = cells.filter((cell) => !cell.hidden);
  const second = visible.findIndex((cell) => cell.offsetTop > visible[0].offsetTop);
  return second > 0 ? second : visible.length;
}

function tell() {
  const of = (state) => cells.map((cell) => Number(cell.dataset.index)).filter((index) => states[index] === state);
  const seen = shown().filter((index) => states[index] !== "rejected");
  props.value = { draw: drawn().draw, accepted: of("accepted"), shown: seen };
  trigger("choose");
}

grid.addEventListener("click", (event) => {
  const cell = event.target.closest(".thumbnail-item");
  if (!cell) return;
  const index = Number(cell.dataset.index);
  focusOn(index);
  toggle(index);
});

grid.addEventListener("keydown", (event) => {
  if (!cells.length || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const acts = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowDown: () => step(columns()),
    ArrowUp: () => step(-columns()),
    Home: () => step(-cells.length),
    End: () => step(cells.length),
    " ": () => toggle(focused),
    Enter: () => toggle(focused),
    a: () => { mark(focused, "accepted"); step(1); },
    r: () => { mark(focused, "rejected"); step(1); },
  };
  if (!acts[key]) return;
  event.preventDefault();
  acts[key]();
});

// The page's own controls around the gallery speak to it so.
element.addEventListener("sg-filter", (event) => { filter = event.detail; arrange(); tell(); });
element.addEventListener("sg-mark", (event) => {
  const visible = new Set(shown());
  states = states.map((state, index) => {
    if (state === "added") return state;
    if (event.detail === "none") return "";
    return visible.has(index) && state !== "rejected" ? "accepted" : state;
  });
  paint();
  tell();
});

function speak() {
  hint.textContent = cells.length ? word("hint") : word("empty");
  grid.setAttribute("aria-label", word("gallery"));
}

watch("pictures", () => { build(); speak(); });
watch("scores", () => { arrange(); tell(); });
watch("added", () => { markAdded(); paint(); tell(); });
watch("words", () => { speak(); compare(); });
speak();
compare();
