// Asks how things stand, shows it, and gives way to the page once that is there.
const { words, leaving } = steelgui;
const find = (selector) => document.querySelector(selector);
const ask = (what) => fetch(what, { method: "POST" });
const SLOW = 15;
let shown = "";

/** Buttons are made anew only when others are wanted: one must not vanish under a finger. */
function buttons(...wanted) {
  const box = find("#buttons");
  if (box.dataset.now === wanted.map(([word]) => word).join()) return;
  box.dataset.now = wanted.map(([word]) => word).join();
  box.replaceChildren(...wanted.map(([word, action], index) => {
    const button = document.createElement("button");
    button.textContent = words[word];
    button.className = index ? "" : "main";
    button.onclick = action;
    return button;
  }));
}

function say(said, more = "", kind = "") {
  document.body.className = kind;
  if (shown !== said + more) {
    find("#said").textContent = said;
    find("#more").textContent = more;
  }
  shown = said + more;
}

const goingOn = (count) => count === 1 ? words.one_training : count ? words.trainings.replace("{n}", count) : "";

function failed(story) {
  say(words.failed, story.sentence, "still failed");
  buttons(["again", () => ask("again")], ["folder", () => ask("folder")]);
  find("#log").hidden = false;
  find("#log summary").textContent = words.log;
  find("#log p").textContent = story.log;
  const lines = story.tail.join("\n") || words.log_empty;
  if (find("#log pre").textContent !== lines) {
    find("#log pre").textContent = lines;
    find("#log").open = true;
    find("#log pre").scrollTop = 1e9;
  }
}

function show(story) {
  if (story.phase !== "failed") find("#log").hidden = true;
  if (story.phase === "closed") {
    say(words.closed, goingOn(story.trainings), "still");
    buttons();
  } else if (leaving) {
    say(words.leave, goingOn(story.trainings) || words.leave_more, "still");
    buttons(["quit", () => ask("quit").then(() => show({ ...story, phase: "closed" }))], ["back", () => history.back()]);
  } else if (story.phase === "failed") failed(story);
  else if (story.phase === "ready") location.replace(story.address);
  else {
    say(words.starting, [goingOn(story.trainings), story.seconds > SLOW ? words.slow : ""].filter(Boolean).join(" "));
    buttons();
  }
  return story.phase;
}

async function follow() {
  let phase = "";
  try {
    phase = show(await (await fetch("story")).json());
  } catch {
    // The window's process is gone: it was quit, here or from a shell.
    if (shown) { show({ phase: "closed", trainings: 0 }); return; }
  }
  if (phase !== "closed") setTimeout(follow, phase === "starting" ? 200 : 500);
}

new PerformanceObserver((list) => {
  const [first] = list.getEntries(); // WebKit knows the one with content only
  if (first) ask(`painted?${Math.round(performance.timeOrigin + first.startTime)}`);
}).observe({ type: "paint", buffered: true });
follow();
