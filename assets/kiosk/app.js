// Puts the kiosk together: attract → inspect or play → and back, for days.
import { Camera, ServerCamera } from "./camera.js";
import { Door } from "./door.js";
import { guard, hold, recover, stayAwake } from "./guard.js";
import { watch } from "./idle.js";
import { Inspection } from "./inspect.js";
import { Live } from "./live.js";
import { Quiz } from "./quiz.js";
import { $, newTurn, screen, show, sleep } from "./screens.js";
import { ask } from "./server.js";
import { fill, label, say, speak, speakFirst } from "./texts.js";

const IDLE = Math.max(2, Number(new URLSearchParams(location.search).get("idle") || 45));
const SLIDE = 5000;
const LOOK_AGAIN = 5000;

let about, camera, inspection, live, quiz, door;
const slides = [...document.querySelectorAll("#slides img")];
let slide = 0;
let next = { slide: 0, look: 0, alive: 0 };

async function lost() {
  newTurn();
  camera.close();
  show("offline");
}

function attract() {
  newTurn();
  camera.close();
  inspection.clear();
  quiz.clear();
  speakFirst();
  const walk = $("#walk").hasAttribute("src");
  say($("#attract-text"), walk ? "kiosk.attract.walk" : "kiosk.attract.slides");
  show("attract");
}

function slideOn() {
  const [shown, coming] = slide % 2 ? slides : [...slides].reverse();
  coming.src = `plates/${about.plates[slide % about.plates.length]}.jpg`;
  coming.className = "on";
  shown.className = "";
  slide += 1;
}

// Is the server there, is it the one this page came from, are its models loaded, is the walk rendered?
async function lookAtServer() {
  try {
    const { id, ready, walk } = await ask("alive");
    if (id !== about.id) return location.reload();
    if (!ready) throw new Error("not yet");
    if (walk && !$("#walk").hasAttribute("src")) await showWalk();
    if (screen() === "offline") attract();
  } catch {
    if (screen() === "attract") lost();
  }
}

async function showWalk() {
  const walk = new Image();
  walk.src = "walk.webp";
  await walk.decode();
  $("#walk").src = walk.src;
  if (screen() === "attract") attract();
}

function tick(now) {
  if (screen() === "attract" && !$("#walk").hasAttribute("src") && now >= next.slide) {
    next.slide = now + SLIDE;
    slideOn();
  }
  if ((screen() === "attract" || screen() === "offline") && now >= next.alive) {
    // While nobody waits and the walk is there, seldom.
    next.alive = now + (screen() === "offline" || !$("#walk").hasAttribute("src") ? 3000 : 30000);
    lookAtServer();
  }
  if (screen() === "plates" && camera.wanted && !camera.live && now >= next.look) {
    next.look = now + LOOK_AGAIN;
    camera.open().then((found) => { if (found && screen() === "plates") inspection.home(); });
  }
}

function limit() {
  if (!about || ["attract", "offline", "count", "looking"].includes(screen())) return 0;
  return IDLE;
}

const acts = {
  begin() {
    // A tablet's browser; a kiosk's is full already, and refuses.
    if (!document.fullscreenElement) document.documentElement.requestFullscreen?.().catch(() => {});
    stayAwake();
    return inspection.home();
  },
  home: () => { quiz.clear(); return inspection.home(); },
  capture: () => inspection.capture(),
  plates: () => inspection.plates(),
  live: () => live.start(),
  surprise: () => inspection.surprise(),
  again: () => inspection.home(),
  intro: () => { inspection.clear(); return quiz.intro(); },
  play: () => quiz.play(),
  real: () => quiz.guess(true),
  generated: () => quiz.guess(false),
  next: () => quiz.next(),
  enter: () => quiz.enter(),
  leave: attract,
};

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !$("#idle").hidden) return;
  if (screen() === "pin") {
    if (/^\d$/.test(event.key)) door.press(event.key);
    else if (event.key === "Backspace") door.press("delete");
    else if (event.key === "Enter" && !event.target.closest("button")) door.enter();
    else if (event.key === "Escape") attract();
  } else if (screen() === "quiz") {
    if (event.key === "ArrowLeft") acts.real();
    else if (event.key === "ArrowRight") acts.generated();
  } else if (screen() === "end") quiz.type(event.key);
  if (event.key === "Escape" && !["attract", "offline"].includes(screen())) attract();
}

function start() {
  fill(about.texts, about.lang);
  camera = new (about.camera ? ServerCamera : Camera)($("#camera"), () => inspection.cameraChanged());
  inspection = new Inspection(camera, about.plates, lost);
  live = new Live(camera, lost);
  quiz = new Quiz(lost);
  door = new Door(about.door, lost);
  speak(document.documentElement.lang);
  for (const place of document.querySelectorAll(".private")) say(place, about.keep ? "kiosk.home.kept" : "kiosk.home.private");
  for (const button of document.querySelectorAll("[data-do]")) {
    button.type = "button";
    button.addEventListener("click", () => acts[button.dataset.do]());
  }
  for (const button of document.querySelectorAll("[data-lang]")) button.addEventListener("click", () => speak(button.dataset.lang));
  $("#stage").addEventListener("click", () => { if (screen() === "attract") acts.begin(); });
  label($("#walk"), "kiosk.label.walk");
  addEventListener("keydown", keys);
  // Where the keyboard is at is of interest to who uses one.
  addEventListener("keydown", () => document.body.classList.add("keys"));
  addEventListener("pointerdown", () => document.body.classList.remove("keys"));
  navigator.mediaDevices?.addEventListener?.("devicechange", () => { next.look = 0; });
  hold($("#corner"), () => door.ask());
  recover(attract);
  watch(limit, attract, tick);
  attract();
}

async function begin() {
  guard();
  for (const element of document.querySelectorAll("[data-on]")) element.hidden = true;
  while (!about) {
    try {
      about = await ask("start");
    } catch {
      // The server may start later than the screen in front of it.
      $("#pulse").hidden = false;
      await sleep(2000);
    }
  }
  start();
}

begin();
