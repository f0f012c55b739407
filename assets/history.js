// The History page: runs inside its gr.HTML, which gives `element` and `server`. Filters, pages and what is chosen live
// here; rows and words come from the server as HTML.
const root = element.querySelector(".sg-history");
const VIEW = "steelgui.history.view";
let words = {};
const $ = (selector) => root.querySelector(selector);
let detail = null;
// `span`: a time that is no whole days of the presets, as the dashboard's bars are.
let filter = { preset: "all", verdict: "", labels: [], deleted: false, span: null };
let cursors = [null];  // of the pages up to this one
let ids = [];
let chosen = new Set();
let next = null;
let last = -1;  // the box that was clicked last, for Shift
let shift = false;
let undoing = "";
let going = "";  // data set that the message has a way to
let unknown = false;  // whether anything was ever found that has no name
let listed = 0;
let stale = false;
let view = localStorage.getItem(VIEW) === "table" ? "table" : "gallery";

const said = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

async function ask(name, asked = {}, long = false) {
  if (long) tell(words.busy);
  let answer = null;
  try {
    answer = await server[`do_${name}`](asked);
  } catch (error) {
    // Said below.
  }
  if (!answer || answer.error) {
    tell(answer?.error || words.offline, "", true);
    return null;
  }
  if (answer.said || long) tell(answer.said || "", answer.undo, false, answer.on);
  return answer;
}

// One message at a time; inside the dialog that is on top, or nobody would see it.
function tell(text, undo = "", wrong = false, on = "") {
  const box = root.querySelector(".sg-told");
  const dialogs = [...root.querySelectorAll("dialog[open]")];
  (dialogs.at(-1) || root).append(box);
  box.hidden = !text;
  box.classList.toggle("sg-error", wrong);
  box.querySelector("span").textContent = text;
  box.querySelector('[data-do="undo"]').hidden = !undo;
  box.querySelector('[data-do="retrain"]').hidden = !on;
  undoing = undo || "";
  going = on || "";
  clearTimeout(tell.timer);
  if (text !== words.busy) tell.timer = setTimeout(() => { box.hidden = true; }, undo ? 30000 : 8000);
}

// Days are the visitor's own: midnight here, as a moment everywhere.
function midnight(text, later = 0) {
  const [year, month, day] = text.split("-").map(Number);
  return year ? new Date(year, month - 1, day + later).toISOString() : null;
}

function days() {
  if (filter.span) return { since: filter.span.since, until: filter.span.until };
  if (filter.preset === "all") return {};
  if (filter.preset === "own") return { since: midnight($('[name="first"]').value), until: midnight($('[name="last"]').value, 1) };
  const now = new Date();
  const back = { today: 0, week: 6, month: 29 }[filter.preset];
  return { since: new Date(now.getFullYear(), now.getMonth(), now.getDate() - back).toISOString() };
}

function query() {
  const value = (name) => $(`.sg-filters [name="${name}"]`).value;
  const one = (name) => (value(name) ? [value(name)] : []);
  return {
    ...days(), verdict: filter.verdict, labels: filter.labels, deleted: filter.deleted, text: value("text"),
    order: value("order"), sources: one("source"), classifiers: one("classifier"),
    min_score: value("min_score"), max_score: value("max_score"),
  };
}

async function list({ fresh = true, facets = false } = {}) {
  const number = ++listed;
  stale = false;
  if (fresh) cursors = [null];
  root.setAttribute("aria-busy", "true");
  const answer = await ask("listing", { ...query(), cursor: cursors.at(-1), view, count: fresh, facets });
  if (number !== listed) return;
  root.setAttribute("aria-busy", "false");
  if (!answer) return;
  ({ ids, next } = answer);
  last = -1;
  $(".sg-list").innerHTML = answer.html;
  times($(".sg-list"));
  if (answer.count) $(".sg-count").innerHTML = answer.count;
  if (answer.facets) fill(answer.facets);
  $(".sg-pager").hidden = !next && cursors.length === 1;
  $('[data-do="before"]').disabled = cursors.length === 1;
  $('[data-do="after"]').disabled = !next;
  $(".sg-pager span").textContent = said(words.page, { count: cursors.length });
  paint();
}

