// The dialog with one stored inspection: `makeDetail(dialog, act)` is given what the page can do, and opens by number.
function makeDetail(dialog, act) {
  const viewer = makeViewer(dialog.querySelector(".sg-viewer"), dialog.querySelector('[name="divider"]'));
  const sight = dialog.querySelector(".sg-sight");
  const compared = dialog.querySelector(".sg-compared");
  const panel = dialog.querySelector(".sg-panel");
  const steps = Object.fromEntries([...dialog.querySelectorAll("[data-step]")].map((one) => [one.dataset.step, one]));
  let shown = null;
  let asked = 0;
  let hidden = new Set();

  async function open(id) {
    const number = ++asked;
    const found = await act.ask("open", { ...act.query(), id });
    if (!found || number !== asked) return;
    shown = found;
    dialog.querySelector("header h2").textContent = found.name;
    panel.innerHTML = found.panel;
    act.times(panel);
    picture();
    if (!dialog.open) dialog.showModal();
    viewer.show(found.picture, found.layers, found.size, found.name);
    // What somebody does not want to see stays hidden from picture to picture.
    for (const box of panel.querySelectorAll("[data-layer]")) {
      box.checked = !hidden.has(box.dataset.layer);
      viewer.toggle(box.dataset.layer, box.checked);
    }
    steps[-1].disabled = found.previous === null;
    steps[1].disabled = found.following === null;
    // Keys reach nobody from a button that has just been switched off.
    if (document.activeElement.disabled || !dialog.contains(document.activeElement)) dialog.querySelector(".sg-viewer").focus();
  }

  function picture() {
    compared.hidden = true;
    sight.hidden = false;
  }

  async function compare() {
    const answer = await act.ask("compare", { ids: [shown.id] }, true);
    if (!answer || !dialog.open) return;
    compared.innerHTML = answer.html;
    compared.hidden = false;
    sight.hidden = true;
    compared.scrollIntoView({ block: "start" });
  }

  function step(by) {
    const id = by < 0 ? shown?.previous : shown?.following;
    if (id) open(id);
  }

  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.closest(".sg-told")) return;
    const { zoom, step: by, do: what } = button.dataset;
    if (zoom) ({ in: () => viewer.zoomBy(1.5), out: () => viewer.zoomBy(1 / 1.5), fit: viewer.fit })[zoom]();
    else if (by) step(Number(by));
    else if (what === "close") dialog.close();
    else if (what === "compare") compare();
    else if (what === "back-to-picture") picture();
    else if (what === "keep") act.change("keep", { id: shown.id }).then((answer) => { if (answer) picture(); });
    else if (what === "delete" || what === "restore") leave(what);
    else if (what) act.do(what, [shown.id]);
  });

  // What is deleted is gone from the list: the next one comes, or the one before, or the list.
  async function leave(what) {
    const next = shown.following ?? shown.previous;
    if (!(await act.do(what, [shown.id]))) return;
    if (next) open(next);
    else dialog.close();
  }

  panel.addEventListener("change", (event) => {
    const { layer } = event.target.dataset;
    if (!layer) return;
    if (event.target.checked) hidden.delete(layer);
    else hidden.add(layer);
    viewer.toggle(layer, event.target.checked);
  });

  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });

  dialog.addEventListener("close", () => {
    asked += 1;
    act.closed(shown?.id);
  });

  return {
    open,
    compare: async (id) => { await open(id); if (shown?.id === id) await compare(); },
    again: () => shown && dialog.open && open(shown.id),
    get id() { return dialog.open ? shown?.id : null; },
  };
}
