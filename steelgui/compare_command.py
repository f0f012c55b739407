"""`steelgui compare`: kinds of models side by side; the table on stdout, progress on stderr."""

from __future__ import annotations

import argparse

from steelgui.console import print_json, print_line, read_recipe, say, settings_from


def compare(arguments: argparse.Namespace) -> int:
    """A run like any other, worked on by this process; at its end a row for each model."""
    from steelgui.options import config_values
    from steelgui.run_commands import work_on
    from steelgui.services.comparisons import Comparisons
    from steelgui.ui.compare_report import table, write_comparison
    from steelgui.ui.i18n import Translator
    from training.comparison.config import ComparisonConfig
    from training.config import parse

    settings = settings_from(arguments)
    settings.prepare()
    comparisons = Comparisons(settings)
    values = {**read_recipe(arguments.config), **config_values(ComparisonConfig, arguments)}
    run = comparisons.create(parse(ComparisonConfig, {**values, "out": comparisons.jobs.root}), arguments.name)
    work_on(run, json_alone=False, quiet=arguments.json)
    result = run.result()
    if result is None:
        say(f"{run.id} has not ended; `steelgui runs resume {run.id}` goes on")
        return 1
    if arguments.out:
        say(f"the page is {write_comparison(result, arguments.out, Translator(arguments.lang))}")
    if arguments.json:
        print_json(result)
        return 0
    for line in table(result):
        print_line(line)
    say(f"the models are in {run.folder / 'trainings'}; `steelgui models import FILE` takes one in")
    return 0
