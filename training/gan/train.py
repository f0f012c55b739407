"""Train a GAN as a generator of events: steps, checks of what it makes, saved states."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from models.checkpoint import save_checkpoint
from models.files import atomic_path
from models.progressive import ProgressiveGenerator
from models.sidecar import read_sidecar, seen_line
from models.spec import NetworkSpec, Preprocess
from models.start import start_has_seen
from training.config import ConfigError
from training.events import Busy, Checked, Event, Finished, Note, Saved, Started, Step
from training.gan.config import GanConfig
from training.gan.grid import COLUMNS, ROWS, save_sheet
from training.gan.measure import Features, Likeness, Look, likeness, thumbnails
from training.gan.patches import Patches, load_patches
from training.gan.remedies import apply
from training.gan.start import GanStart, find_start
from training.gan.states import States
from training.gan.trainer import Trainer, generator_arguments
from training.loop import pick_device
from training.memory import memory
from training.runs import REMEDIES

#: Seconds between two events of steps: who listens can pause or stop at each.
TELL_EVERY = 0.25
#: How often a run goes back to an earlier state before it gives up.
RETRIES = 3
#: A set of samples that varies less than this, against real pictures, has collapsed.
COLLAPSED = 0.15
#: Real pictures that a check compares with; more make it slow and hardly surer.
REFERENCE = 500

Run = Generator[Event, str | None, None]


def train_gan(config: GanConfig) -> Run:
    """Train until `config.images` pictures were seen; the snapshot with the lowest KID stays in `config.best`.

    Send `"save"` to write a state at once, or one of `training.runs.REMEDIES` to change how it goes on. Closing the
    generator stops the run where it is; leaving it alone pauses it. With `config.resume` it goes on from the last
    saved state as if it had not been stopped.

    Raises:
        ConfigError, DataError, CheckpointError, ValueError: before the first event, in one sentence.
        FloatingPointError: the losses became NaN again after every retry.
        OSError: the disk is full; what was saved before is whole.
    """
    device = pick_device(config.device)
    patches = load_patches(config)
    spec = generator_spec(config, patches.classes)
    states = States(config.out / "checkpoints")
    if config.resume:
        value = states.latest()
        try:
            # Not read again: what it started from may have been deleted or trained on since.
            start = GanStart.from_facts(value["trainer"]["start"])
            spec = start.shaped(spec)
            trainer = Trainer(config, spec, patches, device, start)
            trainer.load(value["trainer"])
        except RuntimeError as error:  # torch lists every tensor
            raise ConfigError(
                "resume: the saved state is of networks of another build (ngf, ndf, nz, d_norm, spectral_norm); "
                "give the run's own settings, or start afresh"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"resume: the saved state does not fit ({error}); start afresh") from error
        progress = _Progress(*value["progress"])
    else:
        start = find_start(config, spec)
        spec = start.shaped(spec)
        trainer, progress = Trainer(config, spec, patches, device, start), _Progress()
    notes = patches.notes
    if config.freeze_d and not trainer.start.judged:
        notes += ("freeze_d: nothing is frozen, since the discriminator is new and has learned nothing yet",)
    yield Started(config.images, 1, trainer.start.sentence, patches.counts(), str(device), notes, trainer.seen)
    yield from _Loop(config, spec, trainer, patches, states, progress).run()


def generator_spec(config: GanConfig, classes: tuple[str, ...]) -> NetworkSpec:
    half = (0.5, 0.5, 0.5)
    return NetworkSpec(
        "generator", config.arch, classes, generator_arguments(config), preprocess=Preprocess(config.size, half, half)
    )


@dataclass
class _Progress:
    """What a resumed run has to know besides the networks: checks done, the best KID, returns to earlier states, how
    much the best's samples varied, and their side in pixels."""

    checks: int = 0
    best_kid: float = math.inf
    retries: int = 0
    best_diversity: float = 0.0
    best_side: int = 0

    def values(self) -> list[Any]:
        return [self.checks, self.best_kid, self.retries, self.best_diversity, self.best_side]

    def improved_by(self, found: Likeness, trainer: Trainer) -> bool:
        """Is it the best so far? A growing network's larger pictures always are, once they have faded in: KID likes
        the blur of the small ones, which nobody asked for."""
        growing = trainer.generator
        side: int = trainer.config.size
        if isinstance(growing, ProgressiveGenerator):
            if growing.alpha < 1 and self.best_side:
                return False
            side = growing.side
        if not (side > self.best_side or found.kid < self.best_kid):
            return False
        self.best_kid, self.best_diversity, self.best_side = found.kid, found.diversity, side
        return True


