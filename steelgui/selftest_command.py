"""`steelgui selftest`: its flags, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_selftest(commands: Any, epilog: str) -> None:
    one = commands.add_parser(
        "selftest", help="does it work here? Serves, inspects, trains and looks up; a minute", epilog=epilog
    )
    one.add_argument(
        "--home",
        dest="within",
        type=Path,
        metavar="DIR",
        help="make its own folder in DIR (default: the system's temporary folder)",
    )
    one.add_argument("--keep", action="store_true", help="leave that folder there, with logs, pictures and runs")
    one.add_argument("--json", action="store_true", help="one JSON object at the end; progress goes to stderr")
    one.set_defaults(run=selftest, home=None)


def selftest(arguments: argparse.Namespace) -> int:
    """0 where every step went well, else 1."""
    import signal
    import sys
    import time
    from contextlib import suppress

    from steelgui.console import print_json, print_line, say
    from steelgui.selftest.place import Place
    from steelgui.selftest.run import Outcome, go_through

    def tell(outcome: Outcome) -> None:
        (say if arguments.json else print_line)(outcome.line())
        sys.stdout.flush()  # as it happens, into a pipe too

    # As Ctrl-C does, so that what was started is stopped. Only the main thread may.
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    since = time.monotonic()
    with Place(arguments.within, arguments.keep) as place:
        outcomes = go_through(place, tell)
    seconds, bad = time.monotonic() - since, [one.name for one in outcomes if one.ok is False]
    if arguments.keep:
        say(f"everything is in {place.folder}")
    if arguments.json:
        steps = [one.to_json() for one in outcomes]
        print_json({"ok": not bad, "seconds": round(seconds, 2), "steps": steps})
    else:
        print_line(f"SteelGUI works here ({seconds:.0f} s)" if not bad else f"failed: {', '.join(bad)}")
    return int(bool(bad))
