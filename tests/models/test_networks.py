"""Every network: forward, backward, round trip through a checkpoint; and what a broken checkpoint says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import load_checkpoint, save_checkpoint
from models.classifiers import classify, grad_cam, pool_tiles
from models.imaging import to_input
from models.registry import build
from models.segmenters import DECODERS
from models.sidecar import CheckpointError, read_sidecar
from models.spec import NetworkSpec, Preprocess, is_defect_free
from models.start import start_from, start_has_seen
from models.tiling import plan_tiles

CLASSES = ("none", "crazing", "scratches")
SPECS = [
    NetworkSpec("classifier", "mobilenetv2_050", CLASSES),
    NetworkSpec("classifier", "resnet18", CLASSES, multi_label=True),
    *(
        NetworkSpec("segmenter", name, CLASSES[1:], {} if name == "elu_unet" else {"encoder": "mobilenetv2_050"})
        for name in DECODERS
    ),
    NetworkSpec("classifier", "small_cnn", CLASSES),
]


@pytest.fixture(params=SPECS, ids=lambda spec: spec.architecture)
def spec(request: pytest.FixtureRequest) -> NetworkSpec:
    return request.param


def test_forward_backward(spec: NetworkSpec) -> None:
    network = build(spec)
    images = torch.randn(2, 3, 64, 64)
    out = network(images)
    expected = (2, len(spec.classes)) if spec.kind == "classifier" else (2, len(spec.classes), 64, 64)
    assert out.shape == expected
    out.mean().backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.requires_grad]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


def test_round_trip(spec: NetworkSpec, tmp_path: Path) -> None:
    network = build(spec).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())  # what fp16 holds comes back as it was
    path = save_checkpoint(tmp_path / "한글 model", network, spec, {"metrics": {"accuracy": 0.5}})
    again = load_checkpoint(path)
    assert again.spec == spec
    assert again.card["metrics"] == {"accuracy": 0.5}
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(again.network(images), network(images))
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in network.parameters()) + 200_000, "not written as fp16"
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".safetensors"], "a temporary file was left"


def test_unknown_names_are_answered_with_known_ones() -> None:
    with pytest.raises(ValueError, match=r"close: .*resnet"):
        build(NetworkSpec("classifier", "resnet19", CLASSES))
    with pytest.raises(ValueError, match="choose from unet"):
        build(NetworkSpec("segmenter", "vnet", CLASSES))
    with pytest.raises(ValueError, match="cannot serve as an encoder"):
        build(NetworkSpec("segmenter", "unet", CLASSES, {"encoder": "no_such_net"}))


@pytest.mark.parametrize(
    ("spec", "out"),
    [
        (NetworkSpec("classifier", "small_cnn", CLASSES, preprocess=Preprocess(32, width=200, tiles="whole")), (1, 3)),
        (NetworkSpec("classifier", "efficientnet_b0", CLASSES, preprocess=Preprocess(100, width=625)), (1, 3)),
        (NetworkSpec("segmenter", "elu_unet", CLASSES, preprocess=Preprocess(64, width=416)), (1, 3, 64, 416)),
    ],
    ids=lambda value: value.architecture if isinstance(value, NetworkSpec) else "",
)
def test_an_input_that_is_no_square(spec: NetworkSpec, out: tuple[int, ...]) -> None:
    strip = np.zeros((256, 1600, 3), dtype=np.uint8)
    images = to_input(strip, plan_tiles(256, 1600, tiles="whole"), spec.preprocess)
    assert images.shape == (1, 3, *spec.preprocess.shape)
    assert build(spec).eval()(images).shape == out


def test_the_elu_unet_is_the_thesis_s() -> None:
    network = build(NetworkSpec("segmenter", "elu_unet", ("1", "2", "3", "4")))
    kinds = [type(module).__name__ for module in network.modules()]
    # Beside them five poolings and five joins: 38 layers.
    assert (kinds.count("Conv2d"), kinds.count("ConvTranspose2d"), kinds.count("ELU")) == (23, 5, 22)
    with pytest.raises(ValueError, match="the input is 64×100; an elu_unet needs multiples of 32"):
        network(torch.zeros(1, 3, 64, 100))


def test_cards_from_before_there_were_other_inputs(saved: Path) -> None:
    sidecar = json.loads(saved.with_suffix(".json").read_text())
    for name in ("width", "tiles"):
        del sidecar["spec"]["preprocess"][name]
    saved.with_suffix(".json").write_text(json.dumps(sidecar))
    assert load_checkpoint(saved).spec.preprocess == Preprocess()
    sidecar["spec"]["preprocess"]["tiles"] = "seven"
    saved.with_suffix(".json").write_text(json.dumps(sidecar))
    with pytest.raises(CheckpointError, match="tiles is 'seven'; it must be one of strip, six, whole"):
        load_checkpoint(saved)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    spec = SPECS[0]
    return save_checkpoint(tmp_path / "net", build(spec), spec, {})


def test_missing_sidecar(saved: Path) -> None:
    saved.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"net\.safetensors: net\.json is missing beside it"):
        load_checkpoint(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spec": {}}', '{"spec": {"kind": "oracle"}, "card": {}}', "\udcff"])
def test_broken_sidecar(saved: Path, text: str) -> None:
    saved.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match=r"net\.json: not a model card"):
        read_sidecar(saved)


def test_missing_keys(saved: Path) -> None:
    tensors = load_file(saved)
    del tensors["conv_stem.weight"]
    save_file(tensors, saved)
    with pytest.raises(CheckpointError, match=r"1 of \d+ tensors are missing \(first conv_stem\.weight\)"):
        load_checkpoint(saved)


def test_another_class_count(saved: Path) -> None:
    sidecar = json.loads(saved.with_suffix(".json").read_text())
    sidecar["spec"]["classes"].append("patches")
    saved.with_suffix(".json").write_text(json.dumps(sidecar))
    with pytest.raises(CheckpointError, match=r"with 4 classes needs \(4, "):
        load_checkpoint(saved)


def test_cut_off_and_absent_weights(saved: Path, tmp_path: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="not a safetensors file, or cut off"):
        load_checkpoint(saved)
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_checkpoint(tmp_path / "nothing.safetensors")


def test_start_from_a_file_takes_all_but_the_head(saved: Path) -> None:
    other = NetworkSpec("classifier", "mobilenetv2_050", ("a", "b"))
    network = build(other)
    assert "net.safetensors" in start_from(network, other, str(saved)).sentence
    taken = load_file(saved)["conv_stem.weight"].float()
    torch.testing.assert_close(network.state_dict()["conv_stem.weight"], taken)


def test_start_reaches_an_encoder(saved: Path) -> None:
    spec = SPECS[2]
    network = build(spec)
    start_from(network, spec, str(saved))
    taken = load_file(saved)["conv_stem.weight"].float()
    torch.testing.assert_close(network.state_dict()["encoder.model.conv_stem.weight"], taken)


def test_start_that_does_not_fit(saved: Path) -> None:
    spec = NetworkSpec("classifier", "vgg11", CLASSES)
    with pytest.raises(CheckpointError, match="holds no weights for vgg11"):
        start_from(torch.nn.Linear(2, 2), spec, str(saved))


def test_bundled_start() -> None:
    spec = NetworkSpec("classifier", "mobilenetv2_100", ("ok", "bad"))
    assert "bundled neu-classifier" in start_from(build(spec), spec, "bundled").sentence


@pytest.mark.parametrize(
    ("spec", "prefix"),
    [
        (NetworkSpec("classifier", "mobilenetv2_100", CLASSES), ("classifier.",)),
        (
            NetworkSpec("segmenter", "unet", CLASSES[1:], {"encoder": "mobilenetv2_100"}),
            ("decoder.", "segmentation_head."),
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, NetworkSpec) else "",
)
def test_imagenet_start(spec: NetworkSpec, prefix: tuple[str, ...]) -> None:
    """The whole encoder is taken over, and it has learned from none of the user's pictures."""
    network = build(spec)
    start = start_from(network, spec, "imagenet")
    left = network.state_dict().keys() - start.taken
    assert left and all(name.startswith(prefix) for name in left), left
    assert "ImageNet's MobileNetV2" in start.sentence and start.seen == frozenset()
    assert start_has_seen("imagenet", spec.kind) == frozenset()


