// A first look around: a sentence at each station, the place of it lit. Esc ends it, and it comes once unless asked for.
{
  const words = window.steelguiWords;
  const KEPT = "steelgui.tour";
  const STATIONS = [
    ["inspect", "#sources"],
    ["data", "#data-open"],
    ["studio", "#studio-left"],
    ["retrain", "#retrain"],
    ["history", "#history"],
  ];
  let light, card, before, stations, at, ticking;

  const element = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });

  function button(text, act, name = "") {
    const one = element("button", name, text);
    one.type = "button";
    one.addEventListener("click", act);
    return one;
  }

  function place() {
    const [id, selector] = stations[at];
    const seen = [...document.querySelectorAll(selector)].find((one) => one.offsetParent) ?? window.steelguiTab(id);
    const { top, bottom, left, width, height } = seen.getBoundingClientRect();
    const needed = card.offsetHeight + 40;
    const above = bottom > innerHeight - needed && top > needed;
    card.classList.toggle("sg-tour-above", above);
    const room = innerHeight - top - (above ? 8 : needed);
    Object.assign(light.style, {
      top: `${Math.max(top - 6, 2)}px`, left: `${Math.max(left - 6, 2)}px`,
      width: `${Math.min(width + 12, innerWidth - 4)}px`, height: `${Math.min(height + 12, Math.max(room, 48))}px`,
    });
  }

  function go(to) {
    at = to;
    const [id, selector] = stations[at];
    window.steelguiTab(id).click();
    document.querySelector(selector)?.scrollIntoView({ block: "nearest" });
    const [title, text, , acts] = card.children;
    title.textContent = `${at + 1} / ${stations.length} · ${words[`tab.${id}`]}`;
    text.textContent = words[`tour.${id}`];
    const [back, next] = [acts.children[1], acts.children[2]];
    back.disabled = at === 0;
    next.textContent = words[at === stations.length - 1 ? "tour.end" : "tour.next"];
    next.focus();
    // What a tab shows may still come in.
    clearInterval(ticking);
    ticking = setInterval(place, 250);
    place();
  }

  function end() {
    clearInterval(ticking);
    document.removeEventListener("keydown", leave);
    if (card.querySelector("input").checked) localStorage.setItem(KEPT, "seen");
    else localStorage.removeItem(KEPT);
    light.remove();
    card.remove();
    card = undefined;
    before?.focus();
  }

  /** From wherever the focus is: what is lit may be tried, and then the card no longer has it. */
  function leave(event) {
    if (event.key === "Escape") end();
  }

  function key(event) {
    if (event.key === "ArrowRight" && at < stations.length - 1) go(at + 1);
    else if (event.key === "ArrowLeft" && at > 0) go(at - 1);
    else if (event.key === "Tab") {
      const stops = [...card.querySelectorAll("input, button:not(:disabled)")];
      const to = stops.indexOf(document.activeElement) + (event.shiftKey ? -1 : 1);
      stops.at(to % stops.length).focus();
      event.preventDefault();
    } else return;
    event.stopPropagation();
  }

  window.steelguiTour = () => {
    if (card) return;
    stations = STATIONS.filter(([id]) => window.steelguiTab(id));
    before = document.activeElement;
    light = element("div", "sg-light");
    card = element("div", "sg-tour");
    card.setAttribute("role", "dialog");
    card.setAttribute("aria-modal", "true");
    card.setAttribute("aria-labelledby", "sg-tour-title");
    card.setAttribute("aria-describedby", "sg-tour-text");
    const title = element("h2", "");
    title.id = "sg-tour-title";
    const text = element("p", "");
    text.id = "sg-tour-text";
    text.setAttribute("aria-live", "polite");
    const again = element("label", "");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    again.append(box, words["tour.never"]);
    const acts = element("div", "sg-tour-acts");
    acts.append(
      button(words["tour.skip"], end),
      button(words["tour.back"], () => go(at - 1)),
      button("", () => (at < stations.length - 1 ? go(at + 1) : end()), "sg-tour-next"),
    );
    card.append(title, text, again, acts);
    card.addEventListener("keydown", key);
    document.addEventListener("keydown", leave);
    document.body.append(light, card);
    go(0);
  };

  document.addEventListener("steelgui:ready", () => {
    if (localStorage.getItem(KEPT) !== "seen") window.steelguiTour();
  });
}