class _Loop:
    def __init__(
        self,
        config: GanConfig,
        spec: NetworkSpec,
        trainer: Trainer,
        patches: Patches,
        states: States,
        progress: _Progress,
    ) -> None:
        self.config, self.spec, self.trainer, self.states, self.progress = config, spec, trainer, states, progress
        self.patches, self.before = patches, start_has_seen(config.init, "generator")
        self.samples = config.out / "samples"
        self.samples.mkdir(parents=True, exist_ok=True)
        random = torch.Generator().manual_seed(config.seed)
        classes = len(patches.classes)
        # Classes stand side by side.
        self.fixed_z = torch.randn(ROWS * COLUMNS, config.nz, generator=random)
        self.fixed_labels = torch.arange(ROWS * COLUMNS) % COLUMNS * classes // COLUMNS
        self.check_z = torch.randn(config.check_samples, config.nz, generator=random)
        # Classes as often as among the real pictures: KID compares the whole of both.
        chosen = torch.randint(len(patches.labels), (config.check_samples,), generator=random)
        self.check_labels = patches.labels[chosen]
        self._features: Features | None = None
        self._real: Look | None = None
        self._saved_at = self._told_at = time.monotonic()
        # The state that the run went on from, if it went back or was resumed.
        self._from: int | None = trainer.seen or None

    def run(self) -> Run:
        config, trainer = self.config, self.trainer
        if trainer.seen == 0:
            yield self._save()
        if self.states.unreadable:
            self.states.forget_after(trainer.seen)
            yield Note(trainer.seen, f"resumed from an older state: {'; '.join(self.states.unreadable)}")
        self._clock()
        while not trainer.done:
            try:
                losses = trainer.step()
            except (RuntimeError, MemoryError) as error:
                yield self._smaller_batch(error)
                continue
            checking = trainer.seen >= (self.progress.checks + 1) * config.images / config.checks or trainer.done
            if checking or time.monotonic() - self._told_at >= TELL_EVERY:
                self._told_at = time.monotonic()
                values = {name: float(value) for name, value in losses.items()}
                if not all(math.isfinite(value) for value in values.values()):
                    yield self._back("the losses became NaN", self._last_good())
                    continue
                values["augment"] = trainer.augment
                if trainer.depth is not None:
                    values["depth"] = trainer.depth
                seen, speed = min(trainer.seen, config.images), round(self._speed(), 1)
                told = Step(seen, config.images, values, speed, memory(trainer.device))
                began = time.perf_counter()
                asked = yield told
                self._leave_out(began)  # a pause, say
                if asked in REMEDIES:
                    note = self._remedy(asked)
                    yield note
                    checking = checking and not note.back
                elif asked == "save" or time.monotonic() - self._saved_at >= 60 * config.save_minutes:
                    yield self._save()
            if checking:
                began = time.perf_counter()
                yield from self._check()
                self._leave_out(began)
        if not config.best.is_file():  # stopped after the last step, before its check
            yield from self._check()
        yield self._save()
        yield Finished(config.best, "all pictures seen", read_sidecar(config.best)[1]["metrics"])

    def _check(self) -> Run:
        config, trainer = self.config, self.trainer
        started = time.monotonic()
        trainer.settle()
        fakes = []
        for start in range(0, len(self.check_z), 64):
            z, labels = self.check_z[start : start + 64], self.check_labels[start : start + 64]
            fakes.append(trainer.draw(z, labels))
            yield Busy("drawing samples")
        found = yield from self._measure(torch.cat(fakes))
        self.progress.checks += 1
        best = self.progress.improved_by(found, trainer)
        grid = self.samples / f"{trainer.seen:010d}.png"
        with atomic_path(grid) as temporary:
            save_sheet(trainer.draw(self.fixed_z, self.fixed_labels), temporary, config.size)
        values = {name: round(value, 5) for name, value in asdict(found).items()}
        card = {
            "metrics": values,
            "trained_on": {
                "data": config.data.name,
                "counts": self.patches.counts(),
                "notes": list(self.patches.notes),
                # All of them or none: what is not said here must not pass for unseen.
                **({} if self.before is None else {"pictures": seen_line(self.patches.seen | self.before)}),
            },
            "start": trainer.start.sentence,
            "seen": trainer.seen,
            "config": json.loads(config.model_dump_json()),
        }
        snapshot = self.states.folder / f"generator-{trainer.seen:010d}.safetensors"
        save_checkpoint(snapshot, trainer.average, self.spec, card)
        if best:
            save_checkpoint(config.best, trainer.average, self.spec, card)
            self.states.save(self._state(), trainer.seen, best=True)
        values["seconds"] = round(time.monotonic() - started, 2)
        yield Checked(trainer.seen, values, grid, snapshot, best)
        # Young samples vary little, and going back to the like of them would help nothing.
        lost = found.diversity < COLLAPSED and self.progress.best_diversity >= 2 * COLLAPSED
        if lost and isinstance(trainer.generator, ProgressiveGenerator):
            good = self.states.best()
            if good is not None and good["trainer"]["clock"][0] < trainer.seen:
                yield self._back(f"the samples collapsed (diversity {found.diversity:.2f})", good)

    def _measure(self, fakes: Tensor) -> Generator[Event, str | None, Likeness]:
        if self._features is None:
            self._features = Features(self.config.features, self.trainer.device)
        if self._real is None:
            random = torch.Generator().manual_seed(self.config.seed)
            order, images = torch.randperm(len(self.patches.images), generator=random), self.patches.images
            look = yield from self._look(images[order[:REFERENCE]].float() / 127.5 - 1)
            # A copy is found only if its original is among those compared, and thumbnails are cheap.
            parts = order[: 4 * REFERENCE].chunk(4)
            small = [thumbnails(images[part].float() / 127.5 - 1) for part in parts]
            self._real = look._replace(thumbnails=torch.cat(small))
        return likeness(self._real, (yield from self._look(fakes)))

    def _look(self, pictures: Tensor) -> Generator[Event, str | None, Look]:
        assert self._features is not None
        found = []
        for batch in self._features.batches(pictures):
            found.append(batch)
            yield Busy("measuring samples")
        return Look(torch.cat(found), thumbnails(pictures))

    def _state(self) -> dict[str, Any]:
        return {"trainer": self.trainer.state(), "progress": self.progress.values()}

    def _save(self) -> Saved:
        path = self.states.save(self._state(), self.trainer.seen)
        self._saved_at = time.monotonic()
        return Saved(path, self.trainer.seen, False)

    def _last_good(self) -> dict[str, Any]:
        """The newest state, or an older one where that has led to NaN before: half the rate does not always help."""
        state = self.states.latest()
        seen = state["trainer"]["clock"][0]
        if seen == self._from and self.progress.retries and self.states.drop(seen):
            state = self.states.latest()
        return state

    def _back(self, reason: str, state: dict[str, Any]) -> Note:
        """Go on from an earlier state with half the learning rates; FloatingPointError after the last retry."""
        self.progress.retries += 1
        if self.progress.retries > RETRIES:
            raise FloatingPointError(
                f"{reason} again after {RETRIES} returns to an earlier state; lower g_rate and d_rate, or use fp32"
            )
        return self._return_to(state, reason)

    def _return_to(self, state: dict[str, Any], reason: str, remedy: str | None = None) -> Note:
        """Load an earlier state, halve the learning rates, keep what remedies have changed, and save that."""
        trainer, rate = self.trainer, self.trainer.rate / 2
        factors = trainer.g_factor, trainer.d_factor, trainer.least_augment
        trainer.load(state["trainer"])
        trainer.rate = rate
        trainer.g_factor, trainer.d_factor, trainer.least_augment = factors
        trainer.augment = max(trainer.augment, trainer.least_augment)
        self.progress.checks = min(self.progress.checks, state["progress"][0])
        self.states.forget_after(trainer.seen)
        self.states.save(self._state(), trainer.seen)
        self._from = trainer.seen
        self._clock()
        text = f"{reason}: back to {trainer.seen} pictures seen, at {rate:g} of the learning rates"
        return Note(trainer.seen, text, remedy, back=True)

    def _remedy(self, name: str) -> Note:
        """Do what was asked for, and save it at once: a run that is killed now keeps it."""
        trainer = self.trainer
        if name == "best":
            good = self.states.best()
            if good is not None and good["trainer"]["clock"][0] < trainer.seen:
                return self._return_to(good, "asked for the best snapshot", name)
            return Note(trainer.seen, "there is no better snapshot to go back to; nothing was changed")
        done, text = apply(trainer, name)
        self._save()
        return Note(trainer.seen, text, name if done else None)

    def _clock(self) -> None:
        """Measure the speed from here on."""
        self._since, self._before = time.perf_counter(), self.trainer.seen

    def _leave_out(self, began: float) -> None:
        """What happened since then was no training; the clock may have been set meanwhile."""
        self._since += time.perf_counter() - max(began, self._since)

    def _speed(self) -> float:
        """Pictures a second, without the time that checks and pauses took."""
        return (self.trainer.seen - self._before) / (time.perf_counter() - self._since)

    def _smaller_batch(self, error: RuntimeError | MemoryError) -> Note:
        trainer = self.trainer
        if not _out_of_memory(error):
            raise error
        # What the step had got to would be added to the next one.
        for network in (trainer.generator, trainer.discriminator):
            network.zero_grad(set_to_none=True)
        if trainer.batch < 4:
            raise ConfigError(
                f"out of memory with a batch of {trainer.batch} pictures; choose a smaller size, ngf or ndf"
            ) from error
        trainer.batch //= 2
        if trainer.device.type == "cuda":
            torch.cuda.empty_cache()
        return Note(trainer.seen, f"out of memory: the batch is now {trainer.batch} pictures")


def _out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Torch has a class of its own for GPUs only; on the CPU the message tells, and each system has another."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error)
    return "DefaultCPUAllocator" in said or "not enough memory" in said or "bad_alloc" in said
