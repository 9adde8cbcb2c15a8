"""Bounded batches of ends, committed in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from canter.hosts import Notes
from canter.protocols import Batch, Work

FULL = 500  # records that are committed at once
INTERVAL = 1.0  # seconds between commits of fewer
MOST = 2_000  # records waiting; whoever adds more waits
HEARTBEAT = 10.0  # seconds between commits of nothing, which keep the lease


class Writer:
    """One for a crawl. `take_notes` gives what the frontier wants remembered; `committed` is told of
    every batch that is safe."""

    def __init__(
        self,
        work: Work,
        crawl: int,
        take_notes: Callable[[], Notes],
        committed: Callable[[Batch], Awaitable[None]],
    ) -> None:
        self._work = work
        self._take_notes = take_notes
        self._committed = committed
        self._full = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="canter-commit")
        self._heartbeat = HEARTBEAT
        self._closing = False
        self.crawl = crawl
        self._busy = False
        self._since = asyncio.get_running_loop().time()
        self.batch = Batch(crawl)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be committed."""
        return not self.batch and not self._busy

    def added(self) -> None:
        """Something was added to the batch."""
        if len(self.batch) >= FULL:
            self._full.set()
        if len(self.batch) >= MOST:
            self._space.clear()

    def count(self, **numbers: float) -> None:
        """Add to the crawl's totals."""
        counts = self.batch.counts
        for name, number in numbers.items():
            counts[name] = counts.get(name, 0) + number

    def hurry(self) -> None:
        """Commit now: nothing can be done before the batch is safe. Not for an empty batch without notes."""
        self._full.set()

    async def room(self) -> None:
        """Wait until the batch takes more."""
        await self._space.wait()

    async def run(self) -> None:
        """Commit until `close`. Raises StoreError, with everything uncommitted still due in the store."""
        try:
            while not self._closing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), INTERVAL)
                await self._flush()
            await self._flush()
        finally:
            self._pool.shutdown(wait=True)

    def close(self) -> None:
        """Commit what is left, then let `run` return."""
        self._closing = True
        self._full.set()

    async def _flush(self) -> None:
        notes = self._take_notes()
        batch = self.batch
        self._heartbeat -= INTERVAL
        if not (batch or notes or batch.counts or self._heartbeat <= 0):
            return
        batch.hosts, batch.paces = notes.hosts, notes.paces
        batch.retries += notes.tasks
        self.batch = Batch(self.crawl)
        self._heartbeat = HEARTBEAT
        now = asyncio.get_running_loop().time()
        batch.counts["seconds"] = now - self._since
        self._since = now
        self._busy = True
        self._full.clear()
        self._space.set()
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._work.commit, batch)
            await self._committed(batch)
        finally:
            self._busy = False
