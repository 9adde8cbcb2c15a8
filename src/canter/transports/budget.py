"""A bound on the decoded bytes that a worker's bodies take while they are read."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class BodyBudget:
    """Decoded bytes of bodies being read; reading waits beyond `limit`, first come first served.

    The oldest body being read is always let on, so that readers that wait for each other cannot
    stand still: `held` stays within the limit and what that one body takes beyond it. What a
    waiting reader has just received, one stream buffer at most, is not counted until it is let on.

    A permit ends when its `Hold` closes, at the return of the transport's `send`. The caller still
    has the body then, and reads a few together: `canter.unread.MOST_BYTES` and one body live beyond
    their permits.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.peak = 0  # the most that was ever held
        self._open: dict[Hold, None] = {}  # the oldest first
        self._line: dict[Hold, tuple[int, asyncio.Future[None]]] = {}  # the longest waiting first

    def reading(self) -> Hold:
        """A permit of no bytes yet for one body; use it as a context manager."""
        return Hold(self)

    def _fits(self, hold: Hold, size: int) -> bool:
        return self.held + size <= self.limit or next(iter(self._open)) is hold

    def _grant(self, hold: Hold, size: int) -> None:
        hold.size += size
        self.held += size
        self.peak = max(self.peak, self.held)

    def _advance(self) -> None:
        """Let on whoever may go now."""
        oldest = next(iter(self._open), None)
        if oldest in self._line:
            self._let_on(oldest)
        while self._line:
            first, (size, _) = next(iter(self._line.items()))
            if not self._fits(first, size):
                break
            self._let_on(first)

    def _let_on(self, hold: Hold) -> None:
        size, turn = self._line.pop(hold)
        if not turn.done():
            self._grant(hold, size)
            turn.set_result(None)


class Hold:
    """The bytes one body holds, given back at the end of its `with`."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.size = 0

    def __enter__(self) -> Self:
        self._budget._open[self] = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        budget = self._budget
        del budget._open[self]
        budget.held -= self.size
        self.size = 0
        if budget._line:
            budget._advance()

    def take(self, size: int) -> bool:
        """Hold `size` bytes more if nobody has to wait for that; False: `wait` for them."""
        budget = self._budget
        if next(iter(budget._open)) is not self and (budget._line or not budget._fits(self, size)):
            return False
        budget._grant(self, size)
        return True

    async def wait(self, size: int) -> None:
        """Hold `size` bytes more as soon as it is this body's turn."""
        budget = self._budget
        turn = asyncio.get_running_loop().create_future()
        budget._line[self] = (size, turn)
        try:
            budget._advance()
            await turn
        finally:
            if budget._line.pop(self, None):  # cancelled: those behind may fit
                budget._advance()
