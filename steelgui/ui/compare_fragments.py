"""A comparison's result as HTML: the table, speed against accuracy, each model's classes. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from steelgui.ui import retrain_fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.studio_fragments import panel

Result = Mapping[str, Any]
#: Of each kind of model the columns of the table, the one that counts first.
FIGURES = {
    "classifier": ("accuracy", "macro_f1", "macro_precision", "macro_recall", "roc_auc"),
    "segmenter": ("dice_positive", "dice", "iou"),
}
OF_CLASS = {
    "classifier": ("precision", "recall", "f1", "roc_auc"),
    "segmenter": ("dice_positive", "dice", "iou"),
}
WIDTH, HEIGHT, LEFT, BOTTOM, LINE = 720, 300, 44, 34, 14
#: Of points that are not beaten, and of others.
FRONT, OTHER = "#D55E00", "#7f8792"


def empty(t: Translator) -> str:
    """Where the answer will stand, and what has to be done for it."""
    return panel("none", t("compare.empty"), t("compare.empty_text"))


def headline(result: Result, t: Translator) -> str:
    """Which model is best by the figure that counts, and which none beats in speed and figure together."""
    judged = [row for row in result["models"] if row.get("figures")]
    if not judged:
        return panel("defect", t("compare.none"), t("compare.none_text"), "none")
    kind = judged[0]["kind"]
    name, own = FIGURES[kind][0], [row for row in judged if row["kind"] == kind]
    best = max(own, key=lambda row: row["figures"][name] or 0)
    interval = best["intervals"][name]
    said = {key: "–" if interval[key] is None else f"{interval[key]:.3f}" for key in ("value", "low", "high")}
    word = t("compare.best", model=best["model"], figure=t.figure(name), **said)
    front = ", ".join(row["model"] for row in own if row["pareto"])
    return panel("ok", word, t("compare.front", models=front), "finished")


def answer(result: Result, t: Translator) -> str:
    """All of it: for each kind of model a table and a picture, then the models one by one."""
    kinds = [kind for kind in FIGURES if any(row["kind"] == kind for row in result["models"])]
    parts = [_table(result, kind, t) + pareto(result, kind, t) for kind in kinds]
    each = "".join(_model(result, row, t) for row in result["models"] if row.get("figures"))
    return "".join(parts) + (f'<div class="sg-confusions">{each}</div>' if each else "") + _notes(result, t)


def _table(result: Result, kind: str, t: Translator) -> str:
    """A row a model; the best of each column stands out, and who came to nothing says why."""
    rows = [row for row in result["models"] if row["kind"] == kind]
    best = {name: _best(rows, name) for name in FIGURES[kind]}
    columns = [*(t.figure(name) for name in FIGURES[kind]), t("compare.parameters"), t("compare.ms")]
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in (t("compare.model"), *columns))
    body = "".join(_row(row, best, len(columns), t) for row in rows)
    counts = result["counts"].get(kind)
    said = t("compare.counts", **counts) if counts else ""
    return (
        f'<section class="sg-data sg-kinds"><h2>{escape(t(f"compare.{kind}s"))}</h2>'
        f'<p class="sg-meta">{escape(said)}</p><div class="sg-scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _row(row: Result, best: Mapping[str, float | None], columns: int, t: Translator) -> str:
    name = f'<th scope="row">{escape(row["model"])}<small>{escape(input_of(row, t))}</small></th>'
    failed = escape(t("compare.failed", why=t.said(row["error"]))) if row["error"] else ""
    if not row.get("figures"):
        return f'<tr>{name}<td colspan="{columns}" class="sg-error-text">{failed}</td></tr>'
    cells = []
    for figure, top in best.items():
        value, interval = row["figures"].get(figure), row["intervals"].get(figure)
        said = "–" if value is None else f"{value:.3f}"
        if interval and interval["low"] is not None:
            said += f"<small>{interval['low']:.2f} … {interval['high']:.2f}</small>"
        cells.append(f'<td class="{"sg-best" if value is not None and value == top else ""}">{said}</td>')
    cells += [f"<td>{row['parameters'] / 1e6:.2f}</td>", f"<td>{row['ms']:.1f}</td>"]
    told = f'<tr><td colspan="{columns + 1}" class="sg-error-text">{failed}</td></tr>' if failed else ""
    return f'<tr class="{"sg-front" if row["pareto"] else ""}">{name}{"".join(cells)}</tr>{told}'


def input_of(row: Result, t: Translator) -> str:
    """What the network is given of a picture."""
    if not row.get("input"):
        return ""
    shape = f"{row['input']['height']}×{row['input']['width']}"
    return t(f"compare.tiles_{row['input']['tiles']}", shape=shape)


def pareto(result: Result, kind: str, t: Translator) -> str:
    """The figure that counts against milliseconds a picture; those that none beats in both are joined."""
    name = FIGURES[kind][0]
    rows = [row for row in result["models"] if row["kind"] == kind and row.get("figures")]
    rows = [row for row in rows if row["figures"][name] is not None]
    if not rows:
        return ""
    times, values = [row["ms"] for row in rows], [row["figures"][name] for row in rows]
    least, most = math.log10(min(times)) - 0.1, math.log10(max(times)) + 0.1
    low, high = max(0.0, min(values) - 0.05), min(1.0, max(values) + 0.05)

    def place(ms: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - 16) * (math.log10(ms) - least) / (most - least)
        return x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * (value - low) / max(high - low, 1e-6)

    parts = [_axes(place, (least, most), (low, high), t("compare.ms_long"))]
    front = sorted(place(row["ms"], row["figures"][name]) for row in rows if row["pareto"])
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in front)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{FRONT}" stroke-width="2" stroke-opacity=".6"/>')
    taken: list[tuple[float, float]] = []
    for row in sorted(rows, key=lambda row: row["figures"][name]):
        x, y = place(row["ms"], row["figures"][name])
        colour, right = FRONT if row["pareto"] else OTHER, x > WIDTH - 180
        label = _free(x, y, taken)
        taken.append((x, label))
        words = f"{row['model']}: {row['figures'][name]:.3f}, {row['ms']:.1f} ms"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"><title>{escape(words)}</title></circle>'
            f'<text x="{x + (5 if right else -5):.1f}" y="{label:.1f}" text-anchor="{"end" if right else "start"}">'
            f"{escape(row['model'])}</text>"
        )
    title = escape(t("compare.pareto", figure=t.figure(name)))
    return (
        f'<figure class="sg-intervals sg-pareto"><figcaption>{title}</figcaption>'
        f'<div class="sg-scroll"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" font-size="12" '
        f'fill="currentColor">{"".join(parts)}</svg></div>'
        f'<p class="sg-meta">{escape(_measured(result, t))}</p></figure>'
    )


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> float:
    """Height of a point's name: above it, else below, else farther off, where no other name stands."""
    places = [y + side for step in range(8) for side in (-9 - step * LINE, 18 + step * LINE)]
    inside = [place for place in places if LINE < place < HEIGHT - BOTTOM]
    free = (at for at in inside if not any(abs(at - label) < LINE and abs(x - other) < 170 for other, label in taken))
    return next(free, y - 9)


