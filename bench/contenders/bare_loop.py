"""The least that could do the work: aiohttp, selectolax, SQLite, tuned, and nothing of a crawler.

`python -m bench.contenders.bare_loop URLS OUTPUT.db`. No robots.txt, no pace, no retries, no resume,
no guard, no charset detection: what Canter takes beyond it is the price of those.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import orjson
import uvloop
import yarl
from isal import igzip
from selectolax.lexbor import LexborHTMLParser

from bench.contenders.rules import FIELDS, IN_FLIGHT

BATCH = 500


def read(body: bytes) -> dict[str, str | None]:
    """The first match of each selector, white space collapsed."""
    tree = LexborHTMLParser(body)
    record: dict[str, str | None] = {}
    for name, (css, attr) in FIELDS.items():
        node = tree.css_first(css)
        text = None if node is None else node.attributes.get(attr) if attr else node.text()
        record[name] = " ".join((text or "").split()) or None
    return record


class Table:
    """A table of results, written a batch at a time."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE record(url TEXT PRIMARY KEY, status INTEGER, fields TEXT)")
        self._rows: list[tuple[str, int, str]] = []

    def add(self, url: str, status: int, fields: dict[str, str | None]) -> None:
        """One page's result."""
        self._rows.append((url, status, orjson.dumps(fields).decode()))
        if len(self._rows) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO record VALUES (?,?,?)", self._rows)
        self._db.execute("COMMIT")
        self._rows.clear()


async def fetch_on(session: aiohttp.ClientSession, urls: Iterator[str], table: Table) -> None:
    """Fetch the next page until there is none."""
    for url in urls:
        async with session.get(yarl.URL(url, encoded=True), allow_redirects=False) as answer:
            body = await answer.read()
            if answer.headers.get("Content-Encoding") == "gzip":
                body = igzip.decompress(body)  # type: ignore[no-untyped-call]
            table.add(url, answer.status, read(body))


async def crawl(urls: list[str], table: Table) -> None:
    """All pages, so many at a time."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "gzip", "User-Agent": "Canter-bench"}, read_bufsize=256 * 1024,
    ) as session:  # fmt: skip
        left = iter(urls)
        await asyncio.gather(*(fetch_on(session, left, table) for _ in range(IN_FLIGHT)))


def main(urls: str, output: str) -> None:
    """Fetch the pages of the file `urls` into the database `output`."""
    table = Table(output)
    uvloop.run(crawl(Path(urls).read_text().split(), table))
    table.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
