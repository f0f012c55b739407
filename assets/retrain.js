// The confusion matrices: runs inside their gr.HTML, which gives `element` and `trigger`.
// Which cell is open is known here, so that a click is answered at once; the server brings its pictures.
const opened = () => element.querySelector('button[aria-expanded="true"]');

function toggle(cell) {
  const before = opened();
  before?.setAttribute("aria-expanded", "false");
  if (cell !== before) cell.setAttribute("aria-expanded", "true");
  const { side, truth, predicted } = cell.dataset;
  trigger("choose", { side, truth, predicted, opened: cell !== before });
}

element.addEventListener("click", (event) => {
  const cell = event.target.closest("button[data-side]");
  if (cell) toggle(cell);
});

// The button beside the pictures speaks to us so; whoever pressed it is back where they came from.
element.addEventListener("sg-close", () => {
  const cell = opened();
  if (!cell) return;
  toggle(cell);
  cell.focus();
});
