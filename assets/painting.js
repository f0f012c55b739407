// Painting a mask over a picture: runs inside its gr.HTML, which gives `element`, `props`, `trigger` and `watch`.
// The mask has the picture's own pixels, whatever the size on the screen; what is painted is the component's value.
const canvas = element.querySelector("canvas");
const brush = element.querySelector(".sg-brush");
const size = element.querySelector("input");
const tools = [...element.querySelectorAll("[data-tool]")];
const hint = element.querySelector(".sg-hint");
const picture = new Image();
const mask = document.createElement("canvas");
const paint = mask.getContext("2d", { willReadFrequently: true });
let tool = "brush";
let colour = "#E69F00";
let earlier = [];  // masks before each stroke
let last = null;  // where the stroke is, in the picture's pixels

const shown = () => props.canvas || {};
const word = (key) => (props.words || {})[key] || "";

function load() {
  const { image, mask: marked, colour: wanted } = shown();
  earlier = [];
  if (!image) return;
  colour = wanted || colour;
  picture.onload = () => {
    mask.width = canvas.width = picture.naturalWidth;
    mask.height = canvas.height = picture.naturalHeight;
    canvas.classList.toggle("sg-wide", picture.naturalWidth > 2 * picture.naturalHeight);
    size.value = Math.max(3, Math.round(Math.min(mask.width, mask.height) / 25));
    if (!marked) return changed();
    const given = new Image();
    given.onload = () => { paint.drawImage(given, 0, 0); changed(); };
    given.src = marked;
  };
  picture.src = image;
}

function draw() {
  const on = canvas.getContext("2d");
  on.globalCompositeOperation = "source-over";
  on.clearRect(0, 0, canvas.width, canvas.height);
  on.drawImage(picture, 0, 0);
  on.globalAlpha = 0.55;
  on.drawImage(mask, 0, 0);
  on.globalAlpha = 1;
}

function changed() {
  draw();
  props.value = mask.width ? mask.toDataURL("image/png") : "";
  for (const button of tools) {
    if (button.dataset.tool === "brush" || button.dataset.tool === "eraser") {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
    if (button.dataset.tool === "undo") button.disabled = !earlier.length;
  }
}

const remember = () => {
  earlier.push(paint.getImageData(0, 0, mask.width, mask.height));
  if (earlier.length > 20) earlier.shift();
};

function undo() {
  const before = earlier.pop();
  if (before) paint.putImageData(before, 0, 0);
  changed();
}

const acts = {
  brush: () => { tool = "brush"; changed(); },
  eraser: () => { tool = "eraser"; changed(); },
  undo,
  clear: () => { remember(); paint.clearRect(0, 0, mask.width, mask.height); changed(); },
};

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
}

function stroke(to) {
  paint.globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
  paint.strokeStyle = colour;
  paint.lineCap = paint.lineJoin = "round";
  paint.lineWidth = Number(size.value);
  paint.beginPath();
  paint.moveTo(...(last || to));
  // A line of no length is not drawn, a click should be a dot.
  paint.lineTo(to[0] + (last ? 0 : 0.01), to[1]);
  paint.stroke();
  paint.globalCompositeOperation = "source-over";
  last = to;
  draw();
}

function follow(event) {
  const box = canvas.getBoundingClientRect();
  const wide = (Number(size.value) * box.width) / Math.max(canvas.width, 1);
  const around = canvas.parentElement.getBoundingClientRect();
  brush.style.cssText = `width:${wide}px;height:${wide}px;left:${event.clientX - around.left - wide / 2}px;top:${event.clientY - around.top - wide / 2}px`;
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || !mask.width) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  remember();
  last = null;
  stroke(place(event));
});
canvas.addEventListener("pointermove", (event) => { follow(event); if (last) stroke(place(event)); });
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => { if (last) { last = null; changed(); } });
}
for (const button of tools) button.addEventListener("click", () => acts[button.dataset.tool]());
element.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const by = { "[": -2, "]": 2 }[key];
  if ((event.ctrlKey || event.metaKey) && key === "z") undo();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (key === "b") acts.brush();
  else if (key === "e") acts.eraser();
  else if (by) size.value = Number(size.value) + by;
  else return;
  event.preventDefault();
});

function speak() {
  for (const button of tools) button.textContent = word(button.dataset.tool);
  size.setAttribute("aria-label", word("size"));
  element.querySelector(".sg-size").textContent = word("size");
  canvas.setAttribute("aria-label", word("label"));
  hint.textContent = word("hint");
}

watch("canvas", load);
watch("words", speak);
speak();
load();
