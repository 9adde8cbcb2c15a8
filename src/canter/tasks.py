"""Tasks of the event loop that somebody owns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Held until they end, so that none is collected before; `failed` is told of an error that ended one."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._held: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start one more."""
        task = asyncio.get_running_loop().create_task(work)
        self._held.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._held.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)

    def leave(self) -> None:
        """The one that calls is held no more."""
        if task := asyncio.current_task():
            self._held.discard(task)

    async def close(self) -> None:
        """Cancel them all, and wait until they have ended."""
        for task in self._held:
            task.cancel()
        await asyncio.gather(*self._held, return_exceptions=True)
