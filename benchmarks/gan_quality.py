"""KID of what a user gets, our recipe over the thesis's, on one NEU class: several seeds, many pictures or few.

    uv run python benchmarks/gan_quality.py --size 64 --pictures 240 --seeds 3

Ours is judged by the best snapshot that it kept, the thesis preset by its last state, as its user would have had it;
ours by its last state as well, since it must not fall apart when it is left running. KID is measured with the ImageNet
MobileNetV2 of ../shared/weights on pictures drawn from new seeds, against all training pictures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from models.checkpoint import load_checkpoint
from models.files import atomic_write
from training.gan.config import gan_config
from training.gan.report import report_on
from training.gan.train import train_gan

SHARED = Path(__file__).resolve().parents[2] / "shared"


def subset(label: str, pictures: int, folder: Path) -> Path:
    """The first `pictures` training pictures of a class, and its validation pictures, in a folder of their own."""
    source = SHARED / "data" / "neu-det"
    rows = [line.split(",") for line in (source / "split.csv").read_text().splitlines()[1:]]
    kept = [row for row in rows if row[1] == label and row[3] == "train"][:pictures]
    kept += [row for row in rows if row[1] == label and row[3] == "validation"]
    for row in kept:
        target = folder / row[0]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row[0], target)
    table = ["image,label,group,split", *(",".join(row) for row in kept)]
    (folder / "split.csv").write_text("\n".join(table) + "\n")
    return folder


def run(preset: str, data: Path, out: Path, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    values = {"data": data, "out": out, "class": options.label, "size": options.size, "images": options.images}
    features = str(SHARED / "weights" / "mobilenetv2_100.safetensors")
    values |= {"seed": seed, "features": features, "checks": options.checks}
    if options.width:
        values |= {"ngf": options.width, "ndf": options.width}
    if preset != "thesis":
        values |= json.loads(options.change)
    config = gan_config(values, preset)
    last = ""
    for event in train_gan(config):
        if event.kind == "checked":
            last = str(event.snapshot)
            print(f"  {preset} seed {seed} {event.step}: {event.values}", flush=True)
    judged = {"best": config.best, "last": Path(last)}
    stored = json.loads(config.model_dump_json())
    return {name: report_on(load_checkpoint(path), stored, 500) for name, path in judged.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label", default="scratches")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--images", type=int, default=200_000, help="real pictures seen")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=0, help="ngf and ndf of both; the presets' own by default")
    parser.add_argument("--checks", type=int, default=20)
    parser.add_argument("--preset", default="quick", help="our recipe")
    parser.add_argument("--change", default="{}", help="JSON of fields that differ from it")
    parser.add_argument(
        "--answers", type=Path, help="FILE of the runs that have ended with these settings; they are not run again"
    )
    options = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {options.preset: [], "thesis": []}
    answers: Path | None = options.answers
    known: dict[str, Any] = json.loads(answers.read_text()) if answers and answers.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        data = subset(options.label, options.pictures, Path(folder) / "data")
        for seed in range(options.seeds):
            for preset, found in rows.items():
                name = f"{preset}-{seed}"
                if name not in known:
                    known[name] = run(preset, data, Path(folder) / name, seed, options)
                    if answers:
                        atomic_write(answers, json.dumps(known))
                found.append(known[name])
    ours = [row["best"]["kid"] for row in rows[options.preset]]
    ours_last = [row["last"]["kid"] for row in rows[options.preset]]
    thesis = [row["last"]["kid"] for row in rows["thesis"]]
    print(f"floor (real against real): {rows['thesis'][0]['last']['floor']}")
    print(f"ours, best snapshot {ours}; ours, last state {ours_last}; thesis, last state {thesis}")
    each = ", ".join(f"{one / other:.2f}" for one, other in zip(ours, thesis, strict=True))
    print(f"ours / thesis: {statistics.mean(ours) / statistics.mean(thesis):.2f} (means; seed by seed {each})")
    print(f"ours, last / best: {statistics.mean(ours_last) / statistics.mean(ours):.2f}")


if __name__ == "__main__":
    main()
