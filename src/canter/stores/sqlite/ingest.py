"""From a source into the store: append to the spool, then load shard by shard, sorted.

Inserting straight into the indexed tables slows down as they grow and holds the write lock for
seconds; appended and then loaded in sorted runs, millions of URLs cost the same each.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from canter.stores.sqlite.schema import transaction
from canter.urls import SHARDS, PageUrl

EAGER = 20_000  # so many URLs are loaded at once, that fetching starts with the first
BACKLOG = 4_000  # then a shard is loaded when it holds so many: long sorted runs are cheap
RUN = 5_000  # rows a load transaction takes at most, so that the write lock is held briefly
HOST_CACHE = 100_000
CACHE_KB = 4_000  # that the connection may hold; with half of it many hosts are taken in a tenth slower


class GoodRow(NamedTuple):
    """A source line that is a URL. `info`: other columns and the site named, or None."""

    url: PageUrl
    priority: int
    line: int
    info: dict[str, Any] | None


class BadRow(NamedTuple):
    """A source line that is none."""

    line: int
    url: str
    error: str
    columns: dict[str, str] | None


class SqliteIngest:
    """Fills one crawl. One thread uses it; fetching goes on beside it through other connections, and other
    crawls may be filled likewise."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, crawl: int, shard_of: Callable[[str], int]
    ) -> None:
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        self._db = connection
        self._path = path
        self.crawl = crawl
        self._shard_of = shard_of
        self._hosts: dict[str, int] = {}
        self._backlog: Counter[int] = Counter(
            dict(connection.execute("SELECT shard, count(*) FROM spool WHERE crawl=? GROUP BY 1", (crawl,)))
        )
        self._n = 0  # of the last row in the spool, whosever it is
        self._loaded = 0

    def append(
        self, source: int, good: Sequence[GoodRow], bad: Sequence[BadRow], position: Any, *, done: bool
    ) -> None:
        """Append rows of source number `source`; its position moves in the same transaction."""
        with transaction(self._db, self._path):
            self._n = self._db.execute("SELECT value FROM counter WHERE name='spool'").fetchone()[0]
            rows = [self._spool_row(row) for row in good]
            self._db.executemany("INSERT INTO spool VALUES (?,?,?,?,?,?,?,?,?)", rows)
            self._db.execute("UPDATE counter SET value=? WHERE name='spool'", (self._n,))
            if bad:
                self._append_bad(source, bad)
            self._db.execute(
                "UPDATE source SET position=coalesce(?, position), done=? WHERE crawl=? AND n=?",
                (orjson.dumps(position).decode() if position else None, done, self.crawl, source),
            )
        self._backlog.update(row[0] for row in rows)

    def _spool_row(self, row: GoodRow) -> tuple[Any, ...]:
        url = row.url
        host = self._hosts.get(url.host)
        if host is None:
            host = self._host_id(url.host)
        self._n += 1
        info = orjson.dumps(row.info).decode() if row.info else None
        return (
            host >> 32, self._n, self.crawl, host, url.key, -row.priority, url.href, row.line, info,
        )  # fmt: skip

    def _host_id(self, name: str) -> int:
        if len(self._hosts) >= HOST_CACHE:
            self._hosts.clear()
        host = host_id(self._db, name, self._shard_of(name))
        self._hosts[name] = host
        return host

    def _append_bad(self, source: int, bad: Sequence[BadRow]) -> None:
        now = time.time()
        before = self._db.total_changes
        self._db.executemany(
            "INSERT OR IGNORE INTO bad VALUES (?,?,?,?,?,?,?)",
            [
                (
                    self.crawl, source, row.line, row.url, row.error, now,
                    orjson.dumps(row.columns).decode() if row.columns else None,
                )
                for row in bad
            ],
        )  # fmt: skip
        self._db.execute(
            "UPDATE crawl SET queued=queued+? WHERE id=?", (self._db.total_changes - before, self.crawl)
        )

    @property
    def backlog(self) -> int:
        """Rows in the spool that are not loaded yet."""
        return self._backlog.total()

    def load(self, *, everything: bool = False) -> int:
        """Load what is worth loading now, or all of it; returns how many fresh tasks that made."""
        everything = everything or self._loaded < EAGER
        fresh = 0
        if everything and self.backlog <= RUN:
            while self.backlog:
                fresh += self._load(0, SHARDS - 1)
        else:
            for shard in [s for s, n in self._backlog.items() if everything or n >= BACKLOG]:
                while self._backlog[shard]:
                    fresh += self._load(shard, shard)
        self._loaded += fresh
        return fresh

    def _load(self, first: int, last: int) -> int:
        """Load a run of rows of a range of shards in one transaction; returns the fresh tasks."""
        db = self._db
        with transaction(db, self._path):
            db.execute("CREATE TEMP TABLE run AS " + _RUN, (first, last, self.crawl, RUN))
            db.execute("CREATE TEMP TABLE fresh AS " + _FRESH)
            for statement in _LOAD:
                db.execute(statement)
            made: int = db.execute("SELECT count(*) FROM temp.fresh").fetchone()[0]
            db.execute("UPDATE crawl SET queued = queued + ? WHERE id = ?", (made, self.crawl))
            left = dict(db.execute(_LEFT, (first, last, self.crawl)))
            db.execute("DROP TABLE temp.run")
            db.execute("DROP TABLE temp.fresh")
        for shard in range(first, last + 1):
            self._backlog[shard] = left.get(shard, 0)
        self._backlog += Counter()  # drops the empty shards
        return made


