"""Training and validation from one data set, so that nothing in the one is known from the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.data.duplicates import Progress, near_duplicate_groups
from training.data.record import DataError, DataSet, Sample

ALIASES = {"val": "validation", "valid": "validation"}


def group_stratified_split(samples: Sequence[Sample], fractions: dict[str, float], seed: int) -> tuple[Sample, ...]:
    """Deal whole groups to splits and keep each class's proportions as well as groups allow.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, "On the stratification of multi-label data", ECML 2011)
    with groups in place of examples: the rarest class first, its largest groups first, each to the split that lacks
    most of it. While groups last, every split gets one of each class; a class with a single group goes to the largest
    split.

    Args:
        samples: any labels, several each too. A sample without a group goes with the others of its picture.
        fractions: split → its part; parts are above 0 and need not add up to 1.
        seed: of the order among equals.

    Returns:
        The samples in their order, with `split` set.

    Raises:
        ValueError: no split, or a part that is not above 0.
    """
    if not fractions or min(fractions.values()) <= 0:
        raise ValueError(f"fractions must be above 0, one or more, got {fractions}")
    contents: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        contents[group_key(sample)].update(sample.labels)
    names = list(contents)
    # Sorting by size is stable, so a shuffle before it decides among groups of one size.
    shuffled = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    totals = sum(contents.values(), Counter[str]())
    whole = sum(fractions.values())
    wanted = {split: {name: totals[name] * part / whole for name in totals} for split, part in fractions.items()}
    placed: dict[str, str] = {}
    reached: dict[str, set[str]] = defaultdict(set)
    while len(placed) < len(names):
        remaining = Counter(name for key in names if key not in placed for name in contents[key])
        rarest = min(remaining, key=lambda name: (remaining[name], name), default=None)
        if rarest is None:  # samples without any label
            placed |= dict.fromkeys(
                (key for key in names if key not in placed), max(fractions, key=fractions.__getitem__)
            )
            break
        waiting = [key for key in shuffled if key not in placed and rarest in contents[key]]
        waiting.sort(key=lambda key: -contents[key][rarest])
        for left, key in zip(range(len(waiting), 0, -1), waiting, strict=True):
            lacking = [split for split in fractions if split not in reached[rarest]]
            choice = lacking if lacking and left <= len(lacking) else list(fractions)
            split = max(choice, key=lambda split: (wanted[split][rarest], sum(wanted[split].values())))
            placed[key] = split
            for name, count in contents[key].items():
                wanted[split][name] -= count
                reached[name].add(split)
    return tuple(replace(sample, split=placed[group_key(sample)]) for sample in samples)


def group_key(sample: Sample) -> str:
    return sample.group if sample.group is not None else str(sample.image)


def with_splits(dataset: DataSet, validation: float = 0.2, seed: int = 0, progress: Progress | None = None) -> DataSet:
    """A data set with splits is returned as it is; any other gets `train` and `validation`.

    Samples without a group get one by `near_duplicate_groups`. Where the data names `train` (and perhaps `test`) but
    nothing to validate on, validation is cut from train. Both, and what cannot be validated, is told in `problems`.

    Args:
        validation: part of the pictures, between 0 and 1.
        progress: called with (pictures compared, all); only where groups must be found.

    Raises:
        ValueError: `validation` is not between 0 and 1.
    """
    if not 0 < validation < 1:
        raise ValueError(f"the validation part must lie between 0 and 1, got {validation}")
    present = {sample.split for sample in dataset.samples}
    if None not in present and not ("train" in present and present <= {"train", "test"}):
        return dataset
    problems = list(dataset.problems)
    fixed: frozenset[str | None] = frozenset()
    if None not in present:
        fixed = frozenset({"test"})
        problems.append(f"{dataset.root.name} names no validation split; {validation:.0%} of train is held out for it")
    elif len(present) > 1:
        problems.append("some pictures have a split and some have none; all are split anew")
    dealing = grouped([sample for sample in dataset.samples if sample.split not in fixed], progress)
    dealt = iter(group_stratified_split(dealing, {"train": 1 - validation, "validation": validation}, seed))
    samples = tuple(sample if sample.split in fixed else next(dealt) for sample in dataset.samples)
    return replace(dataset, samples=samples, problems=(*problems, *_unvalidated(dataset.classes, samples)))


def split_anew(
    dataset: DataSet, fractions: dict[str, float], seed: int = 0, progress: Progress | None = None
) -> tuple[Sample, ...]:
    """All samples dealt to splits, whatever split they had, near-duplicates together; each has a group then.

    Args:
        fractions: split → its part, above 0.
        progress: called with (pictures compared, all).
    """
    return group_stratified_split(grouped(list(dataset.samples), progress), fractions, seed)


def select(dataset: DataSet, split: str) -> tuple[Sample, ...]:
    """Samples of one split: `all`, or its name; `val` is `validation`, and a fold's number will do.

    Raises:
        DataError: there is no such split; the sentence names those there are.
    """
    if split == "all":
        return dataset.samples
    name = f"fold{split}" if split.isdecimal() else ALIASES.get(split, split)
    chosen = tuple(sample for sample in dataset.samples if sample.split == name)
    if not chosen:
        known = sorted({sample.split for sample in dataset.samples if sample.split})
        raise DataError(f"{dataset.root.name} has no split {split!r}; choose from {', '.join(['all', *known])}")
    return chosen


def grouped(samples: Sequence[Sample], progress: Progress | None = None) -> list[Sample]:
    """Samples without a group get one: near-duplicates the same."""
    images = list(dict.fromkeys(sample.image for sample in samples if sample.group is None))
    numbers = near_duplicate_groups(images, progress=progress) if images else []
    found = {image: f"alike{number}" for image, number in zip(images, numbers, strict=True)}
    return [replace(sample, group=sample.group or found[sample.image]) for sample in samples]


def _unvalidated(classes: Sequence[str], samples: Sequence[Sample]) -> list[str]:
    sentences = []
    for name in classes:
        own = [sample for sample in samples if name in sample.labels and sample.split != "test"]
        if own and not any(sample.split == "validation" for sample in own):
            why = (
                "has only 1 picture"
                if len(own) == 1
                else f"has {len(own)} pictures, all near-duplicates of one another"
                if len({group_key(sample) for sample in own}) == 1
                else f"has {len(own)} pictures in groups that other classes need for training"
            )
            sentences.append(f"{name}: {why}; it stays in train and is not validated")
    return sentences