def _axes(
    place: Callable[[float, float], tuple[float, float]],
    times: tuple[float, float],
    values: tuple[float, float],
    along: str,
) -> str:
    """Grid and numbers; `times` are powers of ten of the ends."""
    parts, right = [], WIDTH - 16
    for step in range(5):
        value = values[0] + (values[1] - values[0]) * step / 4
        _, y = place(10 ** times[0], value)
        parts.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" stroke-opacity=".12"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
        )
    marks = [m * 10**e for e in range(-2, 6) for m in (1, 2, 5)]
    for mark in marks:
        if times[0] <= math.log10(mark) <= times[1]:
            x, _ = place(mark, values[0])
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{mark:g}</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 4}" text-anchor="end">{escape(along)}</text>')
    return "".join(parts)


def _model(result: Result, row: Result, t: Translator) -> str:
    """Its confusion matrix, where there is one, and its figures by class."""
    classes = result["classes"][row["kind"]]
    matrix = retrain_fragments.confusion(classes, row["confusion"], row["model"], t) if row["confusion"] else ""
    names = OF_CLASS[row["kind"]]
    # The matrix above it bears the model's name already; an empty heading would be read out.
    head = "<td></td>" if matrix else f'<th scope="col">{escape(row["model"])}</th>'
    head += "".join(
        f'<th scope="col">{escape(column)}</th>' for column in (*(t.figure(name) for name in names), t("compare.n"))
    )
    body = "".join(
        f'<tr><th scope="row">{escape(t.short(label))}</th>'
        + "".join(f"<td>{'–' if of[name] is None else f'{of[name]:.3f}'}</td>" for name in names)
        + f"<td>{of['n']:.0f}</td></tr>"
        for label, of in row["per_class"].items()
    )
    return (
        f'<section class="sg-one-model">{matrix}<div class="sg-data sg-scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _notes(result: Result, t: Translator) -> str:
    notes = [t("compare.method", seeds=len(result["seeds"]), epochs=result["config"]["epochs"])]
    notes += [t.said(note) for note in result["notes"]]
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="sg-data"><h2>{escape(t("report.how"))}</h2><ul>{items}</ul></section>'


def _measured(result: Result, t: Translator) -> str:
    of = result["machine"]
    return t(
        "compare.measured", device=of["device"], processor=of["processor"], threads=of["threads"], turns=of["turns"]
    )


def _best(rows: Sequence[Result], name: str) -> float | None:
    values = [row["figures"].get(name) for row in rows if row.get("figures")]
    return max((value for value in values if value is not None), default=None)
