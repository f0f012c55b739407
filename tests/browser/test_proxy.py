"""The proxy of docs/deploy.md: TLS and one address in front of two processes that share a home folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from benchmarks.api_load import Server
from steelgui.settings import assets_folder

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
CONFIGURATION = Path(__file__).resolve().parents[2] / "docs" / "deploy" / "nginx.conf"
#: What the file leaves to the system's own nginx.conf; everything it writes goes to the test's folder.
AROUND = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {configuration}
}}
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    home = tmp_path_factory.mktemp("shared") / "home"
    with ExitStack() as stack:
        yield [stack.enter_context(Server(home, "--host", "0.0.0.0", "--auth", "me:secret")) for _ in range(2)]


@pytest.fixture(scope="module")
def proxy(servers: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if nginx is None or shutil.which("openssl") is None:
        needed = os.environ.get("STEELGUI_REQUIRE_BROWSER")
        (pytest.fail if needed else pytest.skip)("needs nginx and openssl (Debian: nginx-light)")
    folder = tmp_path_factory.mktemp("nginx")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "privkey.pem",
         "-out", folder / "fullchain.pem", "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = CONFIGURATION.read_text()
    for asked, here in (
        ("server 127.0.0.1:7860", f"server {servers[0].address.removeprefix('http://').rstrip('/')}"),
        ("# server 127.0.0.1:7861", f"server {servers[1].address.removeprefix('http://').rstrip('/')}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server_name steel.example", "server_name localhost"),
        ("/etc/ssl/steelgui", str(folder)),
    ):
        assert asked in text
        text = text.replace(asked, here)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, configuration=text))
    # Its workers run as another user, who cannot enter the folder of root's tests.
    shape = ["-g", "user root;"] if os.geteuid() == 0 else []
    process = subprocess.Popen([nginx, "-c", folder / "nginx.conf", *shape], stderr=subprocess.PIPE, text=True)
    address = f"https://localhost:{port}"
    try:
        for _ in range(50):
            try:
                httpx.get(f"{address}/healthz", verify=False, trust_env=False)
                break
            except httpx.HTTPError:
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def test_through_the_proxy_as_without_it(chromium: playwright.Browser, proxy: str, servers: list[Server]) -> None:
    context = chromium.new_context(ignore_https_errors=True)
    context.add_init_script("localStorage.setItem('steelgui.tour', 'seen')")
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    page.on("request", lambda asked: troubles.append(asked.url) if asked.url.startswith("http:") else None)
    page.goto(proxy)
    page.get_by_label("username").fill("me")
    page.get_by_label("password").fill("secret")
    page.get_by_role("button", name="Login").click()
    page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
    page.locator("#samples button img").first.click()
    playwright.expect(page.locator("#verdict")).to_contain_text("scratches", timeout=60_000)
    large = {"file": {"name": "plate.jpg", "mimeType": "image/jpeg", "buffer": _sample() + bytes(3_000_000)}}
    answer = context.request.post(f"{proxy}/api/v1/predict", multipart=large, headers={"Origin": proxy})
    assert answer.status == 200, answer.text()
    context.close()
    assert not troubles
    # Either process shows what the other has inspected; a login is each one's own.
    for server in servers:
        with httpx.Client(base_url=server.address, trust_env=False, timeout=60) as client:
            client.post("/login", data={"username": "me", "password": "secret"})
            assert len(client.get("/api/v1/inspections").json()["items"]) == 2


def _sample() -> bytes:
    return (assets_folder() / "samples" / "11-tile-clean.jpg").read_bytes()
