// One part of the dashboard: runs inside its gr.HTML, which gives `element`, `props`, `trigger` and `watch`.
// What is chosen is known to the server; here are clicks and keys, and whoever used a key stays where they were.
let focused = null;  // [kind, value] of what was pressed last
let scrolled = null;  // box and place of what is longer or wider than there is room for

const buttons = () => [...element.querySelectorAll("[data-pick]")];
const pick = (button) => {
  focused = [button.dataset.pick, button.dataset.value];
  trigger("pick", { kind: button.dataset.pick, value: button.dataset.value });
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pick]");
  if (button) pick(button);
  const opens = event.target.closest("[data-open]");
  if (opens) {
    // Taken up by the History page, once it is in sight.
    window.steelguiAsked = JSON.parse(opens.dataset.open);
    window.steelguiTab("history").click();
  }
  const wanted = event.target.closest("[data-export]");
  if (wanted) trigger("export", { kind: wanted.dataset.export });
});

element.addEventListener("keydown", (event) => {
  const button = event.target.closest("[data-pick]");
  if (!button) return;
  const all = buttons();
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") {
    const pressed = all.find((one) => one.getAttribute("aria-pressed") === "true");
    if (pressed) pick(pressed);
  } else if ((event.key === "Enter" || event.key === " ") && button.tagName !== "BUTTON") {
    pick(button);
  } else if (step) {
    const next = all[(all.indexOf(button) + step + all.length) % all.length];
    if (button.tagName !== "BUTTON") {
      for (const one of all) one.setAttribute("tabindex", one === next ? 0 : -1);
    }
    next.focus();
  } else {
    return;
  }
  event.preventDefault();
});

element.addEventListener("focusin", (event) => {
  const button = event.target.closest("[data-pick]");
  focused = button ? [button.dataset.pick, button.dataset.value] : null;
});
element.addEventListener("focusout", (event) => { if (event.relatedTarget) focused = null; });
element.addEventListener("scroll", ({ target: box }) => {
  scrolled = { box: box.tagName + (box.className && `.${box.className.split(" ")[0]}`), left: box.scrollLeft, top: box.scrollTop };
}, true);

watch("value", () => {
  const plot = element.querySelector(".sg-plot");
  if (scrolled) element.querySelector(scrolled.box)?.scrollTo(scrolled.left, scrolled.top);
  // On a telephone the newest bar comes first into sight, in the middle.
  else if (plot) plot.scrollLeft = Number(plot.dataset.newest) * plot.scrollWidth - plot.clientWidth / 2;
  const again = focused && buttons().find((one) => one.dataset.pick === focused[0] && one.dataset.value === focused[1]);
  if (!again || document.activeElement !== document.body) return;
  if (again.tagName !== "BUTTON") {
    for (const one of buttons()) one.setAttribute("tabindex", one === again ? 0 : -1);
  }
  again.focus({ preventScroll: true });
});

// Own days: all four at once.
element.addEventListener("change", (event) => {
  if (event.target.type !== "date") return;
  const fields = [...element.querySelectorAll("input[type=date]")];
  trigger("days", Object.fromEntries(fields.map((field) => [field.name, field.value])));
});

// Files are made here of what the server has written: nothing of them stays on its disk.
function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

watch("file", () => {
  const file = props.file;
  if (!file) return;
  const blob = new Blob([file.text], { type: file.type });
  if (!file.name.endsWith(".png")) return save(file.name, blob);
  const drawn = new Image();
  drawn.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = 2 * drawn.naturalWidth;
    canvas.height = 2 * drawn.naturalHeight;
    canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((png) => save(file.name, png), "image/png");
  };
  drawn.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(file.text)}`;
});

// A look at the history every two seconds, while somebody can see this; only the part that is told to does it.
if (props.looks) {
  setInterval(() => { if (element.offsetParent && !document.hidden) trigger("look", {}); }, 2000);
}