def test_grad_cam_finds_the_place_that_the_class_rests_on() -> None:
    """A head that reads one feature: the map must be that feature."""
    network = build(NetworkSpec("classifier", "resnet18", ("a", "b"))).eval()
    features = torch.zeros(1, 512, 4, 4)
    features[0, 7, 1, 2] = 5.0
    with torch.no_grad():
        network.fc.weight.zero_()
        network.fc.weight[1, 7] = 1.0
    cam = grad_cam(network, features, torch.tensor([1]))
    assert cam.shape == (1, 4, 4)
    assert cam.argmax() == 1 * 4 + 2
    assert (grad_cam(network, features, torch.tensor([0])) == 0).all()


def test_scores_are_probabilities() -> None:
    network = build(SPECS[0]).eval()
    scores, features = classify(network, torch.randn(2, 3, 64, 64), multi_label=False)
    torch.testing.assert_close(scores.sum(1), torch.ones(2))
    assert features.ndim == 4


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenetv2_050"])
def test_a_network_that_looks_eight_ways_says_the_mean_and_points_where_it_looked(architecture: str) -> None:
    torch.manual_seed(0)
    plain = build(NetworkSpec("classifier", architecture, ("none", "scratch"))).eval()
    turned = build(NetworkSpec("classifier", architecture, ("none", "scratch"), {"turns": True})).eval()
    turned.load_state_dict(plain.state_dict())
    picture = torch.randn(1, 3, 64, 64)
    views = [torch.rot90(one, quarters, (2, 3)) for one in (picture, picture.flip(3)) for quarters in range(4)]
    with torch.no_grad():
        torch.testing.assert_close(turned(picture)[0], torch.stack([plain(one)[0] for one in views]).mean(0))
        told = [turned(one) for one in views]
        features = turned.forward_features(picture)  # type: ignore[operator]
        mirrored = turned.forward_features(picture.flip(3))  # type: ignore[operator]
    for other in told:
        torch.testing.assert_close(other, told[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mirrored, features.flip(3), atol=1e-4, rtol=1e-4)
    turned.train()
    torch.manual_seed(1)
    assert turned(torch.cat([picture, picture.flip(2)])).requires_grad


def test_tokens_cannot_be_turned() -> None:
    with pytest.raises(ValueError, match="leave turns out"):
        build(NetworkSpec("classifier", "vit_tiny_patch16_224", ("a", "b"), {"turns": True}))


def test_pooling_takes_the_worst_tile() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    torch.testing.assert_close(pool_tiles(scores, SPECS[0]), torch.tensor([0.2, 0.3, 0.5]))


@pytest.mark.parametrize("multi_label", [False, True])
def test_six_pieces_are_pooled_by_their_averaged_logits(multi_label: bool) -> None:
    prepare = Preprocess(32, tiles="six")
    spec = NetworkSpec("classifier", "small_cnn", CLASSES, multi_label=multi_label, preprocess=prepare)
    logits = torch.randn(6, 3) * 3
    scores, mean = (logits.sigmoid(), logits.mean(0).sigmoid()) if multi_label else (
        logits.softmax(1), logits.mean(0).softmax(0))  # fmt: skip
    torch.testing.assert_close(pool_tiles(scores, spec), mean, atol=1e-5, rtol=0)


def test_defect_free_names() -> None:
    assert all(map(is_defect_free, ("none", "OK", "ok_front", "Defect-Free", "good")))
    assert not any(map(is_defect_free, ("def_front", "crazing", "not_ok")))
    assert Preprocess().size == 224
