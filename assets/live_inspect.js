// Live inspection on the Inspect tab: runs inside its gr.HTML, which gives `element`, `props`, `trigger` and `watch`.
// The stream itself is in live.js. `props.value` holds what the tab's controls say, `props.words` the texts.
const CAMERA = "steelgui.live.camera";
const root = element.querySelector(".sg-live");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const [video, canvas, source, file, said, rateChip, spoken] =
  ["video", "canvas", "source", "file", "said", "rate", "spoken"].map(part);
const buttons = Object.fromEntries([...root.querySelectorAll("[data-act]")].map((one) => [one.dataset.act, one]));
const result = (name) => document.querySelector(`#live-result [data-part="${name}"]`);
const word = (key, values = {}) =>
  ((props.words || {})[key] || "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const known = new Set();
let live = null;
let told = { key: "", at: 0 };
let chosen = "";  // name of the video file that plays

const on = () => root.classList.contains("sg-on");
const inSight = () => on() && root.clientWidth > 0;  // its tab is the one that is open
const busy = () => live && ["starting", "running"].includes(live.state);

/** A class that is switched off is one that the legend knows and does not show. */
function ask() {
  const { score = 0.5, min_area = 40, shown = [], heat = false, opacity = 0.45, false_alarms = 0.01 } = props.value || {};
  return { score, min_area, heat, opacity, false_alarms, hide: [...known].filter((name) => !shown.includes(name)), panels: true };
}

function controls() {
  for (const name of (props.value || {}).shown || []) known.add(name);
  live?.judgeAgain();
}

function onState(state, reason, values) {
  root.dataset.state = state;
  const going = state === "starting" || state === "running" || reason === "gone" || reason === "busy";
  buttons.pause.dataset.going = String(going);
  name(buttons.pause, word(going ? "pause" : "resume"));
  said.textContent =
    state === "trouble" ? word(reason, values) || values.detail : state === "running" || state === "off" ? "" : word(state);
  if (state !== "running") rateChip.textContent = "";
  if (live && !live.shows) forget();
  if (state === "running") list();
}

function onAnswer(answer, { fps, ms }) {
  const key = `${answer.verdict} ${answer.label}`;
  buttons.snapshot.disabled = false;
  // A verdict at once; numbers that tremble once a second.
  const changed = key !== told.key;
  if (!changed && performance.now() - told.at < 1000 && fps) return;
  told = { key, at: performance.now() };
  fill(answer.panels);
  // Who listens is told of another verdict, and not each second of its score.
  const panel = result("verdict").firstElementChild;
  panel.removeAttribute("role");
  panel.removeAttribute("aria-live");
  if (changed) spoken.textContent = [...panel.querySelector(".sg-word").childNodes].map((one) => one.textContent).join(" ");
  root.dataset.verdict = answer.verdict;
  if (fps) rateChip.textContent = word("rate", { fps: fps.toFixed(1), ms: Math.round(ms) });
}

function name(button, text) {
  button.title = text;
  button.querySelector("span").textContent = text;
}

/** The cameras there are, the open one chosen; the last entry opens a file. */
async function list() {
  const { cameras } = await import(new URL("live/live.js", document.baseURI).href);
  const entries = (await cameras()).map((one, index) => [one.id, one.label || word("camera", { number: index + 1 })]);
  if (!entries.length) entries.push(["", word("camera", { number: 1 })]);
  if (chosen) entries.push(["playing", chosen]);
  entries.push(["file", word("video")]);
  source.replaceChildren(...entries.map(([id, label]) => new Option(label, id)));
  source.value = chosen ? "playing" : live?.camera || entries[0][0];
  if (source.selectedIndex < 0) source.selectedIndex = 0;
  if (live?.camera) localStorage.setItem(CAMERA, live.camera);
}

async function open() {
  const { Live } = await import(new URL("live/live.js", document.baseURI).href);
  live ||= new Live({ video, canvas, ask, onState, onAnswer });
  root.classList.add("sg-on");
  // Or Space would press what was pressed last: the button that ends it.
  buttons.pause.focus({ preventScroll: true });
  await list();
  if (on()) await camera(localStorage.getItem(CAMERA) || "");
}

/** No frame is in sight, so no verdict may be. */
function forget() {
  told = { key: "", at: 0 };
  buttons.snapshot.disabled = true;
  delete root.dataset.verdict;
  fill(props.blank || {});
}

function fill(panels) {
  for (const [name, html] of Object.entries(panels)) result(name).innerHTML = html;
}

async function camera(id) {
  chosen = "";
  await live.openCamera(id);
}

function close() {
  if (!on()) return;
  root.classList.remove("sg-on");
  live?.close();
}

async function keep() {
  buttons.snapshot.disabled = true;
  try {
    const kept = await live.snapshot();
    if (kept) trigger("kept", { said: kept.said });
  } catch (error) {
    trigger("failed", { said: error.name === "Error" ? error.message : word("gone") });
  }
  buttons.snapshot.disabled = false;
}

const acts = {
  pause: () => (buttons.pause.dataset.going === "true" ? live.pause() : live.resume()),
  snapshot: keep,
  close,
};
for (const [act, button] of Object.entries(buttons)) button.addEventListener("click", () => acts[act]());
source.addEventListener("change", () => {
  if (source.value === "file") {
    file.click();
    list();  // whoever chooses no file has what was there
  } else if (source.value !== "playing") camera(source.value);
});
file.addEventListener("change", async () => {
  const [given] = file.files;
  file.value = "";  // so that the same one can be chosen again
  if (!given) return;
  chosen = given.name;
  await live.openFile(given);
  list();
});

document.addEventListener("keydown", (event) => {
  if (!inSight() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const key = event.key.toLowerCase();
  // A button or a box that has the focus is what Space means there.
  if (key === " " && !event.target.closest("button, input:not([type=range]), a, summary")) acts.pause();
  else if (key === "s" && !buttons.snapshot.disabled) acts.snapshot();
  else return;
  event.preventDefault();
});
// Nobody looks: the camera is let go. The stage has no size where its tab is not the one that is open.
document.addEventListener("visibilitychange", () => { if (document.hidden) live?.pause(); });
window.addEventListener("pagehide", () => live?.pause());
new ResizeObserver(([{ contentRect }]) => { if (on() && !contentRect.width) live?.pause(); }).observe(root);
navigator.mediaDevices?.addEventListener("devicechange", () => { if (on()) list(); });
root.addEventListener("sg-toggle", () => (on() ? close() : open()));

function speak() {
  for (const act of ["snapshot", "close"]) name(buttons[act], word(act));
  name(buttons.pause, word(busy() ? "pause" : "resume"));
  source.setAttribute("aria-label", word("source"));
  canvas.setAttribute("aria-label", word("stage"));
}

watch("value", controls);
watch("words", speak);
// Another picture was opened: it is what the stage has to show.
watch("looked", close);
speak();
controls();
