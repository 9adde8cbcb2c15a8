"""Pages that were answered and wait to be read, a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from canter.endings import Ended, Endings, Found
from canter.hosts import PageJob
from canter.model import Response, Task
from canter.protocols import Visit

MOST_BYTES = 4 << 20  # of bodies that wait; with more they are read at once
SLICE = 0.02  # s of reading after which others of the loop have their turn


class Unread:
    """Several are read, then those are ended: parser and interpreter keep their places in the cache.

    One page after another, each drives the other's code and data out of the processor's second-level
    cache, which costs a tenth of a page's time (docs/performance.md).

    `reading` is told of each page before it is read, and of None afterwards; `end` takes what came of it;
    `clock` gives seconds.
    """

    def __init__(
        self,
        endings: Endings,
        reading: Callable[[Task | None], None],
        end: Callable[[PageJob, Visit], None],
        clock: Callable[[], float],
    ) -> None:
        self._endings = endings
        self._reading = reading
        self._end = end
        self._clock = clock
        self._waiting: deque[Ended] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, page: Ended) -> None:
        """Have a page wait."""
        self._waiting.append(page)
        self._bytes += _size(page)

    @property
    def full(self) -> bool:
        """Whether no more should wait: call `read`."""
        return self._bytes >= MOST_BYTES

    def read(self) -> None:
        """Read and end those that wait, the oldest first, for `SLICE`: one at least, where there is one."""
        until = self._clock() + SLICE
        read: list[tuple[Ended, Found]] = []
        while self._waiting and (not read or self._clock() < until):
            page = self._waiting.popleft()
            self._bytes -= _size(page)
            self._reading(page.job.task)
            read.append((page, self._endings.read(page)))
        self._reading(None)
        for page, found in read:
            self._end(page.job, self._endings.visit(page, found))


def _size(page: Ended) -> int:
    return len(page.answer.body) if isinstance(page.answer, Response) else 0
