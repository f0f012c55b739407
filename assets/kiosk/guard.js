// Keeps visitors in the room, and the room alive.
const SHORTCUTS = new Set(["a", "d", "f", "g", "h", "j", "l", "o", "p", "r", "s", "u"]);
const HOLD = 2500;

export function hold(corner, held) {
  let timer = 0;
  corner.addEventListener("pointerdown", () => { clearTimeout(timer); timer = setTimeout(held, HOLD); });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) corner.addEventListener(kind, () => clearTimeout(timer));
}

export function guard() {
  // The browser notes how long each of a day's pictures took to come; nobody asks for it here.
  performance.setResourceTimingBufferSize(0);
  performance.clearResourceTimings();
  for (const kind of ["contextmenu", "selectstart", "dragstart", "drop", "dragover", "gesturestart"]) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }
  addEventListener("wheel", (event) => { if (event.ctrlKey) event.preventDefault(); }, { passive: false });
  addEventListener("keydown", (event) => {
    const shortcut = (event.ctrlKey || event.metaKey) && SHORTCUTS.has(event.key.toLowerCase());
    if (shortcut || /^F\d+$/.test(event.key) || (event.altKey && event.key.startsWith("Arrow"))) event.preventDefault();
  });
}

// A fault never leaves a dead screen: begin anew, and where that does not help, load the page anew.
export function recover(again) {
  let faults = [];
  const fault = () => {
    const now = Date.now();
    faults = [...faults.filter((at) => now - at < 20000), now];
    if (faults.length < 4) return again();
    // Not at once, so that a page which fails while it loads does not spin.
    if (faults.length === 4) setTimeout(() => location.reload(), 3000);
  };
  addEventListener("error", fault);
  addEventListener("unhandledrejection", fault);
}

// The screen stays on while the page is seen; a browser that cannot do it has its own setting.
let awake = null;
export async function stayAwake() {
  try {
    if (!awake || awake.released) awake = await navigator.wakeLock?.request("screen");
  } catch { /* a tablet that saves power */ }
}
