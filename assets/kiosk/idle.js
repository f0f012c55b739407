// The one clock of the page. Counts how long nobody has touched anything, warns with a ring, then starts over.
const TICK = 250;
const warning = document.querySelector("#idle");
const ring = document.querySelector("#ring");
const number = warning.querySelector("text");
let touched = performance.now();
let before = null;

const touch = () => {
  touched = performance.now();
  if (warning.hidden) return;
  warning.hidden = true;
  before?.focus({ preventScroll: true });
};

// `limit()`: seconds until `over()` is called, 0 for never; `tick(now)`: whatever else has to be looked after.
export function watch(limit, over, tick) {
  // A key that answers the question must not press what lies below it; nor must a finger, which is why the question
  // stands until the finger is lifted.
  addEventListener("keydown", (event) => {
    if (!warning.hidden) event.preventDefault();
    touch();
  }, { capture: true });
  addEventListener("pointerdown", () => { touched = performance.now(); }, { capture: true });
  warning.addEventListener("click", touch);
  setInterval(() => {
    tick(performance.now());
    const seconds = limit();
    const left = seconds - (performance.now() - touched) / 1000;
    const warn = Math.min(10, seconds / 2);
    if (!seconds || left > warn) return warning.hidden || touch();
    if (left <= 0) {
      warning.hidden = true;
      touched = performance.now();
      return over();
    }
    if (warning.hidden) {
      before = document.activeElement;
      warning.hidden = false;
      warning.querySelector("button").focus({ preventScroll: true });
    }
    ring.style.strokeDashoffset = 100 - (100 * left) / warn;
    number.textContent = Math.ceil(left);
  }, TICK);
}
