"""Where a GAN's training starts: random weights, or networks that already make steel, bent to other classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.checkpoint import load_checkpoint
from models.sidecar import CheckpointError, read_sidecar
from models.spec import NetworkSpec
from models.start import WEIGHTS_FOLDER
from training.config import ConfigError
from training.gan.config import INHERITED, GanConfig
from training.gan.states import States

#: What has to be alike in a start and in what begins from it, and the flag that says so.
_FLAGS = {"nz": "--nz", "ngf": "--ngf", "width": "--ngf", "upsample": "--upsample"}
_CHANNELS = {1: "grey pictures", 2: "grey pictures with masks", 3: "colour pictures", 4: "colour pictures with masks"}
#: The one tensor of each network that has a row a class.
_BY_CLASS = frozenset({"embedding.weight", "projection.weight"})
_JUDGED, _UNJUDGED = ", generator and discriminator", ", the generator alone: no discriminator was saved beside it"
_REBUILT = ", the generator alone: its discriminator was built with other settings (ndf, d_norm, spectral_norm)"


@dataclass(frozen=True)
class GanStart:
    """A start, as it is read before any network is made.

    Attributes:
        sentence: for log and card.
        conditioned: the networks keep a class vector although they make one class.
        depth: how far a growing network has grown; it never shrinks below.
        judged: the discriminator is from the start too.
        generator: tensors by name; None for random weights.
        discriminator: likewise; None where the start has left none.
    """

    sentence: str = "random weights"
    conditioned: bool = False
    depth: float = 0.0
    judged: bool = False
    generator: dict[str, Tensor] | None = field(default=None, repr=False)
    discriminator: dict[str, Tensor] | None = field(default=None, repr=False)

    def facts(self) -> list[Any]:
        """What a saved state carries, so that a run goes on although its start was deleted."""
        return [self.sentence, self.conditioned, self.depth, self.judged]

    @classmethod
    def from_facts(cls, facts: Sequence[Any]) -> GanStart:
        return cls(*facts)

    def shaped(self, spec: NetworkSpec) -> NetworkSpec:
        """`spec`, with a class vector where the start's weights need one."""
        if not self.conditioned or len(spec.classes) > 1:
            return spec
        return replace(spec, arguments={**spec.arguments, "conditioned": True})

    def fill(self, generator: nn.Module, discriminator: nn.Module) -> GanStart:
        """Put the weights into networks of `shaped`'s build; returns what became of it: a discriminator that was
        built otherwise stays as it is, and the sentence says so."""
        if self.generator is None:
            return self
        generator.load_state_dict(self.generator)
        filled = replace(self, generator=None, discriminator=None)
        if self.discriminator is None:
            return filled
        own, given = (
            {name: tensor.shape for name, tensor in tensors.items()}
            for tensors in (discriminator.state_dict(), self.discriminator)
        )
        if own != given:
            return replace(filled, sentence=self.sentence.replace(_JUDGED, _REBUILT), judged=False)
        discriminator.load_state_dict(self.discriminator)
        return filled


def recipe_of(init: str) -> dict[str, Any]:
    """`INHERITED` fields with which a start was trained, as far as its card says; none for random weights.

    Raises:
        CheckpointError: the start cannot be read.
    """
    if init == "random":
        return {}
    _, card = read_sidecar(_file(init))
    config = card.get("config")
    return {name: config[name] for name in INHERITED if name in config} if isinstance(config, dict) else {}


