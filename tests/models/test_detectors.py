"""CutPaste, autoencoder and both joined: shapes, places, densities, round trips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis

from models.anomaly import Detector, round_parameters
from models.autoencoder import Autoencoder
from models.checkpoint import load_checkpoint, save_checkpoint
from models.combined import Combined
from models.cutpaste import KINDS, CutPaste
from models.gaussian import Gaussian
from models.registry import build
from models.sidecar import CheckpointError
from models.spec import NetworkSpec, Preprocess

ENCODER = {"encoder": "mobilenetv2_050", "layers": [2, 3]}
ARGUMENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cutpaste", ENCODER),
    ("autoencoder", {**ENCODER, "size": 64}),
    ("combined", {**ENCODER, "size": 64}),
    ("combined", {**ENCODER, "size": 64, "parts": ["autoencoder", "discriminative", "cutpaste"]}),
    ("discriminative", {"encoder": "mobilenetv2_050"}),
)
SPECS = [
    NetworkSpec("anomaly", name, ("good",), {"calibration": 3, **arguments}, preprocess=Preprocess(64))
    for name, arguments in ARGUMENTS
]


@pytest.fixture(params=SPECS, ids=lambda spec: spec.architecture)
def spec(request: pytest.FixtureRequest) -> NetworkSpec:
    return request.param  # type: ignore[no-any-return]


def made(spec: NetworkSpec) -> Detector:
    torch.manual_seed(0)
    network = build(spec)
    assert isinstance(network, Detector)
    return network.eval()


def test_answers(spec: NetworkSpec) -> None:
    network = made(spec)
    scores, maps = network(torch.randn(2, 3, 64, 64))
    assert scores.shape == (2,)
    fine = "discriminative" in (spec.architecture, *spec.arguments.get("parts", ()))
    assert maps.shape == ((2, 64, 64) if fine else (2, 8, 8))
    assert (scores >= 0).all()
    assert (maps >= 0).all()
    flat_scores, flat_maps = network(torch.zeros(1, 3, 64, 64))
    assert torch.isfinite(flat_scores).all()
    assert torch.isfinite(flat_maps).all()


def test_round_trip(spec: NetworkSpec, tmp_path: Path) -> None:
    network = made(spec)
    for name, buffer in network.named_buffers():
        if name.endswith(("good", "mean", "deviation", "usual", "place", "spread", "whiten")):
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    round_parameters(network)
    again = load_checkpoint(save_checkpoint(tmp_path / "net", network, spec, {}))
    assert again.spec == spec
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for told, expected in zip(again.network(images), network(images), strict=True):
            torch.testing.assert_close(told, expected)


def test_the_pretext_task_is_learnt_from() -> None:
    network = made(SPECS[0]).train()
    assert isinstance(network, CutPaste)
    logits = network.pretext(torch.randn(4, 3, 64, 64))
    assert logits.shape == (4, KINDS)
    logits.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_an_autoencoder_can_be_taught_and_its_backbone_stays() -> None:
    network = made(SPECS[1]).train()
    assert isinstance(network, Autoencoder)
    assert not network.encoder.training
    network.rebuild(network.features(torch.randn(2, 3, 64, 64))).square().mean().backward()
    taught = {name for name, p in network.named_parameters() if p.grad is not None and torch.isfinite(p.grad).all()}
    assert taught == {name for name, _ in network.named_parameters() if not name.startswith("encoder.")}


def test_what_is_not_rebuilt_is_found_in_its_place() -> None:
    network = made(SPECS[1])
    assert isinstance(network, Autoencoder)
    network.rebuild = lambda features: torch.zeros_like(features)  # type: ignore[method-assign]
    network.features = lambda images: images[:, :1].expand(-1, len(network.usual), -1, -1)  # type: ignore[method-assign]
    cells = torch.zeros(2, 3, 8, 8)
    cells[1, :, 5, 2] = 4
    scores, maps = network(cells)
    assert scores.tolist() == [0, 16 / 64]
    assert int(maps[1].argmax()) == 5 * 8 + 2


def test_distances_are_mahalanobis() -> None:
    random = torch.Generator().manual_seed(0)
    mix = torch.randn(6, 6, generator=random)
    features = torch.randn(20_000, 6, generator=random) @ mix + 3
    fitted = Gaussian(6)
    fitted.fit(features)
    asked = torch.randn(50, 6, generator=random) * 4
    inverse = np.linalg.inv(np.cov(features.numpy().T))
    expected = [mahalanobis(one, features.numpy().mean(0), inverse) / 6**0.5 for one in asked.numpy()]
    assert np.allclose(fitted(asked).numpy(), expected, rtol=0.05)
    assert float(fitted(features).square().mean()) == pytest.approx(1, abs=0.02)


def test_fewer_pictures_than_features_still_give_a_density() -> None:
    features = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    features[:, 5] = 1  # one that never varies
    fitted = Gaussian(64)
    fitted.fit(features)
    near, far = fitted(features[0]), fitted(features[0] + 5)
    assert torch.isfinite(far)
    assert far > 2 * near


def test_joined_answers_are_sums_in_units_of_their_spread() -> None:
    network = made(SPECS[2])
    assert isinstance(network, Combined)
    network.spread.copy_(torch.tensor([[2.0, 4.0], [0.5, 0.25]]))
    one = torch.tensor([6.0]), torch.full((1, 8, 8), 8.0)
    other = torch.tensor([1.0]), torch.full((1, 16, 16), 1.0)
    scores, maps = network.join([one, other])
    assert scores.tolist() == [6 / 2 + 1 / 0.5]
    torch.testing.assert_close(maps, torch.full((1, 16, 16), 8 / 4 + 1 / 0.25))

    with pytest.raises(ValueError, match="no part 'memory'; choose from"):
        Combined(3, "mobilenetv2_050", size=64, parts=("cutpaste", "memory"))


def test_an_encoder_that_cannot_be_built(tmp_path: Path) -> None:
    spec = SPECS[0]
    path = save_checkpoint(
        tmp_path / "net",
        made(spec),
        NetworkSpec("anomaly", "cutpaste", ("good",), {**spec.arguments, "encoder": "no_such_net"}),
        {},
    )
    with pytest.raises(CheckpointError, match=r"net\.json: .* cannot give the feature maps"):
        load_checkpoint(path)
