"""Does the health line see a collapse and copies, and does it keep quiet else? Planted sets of pictures, measured.

    uv run python benchmarks/gan_alarms.py --sizes 64 128

For every NEU class, planted pictures take the place of a generator's samples: one training picture again and again (a
collapse), training pictures themselves and in a mirror (a memoriser), under slight or strong noise; and real pictures
that were held out (30 a class), and one half of the training pictures against the other (both healthy). Each set ends a
run whose earlier checks were healthy, as `training.gan.health.diagnose` would meet it.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import read_dataset
from training.gan.config import GanConfig, gan_config
from training.gan.health import Health, diagnose
from training.gan.measure import Features, Likeness, likeness
from training.gan.patches import load_patches, look_at_patches
from training.material import split_samples

NEU = Path(__file__).resolve().parents[2] / "shared" / "data" / "neu-det"
#: Standard deviations of the noise, on pictures from −1 to 1: 2.5 and 13 grey levels.
SLIGHT, STRONG = 0.02, 0.1


def collapsed(real: Tensor, noise: float = SLIGHT, count: int = 128) -> Tensor:
    """One picture again and again, under noise."""
    return under_noise(real[:1].expand(count, -1, -1, -1), noise)


def memorised(real: Tensor, noise: float = SLIGHT, count: int = 128) -> Tensor:
    """Training pictures under noise."""
    chosen = torch.randint(len(real), (count,), generator=torch.Generator().manual_seed(1))
    return under_noise(real[chosen], noise)


def under_noise(pictures: Tensor, noise: float) -> Tensor:
    random = torch.Generator().manual_seed(2)
    return (pictures + noise * torch.randn(pictures.shape, generator=random)).clamp(-1, 1)


def neu(label: str, size: int) -> tuple[Tensor, Tensor]:
    """Training and held-out pictures of a class, N×1×S×S float, −1 to 1."""
    config = gan_config({"data": NEU, "out": ".", "class": label, "size": size})
    return load_patches(config).images.float() / 127.5 - 1, held_out(config, label)


def held_out(config: GanConfig, label: str) -> Tensor:
    pictures = []
    for _, part, _ in look_at_patches(split_samples(config)[2], (label,), config.dark):
        grey = torch.from_numpy(part).float().mean(2)[None, None]
        pictures.append(F.interpolate(grey, (config.size, config.size), mode="bilinear", antialias=True))
    return torch.cat(pictures) / 127.5 - 1


def verdict(found: Likeness) -> Health:
    """What the health line says of a run that ends with these figures and was healthy before."""
    steps = [{"losses": {"real": 0.6, "fake": 0.4}}] * 30
    healthy = {"diversity": 1.0, "nearest": 1.0}
    return diagnose(steps, [{"values": healthy}] * 3 + [{"values": asdict(found)}])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    sizes: list[int] = parser.parse_args().sizes
    features, wrong = Features(), 0
    for size in sizes:
        print(f"\n{size}²{'':>15} {'planted':<24} kid    coverage diversity nearest says")
        for label in (name for name in read_dataset(NEU).classes):
            real, new = neu(label, size)
            look = features.look(real)
            order = torch.randperm(len(real), generator=torch.Generator().manual_seed(3))
            half, other = (type(look)(*(part[side] for part in look)) for side in order.chunk(2))
            sets = {"held-out pictures": (look, features.look(new), "learning"), "halves": (half, other, "learning")}
            for name, noise in (("slight", SLIGHT), ("strong", STRONG)):
                for kind, pictures, wanted in (
                    ("collapse", collapsed(real, noise), "collapsing"),
                    ("copies", memorised(real, noise), "memorising"),
                    ("mirrored copies", memorised(real, noise).flip(3), "memorising"),
                ):
                    sets[f"{kind}, {name} noise"] = look, features.look(pictures), wanted
            for name, (one, two, wanted) in sets.items():
                found = likeness(one, two)
                said = verdict(found)
                wrong += said != wanted
                print(
                    f"{label:<18} {name:<28} {found.kid:6.3f} {found.coverage:8.2f} {found.diversity:9.3f} "
                    f"{found.nearest:7.3f} {said}{'' if said == wanted else f', not {wanted}'}",
                    flush=True,
                )
    print(f"\n{wrong} wrong")


if __name__ == "__main__":
    main()
