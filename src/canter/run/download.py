"""The worker's side of an errand: a sitemap into its file, by its host's pace and rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from canter.engine import Engine
from canter.model import ErrorType, Limits
from canter.protocols import Observer
from canter.run.errands import Done, Errand
from canter.sitemaps import MAX_SITEMAP

TIMEOUT = 300.0  # s for a whole sitemap, at least: it can be a thousand times as long as a page


def bounds_of(limits: Limits) -> Limits:
    """The bounds of a request for a sitemap; one byte more than the cap tells that there is more."""
    return replace(limits, timeout=max(limits.timeout, TIMEOUT), max_body=MAX_SITEMAP + 1)


async def download(errand: Errand, engine: Engine, limits: Limits, observer: Observer) -> Done | None:
    """Fetch a sitemap into its file; None where a stop cut that short."""
    with closing(SitemapFile(Path(errand.path))) as file:
        page = await engine.fetch(errand.url, bounds_of(limits), sink=file, patient=True)
    if page.stopped:
        return None
    observer.event("sitemap", url=page.url, status=page.status, size=file.size, reason=page.error)
    return Done(errand.number, page.url, page.error or file.error, page.error_type is ErrorType.TRANSIENT)


class SitemapFile:
    """A file that a body goes into; a `canter.model.Sink`. `error`: why it could not be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.size = 0
        self.error: str | None = None

    def begin(self) -> None:
        """An answer's body begins; what came of a redirect before it goes."""
        self.close()
        self.size = 0
        self._attempt(self._open)

    def write(self, piece: bytes) -> None:
        """The next bytes."""
        self.size += len(piece)
        if self._file:
            self._attempt(self._file.write, piece)

    def close(self) -> None:
        """All is in the file, or there is an error."""
        if self._file:
            self._attempt(self._file.close)

    def _open(self) -> None:
        self._file = self._path.open("wb")

    def _attempt(self, act: Callable[..., object], *given: bytes) -> None:
        try:
            act(*given)
        except OSError as error:
            self.error = self.error or f"it cannot be written to {self._path}: {error.strerror}"