function times(within) {
  const format = new Intl.DateTimeFormat(words.lang, { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat(words.lang, { dateStyle: "full", timeStyle: "medium" });
  for (const time of within.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = format.format(moment);
    time.title = exact.format(moment);
  }
}

function fill({ labels, classifiers, sources }) {
  for (const [name, choices] of [["classifier", classifiers], ["source", sources]]) {
    const select = $(`.sg-filters [name="${name}"]`);
    const kept = select.value;
    select.replaceChildren(select.firstElementChild, ...choices.map(([value, text]) => new Option(text, value)));
    select.value = choices.some(([value]) => value === kept) ? kept : "";
  }
  $(".sg-chips").replaceChildren(...labels.map(([name, text, colour]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.label = name;
    button.innerHTML = '<i class="sg-swatch"></i>';
    button.firstChild.style.background = colour;
    button.append(text);
    return button;
  }));
  unknown = labels.some(([name]) => name === "unknown");
  press();
  paint();
}

function press() {
  for (const name of ["preset", "verdict"]) {
    const now = name === "preset" && filter.span ? null : filter[name];
    for (const button of root.querySelectorAll(`.sg-filters [data-${name}]`)) button.setAttribute("aria-pressed", String(button.dataset[name] === now));
  }
  for (const button of root.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  for (const button of root.querySelectorAll("[data-label]")) button.setAttribute("aria-pressed", String(filter.labels.includes(button.dataset.label)));
  $(".sg-own").hidden = filter.preset !== "own" || filter.span !== null;
  $(".sg-span").hidden = !filter.span;
  $(".sg-span b").textContent = filter.span?.name || "";
  $('[data-do="trash"]')?.setAttribute("aria-pressed", String(filter.deleted));
}

// What is chosen stays so from page to page.
function paint() {
  for (const box of root.querySelectorAll(".sg-pick input")) {
    box.checked = chosen.has(Number(box.value));
    box.closest("[data-id]").classList.toggle("sg-chosen-one", box.checked);
  }
  const here = ids.filter((id) => chosen.has(id)).length;
  const all = $('[name="all"]');
  all.checked = ids.length > 0 && here === ids.length;
  all.indeterminate = here > 0 && here < ids.length;
  all.disabled = !ids.length;
  $(".sg-picked").hidden = !chosen.size;
  $('[data-do="none"]').textContent = said(words.chosen, { count: chosen.size });
  for (const name of ["relabel", "annotate", "delete"]) $(`.sg-acts [data-do="${name}"]`)?.toggleAttribute("hidden", filter.deleted);
  $('.sg-acts [data-do="collect"]')?.toggleAttribute("hidden", filter.deleted || !unknown);
  $('.sg-acts [data-do="restore"]')?.toggleAttribute("hidden", !filter.deleted);
}

function clear() {
  $(".sg-filters").reset();
  filter = { preset: "all", verdict: "", labels: [], deleted: filter.deleted, span: null };
  press();
  list();
}

// What was chosen elsewhere, in the place of all filters.
function take({ preset, labels, verdict, span = null, first = "", last = "" }) {
  $(".sg-filters").reset();
  filter = { preset, verdict, labels, deleted: false, span };
  $('[name="first"]').value = first;
  $('[name="last"]').value = last;
  if (labels.length) $(".sg-more").open = true;
  chosen.clear();
  cursors = [null];
  press();
}

function switchTrash(deleted) {
  filter.deleted = deleted;
  chosen.clear();
  press();
  list();
}

async function change(name, asked) {
  const answer = await ask(name, asked, true);
  if (!answer) return null;
  chosen.clear();
  await refresh();
  return answer;
}

// The page that one is on, with new counts; behind a dialog it can wait.
async function refresh() {
  if (detail.id) stale = true;
  else {
    const kept = cursors;
    await list({ facets: true });
    if (kept.length > 1) {
      cursors = kept;
      await list({ fresh: false });
    }
  }
}

async function perform(what, some) {
  if (["relabel", "collect", "annotate"].includes(what)) return question(await ask(`ask_${what}`, { ids: some }), some);
  if (what === "compare") {
    if (some.length === 1) return detail.compare(some[0]);
    return question(await ask("compare", { ids: some, many: true }, true), some);
  }
  if (what.startsWith("export-")) {
    const answer = await ask("export", { ...query(), ids: some, kind: what.slice(7) }, true);
    if (answer) hand(answer);
    return answer;
  }
  return change(what, { ids: some });
}

function hand({ url, name }) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

function question(answer, some) {
  if (!answer) return;
  const dialog = $(".sg-ask");
  root.append($(".sg-told"));
  dialog.innerHTML = answer.html;
  dialog.dataset.ids = JSON.stringify(some);
  dialog.showModal();
}

const acts = {
  before: () => { cursors.pop(); list({ fresh: false }).then(top); },
  after: () => { cursors.push(next); list({ fresh: false }).then(top); },
  none: () => { chosen.clear(); paint(); },
  clear,
  trash: () => switchTrash(!filter.deleted),
  back: () => switchTrash(false),
  whole: () => { filter.span = null; press(); list(); },
  inspect: () => document.querySelector('#tabs [role="tab"]')?.click(),
  cancel: () => $(".sg-ask").close(),
  retrain: () => trigger("retrain", { data: going }),
  undo: async () => { if (await change("undo", { key: undoing })) detail.again(); },
};

const top = () => $(".sg-ledge").scrollIntoView({ block: "nearest" });

function clicked(event) {
  const button = event.target.closest("button");
  const menu = root.querySelector(".sg-menu[open]");
  if (menu && !event.target.closest("summary")) menu.open = false;
  // The dialog has ears of its own, but for the message in it.
  if (!button || (button.closest(".sg-one") && !button.closest(".sg-told"))) return;
  const { do: what, preset, verdict, label, view: wanted } = button.dataset;
  if (preset !== undefined) {
    Object.assign(filter, { preset, span: null });
    press();
    if (preset === "own" && !$('[name="first"]').value && !$('[name="last"]').value) $('[name="first"]').focus();
    else list();
  } else if (verdict !== undefined) {
    filter.verdict = verdict;
    press();
    list();
  } else if (label !== undefined) {
    filter.labels = filter.labels.includes(label) ? filter.labels.filter((one) => one !== label) : [...filter.labels, label];
    press();
    list();
  } else if (wanted) {
    view = wanted;
    localStorage.setItem(VIEW, view);
    press();
    list({ fresh: false });
  } else if (what === "open-compared") {
    $(".sg-ask").close();
    detail.compare(Number(button.closest("[data-id]").dataset.id));
  } else if (button.matches(".sg-open")) detail.open(Number(button.closest("[data-id]").dataset.id));
  else if (acts[what]) acts[what]();
  else if (what && button.closest(".sg-acts")) perform(what, [...chosen]);
}

function picked(event) {
  const box = event.target;
  if (!box.matches(".sg-pick input")) return;
  const at = ids.indexOf(Number(box.value));
  const from = shift && last >= 0 ? last : at;
  for (const id of ids.slice(Math.min(from, at), Math.max(from, at) + 1)) box.checked ? chosen.add(id) : chosen.delete(id);
  last = at;
  paint();
}

function changed(event) {
  const { name, value, checked } = event.target;
  if (name === "all") {
    for (const id of ids) checked ? chosen.add(id) : chosen.delete(id);
    paint();
  } else if (name === "label" && root.querySelector(".sg-other")) root.querySelector(".sg-other").hidden = value !== "*";
  else if (name === "into" && root.querySelector(".sg-new")) root.querySelector(".sg-new").hidden = value !== "*";
  else if (event.target.closest(".sg-filters") && name !== "text") list();
}

function typed(event) {
  if (event.target.name !== "text") return;
  clearTimeout(typed.timer);
  typed.timer = setTimeout(() => list(), 250);
}

function submitted(event) {
  event.preventDefault();
  const form = event.target;
  if (!form.dataset.ask) return list();
  const values = Object.fromEntries(new FormData(form));
  if (values.label === "*") values.label = values.other;
  if (values.into !== "*") delete values.new;
  const some = JSON.parse($(".sg-ask").dataset.ids);
  $(".sg-ask").close();
  change(form.dataset.ask, { ids: some, ...values }).then((answer) => answer && detail.again());
}

async function start() {
  const answer = await ask("start");
  if (!answer) return;
  words = answer.words;
  root.innerHTML = answer.frame;
  detail = makeDetail($(".sg-one"), {
    ask, query, times, change,
    do: perform,
    closed: async (id) => {
      root.append($(".sg-told"));
      if (stale) await refresh();
      root.querySelector(`[data-id="${id}"] .sg-open`)?.focus();
    },
  });
  if (window.innerWidth > 900) $(".sg-more").open = true;
  press();
  // A click on a label comes to its box without the keys that were held.
  for (const type of ["pointerdown", "keydown"]) root.addEventListener(type, (event) => { shift = event.shiftKey; });
  root.addEventListener("click", clicked);
  root.addEventListener("click", picked);
  root.addEventListener("change", changed);
  root.addEventListener("input", typed);
  root.addEventListener("submit", submitted);
}

// Whoever comes back finds what others, or a batch, have inspected meanwhile.
let started = null;
new IntersectionObserver(async ([seen]) => {
  if (!seen.isIntersecting) return;
  const first = !started;
  started ||= start();
  await started;
  const asked = window.steelguiAsked;
  window.steelguiAsked = null;
  if (asked) take(asked);
  if (asked || first || !chosen.size) (cursors.length > 1 ? list({ fresh: false }) : list({ facets: true }));
}).observe(root);
