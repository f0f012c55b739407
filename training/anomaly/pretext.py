"""Train CutPaste: tell good pictures from those with a patch or a scar, then fit the densities of good ones."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from models.anomaly import round_parameters
from models.cutpaste import CutPaste
from models.imaging import normalise
from models.spec import NetworkSpec, Preprocess
from models.start import Start, start_from
from training.anomaly.config import AnomalyConfig
from training.anomaly.cutpaste import cut_paste, jittered, scar
from training.anomaly.learned import Learned
from training.anomaly.material import GoodMaterial
from training.anomaly.steps import Progress, train_steps
from training.anomaly.tiles import Tiles, as_floats, judge_held
from training.events import Event, Started

#: Patches that the map's density is fitted to, drawn at random from all.
POOL = 100_000


def learn_cutpaste(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """Train, fit, and judge the good pictures that were kept back."""
    torch.manual_seed(config.seed)
    network = CutPaste(0, config.encoder, config.layers).to(device)
    arguments = {"encoder": config.encoder, "layers": sorted(set(config.layers))}
    spec = NetworkSpec("anomaly", config.method, (material.normal,), arguments, preprocess=Preprocess(config.size))
    start = start_from(network.encoder, spec, config.init)
    tiles = Tiles(config, material)
    progress = Progress(config.steps + len(tiles.held))
    yield Started(progress.total, 1, start.sentence, {material.normal: len(material.good)}, str(device), material.notes)
    yield from train_cutpaste(config, network, spec, start, tiles, progress)
    judged = yield from judge_held(network, spec, tiles, progress)
    spec = replace(spec, arguments={**arguments, "calibration": len(judged)})
    return Learned(network, spec, start, judged, tuple(tiles.notes))


def train_cutpaste(
    config: AnomalyConfig, network: CutPaste, spec: NetworkSpec, start: Start, tiles: Tiles, progress: Progress
) -> Iterator[Event]:
    """The three-way pretext task (section 2.2), then both densities; `network` is ready but for `good`."""
    network.to(memory_format=torch.channels_last)
    encoder = replace(start, taken=frozenset(f"encoder.{name}" for name in start.taken))

    def loss(step: int) -> tuple[dict[str, Tensor], int]:
        images, kinds = three_way(tiles, step, config)
        logits = network.pretext(normalise(images, spec.preprocess).to(network.good.device))
        right = (logits.argmax(1).cpu() == kinds).float().mean()
        return {"loss": F.cross_entropy(logits.float(), kinds.to(logits.device)), "right": right}, len(kinds)

    yield from train_steps(config, network, encoder, loss, progress, "cutpaste")
    round_parameters(network)
    fit_densities(network, spec, tiles, config.seed)


def three_way(tiles: Tiles, step: int, config: AnomalyConfig) -> tuple[Tensor, Tensor]:
    """Images (3N×3×S×S, 0 to 255) of N = `config.batch_size` tiles: as they are, with a patch, with a scar; and which
    is which (3N, 0 to 2). All are lit a little differently, so that light tells nothing."""
    made = []
    for tile, rng in tiles.draw(step, config.batch_size, config.flips):
        made.append([jittered(one, rng) for one in (tile, cut_paste(tile, rng)[0], scar(tile, rng)[0])])
    images = as_floats([triple[kind] for kind in range(3) for triple in made])
    return images.contiguous(memory_format=torch.channels_last), torch.arange(3).repeat_interleave(len(made))


@torch.inference_mode()
def fit_densities(network: CutPaste, spec: NetworkSpec, tiles: Tiles, seed: int) -> None:
    """Gaussians around the features of all tiles that are learned from."""
    random = torch.Generator().manual_seed(seed)
    each = max(32, POOL // len(tiles))
    wholes, patches = [], []
    for images in tiles.plain(16):
        whole, found = network.features(normalise(images, spec.preprocess).to(network.good.device))
        wholes.append(whole)
        flat = found.flatten(1, 2)
        patches.append(flat[:, torch.randperm(flat.shape[1], generator=random)[:each].to(flat.device)].flatten(0, 1))
    network.whole.fit(torch.cat(wholes))
    network.patches.fit(torch.cat(patches))
