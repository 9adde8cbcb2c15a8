"""The writer: a record's page is kept before the record is committed, and memory is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest

from canter.errors import StoreError
from canter.hosts import Notes
from canter.model import Record, Response, Task
from canter.protocols import Batch, Visit, Work
from canter.writer import MOST_BYTES, Writer


class Books:
    """Implements `protocols.Keeper`, and of `protocols.Work` the commit; notes what it was given."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.log: list[tuple[str, int]] = []

    def keep(self, visits: Iterable[Visit]) -> None:
        if self.full:
            raise StoreError("full")
        self.log.append(("kept", len(list(visits))))

    def commit(self, batch: Batch) -> None:
        self.log.append(("committed", len(batch.visits)))

    def close(self) -> None:
        """Nothing to do."""


async def committed(_: Batch) -> None:
    """Nobody wants to know."""


def writer_on(books: Books) -> Writer:
    """A writer of crawl 1."""
    return Writer(cast("Work", cast("Any", books)), 1, Notes, committed, books)


def visit(size: int) -> Visit:
    """The end of a page of so many bytes."""
    answer = Response("u", 200, {}, bytes(size), 0.0, 0.0)
    record = Record.of_bad_line(1, "u", "", None, None, "")
    return Visit(Task(1, 0, 0.0, 0, "u", 0), record, 1, 0.0, kept=answer)


async def test_pages_are_kept_before_their_records_are_committed() -> None:
    """Whatever ends the process in between, a committed record has its page."""
    books = Books()
    writer = writer_on(books)
    writer.end(visit(10))
    writer.close()
    await writer.run()
    assert books.log == [("kept", 1), ("committed", 1)]


async def test_a_page_that_cannot_be_kept_commits_nothing() -> None:
    """The run ends with the error, and the pages are still due."""
    books = Books(full=True)
    writer = writer_on(books)
    writer.end(visit(10))
    writer.close()
    with pytest.raises(StoreError):
        await writer.run()
    assert books.log == []


async def test_pages_that_wait_are_bounded_by_their_bytes() -> None:
    """Few large pages fill a batch as many small ones do: whoever adds more waits until they are safe."""
    books = Books()
    writer = writer_on(books)
    for _ in range(4):
        writer.end(visit(MOST_BYTES // 4))
    waiting = asyncio.ensure_future(writer.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    running = asyncio.ensure_future(writer.run())
    await asyncio.wait_for(waiting, 5)
    writer.close()
    await running
    assert books.log[:2] == [("kept", 4), ("committed", 4)]
