"""Kept pages -> records -> a file: what `canter extract` does."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from canter.again import record_again
from canter.apps.results import open_sink, say, write_all
from canter.config import Settings
from canter.model import Record
from canter.output import field_types
from canter.policy import Policy
from canter.run.memory import bounded_memory
from canter.sites import Site, SiteBook
from canter.stores.jsonl import JsonlSink
from canter.stores.warc import KeptPages

_EVERY = 5.0  # seconds between lines of progress


class Again:
    """One extraction from the pages of a folder. Raises CanterError where they cannot be had.

    `outcomes` counts the records by outcome. Memory depends on the number of URLs by one key each, and on
    no other number of pages.
    """

    def __init__(self, folder: Path, crawl: int | None, settings: Settings, sites: tuple[Site, ...]) -> None:
        self._policy = Policy(settings, SiteBook(sites))
        self._sites = sites
        self._pages = KeptPages(folder, crawl)
        self.crawl = self._pages.crawl
        self.outcomes: Counter[str] = Counter()

    def write(self, path: Path | None, form: str) -> None:
        """Write every record to a file or stdout."""
        if form == "jsonl":
            with open_sink(path, form, {}, ()) as sink, bounded_memory():
                write_all(sink, self._records())
        else:
            self._write_table(path, form)
        for notice in self._pages.notices:
            say(notice)

    def _write_table(self, path: Path | None, form: str) -> None:
        """By way of a temporary file: the columns of a table are known when all records are."""
        fields = field_types(site.declared for site in self._sites)
        columns: set[str] = set()

        def noted() -> Iterator[Record]:
            for record in self._records():
                columns.update(record.source)
                for name in record.fields:
                    fields.setdefault(name, "")
                yield record

        with tempfile.TemporaryFile() as spool:
            with JsonlSink(spool) as sink, bounded_memory():
                write_all(sink, noted())
            spool.seek(0)
            with open_sink(path, form, fields, sorted(columns)) as table:
                write_all(table, _spooled(spool))

    def _records(self) -> Iterator[Record]:
        began = told = time.monotonic()
        for number, page in enumerate(self._pages):
            now = time.monotonic()
            if now - told >= _EVERY:
                told = now
                share, rate = number / self._pages.total, number / (now - began)
                say(f"{share:.0%}  {number:,} of {self._pages.total:,} pages  {rate:,.0f} pages/s")
            record = record_again(page, self._policy)
            self.outcomes[record.outcome] += 1
            yield record


def _spooled(spool: BinaryIO) -> Iterator[Record]:
    return (Record(**json.loads(line)) for line in spool)
