"""Bounded batches of ends, committed in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from canter.hosts import Notes
from canter.protocols import Batch, Keeper, Visit, Work

FULL = 500  # records that are committed at once
INTERVAL = 1.0  # seconds between commits of fewer
MOST = 2_000  # records waiting; whoever adds more waits
FULL_BYTES = 4 << 20  # of pages to keep, likewise
MOST_BYTES = 8 << 20
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
        keeper: Keeper | None = None,
        *,
        keeps_time: bool = True,
    ) -> None:
        """`keeps_time`: its seconds count for the crawl; of several workers those of one."""
        self._work = work
        self._take_notes = take_notes
        self._committed = committed
        self._keeper = keeper
        self._keeps_time = keeps_time
        self._bytes = 0  # of pages to keep in the batch
        self._full = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="canter-commit")
        self._heartbeat = HEARTBEAT
        self._closing = False
        self._waiting: list[asyncio.Future[None]] = []
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
        if len(self.batch) >= FULL or self._bytes >= FULL_BYTES:
            self._full.set()
        if len(self.batch) >= MOST or self._bytes >= MOST_BYTES:
            self._space.clear()

    def end(self, visit: Visit) -> None:
        """Add the end of a page."""
        self.batch.visits.append(visit)
        self._bytes += len(visit.kept.body) if visit.kept else 0
        self.added()

    def count(self, **numbers: float) -> None:
        """Add to the crawl's totals."""
        counts = self.batch.counts
        for name, number in numbers.items():
            counts[name] = counts.get(name, 0) + number

    def hurry(self) -> None:
        """Commit now: nothing can be done before the batch is safe. Not for an empty batch without notes."""
        self._full.set()

    async def flushed(self) -> None:
        """Wait until all that has been added and noted is committed."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._full.set()
        await waiting

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
            self._tell(self._waiting)

    def close(self) -> None:
        """Commit what is left, then let `run` return."""
        self._closing = True
        self._full.set()

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._full.clear()
        try:
            await self._commit_batch()
        finally:
            self._tell(waiting)

    @staticmethod
    def _tell(waiting: Iterable[asyncio.Future[None]]) -> None:
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _commit_batch(self) -> None:
        notes = self._take_notes()
        batch = self.batch
        self._heartbeat -= INTERVAL
        last = self._closing and self._keeps_time and bool(self.crawl)
        if not (batch or notes or batch.counts or self._heartbeat <= 0 or last):
            return
        batch.hosts, batch.paces = notes.hosts, notes.paces
        batch.retries += notes.tasks
        self.batch, self._bytes = Batch(self.crawl), 0
        self._heartbeat = HEARTBEAT
        now = asyncio.get_running_loop().time()
        batch.counts["seconds"] = now - self._since if self._keeps_time else 0.0
        self._since = now
        self._busy = True
        self._space.set()
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._commit, batch)
            await self._committed(batch)
        finally:
            self._busy = False

    def _commit(self, batch: Batch) -> None:
        """The pages first: a record that is committed has its page, whatever happens in between."""
        if self._keeper:
            self._keeper.keep(batch.visits)
        self._work.commit(batch)