def find_start(config: GanConfig, spec: NetworkSpec) -> GanStart:
    """Read the start that `config.init` names, made to fit `spec`'s classes.

    A class that the start knows keeps its own vector; one that it does not know begins at the mean of all. Networks
    that were trained by class keep such a vector when they are bent to a single class: folded into a bias it would be
    another function, since a class adds a pattern of 4×4 to a DCGAN's first layer, and a PGGAN normalises z and class
    together.

    The discriminator comes from the states that the start's run has saved beside it; a lone checkpoint has none.

    Raises:
        CheckpointError: the start cannot be read or is no generator.
        ConfigError: it is of another size or width, or makes one class where several are asked for.
    """
    if config.init == "random":
        return GanStart()
    file = _file(config.init)
    theirs, _ = read_sidecar(file)
    if theirs.kind != "generator":
        raise CheckpointError(f"{file.name} is a {theirs.kind}; a GAN starts from a generator, or from random weights")
    _same_build(file.stem, theirs, spec)
    conditioned = len(theirs.classes) > 1 or bool(theirs.arguments.get("conditioned"))
    if len(spec.classes) > 1 and not conditioned:
        raise ConfigError(
            f"init: {file.stem} makes {theirs.classes[0]} alone; give the --class to adapt it to, "
            "or a start that makes several classes"
        )
    generator = _for_classes(load_checkpoint(file).network.state_dict(), theirs.classes, spec.classes)
    judge = _discriminator_beside(file, theirs)
    strangers = [label for label in spec.classes if label not in theirs.classes]
    sentence = file.stem
    if strangers and conditioned:
        sentence += f", which does not know {', '.join(strangers)} and begins at the mean of its classes"
    elif strangers:
        sentence += f", which made {theirs.classes[0]}"
    return GanStart(
        f"{sentence}{_JUDGED if judge else _UNJUDGED}",
        conditioned,
        float(generator["depth"]) if "depth" in generator else 0.0,
        judge is not None,
        generator,
        judge and _for_classes(judge, theirs.classes, spec.classes),
    )


def _for_classes(tensors: dict[str, Tensor], theirs: Sequence[str], ours: Sequence[str]) -> dict[str, Tensor]:
    """The same tensors, with rows for `ours` in the one that has a row a class."""
    fitted = dict(tensors)
    for name in _BY_CLASS & tensors.keys():
        rows = tensors[name]
        fitted[name] = torch.stack([rows[theirs.index(own)] if own in theirs else rows.mean(0) for own in ours])
    return fitted


def _file(init: str) -> Path:
    return WEIGHTS_FOLDER / "neu-generator.safetensors" if init == "bundled" else Path(init).with_suffix(".safetensors")


def _same_build(name: str, theirs: NetworkSpec, ours: NetworkSpec) -> None:
    """ConfigError that names each setting in which a start differs, and the flags that would be right."""
    unlike = [
        (flag, yours, wanted)
        for flag, yours, wanted in (
            ("--arch", theirs.architecture, ours.architecture),
            ("--size", theirs.preprocess.size, ours.preprocess.size),
            *((flag, theirs.arguments.get(key), ours.arguments.get(key)) for key, flag in _FLAGS.items()),
        )
        if yours != wanted and yours is not None and wanted is not None
    ]
    if unlike:
        raise ConfigError(
            f"init: {name} was made with {' '.join(f'{flag} {yours}' for flag, yours, _ in unlike)}, "
            f"this run has {' '.join(f'{flag} {wanted}' for flag, _, wanted in unlike)}; give the start's values"
        )
    if theirs.arguments["channels"] != ours.arguments["channels"]:
        raise ConfigError(
            f"init: {name} makes {_CHANNELS[theirs.arguments['channels']]}, this run "
            f"{_CHANNELS[ours.arguments['channels']]}; set --colour and --masks as the start has them"
        )


def _discriminator_beside(file: Path, theirs: NetworkSpec) -> dict[str, Tensor] | None:
    """The discriminator of the run that made a generator, from its best state or else its newest."""
    folder = file.parent if file.parent.name == "checkpoints" else file.parent / "checkpoints"
    if not folder.is_dir():
        return None
    state = States(folder).best_or_latest()
    if state is None or state["trainer"]["architecture"] != architecture_of(theirs):
        return None
    judge: dict[str, Tensor] = state["trainer"]["networks"][1]
    return judge


def architecture_of(spec: NetworkSpec) -> list[Any]:
    """What tells networks apart that do not load each other's states."""
    return [spec.architecture, spec.preprocess.size, list(spec.classes)]
