"""CutPaste, autoencoder and both joined: shapes, places, densities, round trips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis

from models.anomaly import Detector, round_parameters
from models.autoencoder import Autoencoder, dissimilarity, evenly_lit
from models.checkpoint import load_checkpoint, save_checkpoint
from models.combined import Combined
from models.cutpaste import KINDS, CutPaste
from models.gaussian import Gaussian
from models.registry import build
from models.sidecar import CheckpointError
from models.spec import NetworkSpec, Preprocess

ENCODER = {"encoder": "mobilenetv2_050", "layers": [2, 3]}
ARGUMENTS = {"cutpaste": ENCODER, "autoencoder": {"size": 64}, "combined": {**ENCODER, "size": 64}}
SPECS = [
    NetworkSpec("anomaly", name, ("good",), {"calibration": 3, **arguments}, preprocess=Preprocess(64))
    for name, arguments in ARGUMENTS.items()
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
    assert maps.shape == ((2, 8, 8) if spec.architecture == "cutpaste" else (2, 16, 16))
    assert (scores >= 0).all()
    assert (maps >= 0).all()
    flat_scores, flat_maps = network(torch.zeros(1, 3, 64, 64))
    assert torch.isfinite(flat_scores).all()
    assert torch.isfinite(flat_maps).all()


def test_round_trip(spec: NetworkSpec, tmp_path: Path) -> None:
    network = made(spec)
    for name, buffer in network.named_buffers():
        if name.endswith(("good", "mean", "usual", "spread", "whiten")):
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


def test_an_autoencoder_can_be_taught() -> None:
    network = made(SPECS[1]).train()
    assert isinstance(network, Autoencoder)
    network.rebuild(torch.randn(2, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


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


def test_structure_is_compared_in_its_place() -> None:
    picture = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    changed = picture.clone()
    changed[:, :, 8:24, 40:56] = 0
    assert float(dissimilarity(picture, picture).abs().max()) < 1e-4
    row, column = divmod(int(dissimilarity(picture, changed)[0].argmax()), 64)
    assert 8 <= row < 24
    assert 40 <= column < 56


def test_a_darker_exposure_is_the_same_picture() -> None:
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(evenly_lit(picture), evenly_lit(picture * 0.4 + 0.1), atol=1e-4, rtol=1e-4)


def test_joined_answers_are_sums_in_units_of_their_spread() -> None:
    network = made(SPECS[2])
    assert isinstance(network, Combined)
    network.spread.copy_(torch.tensor([[2.0, 4.0], [0.5, 0.25]]))
    one = torch.tensor([6.0]), torch.full((1, 8, 8), 8.0)
    other = torch.tensor([1.0]), torch.full((1, 16, 16), 1.0)
    scores, maps = network.join(one, other)
    assert scores.tolist() == [6 / 2 + 1 / 0.5]
    torch.testing.assert_close(maps, torch.full((1, 16, 16), 8 / 4 + 1 / 0.25))


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
