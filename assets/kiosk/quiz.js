// "Real or generated?": the server keeps the truth, this shows the picture and what it says of the guess.
import { $, icon, newTurn, screen, show, stillIn, trouble } from "./screens.js";
import { Lost, ask } from "./server.js";
import { called, label, say, t } from "./texts.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const steel = $("#steel");
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

export class Quiz {
  constructor(lost) {
    this.lost = lost;
    this.game = null;
    this.letters = [0, 0, 0];
    $("#letters").replaceChildren(...this.letters.map((_, place) => this.wheel(place)));
    label(steel, "kiosk.label.steel");
  }

  // A game is dealt before it is explained: whether there are photos belongs to the explanation.
  async intro() {
    const mine = newTurn();
    trouble("");
    say($("#intro-text"), "");
    show("intro");
    await this.deal(mine);
    if (stillIn(mine) && this.game) {
      say($("#intro-text"), this.game.data ? "kiosk.quiz.intro" : "kiosk.quiz.intro_drawn", { rounds: this.game.rounds });
    }
  }

  async deal(mine) {
    this.game = null;
    await this.try(mine, async () => {
      const dealt = await ask("quiz", {});
      if (stillIn(mine)) this.game = { ...dealt, at: 0, answers: [], last: { points: 0, streak: 0 } };
    });
  }

  async play() {
    const mine = newTurn();
    if (!this.game || this.game.at > 0) await this.deal(mine);
    if (stillIn(mine) && this.game) await this.round();
  }

  async round() {
    const mine = newTurn();
    const { game } = this;
    steel.src = `quiz/${game.game}/${game.at}.png`;
    try {
      await steel.decode();
    } catch {
      return stillIn(mine) ? this.fails(new Lost("picture")) : undefined;
    }
    if (!stillIn(mine)) return;
    this.progress();
    show("quiz");
  }

  async guess(real) {
    if (screen() !== "quiz" || this.guessing) return;
    const mine = newTurn();
    const { game } = this;
    this.guessing = true;
    await this.try(mine, async () => {
      const truth = await ask(`quiz/${game.game}/guess`, { round: game.at, real });
      if (!stillIn(mine)) return;
      game.answers.push(truth.right);
      game.last = truth;
      this.explain(truth, game.data);
    });
    this.guessing = false;
  }

  explain(truth, data) {
    const heading = $("#truth");
    heading.className = truth.right ? "right" : "wrong";
    say(heading, truth.right ? "kiosk.quiz.right" : "kiosk.quiz.wrong");
    const what = () => called(truth.label);
    const key = truth.real ? (data ? "kiosk.quiz.was_photo" : "kiosk.quiz.was_drawn") : "kiosk.quiz.was_generated";
    say($("#explained"), key, { what, data });
    say($("#hint"), truth.real ? "kiosk.quiz.hint_real" : "kiosk.quiz.hint_generated");
    say($('[data-do="next"]'), truth.over ? "kiosk.quiz.finish" : "kiosk.quiz.next");
    this.progress();
    show("truth");
  }

  next() {
    if (screen() !== "truth") return;
    this.game.at += 1;
    return this.game.last.over ? this.end() : this.round();
  }

  progress() {
    const { answers, rounds, at, last } = this.game;
    each(".round", (place) => say(place, "kiosk.quiz.round", { number: at + 1, rounds }));
    each(".score", (place) => say(place, () => [
      t("kiosk.quiz.points", { points: last.points }), last.streak > 1 ? t("kiosk.quiz.streak", { streak: last.streak }) : "",
    ].filter(Boolean).join(" · ")));
    each(".dots", (dots) => {
      dots.replaceChildren(...Array.from({ length: rounds }, (_, number) => {
        const dot = document.createElement("i");
        if (number < answers.length) dot.className = answers[number] ? "right" : "wrong";
        return dot;
      }));
      label(dots, "kiosk.label.rounds", { right: answers.filter(Boolean).length });
    });
  }

  async end() {
    const mine = newTurn();
    const { last, rounds } = this.game;
    await this.try(mine, async () => {
      const { best } = await ask("quiz/best");
      if (!stillIn(mine)) return;
      say($("#end-title"), "kiosk.end.title", { correct: last.correct, rounds });
      const share = last.correct / rounds;
      say($("#end-text"), share >= 0.8 ? "kiosk.end.great" : share >= 0.6 ? "kiosk.end.fair" : "kiosk.end.poor");
      this.turn(() => 0);
      this.list(best, null);
      show("end");
      this.enters(last.best);
      if (last.best) $("#letters button").focus({ preventScroll: true });
    });
  }

  async enter() {
    if (screen() !== "end" || $("#entry").hidden) return;
    const mine = newTurn();
    this.enters(false);
    await this.try(mine, async () => {
      const { best, place } = await ask(`quiz/${this.game.game}/name`, { name: this.name() });
      if (!stillIn(mine)) return;
      this.list(best, place);
      $('section[data-on="end"] [data-main]').focus({ preventScroll: true });
    });
  }

  // Three letters first, then the list.
  enters(still) {
    $("#entry").hidden = $("#letters").hidden = !still;
    $("#best").hidden = still;
  }

  name() {
    return this.letters.map((letter) => LETTERS[letter]).join("");
  }

  // A wheel for each letter; a keyboard types them one after the other.
  wheel(place) {
    const wheel = document.createElement("div");
    const button = (key, image, by) => {
      const one = document.createElement("button");
      one.type = "button";
      one.innerHTML = `<svg aria-hidden="true"><use href="${icon(image)}"/></svg>`;
      label(one, key, { number: place + 1 });
      one.addEventListener("click", () => this.turn((letter, at) => (at === place ? letter + by : letter)));
      return one;
    };
    wheel.append(button("kiosk.label.letter_up", "up", 1), document.createElement("b"), button("kiosk.label.letter_down", "down", -1));
    return wheel;
  }

  turn(change) {
    this.letters = this.letters.map((letter, place) => (change(letter, place) + LETTERS.length) % LETTERS.length);
    document.querySelectorAll("#letters b").forEach((shown, place) => { shown.textContent = LETTERS[this.letters[place]]; });
    this.typed = 0;
  }

  type(key) {
    const letter = LETTERS.indexOf(key.toUpperCase());
    if (key.length !== 1 || letter < 0 || $("#entry").hidden) return;
    const typed = this.typed;
    this.turn((old, place) => (place === typed ? letter : old));
    this.typed = (typed + 1) % this.letters.length;
  }

  list(best, place) {
    $("#best ol").replaceChildren(...best.map(({ name, points }, number) => {
      const line = document.createElement("li");
      const [rank, who, score] = ["span", "b", "span"].map((kind) => document.createElement(kind));
      rank.textContent = number + 1;
      who.textContent = name;
      score.textContent = points;
      line.append(rank, who, score);
      line.classList.toggle("you", number === place);
      return line;
    }));
    $("#best p").hidden = best.length > 0;
  }

  clear() {
    this.game = null;
    steel.removeAttribute("src");
  }

  async try(mine, act) {
    try {
      await act();
    } catch (error) {
      if (stillIn(mine)) await this.fails(error);
    }
  }

  // A game that the server has forgotten begins anew, one that it cannot deal is not played.
  async fails(error) {
    if (!(error.status)) return this.lost(error);
    this.clear();
    if (error.status === 410 || error.status === 409) return this.intro();
    show("intro");
    trouble(error.status === 503 ? "kiosk.trouble.busy" : "kiosk.trouble.quiz");
  }
}
