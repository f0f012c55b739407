"""The flags of `steelgui train`, `experiment` and `compare`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from steelgui.run_cli import lazy_run


def add_training(commands: Any, common: argparse.ArgumentParser, epilog: str, arguments: Sequence[str]) -> None:
    """`train`, `experiment` and `compare`; flags made from configurations only where `arguments` want them: that
    imports pydantic.
    """
    train = commands.add_parser("train", help="train a classifier, a segmenter, an anomaly detector or a GAN")
    kinds = train.add_subparsers(dest="kind", metavar="KIND", required=True)
    trained: tuple[Literal["classifier", "segmenter"], ...] = ("classifier", "segmenter")
    for kind in trained:
        one = kinds.add_parser(kind, parents=[common], help=f"train a {kind}", epilog=epilog)
        one.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
        one.add_argument("--json", action="store_true", help="events as JSON, one a line")
        if "train" in arguments and kind in arguments:
            from steelgui.commands import CONFIGS
            from steelgui.options import add_config_flags
            from training.presets import names

            one.add_argument("--preset", choices=names(kind), help="fills the settings below")
            add_config_flags(one, CONFIGS[kind])
        one.set_defaults(run=_lazy_train)
    _add_anomaly(kinds, common, epilog, wanted="train" in arguments and "anomaly" in arguments)
    _add_gan(kinds, common, epilog, wanted="train" in arguments and "gan" in arguments)
    _add_experiment(commands, common, epilog, wanted="experiment" in arguments)
    _add_compare(commands, common, epilog, wanted="compare" in arguments)


def _add_anomaly(kinds: Any, common: argparse.ArgumentParser, epilog: str, wanted: bool) -> None:
    one = kinds.add_parser("anomaly", parents=[common], help="learn good parts, find what is strange", epilog=epilog)
    _add_of_run(one, "events as JSON, one a line")
    if wanted:
        from steelgui.options import add_config_flags
        from training.anomaly.config import AnomalyConfig

        one.add_argument(
            "--out", type=Path, metavar="DIR", help="put the detector there too; its run has it by default"
        )
        add_config_flags(one, AnomalyConfig, skip=frozenset({"out", "resume"}))
    one.set_defaults(run=lazy_run("train_anomaly"))


def _add_gan(kinds: Any, common: argparse.ArgumentParser, epilog: str, wanted: bool) -> None:
    gan = kinds.add_parser("gan", parents=[common], help="train a GAN on one class, or on all", epilog=epilog)
    gan.add_argument("--preset", choices=("quick", "good", "full", "thesis"), help="fills the settings below")
    _add_of_run(gan, "events as JSON, one a line")
    if wanted:
        from steelgui.options import add_config_flags
        from training.gan.config import GanConfig

        add_config_flags(gan, GanConfig, skip=frozenset({"out", "resume"}))
    gan.set_defaults(run=lazy_run("train_gan"))


def _add_experiment(commands: Any, common: argparse.ArgumentParser, epilog: str, wanted: bool) -> None:
    one = commands.add_parser(
        "experiment",
        parents=[common],
        help="do synthetic pictures help? Trainings with and without them on one split",
        epilog=epilog,
    )
    one.add_argument("--out", type=Path, metavar="DIR", help="also put result.json, figures.csv and report.html there")
    _add_of_run(one, "the result as one JSON object")
    if wanted:
        from steelgui.options import add_config_flags
        from training.experiment.config import ExperimentConfig

        add_config_flags(one, ExperimentConfig, skip=frozenset({"out", "resume"}))
    one.set_defaults(run=lazy_run("experiment"))


def _add_compare(commands: Any, common: argparse.ArgumentParser, epilog: str, wanted: bool) -> None:
    one = commands.add_parser(
        "compare", parents=[common], help="kinds of models side by side, on one split of a data set", epilog=epilog
    )
    one.add_argument("--lang", choices=("en", "ko"), default="en", help="language of the page that --out writes")
    one.add_argument("--out", type=Path, metavar="DIR", help="also put comparison.html, .csv and .json there")
    _add_of_run(one, "the result as one JSON object")
    if wanted:
        from steelgui.options import add_config_flags
        from training.comparison.config import ComparisonConfig

        add_config_flags(one, ComparisonConfig, skip=frozenset({"out", "resume"}))
    one.set_defaults(run=_lazy_compare)


def _add_of_run(command: argparse.ArgumentParser, json: str) -> None:
    command.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
    command.add_argument("--name", metavar="NAME", help="what the run is called")
    command.add_argument("--json", action="store_true", help=json)


def _lazy_train(arguments: argparse.Namespace) -> int:
    from steelgui.commands import train

    return train(arguments)


def _lazy_compare(arguments: argparse.Namespace) -> int:
    from steelgui.compare_command import compare

    return compare(arguments)
