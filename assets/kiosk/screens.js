// Which screen is shown. A turn ends when another screen is asked for; who waited for something meanwhile looks.
import { say } from "./texts.js";

export const $ = (selector) => document.querySelector(selector);
let turn = 0;

export const screen = () => document.body.dataset.screen;
export const newTurn = () => ++turn;
export const stillIn = (mine) => mine === turn;
export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export function show(name) {
  document.body.dataset.screen = name;
  for (const element of document.querySelectorAll("[data-on]")) {
    element.hidden = !element.dataset.on.split(" ").includes(name);
  }
  // Until it is rendered, others stand in its place.
  const walk = $("#walk").hasAttribute("src");
  $("#walk").hidden ||= !walk;
  for (const other of document.querySelectorAll("#slides, #intro")) other.hidden ||= walk;
  const section = $(`section[data-on="${name}"]`);
  section.parentElement.scrollTop = 0;
  section.querySelector("[data-main]")?.focus({ preventScroll: true });
}

// Only the screen that is shown has trouble to tell; an empty key takes it back.
export function trouble(key) {
  for (const place of document.querySelectorAll(".trouble")) say(place, place.closest("[hidden]") ? "" : key);
}

export const icon = (name) => `icons.svg#${name}`;
