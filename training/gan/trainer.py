"""One step of adversarial training, and the whole state that the next step depends on."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.generators import build_discriminator
from models.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from models.registry import build
from models.spec import NetworkSpec
from training.config import ConfigError
from training.gan.config import GanConfig
from training.gan.diffaugment import diffaugment
from training.gan.losses import discriminator_loss, generator_loss, gradient_penalty, r1_penalty
from training.gan.patches import Patches
from training.gan.start import GanStart, architecture_of
from training.libraries import Adam
from training.loop import autocast

#: Steps between two adjustments of the adaptive augmentation, and pictures in which it may go from none to all.
ADAPT_EVERY, ADAPT_PICTURES = 4, 100_000
GRADIENT_PENALTY = 10.0
#: The average's half-life is at most this part of the pictures seen.
YOUNG = 0.05
#: Batches of 64 from which the average's batch norm learns its statistics.
SETTLING = 8


class Trainer:
    """Generator, discriminator, the generator's running average, both optimisers, and how far they are.

    Every random number is a function of the seed and of the pictures seen, none of the time or of what was drawn for
    measuring: a training that is loaded from a saved state goes on exactly as if it had not been stopped.

    Attributes:
        seen: real pictures shown so far, repeats counted; the clock of the run.
        batch: pictures a step; halved where memory does not suffice.
        augment: DiffAugment's present strength.
        rate: factor on both learning rates; halved at each return to an earlier state.
        g_factor, d_factor: further factors on the learning rate of one network; remedies lower them.
        least_augment: below this, adaptive augmentation does not fall; remedies raise it.
        start: where the weights came from.
    """

    def __init__(
        self,
        config: GanConfig,
        spec: NetworkSpec,
        patches: Patches,
        device: torch.device,
        start: GanStart | None = None,
    ) -> None:
        self.config, self.spec, self.device = config, spec, device
        self._patches = patches
        # On a GPU once and for all: a copy at every step would cost more than the step's arithmetic.
        self._images, self._labels = patches.images.to(device), patches.labels.to(device)
        torch.manual_seed(config.seed)
        self.generator = build(spec)
        self.discriminator = build_discriminator(spec, **discriminator_arguments(config))
        self.start = (start or GanStart()).fill(self.generator, self.discriminator)
        for network in (self.generator, self.discriminator):
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        betas = (config.beta1, config.beta2)
        # Fused, an update takes a third of the time that one tensor after another takes.
        self._adam_g = Adam(self.generator.parameters(), config.g_rate, betas, fused=True)
        self._learning = unfrozen(self.discriminator, config.freeze_d if self.start.judged else 0)
        self._adam_d = Adam(self._learning, config.d_rate, betas, fused=True)
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self._run_g = torch.compile(self.generator) if config.compile else self.generator
        self._run_d = torch.compile(self.discriminator) if config.compile else self.discriminator
        self.seen, self.steps = 0, 0
        self.batch = min(config.batch_size, len(patches.images))
        self.augment, self.rate = config.augment, 1.0
        self.g_factor, self.d_factor, self.least_augment = 1.0, 1.0, 0.0
        self._sure = torch.zeros((), device=device)

    @property
    def done(self) -> bool:
        return self.seen >= self.config.images

    @property
    def depth(self) -> float | None:
        """Stage and alpha of a growing network in one number, None for others."""
        return float(self.generator.depth) if isinstance(self.generator, ProgressiveGenerator) else None

    def step(self) -> dict[str, Tensor]:
        """One update of D and one of G.

        Returns:
            0-dim tensors on the device: `g` and `d` (losses), `real` and `fake` (mean of D's probability of real).
        """
        config = self.config
        random = torch.Generator().manual_seed(config.seed * 1_000_003 + self.seen)
        self._grow()
        self._set_rates()
        real, labels = self._real_batch(random)
        z = torch.randn(len(real), config.nz, generator=random).to(self.device)
        pictures = config.channels - config.masks

        def seen_by_d(images: Tensor) -> Tensor:
            return diffaugment(images, self.augment, random, pictures)

        def critic(images: Tensor) -> Tensor:
            logits: Tensor = self.discriminator(images, labels)
            return logits

        self._let_d_learn(True)
        with autocast(config.precision, self.device):
            fake = self._run_g(z, labels)
            shown = seen_by_d(real)
            on_real = self._run_d(shown, labels).float()
            on_fake = self._run_d(seen_by_d(fake.detach().float()), labels).float()
            loss_d = discriminator_loss(config.loss, on_real, on_fake)
        penalised = loss_d
        if config.r1 and self.steps % config.r1_every == 0:
            gamma = config.r1 * 2e-4 * real.shape[-1] ** 2 / self.batch
            penalised = penalised + gamma * config.r1_every * r1_penalty(critic, shown.float())
        if config.loss == "wgan-gp":
            mix = torch.rand(len(real), generator=random).to(self.device)
            penalised = penalised + GRADIENT_PENALTY * gradient_penalty(critic, real, fake.detach().float(), mix)
        self._update(self._adam_d, penalised)

        self._let_d_learn(False)
        with autocast(config.precision, self.device):
            again = self._run_d(seen_by_d(fake.float()), labels).float()
            against = self._run_d(shown, labels).float() if config.loss == "relativistic" else on_real.detach()
            loss_g = generator_loss(config.loss, against, again)
        self._update(self._adam_g, loss_g)
        self._scaler.update()

        self.seen += len(real)
        self.steps += 1
        self._average()
        self._adapt(on_real)
        return {
            "g": loss_g.detach(),
            "d": loss_d.detach(),
            "real": on_real.detach().sigmoid().mean(),
            "fake": on_fake.detach().sigmoid().mean(),
        }

    @torch.no_grad()
    def settle(self) -> None:
        """Batch norm's statistics of the average, measured anew before it is judged or kept.

        Those of the moving generator belong to other weights (Izmailov et al. 2018, "SWA", section 3.2).
        """
        norms = [module for module in self.average.modules() if isinstance(module, nn.BatchNorm2d)]
        if not norms or not self.config.ema:
            return
        random = torch.Generator().manual_seed(self.config.seed)
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        usual = [norm.momentum for norm in norms]
        for number in range(SETTLING):
            for norm in norms:
                norm.momentum = 1 / (number + 1)  # the plain mean over batches
            chosen = torch.randint(len(self._patches.labels), (64,), generator=random)
            self.draw(torch.randn(64, self.config.nz, generator=random), self._patches.labels[chosen])
        for norm, momentum in zip(norms, usual, strict=True):
            norm.momentum = momentum
            norm.eval()

    @torch.no_grad()
    def draw(self, z: Tensor, labels: Tensor) -> Tensor:
        """What the user would get now: N×C×S×S float on the CPU, −1 to 1, at the side of the present stage."""
        pictures: Tensor = self.average(z.to(self.device), labels.to(self.device))
        return pictures.float().clamp(-1, 1).cpu()

    # State ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Tensors and plain values only, so that it loads with `weights_only`."""
        return {
            "networks": [n.state_dict() for n in (self.generator, self.discriminator, self.average)],
            "optimisers": [self._adam_g.state_dict(), self._adam_d.state_dict(), self._scaler.state_dict()],
            "clock": [self.seen, self.steps, self.batch],
            "adaptive": [self.augment, self.rate, float(self._sure)],
            "remedies": [self.g_factor, self.d_factor, self.least_augment],
            "architecture": architecture_of(self.spec),
            "start": self.start.facts(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; ValueError where it belongs to other networks."""
        mine = architecture_of(self.spec)
        if state["architecture"] != mine:
            raise ValueError(f"it is of {_described(state['architecture'])}, this run is {_described(mine)}")
        networks = (self.generator, self.discriminator, self.average)
        for network, saved in zip(networks, state["networks"], strict=True):
            network.load_state_dict(saved)
        parts: tuple[Any, ...] = (self._adam_g, self._adam_d, self._scaler)
        for part, saved in zip(parts, state["optimisers"], strict=True):
            part.load_state_dict(saved)
        self.seen, self.steps, self.batch = state["clock"]
        self.augment, self.rate, sure = state["adaptive"]
        self._sure.fill_(sure)
        self.g_factor, self.d_factor, self.least_augment = state["remedies"]

    # Parts of a step --------------------------------------------------------------------------------------------

    def _real_batch(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """N×C×side×side float, −1 to 1, mirrored at random, at the side and the blend of the present stage."""
        indices = self._order(self.seen, self.batch).to(self.device)
        images, labels = self._images[indices], self._labels[indices]
        for axis, allowed in ((3, self.config.flips == "both"), (2, self.config.flips in ("both", "along"))):
            mirrored = torch.rand(len(indices), 1, 1, 1, generator=random) < 0.5
            if allowed:
                images = torch.where(mirrored.to(self.device), images.flip(axis), images)
        real = images.float() / 127.5 - 1
        network = self.generator
        if isinstance(network, ProgressiveGenerator):
            real = F.avg_pool2d(real, real.shape[-1] // network.side) if network.side < real.shape[-1] else real
            if network.alpha < 1:
                coarse = F.interpolate(F.avg_pool2d(real, 2), scale_factor=2.0)
                real = torch.lerp(coarse, real, network.alpha)
        return real.contiguous(memory_format=torch.channels_last), labels

    def _order(self, start: int, count: int) -> Tensor:
        """Numbers of the pictures that are next: each epoch its own permutation, a function of the seed alone."""
        total = len(self._patches.images)
        numbers = []
        for epoch in range(start // total, (start + count - 1) // total + 1):
            random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + 500_009 + epoch)
            order = torch.randperm(total, generator=random)
            numbers.append(order[max(0, start - epoch * total) : start + count - epoch * total])
        return torch.cat(numbers)

    def _let_d_learn(self, learn: bool) -> None:
        for parameter in self._learning:
            parameter.requires_grad_(learn)

    def _grow(self) -> None:
        for network in (self.generator, self.discriminator, self.average):
            if isinstance(network, (ProgressiveGenerator, ProgressiveDiscriminator)):
                planned = depth_at(self.seen / self.config.images, len(network.sides), self.config.fade)
                # Adapted networks go on from where they were: back at 4² they would unlearn what they were taken for.
                network.grow(max(planned, self.start.depth))

    def _set_rates(self) -> None:
        left = 1 - self.seen / self.config.images
        decay = min(1.0, max(left, 1e-3) / self.config.decay) if self.config.decay else 1.0
        g_rate, d_rate = self.config.g_rate * self.g_factor, self.config.d_rate * self.d_factor
        for optimiser, rate in ((self._adam_g, g_rate), (self._adam_d, d_rate)):
            for group in optimiser.param_groups:
                group["lr"] = rate * self.rate * decay

    def _update(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(optimiser)
        optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _average(self) -> None:
        # The average forgets faster while the run is young, so that it does not drag the first noise along.
        half_life = min(self.config.ema, YOUNG * self.seen)
        kept = 0.5 ** (self.batch / half_life) if half_life > 0 else 0.0
        get_ema_multi_avg_fn(kept)([*self.average.parameters()], [*self.generator.parameters()], 0)  # type: ignore[no-untyped-call]
        for old, now in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            old.copy_(now)

    def _adapt(self, on_real: Tensor) -> None:
        """Karras et al. 2020 ("ADA"), section 3: more augmentation when D is too sure of real pictures."""
        if not self.config.augment_target:
            return
        self._sure += on_real.detach().sign().mean() / ADAPT_EVERY
        if self.steps % ADAPT_EVERY == 0:  # asked no oftener: a GPU has to be waited for
            sure = float(self._sure) - self.config.augment_target
            change = math.copysign(ADAPT_EVERY * self.batch / ADAPT_PICTURES, sure)
            self.augment = min(1.0, max(self.least_augment, self.augment + change))
            self._sure.zero_()


def depth_at(progress: float, stages: int, fade: float) -> float:
    """How far a network of `stages` stages has grown at `progress` from 0 to 1.

    Every stage is first faded in (for the part `fade` of its time; the first has none) and then held, so that it is
    stable before the next one; the last stage gets twice the time of the others.
    """
    position = min(progress, 1.0) * (stages + 1)
    stage = min(int(position), stages - 1)
    length = 2.0 if stage == stages - 1 else 1.0
    inside = (position - stage) / length
    if stage == 0 or fade <= 0:
        return float(stage)
    return stage - 1 + min(1.0, max(inside / fade, 1e-3))


def unfrozen(discriminator: nn.Module, frozen: int) -> list[nn.Parameter]:
    """Freeze the first layers of a discriminator and list the parameters of all others.

    Mo et al. 2020 ("Freeze the Discriminator"): what D's early layers have learned of texture serves any class, and
    with few pictures they would only learn those by heart.

    Raises:
        ConfigError: it has fewer early layers.
    """
    layers: list[nn.Module] = discriminator.early_layers()  # type: ignore[operator]
    if frozen > len(layers):
        raise ConfigError(f"freeze_d is {frozen}, but this discriminator has {len(layers)} layers before its head")
    for layer in layers[:frozen]:
        layer.requires_grad_(False)
    return [parameter for parameter in discriminator.parameters() if parameter.requires_grad]


def discriminator_arguments(config: GanConfig) -> dict[str, Any]:
    if config.arch == "pggan":
        return {"width": config.ndf}
    return {"ndf": config.ndf, "norm": config.d_norm, "spectral": config.spectral_norm}


def generator_arguments(config: GanConfig) -> dict[str, Any]:
    arguments: dict[str, Any] = {"channels": config.channels, "nz": config.nz}
    if config.arch == "pggan":
        return {**arguments, "width": config.ngf}
    return {**arguments, "ngf": config.ngf, "upsample": config.upsample}


def _described(architecture: list[Any]) -> str:
    name, size, classes = architecture
    return f"{name} {size}² of {', '.join(classes)}"
