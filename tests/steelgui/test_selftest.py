"""`steelgui selftest`: all of it once, what makes it fail and how it says so, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from steelgui.connections import outward
from steelgui.selftest import talk
from steelgui.selftest.known import KNOWN, WrongAnswerError, compare
from steelgui.selftest.place import Place, StepError
from steelgui.selftest.run import Outcome, go_through
from steelgui.selftest.steps import ALL, Step
from steelgui.settings import assets_folder

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "steelgui", "selftest"]


@pytest.mark.selftest
def test_it_works_here(tmp_path: Path) -> None:
    """With a proxy and a database in the environment that nobody may ask."""
    lead_out = {"HTTP_PROXY": "http://192.0.2.1:9", "STEELGUI_DATABASE_URL": "postgresql://nobody@192.0.2.1/none"}
    done = subprocess.run(
        [*COMMAND, "--json", "--home", tmp_path / "new"],
        capture_output=True,
        text=True,
        env={**os.environ, **lead_out},
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True), done.stderr
    assert [step["name"] for step in report["steps"]] == [step.name for step in ALL]
    assert all(step["ok"] and step["detail"] for step in report["steps"])
    assert sum(step["seconds"] for step in report["steps"]) <= report["seconds"] + 1
    assert len(done.stderr.splitlines()) >= len(ALL)
    assert not list((tmp_path / "new").iterdir())


def test_broken_weights_are_named_and_what_needs_them_is_not_run(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in ("models", "training", "steelgui", "assets"):
        shutil.copytree(ROOT / name, copy / name)
    weights = copy / "models" / "weights" / "neu-segmenter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    code = f"""
from pathlib import Path
from steelgui.selftest.place import Place
from steelgui.selftest.run import go_through
from steelgui.selftest.steps import ALL
with Place(Path({str(tmp_path)!r})) as place:
    go_through(place, lambda one: print(one.line()), ALL[:4])
"""
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    said = done.stdout
    assert "FAILED   inspection" in said and "neu-segmenter" in said.split("FAILED")[1].splitlines()[0], said
    assert "\n    SteelGUI: http://127.0.0.1:" in said  # the end of the server's log
    assert "not run  history" in said and "needs inspection" in said
    assert not list(tmp_path.glob("steelgui-selftest-*"))


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    # In the background of a shell, as CI may run, Ctrl-C is ignored, and that is inherited.
    running = subprocess.Popen(
        [*COMMAND, "--home", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stdout
    assert running.stdout.readline().startswith("ok       server")
    children = psutil.Process(running.pid).children(recursive=True)
    assert children
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 1
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not list(tmp_path.glob("steelgui-selftest-*"))


def answer(verdict: str, label: str, score: float, *areas: tuple[str, float]) -> dict[str, object]:
    defects = [{"class": name, "area_pct": area} for name, area in areas]
    return {"verdict": verdict, "label": label, "scores": {label: score}, "defects": defects}


STRIP, CLEAN = "01-strip-scratches.jpg", "11-tile-clean.jpg"


def test_the_known_answers_are_known() -> None:
    strip = answer("defect", "scratches", 0.97, ("patches", 9.0), ("scratches", 1.07))
    assert compare(STRIP, strip, KNOWN[STRIP]) == "scratches 0.97 on 1.1 %"
    assert compare(CLEAN, answer("ok", "none", 0.85), KNOWN[CLEAN]) == "none 0.85"
    assert all((assets_folder() / "samples" / name).is_file() for name in KNOWN)


@pytest.mark.parametrize(
    ("name", "found", "sentence"),
    [
        (STRIP, answer("ok", "none", 0.9), "came out as ok none; it is defect scratches"),
        (STRIP, answer("defect", "patches", 0.9), "came out as defect patches"),
        (STRIP, answer("defect", "scratches", 0.6, ("scratches", 1.0)), "score of 0.60; 0.8 at least"),
        (STRIP, answer("defect", "scratches", 0.97), "0.00 % is marked as scratches; 0.5 to 2.2 %"),
        (STRIP, answer("defect", "scratches", 0.97, ("scratches", 60.0)), "60.00 % is marked"),
        (CLEAN, answer("ok", "none", 0.85, ("crazing", 1.0)), "crazing is marked on a picture without a defect"),
    ],
)
def test_any_other_answer_is_a_sentence(name: str, found: dict[str, object], sentence: str) -> None:
    with pytest.raises(WrongAnswerError, match=re.escape(sentence)):
        compare(name, found, KNOWN[name])


def test_what_does_not_need_a_failed_step_goes_on(tmp_path: Path) -> None:
    def fail(_: Place) -> str:
        raise StepError("it broke.", "\n".join(map(str, range(100))))

    steps = (
        Step("a", fail),
        Step("b", lambda _: "b", ("a",)),
        Step("c", lambda _: "c", ("b",)),
        Step("d", lambda _: "d"),
    )
    told: list[Outcome] = []
    with Place(tmp_path) as place:
        outcomes = go_through(place, told.append, steps)
    assert told == outcomes
    assert [(one.name, one.ok) for one in outcomes] == [("a", False), ("b", None), ("c", None), ("d", True)]
    assert outcomes[0].detail.startswith("it broke.\n    88") and outcomes[0].detail.endswith("    99")
    assert outcomes[0].line().startswith("FAILED   a")
    assert outcomes[2].to_json() == {"name": "c", "ok": None, "seconds": 0.0, "detail": "needs b"}


REACHES_OUT = """
import socket
from contextlib import suppress
from steelgui.connections import watch
watch()
with socket.create_server(("127.0.0.1", 0)) as here:
    socket.create_connection(here.getsockname()).close()
