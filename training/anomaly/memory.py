"""Fill a memory bank with patches of good parts, and calibrate it on parts that it did not know."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.anomaly import round_parameters
from models.imagefile import ImageError
from models.imaging import to_input
from models.memory_bank import MemoryBank, distances, judge_cells
from models.spec import NetworkSpec, Preprocess
from models.start import start_from
from models.tiling import plan_tiles
from training.anomaly.config import AnomalyConfig
from training.anomaly.coreset import EVERY, coreset
from training.anomaly.learned import Learned
from training.anomaly.material import FEWEST, GoodMaterial, folds_of, load_good
from training.data.record import DataError, Sample
from training.events import Event, Note, Started, Step

#: Patches among which a bank is chosen; of more pictures each gives fewer, drawn at random.
POOL = 60_000
#: So many tiles that vary alike everywhere are thought to have been seen besides: a few tell little of a place.
PRIOR = 10
#: Bytes of patches that are kept to calibrate on; with more pictures, some at random calibrate.
KEPT = 2**30


@dataclass(frozen=True)
class _Picture:
    """Patches of a good picture: P×C of them to learn from, and all, T×C×h×w of its tiles, to be judged by."""

    sample: Sample
    some: Tensor
    all: Tensor | None


def learn_memory_bank(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """Read every good picture once, judge each by a bank of the other folds', and remember all."""
    preprocess = Preprocess(config.size)
    blank = MemoryBank(0, 1, config.encoder, config.layers, side=1).to(device).eval()
    arguments = {"encoder": config.encoder, "layers": sorted(set(config.layers))}
    spec = NetworkSpec("anomaly", config.method, (material.normal,), arguments, preprocess=preprocess)
    start = start_from(blank.encoder, spec, config.init)
    round_parameters(blank)
    each, total = -(-config.bank // EVERY), steps_for(config, len(material.good))
    counts = {material.normal: len(material.good)}
    yield Started(total, 1, start.sentence, counts, str(device), material.notes)
    since, notes = time.perf_counter(), []
    pictures: list[_Picture] = []
    for step, found in enumerate(_read(blank, preprocess, material.good, config.seed), 1):
        if isinstance(found, _Picture):
            pictures.append(found)
        else:
            notes.append(f"left out: {found}")
            yield Note(step, notes[-1])
        speed = step / (time.perf_counter() - since)
        yield Step(step, total, {}, speed)
    if len(pictures) < 2:
        raise DataError(f"{config.data}: {len(pictures)} of its good pictures can be read; the first: {notes[0]}")
    folds = folds_of([picture.sample for picture in pictures], config.folds, config.seed)
    held: dict[int, Tensor] = {}
    step = len(material.good)
    for fold in range(int(folds.max()) + 1):
        known = [picture for picture, own in zip(pictures, folds, strict=True) if own != fold]
        bank = yield from _remember(config, known, step, total, speed)
        held |= {
            number: distances(picture.all, bank)
            for number, picture in enumerate(pictures)
            if folds[number] == fold and picture.all is not None
        }
        step += each
    bank = yield from _remember(config, pictures, step, total, speed)
    held = dict(sorted(held.items()))
    (gain, shift), good = judge_held(list(held.values()))
    spec = replace(spec, arguments={**arguments, "calibration": len(held), "bank": len(bank), "side": len(gain)})
    network = MemoryBank(len(held), len(bank), config.encoder, config.layers, len(gain)).to(device).eval()
    network.encoder.load_state_dict(blank.encoder.state_dict())
    with torch.no_grad():
        network.bank.copy_(bank)
        network.gain.copy_(gain)
        network.shift.copy_(shift)
        network.good.copy_(good)
    yield Step(total, total, {}, speed)
    return Learned(network, spec, start, tuple(pictures[number].sample for number in held), tuple(notes))


def steps_for(config: AnomalyConfig, pictures: int) -> int:
    """How many steps it takes to remember so many good pictures."""
    return pictures + (config.folds + 1) * -(-config.bank // EVERY)


def _read(
    blank: MemoryBank, preprocess: Preprocess, samples: tuple[Sample, ...], seed: int
) -> Iterator[_Picture | ImageError]:
    """Each sample's patches, in an order drawn at random; or why it cannot be read."""
    rng = np.random.default_rng(seed)
    each, kept, calibrating = max(32, POOL // len(samples)), 0, 0
    device = blank.bank.device
    for index in rng.permutation(len(samples)).tolist():
        try:
            image = load_good(samples[index])
        except ImageError as error:
            yield error
            continue
        tiles = to_input(image, plan_tiles(*image.shape[:2]), preprocess).to(device)
        with torch.inference_mode():
            patches = blank.patches(tiles).half()
        flat = patches.permute(0, 2, 3, 1).flatten(0, 2)
        some = flat[torch.from_numpy(rng.permutation(len(flat))[:each]).to(device)]
        keep = kept + patches.nbytes <= KEPT or calibrating < FEWEST
        if keep:
            kept, calibrating = kept + patches.nbytes, calibrating + 1
        yield _Picture(samples[index], some, patches if keep else None)


def _remember(
    config: AnomalyConfig, pictures: list[_Picture], step: int, total: int, speed: float
) -> Generator[Event, None, Tensor]:
    """The bank as fp16 holds it."""
    pool = torch.cat([picture.some for picture in pictures]).float()
    choosing = coreset(pool, config.bank, config.seed)
    while True:
        try:
            chosen = next(choosing)
        except StopIteration as done:
            return pool[done.value]
        yield Step(step + chosen // EVERY, total, {}, speed)


def judge_held(held: list[Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Gain and shift of each place, and the N×2 rows of `Detector.good`, each by the places of the other pictures.

    Args:
        held: T×h×w distances of each of N good pictures, T its tiles, by a bank that does not know it.
    """
    sums = [torch.stack([one.sum(0), one.square().sum(0)]) for one in (cells.double() for cells in held)]
    count, both = sum(map(len, held)), torch.stack(sums).sum(0)
    rows = []
    for cells, own in zip(held, sums, strict=True):
        scores, maps = judge_cells(cells, *_places(count - len(cells), both - own))
        rows.append(torch.stack([scores.max(), maps.max()]))
    return _places(count, both), torch.stack(rows)


def _places(count: int, sums: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and shift, so that distances vary about the same mean by as much everywhere.

    Args:
        count: tiles.
        sums: 2×h×w, of their distances and of these squared.
    """
    mean, square = (sums.mean((1, 2)) / count)[:, None, None]
    means, squares = (sums + PRIOR * torch.stack([mean, square])) / (count + PRIOR)
    gain = ((square - mean**2).clamp(min=1e-9) / (squares - means**2).clamp(min=1e-9)).sqrt()
    return gain.float(), (mean - means * gain).float()
