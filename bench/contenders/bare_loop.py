"""The least that could do the work: aiohttp, an HTML parser, SQLite, tuned, and nothing of a crawler.

`python -m bench.contenders.bare_loop URLS OUTPUT.db IN_FLIGHT turbohtml|lexbor [CA_FILE]`. The HTTP client,
its buffers, the inflater, the event loop, the allocator's thresholds and (turbohtml) the parser are what
Canter uses. There is no robots.txt, pace, retry, resume, guess of an encoding, address guard, cap, history
or record of how it went: what Canter takes beyond it is the price of those.
"""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
import sys
from collections.abc import Callable, Iterator

import aiohttp
import orjson
import uvloop
import yarl
from isal import igzip

from bench.contenders.rules import FIELDS, USER_AGENT, Record, order, tidy
from canter.run.memory import keep_freed_memory

BATCH = 500
Read = Callable[[bytes], Record]


def by_turbohtml() -> Read:
    """The first match of each selector, by Canter's parser."""
    import turbohtml

    def read(body: bytes) -> Record:
        page = turbohtml.parse(body, positions=False)
        record: Record = {}
        for name, (css, attr) in FIELDS.items():
            node = page.select_one(css)
            record[name] = None if node is None else tidy(node.attr(attr) if attr else node.text)
        return record

    return read


def by_lexbor() -> Read:
    """The same by selectolax."""
    from selectolax.lexbor import LexborHTMLParser

    def read(body: bytes) -> Record:
        page = LexborHTMLParser(body)
        record: Record = {}
        for name, (css, attr) in FIELDS.items():
            node = page.css_first(css)
            record[name] = None if node is None else tidy(node.attributes.get(attr) if attr else node.text())
        return record

    return read


READERS = {"turbohtml": by_turbohtml, "lexbor": by_lexbor}


class Table:
    """A table of results, written a batch at a time."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE record(url TEXT PRIMARY KEY, status INTEGER, fields TEXT)")
        self._rows: list[tuple[str, int, str]] = []

    def add(self, url: str, status: int, fields: Record) -> None:
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


async def fetch_on(
    session: aiohttp.ClientSession, urls: Iterator[str], read: Read, table: Table, tls: ssl.SSLContext | bool
) -> None:
    """Fetch the next page until there is none."""
    for url in urls:
        async with session.get(yarl.URL(url, encoded=True), allow_redirects=False, ssl=tls) as answer:
            body = await answer.read()
            if answer.headers.get("Content-Encoding") == "gzip":
                body = igzip.decompress(body)  # type: ignore[no-untyped-call]
            table.add(url, answer.status, read(body))


async def crawl(urls: list[str], in_flight: int, read: Read, table: Table, ca_file: str | None) -> None:
    """All pages, so many at a time."""
    tls = ssl.create_default_context(cafile=ca_file) if ca_file else True
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), auto_decompress=False, read_bufsize=1 << 20,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "gzip", "User-Agent": USER_AGENT},
    ) as session:  # fmt: skip
        left = iter(urls)
        await asyncio.gather(*(fetch_on(session, left, read, table, tls) for _ in range(in_flight)))


def main(arguments: list[str]) -> None:
    """Fetch the pages of a file into a database."""
    urls, output, in_flight, (parser, *ca_file) = order(arguments)
    keep_freed_memory()
    table = Table(output)
    uvloop.run(crawl(urls, in_flight, READERS[parser](), table, ca_file[0] if ca_file else None))
    table.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
