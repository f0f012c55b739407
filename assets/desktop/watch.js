// In the page, in a window of its own: `steelguiWindow` is where the window's process answers.
{
  // Refused twice within seconds: the server has ended. The window's process knows why, and starts it again.
  let refused = 0;
  setInterval(async () => {
    try {
      await fetch("./manifest.json", { cache: "no-store" });
      refused = 0;
    } catch {
      refused += 1;
      if (refused === 2) location.replace(window.steelguiWindow);
    }
  }, 1500);

  // Closing a tab ends nothing, as the tab may be one of several; a button does.
  if (new URLSearchParams(location.search).has("tab")) {
    const words = window.steelguiWords;
    const line = document.createElement("p"), quit = document.createElement("a");
    line.className = "sg-quit";
    line.append(words["page.in_tab"], " ", quit);
    Object.assign(quit, { href: `${window.steelguiWindow}quit`, textContent: words["page.quit"] });
    // Gradio brings the scripts of the head when the page stands; should it once leave them there, the body is to come.
    if (document.body) document.body.append(line);
    else addEventListener("DOMContentLoaded", () => document.body.append(line));
  }
}
