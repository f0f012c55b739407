"""Reading and writing of the history's database, with patience for what passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from models.files import disk_is_full
from steelgui.settings import Settings, StorageError

# Late, because `steelgui --help` passes here and it costs a second.
if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_T = TypeVar("_T")
#: A server that restarts, or another process's long write.
PATIENCE = 90.0
# Nobody empties a disk so soon, but a log that is rotated does.
_FULL_PATIENCE = 2.0
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 2.0


class Access:
    """One open database, for any number of threads; opened by the first call, and StorageError when it cannot be."""

    def __init__(self, settings: Settings, patience: float = PATIENCE) -> None:
        self._settings = settings
        self._patience = patience
        #: So many writes were committed through this object.
        self.writes = 0
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # SQLite has one writer at a time anyway; here threads queue, there they would poll.
        self._writing = threading.Lock()

    def open(self) -> Engine:
        from steelgui.database import open_database

        with self._opening:
            if self._engine is None:
                self._settings.prepare()
                self._engine = open_database(self._settings.database_url or self._settings.database_path)
            return self._engine

    def close(self) -> None:
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self._session(self.open()) as session:
            yield session

    def write(self, work: Callable[[Session, bool], _T]) -> _T:
        """Call `work(session, again)` and commit; once more after a while when the failure may pass.

        `again` is True where an earlier try failed, perhaps after the server had done everything but say so.

        Raises:
            StorageError: it failed for `patience` seconds, or in a way that will not pass.
        """
        from steelgui.database import for_writing

        engine = for_writing(self.open())
        begin, pause, again = time.monotonic(), _FIRST_PAUSE, False
        while True:
            try:
                queue = self._writing if engine.dialect.name == "sqlite" else nullcontext()
                with queue, self._session(engine) as session:
                    result = work(session, again)
                    session.commit()
                self.writes += 1
                return result
            except StorageError as error:
                if time.monotonic() + pause - begin > self._bearable(error.__cause__):
                    raise
            # Outside of the lock: the others try for themselves.
            time.sleep(pause)
            pause, again = min(2 * pause, _LAST_PAUSE), True

    def _bearable(self, cause: BaseException | None) -> float:
        from steelgui.database import will_pass

        if cause is not None and (disk_is_full(cause) or "disk is full" in str(cause)):
            return min(_FULL_PATIENCE, self._patience)
        return self._patience if will_pass(cause) else 0.0

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        from sqlalchemy import exc
        from sqlalchemy.orm import Session

        from steelgui.database import storage_error

        try:
            with Session(engine, expire_on_commit=False) as session:
                try:
                    yield session
                except exc.DBAPIError:
                    # A commit that failed may have left its transaction open: the next one gets a new connection.
                    session.invalidate()
                    raise
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise storage_error(engine, error) from error
