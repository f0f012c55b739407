"""The loop that every training shares: epochs, early stopping, checkpoints, resume; a generator of events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.checkpoint import save_checkpoint
from models.files import atomic_path
from models.sidecar import read_sidecar, seen_line
from models.spec import NetworkSpec
from models.start import Start
from training.config import ConfigError, TrainConfig
from training.events import Event, Finished, Metric, Saved, Started, Step
from training.libraries import AdamW

Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Task:
    """What differs between trainings.

    Attributes:
        batches: epoch (from 1) → batches of that epoch, always the same ones for the same epoch.
        loss: (network, batch) → scalar losses by name; their sum under the key `loss` is minimised.
        evaluate: network → figures on the validation split.
        score: figures → one number, higher is better.
        steps_per_epoch: batches an epoch.
        counts: training samples by class.
        notes: what the user should know of the data: left-out files, classes without validation.
        seen: digests of the pictures that are learned from.
    """

    batches: Callable[[int], Iterator[Batch]]
    loss: Callable[[nn.Module, Batch], dict[str, Tensor]]
    evaluate: Callable[[nn.Module], dict[str, Any]]
    score: Callable[[dict[str, Any]], float]
    steps_per_epoch: int
    counts: dict[str, int]
    notes: tuple[str, ...]
    seen: frozenset[str] = frozenset()


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU; ConfigError for a device that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device: {name!r} is not available here ({str(error).splitlines()[0]}); use auto") from None
    return device


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """bf16 on GPUs that have it and on CPUs with instructions for it; elsewhere it is slower than fp32."""
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        fast = fast or (device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16")))
        precision = "bf16" if fast else "fp32"
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


def fit(config: TrainConfig, network: nn.Module, spec: NetworkSpec, start: Start, task: Task) -> Iterator[Event]:
    """Train, keep the best epoch's checkpoint in `config.best`, and tell about it.

    The resume state is written after each epoch; a training that was interrupted and resumed goes on as if it had not
    been (weights, optimiser, schedule, random numbers and order are restored). Closing the generator stops it.
    """
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = _parameter_groups(config, network, start)
    optimizer = AdamW(groups)
    total = config.epochs * task.steps_per_epoch
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=total, pct_start=0.15)
    scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
    average = AveragedModel(network, use_buffers=True) if config.average else None
    state = _State(config, network, optimizer, schedule, scaler, *([average] if average else []))
    done = state.load() if config.resume else 0
    yield Started(total, config.epochs, start.sentence, task.counts, str(device), task.notes)

    # Validation looks at pictures of any size, each of which would be compiled anew; it keeps the plain network.
    trained: nn.Module = torch.compile(network) if config.compile else network  # type: ignore[assignment]
    step, since, seen, reason = done * task.steps_per_epoch, time.perf_counter(), 0, "all epochs done"
    for epoch in range(done + 1, config.epochs + 1):
        network.train()
        for batch in task.batches(epoch):
            moved = tuple(tensor.to(device, non_blocking=True) for tensor in batch)
            with autocast(config.precision, device):
                losses = task.loss(trained, moved)
            scaler.scale(losses["loss"]).backward()  # type: ignore[no-untyped-call]
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            step, seen = step + 1, seen + len(batch[0])
            values = {name: float(value.detach()) for name, value in losses.items()}
            if values["loss"] != values["loss"]:
                raise FloatingPointError(
                    f"the loss became NaN in epoch {epoch}; lower learning_rate ({config.learning_rate}) or use fp32"
                )
            yield Step(step, total, values, seen / (time.perf_counter() - since))
        judged = network
        if average and config.in_last(config.average, epoch):
            average.update_parameters(network)
            judged = average.module
        if config.settle:
            settle(judged, (batch[0].to(device) for batch in islice(task.batches(epoch), config.settle)))
        judged.eval()
        figures = task.evaluate(judged)
        yield Metric(epoch, "validation", {k: v for k, v in figures.items() if isinstance(v, (int, float))})
        score = task.score(figures)
        improved = state.best is None or score > state.best
        if improved:
            state.best, state.best_epoch = score, epoch
            card = {
                "metrics": figures,
                "trained_on": {
                    "data": config.data.name,
                    "counts": task.counts,
                    "notes": list(task.notes),
                    "pictures": seen_line(task.seen | start.seen),
                },
                "start": start.sentence,
                "epoch": epoch,
                "config": json.loads(config.model_dump_json()),
            }
            save_checkpoint(config.best, judged, spec, card)
        state.save(epoch)
        yield Saved(config.best, epoch, improved)
        if epoch - state.best_epoch >= config.patience:
            reason = f"no progress for {config.patience} epochs"
            break
    yield Finished(config.best, reason, read_sidecar(config.best)[1]["metrics"])


def settle(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Measure batch norm's statistics anew, as plain means over batches of input.

    The running ones follow weights that move, some ten batches behind: where an epoch is a few dozen batches, a network
    that has learned well is then judged as a poor one.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    with torch.no_grad():
        for images in batches:
            network(images)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def _parameter_groups(config: TrainConfig, network: nn.Module, start: Start) -> list[dict[str, Any]]:
    """AdamW's groups: what was learnt before moves slower, and biases and norms do not decay (it only hurts them)."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault((name in start.taken, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": config.learning_rate * (config.start_rate if learnt else 1.0),
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (learnt, decays), parameters in groups.items()
    ]


class _State:
    """Everything a resumed training needs, in `OUT/resume.pt`: tensors and plain values only, never a pickle."""

    def __init__(self, config: TrainConfig, network: nn.Module, *parts: Any) -> None:
        self.path = config.out / "resume.pt"
        self.best: float | None = None
        self.best_epoch = 0
        self._epochs = config.epochs
        self._parts = (network, *parts)

    def save(self, epoch: int) -> None:
        value = {
            "parts": [part.state_dict() for part in self._parts],
            "random": torch.get_rng_state(),
            "epoch": epoch,
            "epochs": self._epochs,
            "best": self.best,
            "best_epoch": self.best_epoch,
        }
        with atomic_path(self.path) as temporary:
            torch.save(value, temporary)

    def load(self) -> int:
        """The last finished epoch; ConfigError where there is nothing that fits to go on from."""
        if not self.path.is_file():
            raise ConfigError(f"resume: {self.path} is not there; start without --resume first")
        try:
            value = torch.load(self.path, weights_only=True, map_location="cpu")
            if value["epochs"] != self._epochs:
                raise ValueError(f"it was planned for {value['epochs']} epochs, not {self._epochs}")
            for part, saved in zip(self._parts, value["parts"], strict=True):
                part.load_state_dict(saved)
        except Exception as error:  # torch.load raises anything from KeyError to UnpicklingError
            raise ConfigError(
                f"resume: {self.path.name} does not fit this training ({error}); start afresh without --resume"
            ) from error
        torch.set_rng_state(value["random"])
        self.best, self.best_epoch = value["best"], value["best_epoch"]
        return int(value["epoch"])
