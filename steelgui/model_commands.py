"""What the commands about models do; stdout is for results."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from steelgui.console import print_json, print_line, say, settings_from
from steelgui.services.library import Library, copy_model
from training.config import ConfigError


def list_models(arguments: argparse.Namespace) -> int:
    library = Library(settings_from(arguments))
    entries = library.entries()
    at_work = set(library.together())
    if arguments.json:
        print_json([{**_entry_json(entry), "active": entry.path in at_work} for entry in entries])
        return 0
    for entry in entries:
        about = (
            entry.problem or f"{entry.spec.kind} {entry.spec.architecture}, {len(entry.spec.classes)} classes"
            if entry.spec
            else entry.problem
        )
        mark = "*" if entry.path in at_work else " "
        kind = "bundled" if entry.bundled else "own"
        print_line(f"{mark} {entry.name:<24} {kind:<8} {entry.megabytes:5.1f} MB  {about}")
    return 0


def show(arguments: argparse.Namespace) -> int:
    entry = Library(settings_from(arguments)).entry(arguments.model)
    card = {key: value for key, value in entry.card.items() if key != "trained_on"}
    trained_on = dict(entry.card.get("trained_on") or {})
    # Thousands of digests are for programs, not for people.
    trained_on["pictures"] = len(str(trained_on.get("pictures", "")).split())
    report = {**_entry_json(entry), **card, "trained_on": trained_on}
    if arguments.json:
        print_json(report)
    else:
        print_line("\n".join(f"{key:<12} {value}" for key, value in report.items()))
    return 0


def activate(arguments: argparse.Namespace) -> int:
    library = Library(settings_from(arguments))
    entry, before = library.activate(arguments.model)
    assert entry.spec
    warning = library.warning(entry.spec.kind)
    if arguments.json:
        print_json({"active": entry.name, "before": before and before.name, "warning": warning})
        return 0
    if warning:
        say(warning)
    say(f"{entry.name} inspects from now on; `steelgui models rollback {entry.spec.kind}` goes back")
    return 0


def rollback(arguments: argparse.Namespace) -> int:
    library = Library(settings_from(arguments))
    left = library.active.roll_back(arguments.kind)
    path = library.default(arguments.kind)
    if arguments.json:
        print_json({"active": path and path.stem, "before": left or None})
    else:
        again = "as before" if left is None else f"again, {left} no more" if left else "again"
        say(f"{path.stem if path else f'no {arguments.kind}'} inspects {again}")
    return 0


def off(arguments: argparse.Namespace) -> int:
    before = Library(settings_from(arguments)).switch_off(arguments.kind)
    if arguments.json:
        print_json({"active": None, "before": before})
    else:
        back = f"; `steelgui models rollback {arguments.kind}` brings {before} back" if before else ""
        say(f"no {arguments.kind} inspects{back}")
    return 0


def export(arguments: argparse.Namespace) -> int:
    entry = Library(settings_from(arguments)).entry(arguments.model)
    if arguments.onnx:
        return _export_onnx(entry.path, arguments)
    for flag in ("data", "tolerance"):
        if getattr(arguments, flag) is not None:
            raise ConfigError(f"--{flag}: it is about the comparison of ONNX with torch; give --onnx with it")
    target = arguments.out / entry.path.name
    copy_model(entry.path, target)
    if arguments.json:
        print_json({"path": str(target)})
    else:
        print_line(str(target))
    return 0


def _export_onnx(file: Path, arguments: argparse.Namespace) -> int:
    from models.onnxfile import TOLERANCE
    from steelgui.services.exporting import export_onnx

    tolerance = TOLERANCE if arguments.tolerance is None else arguments.tolerance
    done = export_onnx(file, arguments.out, arguments.data, tolerance)
    found = done.parity
    if arguments.json:
        told = {**asdict(found), "tolerance": tolerance, "agree": not found.differing}
        print_json({"path": str(done.path), "onnx": str(done.onnx), "metadata": done.metadata, "parity": told})
        return 0
    print_line(f"{done.path}\n{done.onnx}")
    print_line("\n".join(f"  {key:<12} {value}" for key, value in done.metadata.items()))
    agree = "all agree" if not found.differing else f"{found.differing} do not agree"
    print_line(
        f"onnxruntime beside torch on {found.pictures} pictures ({found.tiles} tiles): greatest difference "
        f"{found.greatest:.1e} (allowed {tolerance:g}); of {found.decisions} decisions {agree}"
    )
    return 0


def compare(arguments: argparse.Namespace) -> int:
    from steelgui.services.comparing import compare_models
    from training.experiment.compare import without_nan

    library = Library(settings_from(arguments))
    found = compare_models(library, arguments.a, arguments.b, arguments.data, arguments.format, arguments.split)
    if arguments.json:
        print_json(without_nan({**asdict(found), "verdict": found.verdict, "sentence": found.sentence}))
        return 0
    print_line(f"{found.split}: {found.pictures} pictures, {found.groups} unlike one another; 95 % intervals")
    width = max(map(len, found.change))
    print_line(f"{'':<{width}}  {found.names[0]:<24} {found.names[1]:<24} difference")
    for name, change in found.change.items():
        sides = [f"{side.value:.3f} ({side.low:.3f} to {side.high:.3f})" for side in (found.a[name], found.b[name])]
        print_line(
            f"{name:<{width}}  {sides[0]:<24} {sides[1]:<24} "
            f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
        )
    for warning in found.warnings:
        say(warning)
    print_line(found.sentence)
    return 0


def take_in(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    settings.prepare()
    path = Library(settings).take_in(arguments.file, arguments.name)
    if arguments.json:
        print_json({"name": path.stem, "path": str(path)})
    else:
        say(f"{path.stem} is here now; `steelgui models activate {path.stem}` lets it inspect")
    return 0


def _entry_json(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": str(entry.path),
        "bundled": entry.bundled,
        "megabytes": round(entry.megabytes, 2),
        "kind": entry.spec and entry.spec.kind,
        "architecture": entry.spec and entry.spec.architecture,
        "classes": entry.spec and list(entry.spec.classes),
        "metrics": entry.card.get("metrics"),
        "problem": entry.problem,
    }
