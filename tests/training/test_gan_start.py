"""From many classes to few: what an adaptation takes over, what it freezes, and what does not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from test_gan import assert_same, class_folder, last_state, small
from torch import Tensor

from models.checkpoint import load_checkpoint
from models.sidecar import CheckpointError
from models.start import WEIGHTS_FOLDER
from training.config import ConfigError
from training.gan.config import GanConfig
from training.gan.patches import load_patches
from training.gan.start import GanStart, find_start
from training.gan.train import generator_spec, train_gan
from training.gan.trainer import Trainer

BUILDS: dict[str, dict[str, Any]] = {
    "dcgan": {"d_norm": "batch", "upsample": "transposed"},
    "spectral": {"spectral_norm": True},
    "pggan": {"arch": "pggan"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folder(tmp_path_factory.mktemp("two"), 8)


@pytest.fixture(scope="module", params=BUILDS)
def taught(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> GanConfig:
    """A finished run on both classes; its snapshot is that of its end, so that a PGGAN's is fully grown."""
    config = small(data, tmp_path_factory.mktemp("taught"), **{"class": None, "checks": 1, **BUILDS[request.param]})
    list(train_gan(config))
    return config


def adapted(start: GanConfig, out: Path, label: str | None, **more: Any) -> GanConfig:
    values = start.model_dump(exclude={"data", "out", "class_name"})
    return small(start.data, out, **{**values, "class": label, "init": str(start.best), **more})


def begin(config: GanConfig) -> Trainer:
    patches = load_patches(config)
    spec = generator_spec(config, patches.classes)
    start = find_start(config, spec)
    return Trainer(config, start.shaped(spec), patches, torch.device("cpu"), start)


@pytest.mark.parametrize(("label", "number"), [("crazing", 0), ("patches", 1)])
def test_the_start_draws_and_judges_as_the_class_did(
    taught: GanConfig, tmp_path: Path, label: str, number: int
) -> None:
    trainer = begin(adapted(taught, tmp_path, label))
    z, zeros = torch.randn(5, 16), torch.zeros(5, dtype=torch.long)
    before = load_checkpoint(taught.best).network(z, zeros + number).clamp(-1, 1)
    torch.testing.assert_close(trainer.draw(z, zeros), before, atol=1e-4, rtol=0)
    other = load_checkpoint(taught.best).network(z, zeros + 1 - number).clamp(-1, 1)
    assert not torch.allclose(other, before, atol=1e-3), "the classes are told apart, so this shows something"

    whole = begin(adapted(taught, tmp_path, None))
    assert trainer.start.judged and trainer.start.sentence.endswith("generator and discriminator")
    images = torch.rand(5, 1, 32, 32) * 2 - 1
    with torch.no_grad():
        verdicts = [
            network.discriminator.eval()(images, labels)
            for network, labels in ((trainer, zeros), (whole, zeros + number))
        ]
    torch.testing.assert_close(*verdicts, atol=1e-4, rtol=1e-4)


def test_an_unknown_class_begins_at_the_mean(taught: GanConfig, tmp_path: Path) -> None:
    data = class_folder(tmp_path / "data", 6)
    (data / "images" / "patches").rename(data / "images" / "rust")
    table = data / "split.csv"
    table.write_text(table.read_text().replace("patches", "rust"))
    trainer = begin(adapted(taught, tmp_path, "rust").model_copy(update={"data": data}))
    rows = load_checkpoint(taught.best).network.state_dict()["embedding.weight"]
    assert_same(trainer.generator.state_dict()["embedding.weight"], rows.mean(0, keepdim=True))
    assert "does not know rust" in trainer.start.sentence


def test_an_adapted_network_never_shrinks(taught: GanConfig, tmp_path: Path) -> None:
    trainer = begin(adapted(taught, tmp_path, "patches"))
    for _ in range(2):
        trainer.step()
    pictures = trainer.draw(torch.randn(2, 16), torch.zeros(2, dtype=torch.long))
    assert pictures.shape[-1] == 32
    assert trainer.depth in (None, 3.0)


