// Every text in two languages. `say` remembers what it said, so that a switch of the language says it anew.
const LANGUAGES = ["en", "ko"];
const values = new WeakMap();
// Elements of the page itself, which stay for good.
const spoken = new Set();
let tables = {};
let first = "en";
let lang = "en";

export function fill(texts, forced) {
  tables = texts;
  first = forced || navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => LANGUAGES.includes(tag)) || "en";
  speak(first);
}

export const t = (key, given = {}) =>
  (tables[lang]?.[key.replace(/^kiosk\./, "")] ?? "").replace(/\{(\w+)\}/g, (_, name) => {
    const value = given[name];
    return String(typeof value === "function" ? value() : value ?? "");
  });

// The class in plain words; of somebody's own data set, its own name.
export const called = (name) => t(`kiosk.name.${name}`) || t(`class.${name}`) || name.replaceAll("_", " ");
export const why = (name) => t(`kiosk.why.${name}`) || t("kiosk.why.other");

// A key, or a function that gives the text; an empty key says nothing.
export function say(element, key, given) {
  spoken.add(element);
  values.set(element, { ...values.get(element), key, given });
  element.textContent = typeof key === "function" ? key() : key ? t(key, given) : "";
}

export function label(element, key, given) {
  element.dataset.label = key;
  values.set(element, { ...values.get(element), labelled: given });
  element.setAttribute(element.tagName === "IMG" ? "alt" : "aria-label", t(key, given));
}

export function speak(wanted) {
  lang = wanted;
  document.documentElement.lang = lang;
  document.title = t("kiosk.title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) label(element, element.dataset.label, values.get(element)?.labelled);
  for (const element of spoken) {
    const { key, given } = values.get(element);
    say(element, key, given);
  }
  for (const button of document.querySelectorAll("[data-lang]")) button.setAttribute("aria-pressed", String(button.dataset.lang === lang));
}

export const speakFirst = () => { if (lang !== first) speak(first); };
