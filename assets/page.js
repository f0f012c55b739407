// What the page needs beside Gradio: keys, a way past the tabs, and names where Gradio gives none.
// `steelguiWords` are the texts of the visitor's language, as `shell.head` has written them.
{
  const words = window.steelguiWords;

  // The days and hours of the dashboard are those of this clock.
  document.cookie = `steelgui_zone=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "")}; path=/; SameSite=Lax`;

  /** The tab's button, in the row or in the menu behind it; the menu's own buttons carry nothing but their words. */
  const tabButton = (id) =>
    [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab], #tabs > .tab-wrapper .overflow-dropdown button")]
      .find((button) => button.textContent.trim() === words[`tab.${id}`]);

  window.steelguiTab = tabButton;

  document.addEventListener("keydown", (event) => {
    // N is "next sample", unless someone is typing.
    if (event.key.toLowerCase() !== "n" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, [contenteditable]")) return;
    document.querySelector("#next-sample")?.click();
  });

  /** Gradio's slider between two pictures knows only the mouse: keys move the mouse for it. */
  function slide(handle) {
    const around = () => handle.parentElement.getBoundingClientRect();
    const middle = () => { const { left, width } = handle.getBoundingClientRect(); return left + width / 2; };
    const told = () => {
      const { left, width } = around();
      // On a tab that is hidden nothing has a width: readers would be told NaN.
      if (width) handle.ariaValueNow = Math.round((100 * (middle() - left)) / width);
    };
    Object.assign(handle, { role: "slider", tabIndex: 0, ariaLabel: words["page.compare"], ariaValueMin: 0, ariaValueMax: 100 });
    told();
    // Its style is where it stands: moved by keys, by a mouse, or by Gradio when a picture has come.
    new MutationObserver(told).observe(handle, { attributeFilter: ["style"] });
    handle.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -0.05, ArrowRight: 0.05, Home: -1, End: 1 }[key];
      // Before its pictures are there Gradio divides by their width of 0, and the slider is stuck at an end.
      const ready = [...handle.parentElement.querySelectorAll("img")].every((image) => image.complete && image.naturalWidth);
      if (!step || !ready) return;
      const { left, width, top } = around();
      const from = middle(), to = Math.min(Math.max(from + step * width, left), left + width);
      const mouse = (type, clientX) => new MouseEvent(type, { bubbles: true, view: window, clientX, clientY: top + 9 });
      handle.dispatchEvent(mouse("mousedown", from));
      window.dispatchEvent(mouse("mousemove", to));
      window.dispatchEvent(mouse("mouseup", to));
    });
  }

  function mend() {
    for (const handle of document.querySelectorAll('[data-testid="slider"][role="none"]')) slide(handle);
    const label = document.querySelector("#slider label")?.textContent.trim();
    if (label) {
      for (const image of document.querySelectorAll('#slider img:not([alt]), #slider img[alt=""]')) image.alt = label;
    }
    for (const image of document.querySelectorAll('button .image-frame img:not([alt]), button .image-frame img[alt=""]')) {
      image.alt = image.closest(".block")?.querySelector('[data-testid="block-label"]')?.textContent.trim()
        || words["page.picture"];
    }
    // A button around the button that does the work.
    for (const around of document.querySelectorAll("button:not([role]):has(button.upload-container)")) {
      Object.assign(around, { role: "group", tabIndex: -1 });
    }
    // An icon where a picture will be: a name that no reader may speak.
    for (const empty of document.querySelectorAll('div[aria-label="Empty value"]')) empty.removeAttribute("aria-label");
    // A chart's groups of marks claim to be pictures; the chart itself has its name.
    for (const marks of document.querySelectorAll('g[role="graphics-symbol"]:not([aria-label])')) {
      marks.removeAttribute("role");
      marks.removeAttribute("aria-roledescription");
    }
    const more = document.querySelector("#tabs .overflow-menu > button");
    // Compared, since setting it calls us again.
    if (more && more.ariaLabel !== words["page.more_tabs"]) more.ariaLabel = words["page.more_tabs"];
  }

  /** What scrolls in a box of its own can be scrolled by keys; what no longer does is no stop for them. */
  function reach() {
    for (const box of document.querySelectorAll('#tabs :is([class*="sg-"], .grid-wrap, .virtual-table-viewport)')) {
      const more = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      const scrolls = more && /auto|scroll/.test(getComputedStyle(box).overflow);
      if (box.matches(".virtual-table-viewport")) {
        // A grid may hold nothing but rows, so that its first cell is the stop.
        for (const head of box.querySelectorAll("th:first-child")) head.tabIndex = scrolls ? 0 : -1;
        continue;
      }
      if (scrolls && !box.hasAttribute("tabindex")) { box.tabIndex = 0; box.dataset.reached = ""; }
      else if (!scrolls && "reached" in box.dataset) { box.removeAttribute("tabindex"); delete box.dataset.reached; }
    }
  }

  let waiting;
  function changed() {
    mend();
    // It asks for sizes, which is dear: once when things have come to rest.
    clearTimeout(waiting);
    waiting = setTimeout(reach, 300);
  }

  function start() {
    const skip = document.createElement("a");
    skip.className = "sg-skip";
    skip.href = "#tabs";
    skip.textContent = words["page.skip"];
    skip.addEventListener("click", (event) => {
      event.preventDefault();
      const panel = [...document.querySelectorAll("#tabs > [role=tabpanel]")].find((one) => one.offsetParent);
      if (panel) { panel.tabIndex = -1; panel.focus(); }
    });
    document.body.prepend(skip);
    new MutationObserver(changed).observe(document, {
      childList: true, subtree: true, attributes: true, attributeFilter: ["alt", "aria-label", "role"],
    });
    addEventListener("resize", changed);
    changed();
    const wanted = sessionStorage.getItem("steelgui.tab");
    sessionStorage.removeItem("steelgui.tab");
    const early = setInterval(() => {
      if (!document.querySelector("#tabs [role=tab]")) return;
      clearInterval(early);
      if (wanted) tabButton(wanted)?.click();
      document.dispatchEvent(new Event("steelgui:ready"));
    }, 100);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
