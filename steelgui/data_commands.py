"""What the commands about data do; stdout is for results, stderr for progress."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from steelgui.console import print_json, print_line, say, settings_from
from steelgui.services.datasets import Datasets


def describe(arguments: argparse.Namespace) -> int:
    from training.data import read_dataset
    from training.data.describe import describe as look

    found = look(read_dataset(arguments.dir, arguments.format))
    if arguments.json:
        print_json(found.to_json())
    else:
        print_line("\n".join(found.lines()))
    return 0


def render(arguments: argparse.Namespace) -> int:
    from training.data.strips import render_dataset

    for _ in tqdm(
        render_dataset(arguments.dir, arguments.strips, arguments.seed), total=arguments.strips, unit="strip"
    ):
        pass
    say(f"{arguments.strips} strips in {arguments.dir}")
    return 0


def list_data(arguments: argparse.Namespace) -> int:
    datasets = Datasets(settings_from(arguments))
    found = [datasets.overview(folder) for folder in datasets.all()]
    if arguments.json:
        print_json(
            [
                {
                    "name": one.name,
                    "folder": str(one.folder),
                    "source": one.source and str(one.source),
                    "pictures": one.pictures,
                    "classes": one.counts,
                    "scarce": one.scarce,
                    "changes": len(one.changes),
                }
                for one in found
            ]
        )
        return 0
    for one in found:
        scarce = f"; scarce: {', '.join(one.scarce)}" if one.scarce else ""
        print_line(f"{one.name:<24} {one.pictures:>6} pictures, {len(one.counts)} classes{scarce}  {one.folder}")
    return 0


def take_in(arguments: argparse.Namespace) -> int:
    datasets = Datasets(settings_from(arguments))
    with tqdm(unit="file", delay=1, disable=arguments.json or arguments.source.is_dir()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        folder = datasets.take_in(arguments.source, arguments.name, progress)
    overview = datasets.overview(folder)
    if arguments.json:
        print_json(
            {"name": overview.name, "folder": str(folder), "classes": overview.counts, "scarce": overview.scarce}
        )
        return 0
    for problem in overview.problems:
        say(problem)
    say(f"{overview.pictures} pictures in {len(overview.counts)} classes; train with --data {folder}")
    return 0


def split(arguments: argparse.Namespace) -> int:
    datasets, folder = _opened(arguments)
    counts = datasets.split(folder, arguments.validation, arguments.test, arguments.seed)
    return _changed(arguments, folder, counts, ", ".join(f"{name} {count}" for name, count in counts.items()))


def label(arguments: argparse.Namespace) -> int:
    datasets, folder = _opened(arguments)
    count, before = 1, len(datasets.overview(folder).changes)
    if arguments.class_name is not None:
        datasets.relabel(folder, arguments.picture, arguments.class_name)
    elif arguments.split is not None:
        count = datasets.move(folder, arguments.picture, arguments.split)
    elif arguments.same_as is not None:
        count = datasets.same_spot(folder, arguments.picture, arguments.same_as)
    else:
        datasets.leave_out(folder, arguments.picture)
    changes = datasets.overview(folder).changes
    if len(changes) == before:
        return _changed(arguments, folder, {"pictures": 0}, f"{arguments.picture} is that already", hint=False)
    change = changes[-1]
    along = f" ({count} pictures that are alike)" if count > 1 else ""
    said = f"{change.what.replace('_', ' ')}: {change.detail}{along}"
    return _changed(arguments, folder, {"what": change.what, "pictures": count}, said)


def undo(arguments: argparse.Namespace) -> int:
    datasets, folder = _opened(arguments)
    change = datasets.undo(folder)
    if change is None:
        say(f"{folder.name} has no correction to take back")
        return 1
    return _changed(arguments, folder, {"undone": change.what}, f"taken back: {change.detail}", hint=False)


def _opened(arguments: argparse.Namespace) -> tuple[Datasets, Path]:
    """The data set of that name, or the one for that folder, which is taken in where it is not yet."""
    datasets = Datasets(settings_from(arguments))
    folder = Path(arguments.data)
    return datasets, datasets.take_in(folder) if folder.is_dir() else datasets.find(arguments.data)


def _changed(arguments: argparse.Namespace, folder: Path, value: object, sentence: str, hint: bool = True) -> int:
    if arguments.json:
        print_json({"data": folder.name, "folder": str(folder), "result": value})
    else:
        say(f"{folder.name}: {sentence}" + (f"; `steelgui data undo {folder.name}` takes it back" if hint else ""))
    return 0
