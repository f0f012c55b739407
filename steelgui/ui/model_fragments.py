"""Models as HTML: which there are, what each learned from, and how two of them compare. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from models.spec import FIGURES
from steelgui.services.library import ModelEntry
from steelgui.ui.i18n import Translator

if TYPE_CHECKING:
    from training.experiment.compare import Interval
    from training.experiment.paired import Comparison

COLUMNS = ("name", "kind", "classes", "figure", "learned", "size")


def table(entries: Sequence[ModelEntry], at_work: Collection[Path | None], t: Translator) -> str:
    """A line a model, those that inspect marked; a sentence for one that cannot be used."""
    head = "".join(f'<th scope="col">{escape(t(f"models.{column}"))}</th>' for column in COLUMNS)
    rows = "".join(_row(entry, entry.path in at_work, t) for entry in entries)
    return (
        f'<section class="sg-data sg-models-table"><h2>{escape(t("models.title"))}</h2>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _row(entry: ModelEntry, active: bool, t: Translator) -> str:
    mark = f'<span class="sg-scarce">{escape(t("models.active"))}</span>' if active else ""
    name = f'<th scope="row">{escape(entry.name)}{mark}</th>'
    start = f'<tr data-model="{escape(entry.name)}" class="{"sg-found" if active else ""}">{name}'
    if entry.spec is None:
        return f'{start}<td colspan="5" class="sg-error-text">{escape(t.said(entry.problem or ""))}</td></tr>'
    names = ", ".join(map(t.short, entry.spec.classes))
    cells = [
        t(f"models.{entry.spec.kind}"),
        f'<span title="{escape(names)}">{len(entry.spec.classes)}</span>',
        escape(_figure(entry, t)),
        escape(_learned(entry, t)),
        f"{entry.megabytes:.1f} MB",
    ]
    return start + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _figure(entry: ModelEntry, t: Translator) -> str:
    """The one that models of its kind are compared by, and what a classifier catches without a false alarm; a
    generator's KID."""
    assert entry.spec
    key, metrics = FIGURES.get(entry.spec.kind, "kid"), entry.card.get("metrics") or {}
    value, caught = metrics.get(key), metrics.get("caught_at_0_alarms")
    told = f"{t.figure(key)} {value:.3f}" if isinstance(value, float) else "–"
    return f"{told} · {t('models.caught', percent=f'{100 * caught:.1f}')}" if isinstance(caught, float) else told


def _learned(entry: ModelEntry, t: Translator) -> str:
    """From which data, how many pictures, and which synthetic sets beside them."""
    about, config = entry.card.get("trained_on") or {}, entry.card.get("config") or {}
    parts = [str(about.get("data") or "–")]
    if pictures := len(str(about.get("pictures", "")).split()):
        parts.append(t("models.pictures", n=f"{pictures:,}"))
    if synthetic := config.get("synthetic"):
        parts.append(t("models.synthetic", names=", ".join(Path(name).name for name in synthetic)))
    return " · ".join(parts)


def comparison(found: Comparison | None, t: Translator) -> str:
    """Both models' figures with intervals and the difference; the sentence on top."""
    if found is None:
        return f'<p class="sg-meta">{escape(t("models.compare_hint"))}</p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("", *found.names, t("models.difference")))
    rows = "".join(
        f'<tr><th scope="row">{escape(t.figure(name))}</th><td>{_interval(found.a[name])}</td>'
        f"<td>{_interval(found.b[name])}</td><td>{_interval(change, '+')}</td></tr>"
        for name, change in found.change.items()
    )
    warnings = "".join(f"<li>{escape(t.said(warning))}</li>" for warning in found.warnings)
    return (
        f'<section class="sg-data" data-verdict="{found.verdict}"><h2>{escape(t.said(found.sentence))}</h2>'
        f"<ul>{warnings}</ul><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _interval(interval: Interval, sign: str = "") -> str:
    return f"{interval.value:{sign}.3f} ({interval.low:{sign}.3f} … {interval.high:{sign}.3f})"
