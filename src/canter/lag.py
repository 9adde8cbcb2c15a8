"""How late the event loop runs: what a host's answers took is not known while it lags."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

EVERY, AGAIN = 0.1, 0.02  # s between two looks, and while it lags
MOST = 0.05  # s late


class LoopLag:
    """Looks at the clock now and then while requests are out. Call `watch` for each, `stop` at the end.

    `lagging`: the last look came too late; `caught_up` is called when one comes in time again.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, busy: Callable[[], bool], caught_up: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._busy = busy
        self._caught_up = caught_up
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._late_at = -math.inf
        self.lagging = False

    def watch(self) -> None:
        """Look until nothing is out any more."""
        if self._timer is None:
            self._look_in(EVERY)

    def since(self, at: float) -> bool:
        """Whether the loop lagged at any time from `at` on."""
        return self._late_at >= at or self._loop.time() - self._due > MOST

    def stop(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()

    def _look_in(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        was, self.lagging = self.lagging, now - self._due > MOST
        if self.lagging:
            self._late_at = now
        elif was:
            self._caught_up()
        if self._busy() or self.lagging:
            self._look_in(AGAIN if self.lagging else EVERY)
        else:
            self._timer, self._due = None, math.inf
