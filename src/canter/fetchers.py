"""As many coroutines as requests may be in flight; one is woken whenever a host may be ready."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from canter.tasks import Tasks


class Fetchers:
    """Started as they are needed, `most` at a time.

    `run` is what each of them does: it awaits `rest` where there is nothing to do, and returns when there
    are `too_many`. `ready_at` tells when the next one is worth waking (engine time), `held` whether nothing
    may start now, `failed` is told of an error that ended one.
    """

    def __init__(
        self,
        most: int,
        run: Callable[[], Coroutine[Any, Any, None]],
        ready_at: Callable[[], float],
        held: Callable[[], bool],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._run = run
        self._ready_at = ready_at
        self._held = held
        self._tasks = Tasks(failed)
        self._idle: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    @property
    def too_many(self) -> bool:
        """Whether the one that asks has to go."""
        return len(self._tasks) > self._most

    def allow(self, most: int) -> None:
        """Have at most so many from now on."""
        self._most = most

    def spawn(self) -> None:
        """Start one."""
        self._tasks.begin(self._run())

    def leave(self) -> None:
        """The one that calls is about to end: counted no more, so that of several not all do."""
        self._tasks.leave()

    async def rest(self) -> None:
        """Wait to be woken."""
        wake: asyncio.Future[None] = self._loop.create_future()
        self._idle.append(wake)
        await wake

    def wake(self, *, start: bool = True) -> None:
        """Have one more look for something to do; unless `start`, only one that rests."""
        while self._idle:
            wake = self._idle.popleft()
            if not wake.done():
                wake.set_result(None)
                return
        if start and len(self._tasks) < self._most:
            self.spawn()

    def arm(self) -> None:
        """Wake one when the next host is ready or the store may have more; now if one is."""
        if self._held():
            return
        at = self._ready_at()
        now = self._loop.time()
        if self._timer:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = None, at
        if at <= now:
            self.wake()
        elif at < math.inf:
            self._timer = self._loop.call_at(at, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.wake(start=not self._held())

    async def close(self) -> None:
        """Cancel them all."""
        if self._timer:
            self._timer.cancel()
        await self._tasks.close()
