"""Figures with intervals, on predictions whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.experiment.compare import Bootstrap, classification_figures, dice_by_picture, mean_figures
from training.experiment.verdict import MEASURES, decide, sentence

CLASSES = ("a", "b", "rare")
MEANS = {"macro_dice": CLASSES, "scarce_dice": ("rare",)}


def predicted(truth: np.ndarray, wrong: float, seeds: int, seed: int, only: int | None = None) -> np.ndarray:
    """S×N: a part `wrong` of the pictures (of one class, if given) goes to the next class."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(seeds):
        flipped = random.random(len(truth)) < wrong
        if only is not None:
            flipped &= truth == only
        rows.append(np.where(flipped, (truth + 1) % 3, truth))
    return np.stack(rows)


@pytest.fixture
def truth() -> np.ndarray:
    return np.repeat(np.arange(3), 40)


def test_figures_agree_with_torchmetrics(truth: np.ndarray) -> None:
    import torch
    from torchmetrics.functional.classification import multiclass_f1_score, multiclass_recall

    rows = predicted(truth, 0.3, 3, 1)
    bootstrap = Bootstrap([str(i) for i in range(len(truth))], 3)
    figures = classification_figures(bootstrap, truth, rows, CLASSES, ("rare",))
    options = {"num_classes": 3, "average": None}
    f1 = torch.stack([multiclass_f1_score(torch.tensor(row), torch.tensor(truth), **options) for row in rows]).mean(0)
    recall = torch.stack([multiclass_recall(torch.tensor(row), torch.tensor(truth), **options) for row in rows]).mean(0)
    assert figures["macro_f1"].value == pytest.approx(float(f1.mean()), abs=1e-6)
    assert figures["scarce_f1"].value == pytest.approx(float(f1[2]), abs=1e-6)
    assert figures["recall:b"].value == pytest.approx(float(recall[1]), abs=1e-6)
    interval = figures["recall:rare"].interval()
    assert interval.low < interval.value < interval.high


def test_dice_agrees_with_the_meter_of_a_training() -> None:
    import torch

    from training.metrics import SegmentationMeter, mask_areas

    random = np.random.default_rng(0)
    # Whether a picture shows a class does not depend on the seed, what a network makes of it does.
    target = random.random((30, 3, 8, 8)) < random.choice([0.0, 0.4], (30, 3, 1, 1))
    meters = [SegmentationMeter(CLASSES) for _ in range(3)]
    areas = []
    for meter in meters:
        found = [mask_areas(torch.from_numpy(random.random((3, 8, 8)) < 0.5), torch.from_numpy(one)) for one in target]
        for one in found:
            meter.add(one, torch.ones(3, dtype=torch.bool))
        areas.append(torch.stack(found).numpy())
    bootstrap = Bootstrap([str(i) for i in range(30)], 3)
    figures = mean_figures(bootstrap, "dice", dice_by_picture(np.stack(areas)), CLASSES, MEANS)
    told = [meter.compute() for meter in meters]
    by_class = {name: np.mean([one["per_class"][name]["dice_positive"] for one in told]) for name in CLASSES}
    assert figures["macro_dice"].value == pytest.approx(np.mean([one["dice_positive"] for one in told]), abs=1e-4)
    assert figures["dice:rare"].value == pytest.approx(by_class["rare"], abs=1e-4)
    assert figures["scarce_dice"].value == figures["dice:rare"].value
    interval = figures["dice:a"].interval()
    assert interval.low < interval.value < interval.high


