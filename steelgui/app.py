"""Puts the page together and serves it."""

from __future__ import annotations

import gc
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from steelgui.kiosk.booth import Booth
from steelgui.ports import FIRST, MANY, first_free, is_free
from steelgui.services.upkeep import keep_up
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder

if TYPE_CHECKING:
    import gradio as gr


def build(workbench: Workbench, settings: Settings) -> gr.Blocks:
    """The page as Gradio Blocks; `serve` launches it with its theme and style."""
    _import_gradio()
    from steelgui.ui.i18n import gradio_i18n
    from steelgui.ui.shell import build as build_page

    return build_page(workbench, settings, gradio_i18n())


def serve(settings: Settings, parent: int | None = None) -> None:
    """Serve the page until Ctrl-C or SIGTERM, or until the process `parent` is gone.

    Raises:
        StorageError: the home folder cannot be written.
        SystemExit: 1, after one sentence, when the port is taken.
    """
    alive = _watch(parent)
    settings.prepare()
    _quiet(settings)
    port = _port(settings)
    workbench = Workbench(settings)
    booth = Booth(workbench)
    if workbench.preferences.trouble:
        print(f"SteelGUI: {workbench.preferences.trouble}", file=sys.stderr, flush=True)  # noqa: T201
    # Nearly all that is made during the start stays; searching it for garbage again and again takes a tenth of it.
    gc.disable()
    page = build(workbench, settings)
    from steelgui.ui.calm import calm

    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        # Only the main thread may set them; a test that serves from another one stops in its own way.
        with suppress(ValueError):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    page.queue(api_open=False, default_concurrency_limit=4)
    calm(page, settings)
    try:
        page.launch(**_launch_arguments(workbench, booth, settings, port))
    except OSError as error:
        gc.enable()
        sys.exit(_refused(f"The page cannot be served on {settings.host}:{port} ({error}); choose another --port."))
    where = f"{page.local_url}{'kiosk/' if settings.kiosk else ''}"
    print(f"SteelGUI: {where}  (Ctrl-C stops it)", file=sys.stderr, flush=True)  # noqa: T201
    # After the launch, so that the page answers while the models load.
    threading.Thread(target=_warm_up, args=(workbench, booth), name="warm-up", daemon=True).start()
    if settings.share:
        threading.Thread(target=_share, args=(page, settings), name="share", daemon=True).start()
    keep_up(workbench.history, settings, stop)
    try:
        # In slices, because Windows delivers no signal during an endless wait.
        while not stop.wait(0.5) and alive():
            pass
    finally:
        page.close(verbose=False)


def _watch(pid: int | None) -> Callable[[], bool]:
    """Tells whether a process is still there; without one, for ever."""
    if pid is None:
        return lambda: True
    import psutil

    def alive() -> bool:
        try:
            # The same process, not another one that was given its number; a zombie only waits to be buried.
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return lambda: False
    return alive


def _import_gradio() -> None:
    """Import Gradio without its reading every component's source to render a .pyi beside it.

    That is a third of its import, and for nothing here. It passes over classes whose file `inspect.getfile` cannot
    tell, so it is told so, and nobody else is.
    """
    getfile = inspect.getfile

    def untold(thing: Any) -> str:
        if sys._getframe(1).f_code.co_name == "create_or_modify_pyi":
            raise OSError("not wanted")
        return getfile(thing)

    inspect.getfile = untold  # type: ignore[assignment]
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = getfile


def _quiet(settings: Settings) -> None:
    # All of these are read when gradio or huggingface_hub is imported; without a PATH pydub, a part of it, fails there.
    os.environ.setdefault("PATH", os.defpath)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(settings.temporary)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Gradio asks itself over HTTP whether it is up; through a company's proxy that fails.
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "localhost", "127.0.0.1"]))


def _port(settings: Settings) -> int:
    if settings.port is not None:
        if not is_free(settings.host, settings.port):
            sys.exit(_refused(f"Port {settings.port} is in use; choose another with --port, or leave it out."))
        return settings.port
    if (port := first_free(settings.host)) is None:
        sys.exit(_refused(f"No port from {FIRST} to {FIRST + MANY - 1} is free; name one with --port."))
    return port


def _refused(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return 1


def _launch_arguments(workbench: Workbench, booth: Booth, settings: Settings, port: int) -> dict[str, Any]:
    from starlette.middleware import Middleware

    from steelgui.guard import Guard
    from steelgui.kiosk.gate import Gate
    from steelgui.kiosk.web import way_back
    from steelgui.ui.i18n import gradio_i18n
    from steelgui.ui.shell import head, style_sheet
    from steelgui.ui.theme import theme
    from steelgui.web import routes

    return {
        "server_name": settings.host,
        "server_port": port,
        "share": False,  # see _share
        "auth": settings.auth,
        "inbrowser": settings.inbrowser,
        "prevent_thread_lock": True,
        "quiet": True,
        "ssr_mode": False,
        "max_file_size": f"{settings.upload_mb}mb",
        "run_history": False,
        "footer_links": [],
        "enable_monitoring": False,
        # Thumbnails are named by their content, so nobody can guess one; the samples are everyone's.
        "allowed_paths": [str(settings.thumbnails), str(assets_folder() / "samples")],
        "favicon_path": str(assets_folder() / "icon.svg"),
        "theme": theme(),
        "css": style_sheet(),
        "head": head(settings.window_at) + (way_back(settings.lang) if settings.kiosk else ""),
        "i18n": gradio_i18n(),
        # Before Gradio's own routes, on the same port, and so behind a shared link too. FastAPI's pages of
        # documentation load from elsewhere.
        "app_kwargs": {
            "routes": routes(workbench, booth),
            "middleware": [
                Middleware(Guard, settings=settings, logged_in=_logged_in),
                *([Middleware(Gate, lock=booth.lock)] if settings.kiosk else []),
            ],
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
    }


def _logged_in(scope: MutableMapping[str, Any]) -> bool:
    """Does a request carry the cookie of a login on the page? `scope["app"]` is Gradio's."""
    from starlette.requests import Request

    app, cookies = scope["app"], Request(scope).cookies
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(cookies.get(name) in app.tokens for name in names)


def _share(page: gr.Blocks, settings: Settings) -> None:
    from steelgui.ui.sharing import SharingError, public_link

    try:
        said = f"{public_link(page, settings)}{'kiosk/' if settings.kiosk else ''}  (for others, while this runs)"
    except SharingError as error:
        said = f"{error} The page goes on at the address above, under the rules of a shared one."
    print(f"SteelGUI: {said}", file=sys.stderr, flush=True)  # noqa: T201


def _warm_up(workbench: Workbench, booth: Booth) -> None:
    try:
        try:
            workbench.warm_up()
        finally:
            gc.freeze()
            gc.enable()
        if workbench.settings.kiosk:
            booth.walk()
    except Exception as error:
        # The first inspection says the same sentence in the page.
        print(f"SteelGUI: the models cannot be loaded: {error}", file=sys.stderr, flush=True)  # noqa: T201