with suppress(OSError):
    socket.create_connection(("192.0.2.1", 9), timeout=0.1)  # of an address that no machine has
with suppress(OSError):
    socket.getaddrinfo("nobody.invalid", 443)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as post, suppress(OSError):
    post.sendto(b"x", ("198.51.100.7", 9))
"""


def test_a_connection_to_elsewhere_is_caught(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        subprocess.run([sys.executable, "-c", REACHES_OUT], check=True, cwd=ROOT)
        place.started = 1
        [outcome] = go_through(place, lambda _: None, ALL[-1:])
    assert outcome.ok is False
    first, *rest = outcome.detail.splitlines()
    assert first.endswith("times something left this machine")
    where = {line.split(": ")[1] for line in rest}
    assert {"connect 192.0.2.1:9", "getaddrinfo nobody.invalid:443", "sendto 198.51.100.7:9"} <= where
    assert not any("127.0.0.1" in line for line in rest)


def test_a_process_that_was_not_watched_is_missed(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        place.started = 1
        [outcome] = go_through(place, lambda _: None, ALL[-1:])
    assert outcome.detail == "only 0 of the 1 started processes were watched"


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("/tmp/socket", None),
        (("127.0.0.1", 80), None),
        (("127.8.9.1", 80), None),
        (("::1", 80, 0, 0), None),
        (("::ffff:127.0.0.1", 80, 0, 0), None),
        ((None, 80), None),
        (("", 80), None),
        (("localhost", 80), None),
        (("0.0.0.0", 80), None),
        (("10.0.0.1", 80), "10.0.0.1:80"),
        (("::ffff:8.8.8.8", 80, 0, 0), "::ffff:8.8.8.8:80"),
        (("fe80::1%eth0", 80, 0, 2), "fe80::1%eth0:80"),
        ((b"huggingface.co", 443), "huggingface.co:443"),
        (("localhost.example.com", None), "localhost.example.com"),
    ],
)
def test_what_counts_as_elsewhere(address: object, where: str | None) -> None:
    assert outward(address) == where


def test_a_server_that_is_not_there_is_an_oserror() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            talk.get(f"http://127.0.0.1:{taken.getsockname()[1]}/", timeout=5)
