"""Whose work a bundle holds, and under which licences: texts as their distributions carry them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

LICENCE = re.compile(r"^(licen[cs]es?|copying|notice|authors|copyright|third.?party.*)([._-].*)?$", re.IGNORECASE)
CODE = frozenset({".py", ".pyc", ".pyi", ".pyx", ".so", ".js", ".json", ".h"})
LINE = "=" * 100


@dataclass(frozen=True)
class Piece:
    """Something that others made: `texts` are (where it stands, licence text)."""

    name: str
    version: str
    licence: str
    texts: tuple[tuple[str, str], ...] = field(repr=False)


def owners(sources: Iterable[str], known: Iterable[Distribution]) -> tuple[list[Distribution], list[str]]:
    """The distributions that files of a bundle come from, by name, and the files that come from none.

    A distribution of which nothing but its metadata is bundled counts for nothing.
    """
    by_file: dict[str, Distribution] = {}
    for one in known:
        for file in one.files or ():
            by_file[os.path.normpath(str(one.locate_file(file)))] = one
    found: dict[str, Distribution] = {}
    strays: list[str] = []
    for source in sources:
        path = os.path.normpath(source)
        owner = by_file.get(path) or by_file.get(os.path.realpath(path))
        if owner is None:
            strays.append(path)
        elif ".dist-info" not in path:
            found[owner.metadata["Name"]] = owner
    return [found[name] for name in sorted(found, key=str.lower)], strays


def piece(one: Distribution) -> Piece:
    """A distribution with every licence text that it carries, each once."""
    texts: dict[str, str] = {}
    for file in one.files or ():
        if LICENCE.match(file.name) and Path(file.name).suffix.lower() not in CODE:
            path = Path(str(one.locate_file(file)))
            if path.is_file():
                texts.setdefault(path.read_text(encoding="utf-8", errors="replace").strip(), file.as_posix())
    return Piece(one.metadata["Name"], one.version, _said(one), tuple((name, text) for text, name in texts.items()))


def pieces(sources: Iterable[str], ours: Path) -> list[Piece]:
    """Everything in a bundle that others made: distributions, Python, PyInstaller's starter, the system's libraries.

    Args:
        sources: the files that were bundled, where they lay before.
        ours: files below this folder are our own, but for an environment in it.
    """
    found, strays = owners(sources, distributions())
    made = [piece(one) for one in found if one.metadata["Name"] != "steelgui"]
    # Its starter is in the program itself, and in no list.
    made.append(piece(distribution("pyinstaller")))
    stdlib = os.path.realpath(sysconfig.get_path("stdlib"))
    texts = [Path(stdlib) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt"]
    text = next((path.read_text(encoding="utf-8") for path in texts if path.is_file()), "")
    made.append(Piece("Python", sys.version.split()[0], "PSF-2.0", (("LICENSE.txt", text.strip()),) if text else ()))
    base, mine = os.path.realpath(sys.base_prefix), os.path.realpath(ours)
    foreign = {os.path.realpath(path) for path in strays if Path(path).is_file()}
    outside = [path for path in sorted(foreign) if not path.startswith((base + os.sep, mine + os.sep))]
    return made + _system(outside)


def notices(made: Iterable[Piece]) -> str:
    """The notice file: a list, what came without a text, then all texts."""
    rows = list(made)
    lines = ["SteelGUI holds the work of others, under these licences.", ""]
    lines += [f"  {row.name:<34} {row.version:<20} {row.licence}" for row in rows]
    without = [row for row in rows if not row.texts]
    if without:
        lines += ["", "No licence text came with these; what they say of themselves stands above:"]
        lines += [f"  {row.name} {row.version}".rstrip() for row in without]
    for row in rows:
        for name, text in row.texts:
            lines += ["", LINE, f"{row.name} {row.version}: {name}", LINE, "", text]
    return "\n".join(lines) + "\n"


def _said(one: Distribution) -> str:
    """What the metadata says of the licence, in a few words."""
    metadata = one.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classifiers = [word.split(" :: ")[-1] for word in metadata.get_all("Classifier") or () if word.startswith("Lic")]
    if classifiers:
        return ", ".join(classifiers)
    first = metadata["License"].strip().splitlines() if "License" in metadata else []
    return first[0][:80] if first else "not said"


def _system(paths: list[str]) -> list[Piece]:
    """Libraries of the system, a piece for each of its packages; where it has none, for each file."""
    found: dict[str, Piece] = {}
    for path in paths:
        package = _debian(path)
        text = Path("/usr/share/doc") / package / "copyright" if package else None
        texts = ((str(text), text.read_text(encoding="utf-8", errors="replace").strip()),) if text else ()
        name = package or Path(path).name
        found.setdefault(name, Piece(name, "", "library of the system it was built on", texts))
    return list(found.values())


def _debian(path: str) -> str | None:
    """The Debian package of a file, if it has one with a licence text."""
    program = shutil.which("dpkg")
    if program is None:
        return None
    # Since /lib became a link to /usr/lib, the package may name either.
    for name in (path, path.removeprefix("/usr")):
        said = subprocess.run([program, "-S", name], capture_output=True, text=True, check=False)
        package = said.stdout.split(":")[0].strip()
        if said.returncode == 0 and (Path("/usr/share/doc") / package / "copyright").is_file():
            return package
    return None
