"""What a service was asked for, kept beside the crawl that came of it, so that it can go on after a stop."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from canter.stores.sqlite.crawls import SqliteCrawls
from canter.stores.sqlite.schema import reading, transaction

# Made on first use: a store that no service ever used is without it.
_TABLE = """
CREATE TABLE IF NOT EXISTS asked(      -- crawls that were begun over HTTP
    crawl INTEGER PRIMARY KEY, body TEXT NOT NULL, reason TEXT)
"""


class Order(NamedTuple):
    """`body`: what was asked for; `reason`: why the crawl failed or was cancelled."""

    crawl: int
    body: Mapping[str, Any]
    reason: str | None


class SqliteOrders:
    """The orders of one store, over the connection of its crawls."""

    def __init__(self, crawls: SqliteCrawls) -> None:
        self._crawls = crawls
        with transaction(self._db, crawls.path):
            self._db.execute(_TABLE)
            self._db.execute("DELETE FROM asked WHERE crawl NOT IN (SELECT id FROM crawl)")

    @property
    def _db(self) -> sqlite3.Connection:
        return self._crawls.db

    def keep(self, crawl: int, body: Mapping[str, Any]) -> None:
        """Keep what was asked for."""
        with transaction(self._db, self._crawls.path):
            self._db.execute(
                "INSERT OR REPLACE INTO asked(crawl, body) VALUES (?,?)", (crawl, orjson.dumps(body).decode())
            )

    def explain(self, crawl: int, reason: str | None) -> None:
        """Why a crawl ended; None: it goes on."""
        with transaction(self._db, self._crawls.path):
            self._db.execute("UPDATE asked SET reason=? WHERE crawl=?", (reason, crawl))

    def get(self, crawl: int) -> Order | None:
        """What was asked for; None for a crawl that was not begun over HTTP."""
        found = self._read("WHERE crawl=?", (crawl,))
        return found[0] if found else None

    def waiting(self) -> Sequence[Order]:
        """The orders of crawls that have not ended, the oldest first."""
        return self._read(
            "WHERE crawl IN (SELECT id FROM crawl WHERE state IN ('queued', 'running', 'stopped'))", ()
        )

    def unasked(self) -> Sequence[int]:
        """Crawls that were queued, but of which the service died before it had kept what was asked for."""
        with reading(self._crawls.path):
            rows = self._db.execute(
                "SELECT id FROM crawl WHERE state='queued' AND id NOT IN (SELECT crawl FROM asked)"
            ).fetchall()
        return [crawl for (crawl,) in rows]

    def _read(self, where: str, values: tuple[Any, ...]) -> Sequence[Order]:
        with reading(self._crawls.path):
            rows = self._db.execute(
                f"SELECT crawl, body, reason FROM asked {where} ORDER BY crawl", values
            ).fetchall()
        return [Order(crawl, orjson.loads(body), reason) for crawl, body, reason in rows]
