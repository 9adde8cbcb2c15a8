"""Pages that were answered and wait to be read, a few at a time."""

from __future__ import annotations

from collections.abc import Callable

from canter.endings import Ended, Endings
from canter.hosts import PageJob
from canter.model import Response, Task
from canter.protocols import Visit

MOST_BYTES = 4 << 20  # of bodies that wait; with more they are read at once


class Unread:
    """All that wait are read, then all are ended: parser and interpreter keep their places in the cache.

    One page after another, each drives the other's code and data out of the processor's second-level
    cache, which costs a tenth of a page's time (docs/performance.md).

    `reading` is told of each page before it is read, and of None afterwards; `end` takes what came of it.
    """

    def __init__(
        self,
        endings: Endings,
        reading: Callable[[Task | None], None],
        end: Callable[[PageJob, Visit], None],
    ) -> None:
        self._endings = endings
        self._reading = reading
        self._end = end
        self._waiting: list[Ended] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, page: Ended) -> bool:
        """Have a page wait. Whether there is room for more: else `read` now."""
        self._waiting.append(page)
        self._bytes += len(page.answer.body) if isinstance(page.answer, Response) else 0
        return self._bytes < MOST_BYTES

    def read(self) -> None:
        """Read and end all that wait."""
        pages, self._waiting, self._bytes = self._waiting, [], 0
        found = []
        for page in pages:
            self._reading(page.job.task)
            found.append(self._endings.read(page))
        self._reading(None)
        for page, what in zip(pages, found, strict=True):
            self._end(page.job, self._endings.visit(page, what))
