// The camera is looked at again and again, at whatever rate the server manages; nothing of it is kept.
import { $, newTurn, show, sleep, stillIn } from "./screens.js";
import { Lost, ask } from "./server.js";
import { called, say } from "./texts.js";

// Pixels a side of a frame: enough to see a flaw, and quickly sent.
const SIDE = 384;
// Milliseconds at least between two frames, so that others are served too.
const REST = 100;
const marks = $("#marks");

export class Live {
  constructor(camera, lost) {
    this.camera = camera;
    this.lost = lost;
    this.frame = document.createElement("canvas");
    this.frame.width = this.frame.height = SIDE;
  }

  async start() {
    const mine = newTurn();
    this.before = null;
    say($("#seen"), "kiosk.live.title");
    marks.removeAttribute("src");
    show("live");
    while (stillIn(mine) && (await this.camera.open()) && stillIn(mine)) {
      this.camera.draw(this.frame);
      const picture = await new Promise((done) => this.frame.toBlob(done, "image/jpeg", 0.85));
      try {
        const seen = await ask("inspect?live=1", picture);
        if (stillIn(mine)) this.seen(seen);
      } catch (error) {
        if (error instanceof Lost) return stillIn(mine) ? this.lost() : undefined;
        await sleep(1000);
      }
      await sleep(REST);
    }
  }

  // A word stays until two frames in a row say another one: a hand is never still.
  seen({ verdict, label: name, marks: where }) {
    const now = verdict === "ok" ? "" : name;
    if (now === this.before) say($("#seen"), now ? () => called(now) : "kiosk.live.nothing");
    this.before = now;
    if (where) marks.src = where;
    else marks.removeAttribute("src");
    marks.hidden = !where;
  }
}
