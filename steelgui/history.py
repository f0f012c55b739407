"""Every inspection that was made: pictures as files named by their content, the rest as rows of a database."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from models.files import atomic_write
from steelgui.settings import Settings, StorageError

# Late, because `steelgui --help` passes here and these cost a second.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Engine
    from sqlalchemy.orm import Session

    from steelgui.database import InspectionRecord
    from steelgui.results import Inspection

SOURCES = ("upload", "camera", "sample", "batch", "cli", "api")
THUMBNAIL_SIDE = 256
_SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "GIF": ".gif",
}


class Cursor(NamedTuple):
    """A place in the history, newest first; rows behind it are older, or as old with a smaller id."""

    created_at: datetime
    id: int


@dataclass(frozen=True)
class HistoryRow:
    """One inspection as it was stored.

    Attributes:
        created_at: aware, UTC.
        source: one of `SOURCES`.
        score: of `label`, 0 to 1; None where the classifier does not know that class.
        width, height: pixels of the picture.
        ms: milliseconds the networks took.
        classifier, segmenter: names of the models.
        original: absolute path of the picture as it came.
        thumbnail: absolute path of a JPEG of at most 256×256 px.
        result: `Inspection.to_json()`.
        thresholds: fields of `Thresholds`.
    """

    id: int
    created_at: datetime
    name: str
    source: str
    verdict: str
    label: str
    score: float | None
    width: int
    height: int
    ms: float
    classifier: str | None
    segmenter: str | None
    original: Path
    thumbnail: Path
    result: dict[str, Any]
    thresholds: dict[str, Any]
    note: str | None

    @property
    def cursor(self) -> Cursor:
        """Give this to `History.page` for the rows after this one."""
        return Cursor(self.created_at, self.id)


class History:
    """The inspections of one home folder; any number of threads may share one History, and processes the folder.

    Nothing is opened before the first call. Every method raises StorageError, one sentence, when the folder or the
    database cannot be used.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings
        self._now = now
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # SQLite has one writer at a time anyway; here threads queue, there they would poll.
        self._writing = threading.Lock()

    def record(
        self,
        image: NDArray[np.uint8],
        inspection: Inspection,
        *,
        name: str,
        source: str,
        overlay: NDArray[np.uint8] | None = None,
        original: bytes | Path | None = None,
    ) -> HistoryRow:
        """Store an inspection: all of it, or nothing.

        Args:
            image: H×W×3 uint8 RGB, what was inspected.
            name: file name for people; cut to 255 characters.
            source: one of `SOURCES`.
            overlay: H×W×3 uint8 RGB for the thumbnail; `image` if None.
            original: the picture's encoded bytes or its file, kept as they are; a PNG of `image` is kept if None or
                if Pillow does not know the format. The same bytes are kept once.

        Raises:
            ValueError: an unknown source.
            StorageError: the disk is full or the database cannot be written.
        """
        from steelgui.database import InspectionRecord

        if source not in SOURCES:
            raise ValueError(f"source is {source!r}; it must be one of {', '.join(SOURCES)}")
        content, suffix = _original(image, original)
        thumbnail = _thumbnail(image if overlay is None else overlay)
        files = {_address("originals", content, suffix): content, _address("thumbnails", thumbnail, ".jpg"): thumbnail}
        kept_original, kept_thumbnail = files
        record = InspectionRecord(
            created_at=self._now(),
            name=_storable(name)[:255],
            source=source,
            verdict=inspection.verdict,
            label=inspection.label[:100],
            score=inspection.scores.get(inspection.label),
            width=inspection.width,
            height=inspection.height,
            ms=inspection.ms,
            classifier=inspection.models.get("classifier"),
            segmenter=inspection.models.get("segmenter"),
            original=kept_original,
            thumbnail=kept_thumbnail,
            result=inspection.to_json(),
            thresholds=asdict(inspection.thresholds),
        )
        created: list[Path] = []
        with self._writing, self._session(write=True) as session:
            try:
                # The row goes first, unseen until the commit: a database that cannot be written says so before any
                # file exists, and its lock keeps others from relying on a file that is taken back below.
                session.add(record)
                session.flush()
                for relative, data in files.items():
                    self._keep(relative, data, created)
                session.commit()
            except BaseException:
                for path in created:
                    path.unlink(missing_ok=True)
                raise
            return self._row(record)

    def latest(self, limit: int) -> list[HistoryRow]:
        """The newest inspections, newest first."""
        return self.page(None, limit)

    def page(self, before: Cursor | None, limit: int) -> list[HistoryRow]:
        """The `limit` inspections behind a cursor, newest first; the newest of all for None.

        Its cost does not grow with the depth, and rows that are added meanwhile shift nothing.
        """
        from sqlalchemy import select

        from steelgui.database import InspectionRecord as Record

        query = select(Record).order_by(Record.created_at.desc(), Record.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_behind(Record, before))
        with self._session() as session:
            return [self._row(record) for record in session.scalars(query)]

    def get(self, id: int) -> HistoryRow | None:
        """One inspection by its number; None if there is none."""
        from steelgui.database import InspectionRecord

        if not 0 < id < 2**63:
            # From an address that someone typed; no database takes such a number even to look for it.
            return None
        with self._session() as session:
            record = session.get(InspectionRecord, id)
            return None if record is None else self._row(record)

    def count(self) -> int:
        """How many inspections are stored."""
        from sqlalchemy import func, select

        from steelgui.database import InspectionRecord

        with self._session() as session:
            return session.scalar(select(func.count()).select_from(InspectionRecord)) or 0

    def close(self) -> None:
        """Close the database's files (Windows deletes none that are open); the next call opens them again."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _open(self) -> Engine:
        from steelgui.database import open_database

        with self._opening:
            if self._engine is None:
                self._settings.prepare()
                self._engine = open_database(self._settings.database_path)
            return self._engine

    @contextmanager
    def _session(self, *, write: bool = False) -> Iterator[Session]:
        from sqlalchemy import exc
        from sqlalchemy.orm import Session

        from steelgui.database import for_writing, storage_error

        engine = self._open()
        try:
            with Session(for_writing(engine) if write else engine, expire_on_commit=False) as session:
                yield session
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise storage_error(engine, error) from error

    @property
    def _folder(self) -> Path:
        return self._settings.originals.parent

    def _keep(self, relative: str, data: bytes, created: list[Path]) -> None:
        path = self._folder / relative
        if path.exists():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, data)
        except OSError as error:
            raise StorageError(
                f"The picture cannot be kept in {self._folder} ({error.strerror or error}); "
                "make room there, or choose another place with --home DIR."
            ) from error
        created.append(path)

    def _row(self, record: InspectionRecord) -> HistoryRow:
        values = {column.key: getattr(record, column.key) for column in record.__table__.columns}
        values["original"] = self._folder / record.original
        values["thumbnail"] = self._folder / record.thumbnail
        return HistoryRow(**values)


def _behind(record: type[InspectionRecord], cursor: Cursor) -> ColumnElement[bool]:
    from sqlalchemy import or_

    # The first condition looks redundant, but with it every database seeks in the index; MySQL scans for row values.
    return (record.created_at <= cursor.created_at) & or_(record.created_at < cursor.created_at, record.id < cursor.id)


def _address(folder: str, content: bytes, suffix: str) -> str:
    digest = hashlib.sha256(content).hexdigest()
    # Folders of two digits, because explorers and backups slow down on a folder of a million files.
    return f"{folder}/{digest[:2]}/{digest}{suffix}"


def _storable(name: str) -> str:
    # Linux file names may hold bytes that are no UTF-8 (lone surrogates here), and PostgreSQL refuses a NUL.
    return name.encode("utf-8", "replace").decode().replace("\0", "")


def _original(image: NDArray[np.uint8], original: bytes | Path | None) -> tuple[bytes, str]:
    from PIL import Image

    if original is not None:
        content = original if isinstance(original, bytes) else _read(original)
        try:
            with Image.open(io.BytesIO(content)) as opened:
                known = opened.format or ""
            return content, _SUFFIXES.get(known, f".{known.lower()}")
        except (OSError, SyntaxError, ValueError):
            pass
    buffer = io.BytesIO()
    # Level 1 is several times quicker than the default, and camera noise hardly packs any better at 6.
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), ".png"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror or error}); choose the picture again.") from error


def _thumbnail(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
