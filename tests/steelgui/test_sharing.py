"""`--share` where the internet cannot be reached: it says so, and the page goes on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from steelgui.ui.sharing import for_visitors

ROOT = Path(__file__).resolve().parents[2]
#: Whatever machine this runs on, no way leads out of it: nothing listens at port 9.
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


@pytest.mark.parametrize("own_server", [False, True])
def test_without_internet_the_page_goes_on_as_a_demo(tmp_path: Path, own_server: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started_from = tmp_path / "elsewhere"
    started_from.mkdir()
    own = {"GRADIO_SHARE_SERVER_ADDRESS": "127.0.0.1:9"} if own_server else {}
    words = ["--share", "--no-inbrowser", "--port", str(port), "--home", str(tmp_path / "home")]
    server = subprocess.Popen(
        [sys.executable, "-m", "steelgui", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=started_from,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path / "hub"), **OFFLINE, **own},
    )  # fmt: skip
    try:
        assert server.stderr
        said = next(line for line in server.stderr if "public link" in line)
        assert "needs the internet, which cannot be reached (" in said
        assert "The page goes on at the address above" in said
        here = f"http://127.0.0.1:{port}"
        assert httpx.get(here).status_code == 200
        assert httpx.post(f"{here}/api/v1/runs", json={}).status_code in (401, 403)
        assert httpx.get(f"{here}/api/v1/models").status_code == 200
    finally:
        server.terminate()
        out, _ = server.communicate(timeout=30)
    assert out == ""
    assert list(started_from.iterdir()) == []


def test_the_link_is_one_that_more_can_be_put_behind() -> None:
    assert for_visitors("http://abc.gradio.live", own_server=False) == "https://abc.gradio.live/"
    assert for_visitors("http://tunnel.example:8080/", own_server=True) == "http://tunnel.example:8080/"