_RUN = "SELECT * FROM spool WHERE shard BETWEEN ? AND ? AND crawl=? ORDER BY shard, n LIMIT ?"
_LEFT = "SELECT shard, count(*) FROM spool WHERE shard BETWEEN ? AND ? AND crawl=? GROUP BY 1"

# The first spooled row of each URL that this crawl has not queued yet. Where another crawl queued the page
# last, its end in this one, or its fresh task, tells; a page that is tried again then may be fetched twice.
_FRESH = """
SELECT r.crawl, r.host, r.key, r.due, r.url, r.line, r.info, min(r.n)
FROM temp.run r LEFT JOIN page p ON p.host = r.host AND p.key = r.key
WHERE p.key IS NULL OR (p.crawl <> r.crawl AND p.url = r.url
    AND NOT EXISTS (SELECT 1 FROM visit v WHERE v.crawl = r.crawl AND v.host = r.host AND v.key = r.key)
    AND NOT EXISTS (SELECT 1 FROM task t WHERE t.crawl = r.crawl AND t.host = r.host AND t.due = r.due
        AND t.key = r.key AND t.home = r.host))
GROUP BY r.host, r.key
"""

_LOAD = (
    """
    INSERT INTO task(crawl, host, due, key, home, line, info)
    SELECT crawl, host, due, key, host, line, info FROM temp.fresh ORDER BY crawl, host, due, key
    """,
    """
    INSERT INTO queue(crawl, host, pending) SELECT crawl, host, count(*) FROM temp.fresh GROUP BY 1, 2
    ON CONFLICT DO UPDATE SET pending = pending + excluded.pending
    """,
    """
    INSERT INTO page(host, key, crawl, url) SELECT host, key, crawl, url FROM temp.fresh WHERE true
    ORDER BY host, key ON CONFLICT DO UPDATE SET crawl = excluded.crawl
    """,
    "DELETE FROM spool WHERE (shard, n) IN (SELECT shard, n FROM temp.run)",
    # two URLs with one hash: the later one goes back to the spool under the next key
    """
    INSERT INTO spool SELECT r.shard, r.n, r.crawl, r.host, r.key + 1, r.due, r.url, r.line, r.info
    FROM temp.run r JOIN page p ON p.host = r.host AND p.key = r.key WHERE p.url <> r.url
    """,
)


def host_id(db: sqlite3.Connection, name: str, shard: int) -> int:
    """The id of a host, made where it is new. Inside a write transaction."""
    found = db.execute("SELECT id FROM host WHERE name=?", (name,)).fetchone()
    if found:
        return int(found[0])
    base = shard << 32
    made = db.execute(
        "INSERT INTO host(id, name) SELECT coalesce(max(id) + 1, ?), ? FROM host WHERE id BETWEEN ? AND ? "
        "RETURNING id",
        (base, name, base, base | 0xFFFFFFFF),
    )
    return int(made.fetchone()[0])
