// The way out: a corner held for long asks for the PIN.
import { $, icon, newTurn, screen, show } from "./screens.js";
import { ask } from "./server.js";
import { label, say } from "./texts.js";

const LONGEST = 12;

export class Door {
  constructor(kind, lost) {
    this.kind = kind;
    this.lost = lost;
    this.pin = "";
    $("#keys").replaceChildren(...["1", "2", "3", "4", "5", "6", "7", "8", "9", "delete", "0", "go"].map((key) => this.key(key)));
  }

  key(key) {
    const button = document.createElement("button");
    button.type = "button";
    if (key === "go") button.dataset.text = "kiosk.pin.go";
    else if (key === "delete") {
      button.innerHTML = `<svg aria-hidden="true"><use href="${icon("delete")}"/></svg>`;
      label(button, "kiosk.label.delete");
    } else button.textContent = key;
    button.addEventListener("click", () => this.press(key));
    return button;
  }

  ask() {
    if (this.kind === "open") return location.assign("/");
    newTurn();
    this.type("");
    say($("#pin-text"), this.kind === "shut" ? "kiosk.pin.shut" : "kiosk.pin.text");
    show("pin");
  }

  type(pin) {
    this.pin = pin.slice(0, LONGEST);
    $("#typed").textContent = "●".repeat(this.pin.length);
  }

  press(key) {
    if (key === "go") return this.enter();
    this.type(key === "delete" ? this.pin.slice(0, -1) : this.pin + key);
  }

  async enter() {
    const { pin } = this;
    if (!pin || screen() !== "pin") return;
    this.type("");
    try {
      const { to } = await ask("pin", { pin });
      location.assign(to);
    } catch (error) {
      if (!error.status) return this.lost();
      say($("#pin-text"), error.status === 429 ? "kiosk.pin.locked" : "kiosk.pin.wrong", { seconds: error.seconds });
    }
  }
}