def test_a_class_that_no_picture_shows_has_no_dice() -> None:
    areas = np.zeros((2, 4, 3, 3), dtype=np.int64)
    areas[:, :, :, 0] = (3, 4, 5)
    areas[:, :, 1, 1] = 7  # found where nothing is
    figures = mean_figures(Bootstrap(list("abcd"), 2), "dice", dice_by_picture(areas), CLASSES, MEANS)
    assert {name: figure.value for name, figure in figures.items()} == {
        "macro_dice": pytest.approx(6 / 9),
        "dice:a": pytest.approx(6 / 9),
    }


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 100 experiments with two alike arms, about five show a difference; and a real one is mostly seen."""
    false_alarms = seen = 0
    for number in range(100):
        truth = np.repeat(np.arange(3), 30)
        bootstrap = Bootstrap([str(i) for i in range(len(truth))], 3, draws=400, seed=number)
        arms = [
            classification_figures(bootstrap, truth, predicted(truth, wrong, 3, 10 * number + arm), CLASSES, ("rare",))
            for arm, wrong in enumerate((0.3, 0.3, 0.1))
        ]
        alike, better = (arm["scarce_f1"].minus(arms[0]["scarce_f1"]) for arm in arms[1:])
        false_alarms += alike.above_zero or alike.below_zero
        seen += better.above_zero
    assert false_alarms <= 12
    assert seen >= 80


def test_near_duplicates_widen_an_interval(truth: np.ndarray) -> None:
    """Forty pictures that are four times ten are worth ten."""
    random = np.random.default_rng(0)
    wrong = np.repeat(random.random(30) < 0.4, 4)
    rows = np.where(wrong, (truth + 1) % 3, truth)[None]
    widths = []
    for alike in (1, 4):
        bootstrap = Bootstrap([str(i // alike) for i in range(120)], 1)
        found = classification_figures(bootstrap, truth, rows, CLASSES, ("rare",))["macro_f1"].interval()
        widths.append(found.high - found.low)
    assert 1.5 < widths[1] / widths[0] < 2.5


def test_without_an_error_an_interval_is_that_of_counts(truth: np.ndarray) -> None:
    """40 of 40 right: 0.912 to 1 (Clopper-Pearson, as tables give it), not 1 to 1; 10 of 10 from 0.692."""
    for alike, lowest in ((1, 0.9119), (4, 0.6915)):
        bootstrap = Bootstrap([str(i // alike) for i in range(120)], 2)
        figures = classification_figures(bootstrap, truth, np.stack([truth, truth]), CLASSES, ("rare",))
        sure = figures["recall:rare"].interval()
        assert (sure.value, sure.low, sure.high) == (1, pytest.approx(lowest, abs=1e-4), 1)
        assert figures["macro_f1"].interval().low == pytest.approx(1 - (1 - lowest) / 3, abs=1e-4)
        never = classification_figures(bootstrap, truth, np.zeros((2, 120), int), CLASSES, ())["recall:rare"].interval()
        assert (never.value, never.low, never.high) == (0, 0, pytest.approx(1 - lowest, abs=1e-4))


def test_one_error_tells_no_more_than_none(truth: np.ndarray) -> None:
    """39 of 40 right: Clopper and Pearson give 0.868 to 0.999; a bootstrap alone would give 0.925 to 1."""
    bootstrap, found = Bootstrap([str(i) for i in range(120)], 2), truth.copy()
    found[0] = (truth[0] + 1) % 3
    recall = f"recall:{CLASSES[truth[0]]}"
    arms = [classification_figures(bootstrap, truth, np.stack([one, one]), CLASSES, ()) for one in (truth, found)]
    none, one = (figures[recall].interval() for figures in arms)
    assert one.value == 39 / 40 and one.high == 1
    assert one.low == pytest.approx(39 / 40 - 0.0881, abs=1e-4) and one.low < none.low
    assert all(
        arms[1][name].interval().low < arms[0][name].interval().low for name in (recall, "macro_f1", f"f1:{CLASSES[0]}")
    )
    change = arms[1][recall].minus(arms[0][recall])
    assert change.low < -1 / 40 < 0 < change.high, "one picture shows no difference"


def test_arms_that_never_differ_may_yet_do_so(truth: np.ndarray) -> None:
    bootstrap = Bootstrap([str(i) for i in range(120)], 2)
    arms = [classification_figures(bootstrap, truth, np.stack([truth, truth]), CLASSES, ("rare",)) for _ in range(2)]
    change = arms[0]["recall:rare"].minus(arms[1]["recall:rare"])
    assert (change.value, change.low) == (0, -change.high)
    assert change.high == pytest.approx(0.0881, abs=1e-4)


@pytest.mark.parametrize(
    ("plain", "balanced", "synthetic", "kind", "best"),
    [
        (1.0, 0.5, 1.0, "not_learned", "balanced"),
        (0.5, 0.5, 0.1, "helped", "synthetic"),
        (0.5, 0.1, 0.1, "as_balanced", "balanced"),
        (0.3, 0.3, 0.3, "no_difference", "plain"),
        (0.1, 0.1, 0.6, "worse", "plain"),
    ],
)
def test_the_verdict_follows_from_the_intervals(
    truth: np.ndarray, plain: float, balanced: float, synthetic: float, kind: str, best: str
) -> None:
    bootstrap = Bootstrap([str(i) for i in range(len(truth))], 3)
    figures = {
        arm: classification_figures(bootstrap, truth, predicted(truth, wrong, 3, seed, only=2), CLASSES, ("rare",))
        for seed, (arm, wrong) in enumerate({"plain": plain, "balanced": balanced, "synthetic": synthetic}.items())
    }
    verdict = decide(figures, ("synthetic", 1.0), ("rare",), 40, 3, MEASURES["classifier"])
    assert (verdict.kind, verdict.best) == (kind, best)
    said = sentence(verdict, MEASURES["classifier"])
    if kind == "not_learned":
        assert "more epochs" in said
        return
    assert f"{verdict.gain.low:+.2f} to {verdict.gain.high:+.2f}" in said, "a verdict without its interval"
    if kind in ("helped", "as_balanced"):
        assert "recall on rare" in said
    if kind == "as_balanced":
        assert said.endswith(f" About {verdict.more} more test pictures and {verdict.seeds} seeds would tell.")


def test_a_segmenter_is_judged_by_dice() -> None:
    random = np.random.default_rng(0)
    bootstrap = Bootstrap([str(i) for i in range(40)], 3)
    arms = {
        arm: mean_figures(bootstrap, "dice", np.clip(random.normal(mean, 0.1, (3, 40, 3)), 0, 1), CLASSES, MEANS)
        for arm, mean in {"plain": 0.6, "synthetic": 0.75}.items()
    }
    verdict = decide(arms, ("synthetic", 1.0), ("rare",), 40, 3, MEASURES["segmenter"])
    assert (verdict.kind, verdict.label, verdict.best) == ("helped", "rare", "synthetic")
    said = sentence(verdict, MEASURES["segmenter"])
    assert said.startswith(f"Synthetic images raised dice on rare from {verdict.before:.2f} to {verdict.after:.2f} (")
    assert "recall" not in said and "F1" not in said


@pytest.mark.parametrize(
    ("of_pictures", "of_seeds", "kind"),
    [(0.0, 0.06, "seeds"), (0.3, 0.0, "pictures"), (0.2, 0.035, "both"), (0.01, 0.0, "enough"), (2.0, 1.0, "nothing")],
)
def test_what_would_tell_is_what_scatters(of_pictures: float, of_seeds: float, kind: str) -> None:
    """Dice of 40 pictures that differ by themselves, and of trainings that are good or bad as a whole."""
    random = np.random.default_rng(3)
    bootstrap = Bootstrap([str(i) for i in range(40)], 3)

    def dice(seed_shift: tuple[float, ...]) -> np.ndarray:
        noise = random.normal(0, 1, 40)
        noise = (noise - noise.mean()) / noise.std()
        return np.stack(
            [np.repeat((0.5 + of_pictures * noise + of_seeds * shift)[:, None], 3, 1) for shift in seed_shift]
        )

    arms = {
        "plain": mean_figures(bootstrap, "dice", dice((-1, 0, 1)), CLASSES, MEANS),
        "synthetic": mean_figures(bootstrap, "dice", dice((1, 0, -1)), CLASSES, MEANS),
    }
    verdict = decide(arms, ("synthetic", 1.0), ("rare",), 40, 3, MEASURES["segmenter"])
    assert verdict.kind == "no_difference"
    asked = (verdict.more is not None and verdict.more > 0, verdict.seeds > 3)
    assert asked == {"seeds": (False, True), "pictures": (True, False), "both": (True, True)}.get(kind, (False, False))
    assert (verdict.more is None) == (kind == "nothing")
    said = sentence(verdict, MEASURES["segmenter"])
    assert ("seeds would tell" in said, "more test pictures" in said) == (
        kind in ("seeds", "both"),
        kind in ("pictures", "both"),
    )
    assert ("would have shown" in said) == (kind == "enough")
