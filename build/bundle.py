"""Build the frozen program, see that it works, and put it into dist/: `uv run python build/bundle.py`.

What is under way lies in work/; dist/ changes only when all is well. Exit status 0, or 1 with one sentence.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import manifest
import notices
from contents import NAME, ROOT

WORK, DIST = ROOT / "work", ROOT / "dist"
NOTICES = "THIRD-PARTY-NOTICES.txt"
SELFTEST_SECONDS = 900
#: What the self-test's process is told of this one: nothing of Python's, nor of a virtual environment.
PASSED_ON = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "LANG")


class BundleError(Exception):
    """The message is one sentence."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the frozen program into dist/, or check one.")
    parser.add_argument("--archive", action="store_true", help="also make one file of it, with its SHA-256 beside it")
    parser.add_argument("--video", action="store_true", help="with PyAV, for video files; its codecs are under the GPL")
    parser.add_argument("--verify", type=Path, metavar="DIR", help="only compare a bundle with its manifest")
    wanted = parser.parse_args(argv)
    try:
        if wanted.verify:
            return verify(wanted.verify)
        new = build(wanted.video)
        about = finish(new, wanted.video)
        check(new)
        folder = publish(new)
        for name, size in about["parts"].items():
            print(f"{size / 1e6:9.1f} MB  {name}")
        print(f"{about['bytes'] / 1e6:9.1f} MB  {folder}")
        if wanted.archive:
            print(f"{archive(folder, about).stat().st_size / 1e6:9.1f} MB  {DIST}")
    except (BundleError, ValueError, OSError) as error:
        sys.stderr.write(f"bundle: {error}\n")
        return 1
    return 0


def build(video: bool) -> Path:
    """Run PyInstaller; the folder of the new bundle, under work/."""
    log = WORK / "pyinstaller.log"
    log.parent.mkdir(exist_ok=True)
    flags = ["--noconfirm", "--distpath", str(WORK / "new"), "--workpath", str(_workpath())]
    command = [sys.executable, "-m", "PyInstaller", *flags, str(ROOT / "build" / "steelgui.spec")]
    command += ["--", "--video"] if video else []
    print(f"PyInstaller works for some minutes; what it says is in {log}", flush=True)
    with log.open("wb") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=out, env=environment, check=False)
    if done.returncode:
        raise BundleError(f"PyInstaller failed; the end of {log} says why")
    folder = WORK / "new" / NAME
    if platform.system() == "Darwin":
        # The app is the product there; the folder that it was made of goes.
        shutil.rmtree(folder)
        folder.mkdir()
        (WORK / "new" / f"{NAME}.app").rename(folder / f"{NAME}.app")
    return folder


def finish(folder: Path, video: bool) -> dict[str, Any]:
    """Add licences and the manifest, and return that."""
    sources = json.loads((_workpath() / "steelgui" / "sources.json").read_text(encoding="utf-8"))
    made = notices.pieces(sources["sources"], ROOT)
    (folder / NOTICES).write_text(notices.notices(made), encoding="utf-8")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE.txt")
    about = {
        "name": NAME,
        "version": version("steelgui"),
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "cuda": any(folder.rglob("*torch_cuda.*")),
        "video": video,
        "left_out": sources["left_out"],
        "packages": {row.name: row.version for row in made if row.version},
    }
    return manifest.write(folder, about)


def program(folder: Path) -> Path:
    """The executable of a bundle, on any system."""
    if platform.system() == "Darwin":
        return folder / f"{NAME}.app" / "Contents" / "MacOS" / NAME
    return folder / (f"{NAME}.exe" if platform.system() == "Windows" else NAME)


def check(folder: Path) -> None:
    """Run the bundle's own self-test elsewhere, with a bare environment; it must leave its own folder alone."""
    with tempfile.TemporaryDirectory(prefix="steelgui selftest ") as elsewhere:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        command = [str(program(folder)), "selftest", "--json", "--home", str(Path(elsewhere) / "home")]
        try:
            done = subprocess.run(
                command, cwd=elsewhere, env=environment, capture_output=True, timeout=SELFTEST_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BundleError(f"the bundle's self-test did not end within {SELFTEST_SECONDS} s") from error
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BundleError(f"the bundle's self-test gave no answer (exit status {done.returncode}): {said}") from error
    (WORK / "selftest.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    for step in report["steps"]:
        word = {True: "ok", False: "failed"}.get(step["ok"], "left out")
        print(f"{step['seconds']:9.1f} s   {word:<8} {step['name']}")
    if done.returncode or not report["ok"]:
        failed = "; ".join(
            f"{step['name']}: {step['detail'].splitlines()[0]}" for step in report["steps"] if step["ok"] is False
        )
        raise BundleError(f"the bundle's self-test failed ({failed}); all of it is in {WORK / 'selftest.json'}")
    if changed := manifest.differences(folder):
        raise BundleError(f"the bundle wrote into its own folder during its self-test ({'; '.join(changed[:3])})")


def publish(folder: Path) -> Path:
    """Put a finished bundle in the place of the one before; its folder in dist/."""
    DIST.mkdir(exist_ok=True)
    target, old = DIST / NAME, DIST / f".{NAME}.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def archive(folder: Path, about: dict[str, Any]) -> Path:
    """One file of a bundle: .tar.zst, .tar.gz without the program zstd, .zip on Windows; its SHA-256 beside it."""
    system = {"Darwin": "macos"}.get(about["system"], about["system"].lower())
    name = "-".join([NAME, about["version"], system, about["machine"], "cuda" if about["cuda"] else "cpu"])
    zstd = shutil.which("zstd")
    kind = "zip" if system == "windows" else "tar.zst" if zstd else "tar.gz"
    with tempfile.TemporaryDirectory(dir=WORK) as place:
        if kind == "tar.zst":
            made = Path(place) / "bundle.tar.zst"
            with subprocess.Popen([str(zstd), "-q", "-10", "-T0", "-o", str(made)], stdin=subprocess.PIPE) as packer:
                assert packer.stdin
                with tarfile.open(fileobj=packer.stdin, mode="w|") as tar:
                    tar.add(folder, NAME)
            if packer.returncode:
                raise BundleError(f"zstd failed (exit status {packer.returncode}); is the disk full?")
        else:
            root, base = str(folder.parent), folder.name
            made = Path(shutil.make_archive(f"{place}/bundle", {"tar.gz": "gztar"}.get(kind, kind), root, base))
        target = DIST / f"{name}.{kind}"
        made.replace(target)
    target.with_name(f"{target.name}.sha256").write_text(f"{manifest.digest(target)}  {target.name}\n", "utf-8")
    return target


def verify(folder: Path) -> int:
    """Print what differs; 1 where anything does."""
    lines = manifest.differences(folder)
    for line in lines:
        print(line)
    print(f"{folder}: {f'{len(lines)} differences' if lines else 'as its manifest says'}")
    return int(bool(lines))


def _workpath() -> Path:
    """PyInstaller's own files, of this environment: it would take those of another one for its own."""
    return WORK / f"pyinstaller-{zlib.crc32(sys.prefix.encode()):08x}"


if __name__ == "__main__":
    raise SystemExit(main())
