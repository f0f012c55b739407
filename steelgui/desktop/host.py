"""The window's process: it shows the splash, starts and watches the server, and cleans up behind the window."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

from steelgui.desktop.command import say
from steelgui.desktop.front import Front, Story
from steelgui.desktop.instance import Instance
from steelgui.desktop.logs import note, open_log
from steelgui.desktop.server import Server, sentence
from steelgui.desktop.windows import Window, WindowError, windows
from steelgui.languages import table

#: Seconds that the window gets for its first paint before the server takes a processor from it.
HEAD_START = 1.0
#: Seconds between two looks at the server; seconds after which one that answers nothing counts as failed.
LOOK, PATIENCE = 0.1, 300.0


class Host:
    """One home folder's window and server.

    Args:
        lang: of the window's own page, None for the browser's; `forced` is what the command line said.
        wanted: kind of window, or `auto`.
        keep: go on when the window is closed.
    """

    def __init__(
        self, home: Path, instance: Instance, lang: str | None, forced: str | None, wanted: str, *, keep: bool
    ) -> None:
        self.home, self.instance, self.lang, self.keep = home, instance, lang, keep
        self.log = open_log(home)
        self.ended, self._again, self._wanted = threading.Event(), threading.Event(), threading.Event()
        self._shown = threading.Event()
        self._story, self._began, self._opened = Story(log=str(self.log)), time.monotonic(), time.time()
        self._window: Window | None = None
        self.front = Front(
            self.story,
            {"again": self._again.set, "folder": self._open_folder, "raise": self._raise, "quit": self.quit},
            self._painted,
            lang,
        )
        # Where the home cannot be written, the window that says so needs another place.
        place = home if instance.is_ours else self.log.parent
        self._windows = list(windows(wanted, self.front.address, place, lang))
        self.server = Server(home, self.log, forced, self.front.address)

    def run(self) -> int:
        """Until the window is closed, or somebody says quit."""
        for name in ("SIGINT", "SIGTERM"):
            signal.signal(getattr(signal, name), lambda *_: threading.Thread(target=self.quit).start())
        if self.instance.is_ours:
            self.instance.tell(self.front.address)
        supervisor = threading.Thread(target=self._supervise, daemon=True)
        supervisor.start()
        try:
            self._show()
            while self.keep and not self.ended.is_set():
                self._notice()
                while not (self._wanted.wait(0.5) or self.ended.is_set()):
                    pass
                if self._wanted.is_set():
                    self._wanted.clear()
                    self._show()
        finally:
            self.quit()
            supervisor.join()
            self.server.stop()
            self._story = replace(self._story, phase="closed")
            if not self.keep:
                self._notice()
            self.front.close()
            self.instance.release()
        return 0

    def story(self) -> Story:
        # In a tab the page offers to quit: nobody can see that one is closed.
        tab = "?tab" if self._window is None or self._window.kind == "browser" else ""
        seconds = round(time.monotonic() - self._began, 1)
        return replace(self._story, address=self.server.address + tab, seconds=seconds)

    def quit(self) -> None:
        """End everything but trainings; called by signals, buttons and other starts."""
        self._story = replace(self._story, phase="closed", trainings=trainings(self.home))
        self.ended.set()
        self._again.set()
        if self._window is not None:
            self._window.close()

    # The window -------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """The first kind that works, until it is closed; without any, until somebody says quit."""
        for window in list(self._windows):
            if self.ended.is_set():
                return
            self._window = window
            try:
                window.show()
                self._window = None
                return
            except WindowError as error:
                if self.ended.is_set():
                    return
                note(self.log, f"{window.kind}: {error}")
                self._windows.remove(window)
        self._window = None
        say(f"SteelGUI: no window can be opened here; open {self.front.address} in a browser (Ctrl-C ends it).")
        while not self.ended.wait(0.5):
            pass

    def _raise(self) -> None:
        if self._window is not None:
            self._window.to_front()
        else:
            self._wanted.set()

    def _painted(self, at: float) -> None:
        self._story = replace(self._story, painted=self._story.painted or at)
        self._shown.set()

    def _open_folder(self) -> None:
        from steelgui.desktop.system import open_there

        open_there(str(self.log.parent))

    # The server -------------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        """In a thread of its own: start the server, say how it stands, and start it again when asked to."""
        self._shown.wait(HEAD_START)
        while not self.ended.is_set():
            self._again.clear()
            self._began = time.monotonic()
            self._story = Story(log=str(self.log), painted=self._story.painted)
            failed = self._serve()
            if self.ended.is_set():
                break
            self.server.stop()
            tail = self.server.said()
            self._story = replace(self._story, phase="failed", sentence=failed, tail=tuple(tail))
            note(self.log, failed)
            self._again.wait()

    def _serve(self) -> str:
        """Start the server and watch it until it ends; one sentence of what was wrong."""
        from steelgui.ports import first_free

        try:
            if not self.instance.claim():
                return "SteelGUI is open on this folder already; close this window."
            self.instance.tell(self.front.address)
        except OSError:
            pass  # the server finds that out too, and says it better
        port = first_free()
        if port is None:
            return "No port of this machine is free for SteelGUI; end other programs."
        try:
            self.server.start(port)
        except OSError as error:
            return f"SteelGUI's server cannot be started ({error.strerror or error})."
        self._story = replace(self._story, trainings=trainings(self.home))
        while not self.ended.wait(LOOK) and self.server.ended() is None:
            if self._story.phase == "starting":
                if self.server.answers():
                    self._ready()
                elif time.monotonic() - self._began > PATIENCE:
                    return f"SteelGUI's server has not answered for {PATIENCE:.0f} seconds."
        status = self.server.ended() or 0
        if status < 0:
            return f"SteelGUI's server was killed (signal {-status}); the machine may have run out of memory."
        return sentence(self.server.said()) or f"SteelGUI's server has ended (exit status {status})."

    def _ready(self) -> None:
        self._story = replace(self._story, phase="ready")
        note(self.log, f"The page stands after {time.monotonic() - self._began:.2f} s: {self.server.address}")
        if self._story.painted:
            note(self.log, f"The window was painted after {self._story.painted / 1000 - self._opened:.2f} s.")

    def _notice(self) -> None:
        """Where to find what goes on without a window."""
        from steelgui.desktop.system import notify

        words, count = table(self.lang or "en"), trainings(self.home)
        texts = []
        if self.keep and not self.ended.is_set():
            texts.append(words["desktop.kept"])
        if count:
            told = (
                words["desktop.one_training"] if count == 1 else words["desktop.trainings"].replace("{n}", str(count))
            )
            texts += [told, words["desktop.find"]]
        if texts:
            say(" ".join(texts))
            notify("SteelGUI", " ".join(texts))


def trainings(home: Path) -> int:
    """How many are running, waiting or paused, each in a process of its own."""
    from training.runs import LIVE, all_runs

    try:
        return sum(run.status().state in LIVE for run in all_runs(home / "runs"))
    except OSError:
        return 0
