// A picture with layers over it: zoom and pan by mouse, wheel, fingers and keys, and a divider, left of which the layers
// are hidden. `makeViewer(root, range)` takes the nodes of a `.sg-viewer` and the slider that moves its divider.
function makeViewer(root, range) {
  const under = root.querySelector(".sg-under");
  const over = root.querySelector(".sg-over");
  const pane = over.firstElementChild;
  const divider = root.querySelector(".sg-divider");
  const picture = under.querySelector("img");
  const fingers = new Map();
  let size = [1, 1];
  let view = { x: 0, y: 0, scale: 1 };
  let dragging = "";

  const box = () => root.getBoundingClientRect();
  const fitting = () => Math.min(root.clientWidth / size[0], root.clientHeight / size[1]) || 1;

  // What can be seen of the picture, from left to right: the divider stands within it.
  function seen() {
    const left = Math.max(0, view.x);
    return [left, Math.min(root.clientWidth, view.x + size[0] * view.scale) - left];
  }

  const line = () => seen()[0] + (range.value / 100) * seen()[1];

  function draw() {
    const place = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    for (const node of [picture, pane]) {
      node.style.width = `${size[0]}px`;
      node.style.height = `${size[1]}px`;
      node.style.transform = place;
    }
    root.classList.toggle("sg-pixels", view.scale * window.devicePixelRatio > 3);
    root.classList.toggle("sg-zoomed", view.scale > fitting() * 1.001);
    root.dataset.scale = view.scale.toFixed(3);
    const at = line();
    over.style.clipPath = `inset(0 0 0 ${at}px)`;
    divider.style.left = `${at}px`;
  }

  // No edge of a picture that is larger than the stage comes inside; a smaller one stands in the middle.
  function held(at, whole, part) {
    return part <= whole ? (whole - part) / 2 : Math.min(0, Math.max(whole - part, at));
  }

  function move(x, y, scale) {
    const smallest = fitting();
    view.scale = Math.min(Math.max(scale, smallest), Math.max(16, smallest));
    view.x = held(x, root.clientWidth, size[0] * view.scale);
    view.y = held(y, root.clientHeight, size[1] * view.scale);
    draw();
  }

  // The point of the picture below (x, y) of the stage stays there.
  function zoomAt(x, y, factor) {
    const scale = Math.min(Math.max(view.scale * factor, fitting()), Math.max(16, fitting()));
    const grown = scale / view.scale;
    move(x - (x - view.x) * grown, y - (y - view.y) * grown, scale);
  }

  const fit = () => move(0, 0, 0);
  const zoomBy = (factor) => zoomAt(root.clientWidth / 2, root.clientHeight / 2, factor);

  root.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 32 : 1);
    zoomAt(event.clientX - box().left, event.clientY - box().top, Math.exp(-pixels / 400));
  }, { passive: false });

  root.addEventListener("dblclick", fit);

  root.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    root.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const near = Math.abs(event.clientX - box().left - line()) < 22;
    dragging = fingers.size > 1 ? "pinch" : near ? "divider" : "pan";
  });

  root.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (dragging === "divider") {
      range.value = (100 * (now[0] - box().left - seen()[0])) / seen()[1];
      draw();
    } else if (dragging === "pinch") {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      const middle = [(now[0] + other[0]) / 2 - box().left, (now[1] + other[1]) / 2 - box().top];
      view.x += (now[0] - before[0]) / 2;
      view.y += (now[1] - before[1]) / 2;
      zoomAt(...middle, apart(now) / apart(before));
    } else {
      move(view.x + now[0] - before[0], view.y + now[1] - before[1], view.scale);
    }
    fingers.set(event.pointerId, now);
  });

  for (const end of ["pointerup", "pointercancel"]) {
    root.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      dragging = fingers.size ? "pan" : "";
    });
  }

  root.addEventListener("keydown", (event) => {
    const act = { "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: fit }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  range.addEventListener("input", draw);
  new ResizeObserver(() => move(view.x, view.y, root.classList.contains("sg-zoomed") ? view.scale : 0)).observe(root);

  return {
    fit,
    zoomBy,
    show(url, layers, measured, title) {
      size = measured;
      picture.src = url;
      picture.alt = title;
      pane.replaceChildren(...layers.map((layer) => {
        const image = document.createElement("img");
        image.src = layer.url;
        image.alt = "";
        image.draggable = false;
        image.dataset.layer = layer.name;
        return image;
      }));
      fit();
    },
    toggle(name, shown) {
      for (const image of pane.children) if (image.dataset.layer === name) image.hidden = !shown;
    },
  };
}
