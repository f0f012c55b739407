"""A data set as HTML: which class is scarce, where its pictures lie, what is wrong with it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from steelgui.overlay import class_colours
from steelgui.services.datasets import Overview
from steelgui.services.experiments import SyntheticSet
from steelgui.ui.i18n import Translator
from steelgui.ui.studio_fragments import panel
from training.data.describe import Description, Duplicates
from training.data.record import Sample

#: So many problems, groups or files are shown; the command line has the rest.
LISTED = 5

#: What `assets/painting.js` lives in.
PAINTER = """
<div class="sg-painter">
  <div class="sg-tools" role="toolbar">
    <button type="button" data-tool="brush"></button><button type="button" data-tool="eraser"></button>
    <label><span class="sg-size"></span><input type="range" min="1" max="60" value="8"></label>
    <button type="button" data-tool="undo"></button><button type="button" data-tool="clear"></button>
    <span class="sg-hint"></span>
  </div>
  <div class="sg-canvas"><canvas role="img" tabindex="0" width="0" height="0"></canvas><i class="sg-brush"></i></div>
</div>
"""


def painter_words(t: Translator) -> dict[str, str]:
    """The painter's buttons and hints."""
    return {key: t(f"painter.{key}") for key in ("brush", "eraser", "undo", "clear", "size", "label", "hint")}


def empty(t: Translator) -> str:
    """What has to be done first, where the classes will be."""
    return panel("none", t("data.empty"), t("data.empty_text"))


def overview(seen: Overview, pools: Sequence[SyntheticSet], t: Translator) -> str:
    """A line a class: bar of its training pictures (synthetic ones hatched behind them), counts by split, masks."""
    made = {name: sum(pool.counts.get(name, 0) for pool in pools) for name in seen.counts}
    most = max((count + made[name] for name, count in seen.training.items()), default=1)
    splits = list(seen.splits)
    heads = [t("data.class"), "", t("data.pictures"), *(t.split(name) for name in splits), t("data.masks")]
    heads += [t("data.synthetic")] if any(made.values()) else []
    rows = []
    for name, count in seen.counts.items():
        scarce = name in seen.scarce
        chip = f'<span class="sg-scarce">{escape(t("data.scarce"))}</span>' if scarce else ""
        numbers = [count, *(seen.splits[split][name] for split in splits), seen.masks.get(name, 0)]
        numbers += [made[name]] if any(made.values()) else []
        cells = "".join(f"<td>{number or '–'}</td>" for number in numbers)
        rows.append(
            f'<tr class="{"sg-found" if scarce else ""}" data-class="{escape(name)}">'
            f'<th scope="row">{escape(t.short(name))}{chip}</th>'
            f'<td class="sg-track-cell"><span class="sg-track"><span class="sg-bar" '
            f'style="width:{100 * seen.training[name] / max(most, 1):.1f}%"></span><span class="sg-bar sg-made" '
            f'style="width:{100 * made[name] / max(most, 1):.1f}%"></span></span></td>{cells}</tr>'
        )
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in heads)
    title = t("data.title", n=f"{seen.pictures:,}", classes=len(seen.counts), ratio=f"{seen.imbalance:.1f}")
    return (
        f'<section class="sg-data"><h2>{escape(title)}</h2>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{_pools(pools, t)}{_problems(seen.problems, t)}"
        f'<p class="sg-meta" title="{escape(str(seen.source or seen.folder))}">'
        f"{escape(t('data.source', folder=seen.source or seen.folder))}</p></section>"
    )


def _pools(pools: Sequence[SyntheticSet], t: Translator) -> str:
    lines = [
        t(
            "data.pool",
            name=pool.name,
            counts=", ".join(f"{t.short(name)} {count}" for name, count in pool.counts.items()),
            masks=t("data.pool_masks", n=pool.masks) if pool.masks else t("data.without_mask"),
        )
        for pool in pools
    ]
    return _list(t("data.pools"), lines) if lines else ""


def _problems(problems: Sequence[str], t: Translator) -> str:
    shown = [t.said(problem) for problem in problems[:LISTED]]
    if len(problems) > LISTED:
        shown.append(t("data.more", n=len(problems) - LISTED))
    return _list(t("data.problems"), shown) if shown else ""


def _list(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h3>{escape(title)}</h3><ul>{items}</ul>"


def checked(found: Description, t: Translator) -> str:
    """What a look at every picture has found: sizes, duplicates, what cannot be read."""
    lines = []
    if found.sizes:
        small, large = (f"{width}×{height}" for width, height in (found.sizes.smallest, found.sizes.largest))
        lines.append(small if small == large else f"{small} … {large}")
    parts = [_list(t("data.sizes"), lines)] if lines else []
    exact, near = found.exact, found.near
    parts.append(_list(t("data.exact", groups=exact.total_groups, n=exact.total_images), _groups(exact, t)))
    parts.append(_list(t("data.near", groups=near.total_groups, n=near.total_images), _groups(near, t)))
    unreadable = [f"{path}: {t.said(reason)}" for path, reason in found.unreadable[:LISTED]]
    if len(found.unreadable) > LISTED:
        unreadable.append(t("data.more", n=len(found.unreadable) - LISTED))
    parts.append(_list(t("data.unreadable", n=len(found.unreadable)), unreadable))
    parts.append(_problems(found.problems, t))
    return f'<section class="sg-data">{"".join(parts)}</section>'


def _groups(alike: Duplicates, t: Translator) -> list[str]:
    shown = [" = ".join(group) for group in alike.groups[:LISTED]]
    return [*shown, t("data.more", n=alike.total_groups - LISTED)] if alike.total_groups > LISTED else shown


def chosen(sample: Sample | None, name: str, t: Translator) -> str:
    """Name, classes, split and group of the picture that is worked on."""
    if sample is None:
        return (
            f'<div class="sg-chosen"><b>{escape(t("data.nothing"))}</b>'
            f"<span>{escape(t('data.nothing_text'))}</span></div>"
        )
    colours = class_colours(sample.labels)
    labels = " ".join(
        f'<i class="sg-swatch" style="background:{colours[label]}"></i>{escape(t.short(label))}'
        for label in sample.labels
    )
    parts = [t.split(sample.split) if sample.split else t("data.no_split")]
    parts.append(t("data.with_mask") if sample.mask is not None else t("data.without_mask"))
    if sample.group:
        parts.append(t("data.group", name=sample.group))
    return (
        f'<div class="sg-chosen" data-picture="{escape(name)}">'
        f'<b title="{escape(name)}">{escape(sample.image.name)}</b>'
        f"<span>{labels}</span><span>{escape(' · '.join(parts))}</span></div>"
    )
