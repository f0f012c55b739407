"""Two models on the same pictures: planted answers, the figures of `evaluate`, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stripes import ANGLES, SIDE, striped_folder

from models.checkpoint import Checkpoint, load_checkpoint
from models.registry import build
from models.sidecar import CheckpointError
from models.spec import NetworkSpec, Preprocess, is_defect_free
from training.classifier import evaluate_classifier, train_classifier
from training.config import ClassifierConfig, parse
from training.data import read_dataset
from training.data.record import DataError, DataSet
from training.data.splits import select
from training.experiment.paired import compare, judged_split
from training.segmenter import evaluate_segmenter

NAMES = ("old", "new")


@pytest.fixture(scope="module")
def striped(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return read_dataset(striped_folder(tmp_path_factory.mktemp("striped")))


@pytest.fixture(scope="module")
def trained(striped: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    asked = {"data": striped.root, "out": tmp_path_factory.mktemp("model"), "arch": "test_resnet", "init": "random"}
    fast = {"size": SIDE, "epochs": 6, "learning_rate": 3e-3, "batch_size": 16, "device": "cpu"}
    config = parse(ClassifierConfig, asked | fast)
    assert [event.kind for event in train_classifier(config)][-1] == "finished"
    return load_checkpoint(config.best)


def untrained(spec: NetworkSpec, seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    return Checkpoint("untrained", build(spec).eval(), spec, {"trained_on": {"pictures": ""}})


def test_a_trained_model_is_better_than_an_untrained_one(striped: DataSet, trained: Checkpoint) -> None:
    name, samples = judged_split(striped, None)
    assert (name, len(samples)) == ("test", 120)
    other = untrained(trained.spec)
    found = compare(other, trained, NAMES, name, samples)
    assert (found.verdict, found.pictures, found.groups, found.warnings) == ("b", 120, 120, ())
    change = found.change["macro_f1"]
    assert 0 < change.low < change.value < change.high
    figures = f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    assert found.sentence == f"new is better by {figures} in macro-F1 on these 120 pictures"
    back = compare(trained, other, ("new", "old"), name, samples)
    assert back.verdict == "a" and back.sentence == found.sentence, "which is named first does not matter"
    for side, model in ((found.a, other), (found.b, trained)):
        reached = evaluate_classifier(model.network, model.spec, samples)
        assert side["macro_f1"].value == pytest.approx(reached["macro_f1"], abs=1e-5)
        for label in ANGLES:
            assert side[f"recall:{label}"].value == pytest.approx(reached["per_class"][label]["recall"], abs=1e-5)


def test_classes_in_another_order_make_no_difference(striped: DataSet, trained: Checkpoint) -> None:
    order = [2, 0, 1]
    spec = replace(trained.spec, classes=tuple(trained.spec.classes[index] for index in order))
    network = build(spec)
    state = trained.network.state_dict()
    network.load_state_dict({key: value[order] if key.startswith("fc.") else value for key, value in state.items()})
    found = compare(
        trained, replace(trained, network=network.eval(), spec=spec), NAMES, "test", select(striped, "test")
    )
    assert found.verdict == "no_difference"
    assert all(change.value == 0 and change.low == -change.high for change in found.change.values())
    assert found.sentence == (
        "no difference that these 120 pictures could show: +0.000 (-0.029 to +0.029) in macro-F1 from old to new"
    )


def test_pictures_that_a_model_knows_are_told(striped: DataSet, trained: Checkpoint) -> None:
    samples = select(striped, "train")
    found = compare(replace(trained, card={}), trained, NAMES, "train", samples)
    assert found.warnings == (
        "mind: the card of old does not say what it has learned from; it may know some of these",
        "mind: new has learned from 88 of these 88 pictures, so its figures say less than they seem to",
    )


def test_strips_with_several_classes(strips_folder: Path) -> None:
    """Multi-label classifiers and segmenters, untrained: the figures are those of `evaluate`."""
    dataset = read_dataset(strips_folder)
    samples = dataset.samples[:12]  # each is stitched four times from seven tiles
    defects = tuple(name for name in dataset.classes if not is_defect_free(name))
    classifier = NetworkSpec("classifier", "test_resnet", defects, multi_label=True, preprocess=Preprocess(32))
    encoder = {"encoder": "test_resnet"}
    segmenter = NetworkSpec("segmenter", "fpn", defects, encoder, multi_label=True, preprocess=Preprocess(64))
    for spec, evaluate, main in (
        (classifier, evaluate_classifier, "macro_f1"),
        (segmenter, evaluate_segmenter, "dice_positive"),
    ):
        models = untrained(spec, 1), untrained(spec, 2)
        found = compare(*models, NAMES, "all", samples)
        assert found.main == main and found.pictures == 12 and 10 <= found.groups <= 12
        for side, model in zip((found.a, found.b), models, strict=True):
            reached = evaluate(model.network, spec, samples)
            assert side[main].value == pytest.approx(reached[main], abs=2e-5)
            assert side[main].low <= side[main].value <= side[main].high
            for label, figures in reached["per_class"].items():
                for key in ("f1", "recall") if spec is classifier else ("dice_positive", "dice"):
                    if figures[key] is not None:
                        assert side[f"{key}:{label}"].value == pytest.approx(figures[key], abs=2e-5)


def test_what_cannot_be_compared(striped: DataSet, trained: Checkpoint) -> None:
    samples, spec = select(striped, "test"), trained.spec
    strangers = replace(spec, classes=("level", "upright", "steep"))
    for other, said in (
        (replace(spec, kind="segmenter"), "old is a classifier, new a segmenter; compare two of one kind"),
        (replace(spec, kind="generator"), "new is a generator"),
        (strangers, "do not know the same classes: only one of them has rare, steep"),
        (replace(spec, multi_label=True), "old gives a picture one class, new several"),
    ):
        with pytest.raises(CheckpointError, match=said):
            compare(trained, replace(trained, spec=other), NAMES, "test", samples)
    with pytest.raises(DataError, match="has 9 unlike pictures, near-duplicates counted once; a comparison needs 10"):
        compare(trained, trained, NAMES, "test", samples[:9])
    alike = [replace(sample, group="one") for sample in samples]
    with pytest.raises(DataError, match="the test split has 1 unlike pictures, near"):
        compare(trained, trained, NAMES, "test", alike)
    several = [*samples[:20], replace(samples[20], labels=("level", "rare"))]
    with pytest.raises(DataError, match="has 2 classes; old gives each picture one"):
        compare(trained, trained, NAMES, "test", several)


def test_which_split_is_judged_on(striped: DataSet) -> None:
    validated = replace(striped, samples=tuple(s for s in striped.samples if s.split != "test"))
    name, samples = judged_split(validated, None)
    assert (name, len(samples)) == ("validation", 36)
    assert judged_split(striped, "val")[1] == samples
    without = replace(striped, samples=tuple(replace(sample, split=None) for sample in striped.samples))
    with pytest.raises(DataError, match="names neither a test nor a validation split; say with --split which"):
        judged_split(without, None)
    assert len(judged_split(without, "all")[1]) == len(striped.samples)
    with pytest.raises(DataError, match="has no split 'other'"):
        judged_split(striped, "other")
