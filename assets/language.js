// The page's words are put in by the browser's language; the server knows better: a flag, a setting or a cookie may have
// decided, and has written it into <html lang>. To run before Gradio's modules, which ask once.
{
  const lang = document.documentElement.lang;
  Object.defineProperty(navigator, "language", { get: () => lang });
  Object.defineProperty(navigator, "languages", { get: () => [lang] });
}
