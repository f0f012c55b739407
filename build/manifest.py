"""What a bundle holds, file by file, and whether it still does; pure but for reading the files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
CHUNK = 1 << 20
#: From this on a package has a line of its own among the parts.
LARGE = 1_000_000


def entries(folder: Path) -> list[dict[str, Any]]:
    """Every file below a folder but the manifest itself: path with forward slashes, then bytes and SHA-256, or what a
    link points to. Links are counted once, as what they point to."""
    found: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found.append({"path": name, "link": path.readlink().as_posix()})
        elif path.is_file() and name != MANIFEST:
            found.append({"path": name, "bytes": path.stat().st_size, "sha256": digest(path)})
    return found


def digest(path: Path) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def parts(files: list[dict[str, Any]]) -> dict[str, int]:
    """Bytes of each package, the largest first; those below `LARGE` together as `the rest`."""
    sums: dict[str, int] = {}
    for file in files:
        name = _part(file["path"])
        sums[name] = sums.get(name, 0) + file.get("bytes", 0)
    large = {name: size for name, size in sums.items() if size >= LARGE}
    rest = sum(sums.values()) - sum(large.values())
    return {**dict(sorted(large.items(), key=lambda item: -item[1])), "the rest": rest}


def write(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest of a bundle, and return it: `about`, then the total, the parts and the files."""
    files = entries(folder)
    total = sum(file.get("bytes", 0) for file in files)
    manifest = {**about, "bytes": total, "parts": parts(files), "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def differences(folder: Path) -> list[str]:
    """What of a bundle is not as its manifest says, a line each; [] where all is.

    Raises:
        ValueError: there is no manifest, or it is damaged.
    """
    path = folder / MANIFEST
    try:
        listed = {file["path"]: file for file in json.loads(path.read_text(encoding="utf-8"))["files"]}
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); name the folder of a bundle") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged; unpack the bundle again") from error
    here = {file["path"]: file for file in entries(folder)}
    lines = [f"missing: {name}" for name in listed if name not in here]
    lines += [f"changed: {name}" for name, file in listed.items() if name in here and here[name] != file]
    return lines + [f"extra: {name}" for name in here if name not in listed]


def _part(path: str) -> str:
    """The package that a file belongs to: the first folder below PyInstaller's own."""
    words = path.split("/")
    if "_internal" in words:
        words = words[words.index("_internal") + 1 :]
    first = words[0]
    if len(words) == 1:
        return "Python and the system's libraries" if ".so" in first or first.endswith((".zip", ".dll")) else first
    return first.removesuffix(".libs")
