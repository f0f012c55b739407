// Camera or plate → countdown → the server looks → what a child understands.
import { $, icon, newTurn, screen, show, sleep, stillIn, trouble } from "./screens.js";
import { Lost, ask } from "./server.js";
import { called, label, say, t, why } from "./texts.js";

const ICONS = new Set(["crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches"]);
const frame = $("#frame");
const marks = $("#marks");
const verdict = $("#verdict");
// Seconds of the countdown; a soak test has no time for it.
const COUNT = Number(new URLSearchParams(location.search).get("count") ?? 3);

export class Inspection {
  constructor(camera, plates, lost) {
    this.camera = camera;
    this.blind = false;
    this.lost = lost;
    const grid = $("#plates");
    grid.replaceChildren(...plates.map((stem, number) => {
      const button = document.createElement("button");
      const image = document.createElement("img");
      image.src = `plates/${stem}.jpg`;
      image.alt = "";
      button.append(image);
      button.type = "button";
      label(button, "kiosk.label.plate", { number: number + 1 });
      button.addEventListener("click", () => this.plate(button));
      return button;
    }));
    this.buttons = [...grid.children];
  }

  // The camera where there is one, else the plates.
  async home() {
    const mine = newTurn();
    this.clear();
    // What was there the last time is shown at once.
    show(this.blind ? "plates" : "home");
    this.blind = !(await this.camera.open());
    if (!stillIn(mine)) return;
    if (!this.blind) return show("home");
    this.plates();
    if (this.camera.promised) trouble("kiosk.trouble.camera");
  }

  plates() {
    newTurn();
    this.clear();
    show("plates");
    this.cameraChanged();
  }

  // Lost or found: the page follows, unless somebody is looking at a result.
  cameraChanged() {
    $("#to-camera").hidden = !this.camera.live;
    if (this.camera.live || !["home", "count", "live"].includes(screen())) return;
    this.plates();
    trouble("kiosk.trouble.camera");
  }

  surprise() {
    this.plate(this.buttons[Math.floor(Math.random() * this.buttons.length)]);
  }

  async capture() {
    if (!["home", "live"].includes(screen())) return;
    const mine = newTurn();
    show("count");
    for (let left = COUNT; left > 0 && stillIn(mine); left -= 1) {
      $("#number").textContent = Math.ceil(left);
      await sleep(Math.min(left, 1) * 1000);
    }
    $("#number").textContent = "";
    // Who is quicker than the camera waits for it.
    const found = await this.camera.open();
    if (!stillIn(mine)) return;
    if (!found) return this.home();
    this.camera.draw(frame);
    show("looking");
    const picture = await new Promise((done) => frame.toBlob(done, "image/jpeg", 0.92));
    await this.look(mine, "inspect", picture, () => this.home());
  }

  async plate(button) {
    if (screen() !== "plates") return;
    const mine = newTurn();
    const image = button.querySelector("img");
    frame.getContext("2d").drawImage(image, 0, 0, frame.width, frame.height);
    show("looking");
    const stem = image.getAttribute("src").slice("plates/".length, -".jpg".length);
    await this.look(mine, `inspect?plate=${encodeURIComponent(stem)}`, new Blob(), () => this.plates());
  }

  async look(mine, path, picture, back) {
    try {
      const [result] = await Promise.all([ask(path, picture), sleep(COUNT ? 900 : 0)]);
      if (stillIn(mine)) this.result(result);
    } catch (error) {
      if (!stillIn(mine)) return;
      if (error instanceof Lost) return this.lost();
      await back();
      trouble(error.status === 503 || error.status === 429 ? "kiosk.trouble.busy" : "kiosk.trouble.picture");
    }
  }

  result({ verdict: said, label: name, found, sure, marks: where, places }) {
    const ok = said === "ok";
    verdict.className = said;
    verdict.style.setProperty("--tone", ok ? "var(--ok)" : found[0].colour);
    verdict.querySelector("use").setAttribute("href", icon(ok ? "ok" : ICONS.has(name) ? name : "other"));
    say(verdict.querySelector("h1"), ok ? "kiosk.result.ok" : () => called(name));
    say($("#why"), ok ? "kiosk.result.ok_why" : () => why(name));
    const others = found.slice(1);
    say($("#also"), others.length ? "kiosk.result.also" : "", { names: () => others.map((one) => called(one.name)).join(", ") });
    const place = ok ? "" : places ? "kiosk.result.masks" : "kiosk.result.heat";
    say($("#sure"), () => [`kiosk.result.sure_${sure}`, place].filter(Boolean).map((key) => t(key)).join(" "));
    if (where) marks.src = where; else marks.removeAttribute("src");
    label(marks, "kiosk.label.marks");
    show("result");
    marks.hidden = !where;
  }

  // Nothing of a visitor stays on the page.
  clear() {
    marks.removeAttribute("src");
    frame.getContext("2d").clearRect(0, 0, frame.width, frame.height);
    trouble("");
  }
}
