"""The loop that the trained methods of anomaly detection share: so many steps, a state now and then, events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.files import atomic_path
from models.start import Start
from training.anomaly.config import AnomalyConfig
from training.config import ConfigError
from training.events import Step
from training.libraries import AdamW
from training.loop import autocast

#: Steps between two saved states.
SAVE_EVERY = 100
#: Learning rate of layers taken from a start, as a part of the new layers'; and AdamW's decay.
START_RATE, DECAY = 0.3, 1e-4


@dataclass
class Progress:
    """How far a method of several parts has come, in steps of all of them."""

    total: int
    done: int = 0
    since: float = field(default_factory=time.perf_counter)
    seen: int = 0

    def step(self, pictures: int, losses: dict[str, float] | None = None) -> Step:
        self.done, self.seen = self.done + 1, self.seen + pictures
        return Step(self.done, self.total, losses or {}, self.seen / (time.perf_counter() - self.since))


def train_steps(
    config: AnomalyConfig,
    network: nn.Module,
    start: Start,
    loss: Callable[[int], tuple[dict[str, Tensor], int]],
    progress: Progress,
    state: str,
) -> Iterator[Step]:
    """`config.steps` steps of AdamW on a one-cycle schedule, `network` then in inference mode.

    With `config.resume` it goes on from the last saved state as if it had not been stopped, or begins where there is
    none.

    Args:
        network: what is trained; layers taken from a start move slower.
        loss: number of the step → losses by name, whose key `loss` is minimised, and how many pictures that took.
        state: name of the part's state file in `config.out`.

    Raises:
        ConfigError: the saved state does not fit.
        FloatingPointError: the loss became NaN.
    """
    device = next(network.parameters()).device
    parameters = [(name in start.taken, p) for name, p in network.named_parameters() if p.requires_grad]
    rates = {True: config.learning_rate * START_RATE, False: config.learning_rate}
    optimizer = AdamW(
        [{"params": [parameter], "lr": rates[taken]} for taken, parameter in parameters], weight_decay=DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [rates[taken] for taken, _ in parameters], total_steps=config.steps, pct_start=0.15
    )
    parts, path = (network, optimizer, schedule), config.out / f"{state}.pt"
    first = _load(path, parts, config.steps) if config.resume else 0
    progress.done += first
    network.train()
    for step in range(first, config.steps):
        with autocast(config.precision, device):
            losses, pictures = loss(step)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        values = {name: float(value.detach()) for name, value in losses.items()}
        if values["loss"] != values["loss"]:
            raise FloatingPointError(
                f"the loss became NaN at step {step + 1}; lower learning_rate ({config.learning_rate}) or use fp32"
            )
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == config.steps:
            _save(path, parts, step + 1, config.steps)
        yield progress.step(pictures, values)
    network.eval()


def _save(path: Path, parts: tuple[Any, ...], step: int, steps: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {"parts": [part.state_dict() for part in parts], "step": step, "steps": steps}
    with atomic_path(path) as temporary:
        torch.save(value, temporary)


def _load(path: Path, parts: tuple[Any, ...], steps: int) -> int:
    """Steps that the state has behind it; 0 where there is none."""
    if not path.is_file():
        return 0
    try:
        value = torch.load(path, weights_only=True, map_location="cpu")
        if value["steps"] != steps:
            raise ValueError(f"it was planned for {value['steps']} steps, not {steps}")
        for part, saved in zip(parts, value["parts"], strict=True):
            part.load_state_dict(saved)
    except Exception as error:  # torch.load raises anything from KeyError to UnpicklingError
        raise ConfigError(
            f"resume: {path.name} does not fit this training ({error}); start afresh without --resume"
        ) from error
    return int(value["step"])
