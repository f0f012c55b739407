"""An experiment on paper: an HTML file that needs nothing beside it, a table of every figure, the whole as JSON."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from models.files import atomic_write
from models.imagefile import ImageError, read_image
from steelgui.services.judged import Judged, changed, of_masks
from steelgui.ui import retrain_fragments as fragments
from steelgui.ui.i18n import Translator
from training.config import STARTS

#: Pictures of each kind in the report, and their side, px.
SHOWN, SIDE = 24, 112
STYLE = """
body{font:15px/1.5 Pretendard,"Noto Sans KR","Apple SD Gothic Neo","Malgun Gothic",system-ui,sans-serif;
margin:32px auto;max-width:1000px;padding:0 16px;color:#1d2126;background:#fff;font-variant-numeric:tabular-nums}
:lang(ko){word-break:keep-all}h1{font-size:24px}h2{font-size:18px;margin-top:32px}table{border-collapse:collapse}
td,th{padding:4px 10px;text-align:right}
th[scope=row],.l{text-align:left}tr+tr{border-top:1px solid #dfe3e8}figure{margin:16px 0}svg{max-width:100%}
.sg-rates{list-style:none;max-width:720px;padding:0}.sg-rates li{display:grid;gap:12px;margin:0 0 12px;
grid-template-columns:minmax(80px,18%) 1fr 44px;align-items:center;font-size:13px;line-height:14px}
.sg-rates svg{display:block;overflow:visible}
[data-scarce]>span:first-child{font-weight:600}.sg-rates span:last-child span{display:block;text-align:right}
.sg-rates .sg-ticks{display:flex;grid-column:2;justify-content:space-between}
.sg-word{font-size:20px;font-weight:600}.sg-swatch{display:inline-block;width:12px;height:12px;border-radius:3px;
margin:0 6px 0 12px}.sg-confusions{display:flex;flex-wrap:wrap;gap:32px}.sg-confusion{min-width:0}
.sg-scroll{overflow-x:auto}caption{font-weight:600;text-align:left}
.sg-hit{background:color-mix(in srgb,#009E73 calc(var(--share)*70%),transparent)}
.sg-miss{background:color-mix(in srgb,#D55E00 calc(var(--share)*70%),transparent)}
.p{display:flex;flex-wrap:wrap;gap:12px}.p figure{margin:0;width:112px;font-size:12px}.p img{width:112px;height:112px}
"""


def write_report(result: Mapping[str, Any], folder: Path, t: Translator | None = None) -> Path:
    """Write `report.html`, `figures.csv` and `result.json`; returns the HTML's path.

    Raises:
        OSError: the folder cannot be written; each file is whole or not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "result.json", json.dumps(result, indent=1, ensure_ascii=False))
    atomic_write(folder / "figures.csv", figures_csv(result))
    path = folder / "report.html"
    atomic_write(path, report_html(result, t or Translator("en")))
    return path


def figures_csv(result: Mapping[str, Any]) -> str:
    """A row for each arm and figure, with its interval and the paired differences from plain and balanced training."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    numbers, bases = ("value", "low", "high"), ("over_plain", "over_balanced")
    differences = [name for base in bases for name in (base, f"{base}_low", f"{base}_high")]
    writer.writerow(("arm", "ratio", "figure", *numbers, *differences))
    for arm in result["arms"]:
        for name, figure in arm["figures"].items():
            # What was judged by an earlier version knows no difference from balanced training.
            compared = [figure, *(arm.get(base, {}).get(name, {}) for base in bases)]
            writer.writerow((arm["arm"], arm["ratio"], name, *(of.get(key) for of in compared for key in numbers)))
    return text.getvalue()


def report_html(result: Mapping[str, Any], t: Translator) -> str:
    """The whole report as one HTML document."""
    better, worse = changed(result)
    config, counts = result["config"], result["counts"]
    init = t(f"retrain.start_{config['init']}") if config["init"] in STARTS else Path(config["init"]).name
    facts = {
        t("report.data"): f"{result['data']['folder']} ({result['data']['fingerprint']})",
        t("report.pictures"): t("report.counts", **counts),
        t("report.classes"): ", ".join(f"{t.short(name)} {n}" for name, n in result["training_counts"].items()),
        t("report.scarce"): ", ".join(map(t.short, result["scarce"])),
        t("report.training"): t(
            "report.recipe",
            arch=config["arch"],
            size=config["size"],
            epochs=config["epochs"],
            batch=config["batch_size"],
            init=init,
        ),
        t("report.seeds"): ", ".join(map(str, result["seeds"])),
        t("report.synthetic"): ", ".join(Path(folder).name for folder in config["synthetic"]) or "–",
    }
    rows = "".join(f'<tr><th scope="row">{escape(k)}</th><td class="l">{escape(v)}</td></tr>' for k, v in facts.items())
    notes = "".join(f"<li>{escape(t.said(note))}</li>" for note in result["notes"])
    pictures = "".join(
        f"<h2>{escape(title)} ({len(found)})</h2>{_pictures(found, t)}"
        for title, found in (
            (fragments.gallery_title("better", of_masks(result), t), better),
            (fragments.gallery_title("worse", of_masks(result), t), worse),
        )
    )
    title = escape(t("report.title"))
    return (
        f'<!doctype html><html lang="{t.lang}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1>{fragments.verdict(result, t)}"
        f"{fragments.intervals(result, t, fragments.rate_of(result))}{fragments.intervals(result, t, 'recall')}"
        f"{fragments.confusions(result, t, buttons=False)}{pictures}"
        f"<h2>{escape(t('report.how'))}</h2><p>{escape(t('report.method'))}</p><table>{rows}</table><ul>{notes}</ul></html>"
    )


def _pictures(found: Sequence[Judged], t: Translator) -> str:
    items = []
    for picture in found[:SHOWN]:
        try:
            image = Image.fromarray(read_image(picture.image))
        except ImageError:
            continue  # moved since
        image.thumbnail((SIDE, SIDE))
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=80)
        data = base64.b64encode(packed.getvalue()).decode()
        items.append(
            f'<figure><img alt="{escape(t.short(picture.truth))}" src="data:image/jpeg;base64,{data}">'
            f"<figcaption>{escape(fragments.picture_caption(picture, t))}</figcaption></figure>"
        )
    return f'<div class="p">{"".join(items)}</div>'