def test_a_lone_checkpoint_has_no_discriminator(taught: GanConfig, tmp_path: Path) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(taught.best.with_suffix(suffix), tmp_path / f"lone{suffix}")
    alone = adapted(taught, tmp_path / "out", "patches", init=str(tmp_path / "lone.safetensors"), freeze_d=2)
    run = train_gan(alone)
    started = next(run)
    run.close()
    assert started.kind == "started"
    assert started.start == "lone, the generator alone: no discriminator was saved beside it"
    assert any("nothing is frozen" in note for note in started.notes)
    wider = begin(adapted(taught, tmp_path / "wider", "patches", ndf=16))
    assert not wider.start.judged and "built with other settings" in wider.start.sentence


def frozen_and_others(trainer: Trainer, count: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    layers = trainer.discriminator.early_layers()[:count]  # type: ignore[operator]
    frozen = {id(parameter) for layer in layers for parameter in layer.parameters()}
    found: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    for name, parameter in trainer.discriminator.named_parameters():
        found[id(parameter) not in frozen][name] = parameter.detach().clone()
    return found


def test_frozen_layers_stay_and_all_others_learn(taught: GanConfig, tmp_path: Path) -> None:
    trainer = begin(adapted(taught, tmp_path, "patches", freeze_d=2))
    frozen, others = frozen_and_others(trainer, 2)
    assert len(frozen) >= 4 and others
    for _ in range(3):
        trainer.step()
    frozen_after, others_after = frozen_and_others(trainer, 2)
    assert_same(frozen_after, frozen)
    still = [name for name, tensor in others.items() if torch.equal(tensor, others_after[name])]
    assert not still, f"these did not learn: {still}"


def test_an_adaptation_resumes_bit_for_bit_without_its_start(
    taught: GanConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.gan.train.TELL_EVERY", 0.0)
    start = tmp_path / "start"
    shutil.copytree(taught.out, start)
    init = str(start / taught.best.name)
    whole, broken = (adapted(taught, tmp_path / name, "crazing", freeze_d=1, init=init) for name in ("whole", "broken"))
    assert list(train_gan(whole))[-1].kind == "finished"
    run = train_gan(broken)
    while next(run).kind != "step":
        pass
    run.send("save")
    run.close()
    shutil.rmtree(start)
    resumed = list(train_gan(broken.model_copy(update={"resume": True})))
    assert resumed[0].kind == "started" and resumed[0].start.endswith("generator and discriminator")
    assert_same(last_state(whole), last_state(broken))
    # What was adapted is a start in its turn.
    again = begin(adapted(whole, tmp_path / "again", "crazing"))
    assert again.start.judged and again.start.conditioned


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ngf": 16, "nz": 8}, "was made with --nz 16 --ngf 8, this run has --nz 8 --ngf 16; give the start's values"),
        ({"size": 64}, "was made with --size 32, this run has --size 64"),
        ({"colour": True}, "makes grey pictures, this run colour pictures; set --colour and --masks"),
        ({"freeze_d": 8}, "freeze_d is 8, but this discriminator has 3 layers before its head"),
    ],
)
def test_what_does_not_fit_is_named(data: Path, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    start = small(data, tmp_path / "start", **{"class": None, "checks": 1, "images": 16})
    list(train_gan(start))
    with pytest.raises(ConfigError, match=says):
        begin(adapted(start, tmp_path / "out", "patches", **change))


def test_wrong_starts_are_named(data: Path, tmp_path: Path) -> None:
    one = small(data, tmp_path / "one", **{"class": "patches", "checks": 1, "images": 16})
    list(train_gan(one))
    assert begin(adapted(one, tmp_path / "other", "crazing")).start == GanStart(
        "one, which made patches, generator and discriminator", judged=True
    )
    with pytest.raises(ConfigError, match="makes patches alone; give the --class"):
        begin(adapted(one, tmp_path / "all", None))
    classifier = small(
        data, tmp_path / "out", init=str(WEIGHTS_FOLDER / "neu-classifier.safetensors"), **{"class": "patches"}
    )
    with pytest.raises(CheckpointError, match="is a classifier; a GAN starts from a generator"):
        begin(classifier)
    with pytest.raises(ConfigError, match="give --init with it"):
        small(data, tmp_path / "out", freeze_d=1)
