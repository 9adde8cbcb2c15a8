"""The life of a crawl in a SQLite store: begun, resumed, finished or abandoned, listed, pruned."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from canter.errors import ConfigError
from canter.model import utc_iso
from canter.rules.robots import from_json, sitemaps
from canter.stores.sqlite.schema import connect, reading, transaction

RESUMABLE = ("running", "stopped")


@dataclass(frozen=True, slots=True)
class CrawlRow:
    """A crawl and its numbers so far. `started` and `finished` are UTC seconds."""

    id: int
    state: str  # queued, running, stopped, finished, cancelled, failed or abandoned
    arguments: list[str]
    started: float
    finished: float | None
    queued: int
    requests: int
    rejected: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SourceRow:
    """How far a source has been read. `identity` tells whether a file is still the same."""

    n: int
    name: str
    identity: Any
    position: Any
    done: bool


class SqliteCrawls:
    """The crawls of one store."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.db: sqlite3.Connection = connect(path, create=create)

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def get(self, crawl: int) -> CrawlRow:
        """One crawl. Raises ConfigError where the store has no such crawl."""
        row = self.find(crawl)
        if row is None:
            raise ConfigError(f"{self.path}: has no crawl {crawl}; `canter crawls` lists them")
        return row

    def find(self, crawl: int) -> CrawlRow | None:
        """One crawl; None where the store has no such crawl."""
        rows = self._rows("WHERE id=?", (crawl,))
        return rows[0] if rows else None

    def latest(self) -> CrawlRow | None:
        """The crawl begun last; None in an empty store."""
        rows = self._rows("ORDER BY id DESC LIMIT 1", ())
        return rows[0] if rows else None

    def list(self) -> Sequence[CrawlRow]:
        """Every crawl, the latest first."""
        return self._rows("ORDER BY id DESC", ())

    def _rows(self, where: str, values: tuple[Any, ...]) -> Sequence[CrawlRow]:
        with reading(self.path):
            found = self.db.execute(
                "SELECT id, state, arguments, started, finished, queued, requests, rejected, bytes, seconds "
                f"FROM crawl {where}",
                values,
            ).fetchall()
        return [CrawlRow(row[0], row[1], orjson.loads(row[2]), *row[3:]) for row in found]

    def unfinished(self, arguments: Sequence[str], begun_after: float) -> CrawlRow | None:
        """The latest crawl of the same arguments that can be resumed."""
        rows = self._rows(
            "WHERE state IN (?,?) AND arguments=? AND started>=? ORDER BY id DESC LIMIT 1",
            (*RESUMABLE, orjson.dumps(list(arguments)).decode(), begun_after),
        )
        return rows[0] if rows else None

    def begin(
        self,
        arguments: Sequence[str],
        sources: Sequence[str] = (),
        *,
        state: str = "running",
        alone: bool = True,
    ) -> int:
        """Begin a crawl of `sources`; the same `arguments` again will resume it.

        `alone`: crawls that were left unfinished are abandoned: what they had still to do is dropped, their
        records stay.
        """
        with transaction(self.db, self.path):
            if alone:
                self._abandon(self.db.execute(f"SELECT id FROM crawl WHERE state IN {RESUMABLE}").fetchall())
            crawl: int = self.db.execute(
                "INSERT INTO crawl(state, arguments, started) VALUES (?, ?, ?) RETURNING id",
                (state, orjson.dumps(list(arguments)).decode(), time.time()),
            ).fetchone()[0]
            self.db.executemany(
                "INSERT INTO source(crawl, n, name) VALUES (?,?,?)",
                [(crawl, n, name) for n, name in enumerate(sources)],
            )
        return crawl

    def _abandon(self, crawls: Sequence[tuple[int]]) -> None:
        for (crawl,) in crawls:
            self.db.execute("UPDATE crawl SET state='abandoned', finished=? WHERE id=?", (time.time(), crawl))
            for table in ("spool", "task", "queue"):
                self.db.execute(f"DELETE FROM {table} WHERE crawl=?", (crawl,))

    def resume(self, crawl: int) -> None:
        """Go on with a crawl. Raises ConfigError where it has ended."""
        row = self.get(crawl)
        if row.state not in RESUMABLE:
            raise ConfigError(
                f"{self.path}: crawl {crawl} is {row.state}; only an unfinished one can be resumed"
            )
        with transaction(self.db, self.path):
            self.db.execute("UPDATE crawl SET state='running' WHERE id=?", (crawl,))

    def end(self, crawl: int, state: str, *, drop: bool = True) -> None:
        """The crawl is `finished`, `cancelled` or `failed`, or it is `stopped` and may go on.

        What one that will not go on had still to do is dropped, but not yet where workers still have it.
        """
        finished = None if state in RESUMABLE else time.time()
        with transaction(self.db, self.path):
            self.db.execute("UPDATE crawl SET state=?, finished=? WHERE id=?", (state, finished, crawl))
            if drop and state in ("cancelled", "failed"):
                for table in ("spool", "task", "queue"):
                    self.db.execute(f"DELETE FROM {table} WHERE crawl=?", (crawl,))

    def requeue(self, crawl: int, earlier: int) -> None:
        """Queue in `crawl` what failed in the crawl `earlier`."""
        self.get(earlier)
        with transaction(self.db, self.path):
            for statement in _REQUEUE:
                self.db.execute(statement, {"crawl": crawl, "earlier": earlier})

    def declare(self, crawl: int, declared: Mapping[str, Mapping[str, str]]) -> None:
        """Note which fields each site declares, for exports to come; what stood there before stays."""
        with transaction(self.db, self.path):
            row = self.db.execute("SELECT declared FROM crawl WHERE id=?", (crawl,)).fetchone()
            known: dict[str, dict[str, str]] = orjson.loads(row[0])
            merged = {site: known.get(site, {}) | dict(fields) for site, fields in declared.items()}
            self.db.execute(
                "UPDATE crawl SET declared=? WHERE id=?", (orjson.dumps(known | merged).decode(), crawl)
            )

    def sources(self, crawl: int) -> Sequence[SourceRow]:
        """The sources of a crawl and how far each was read."""
        with reading(self.path):
            rows = self.db.execute(
                "SELECT n, name, identity, position, done FROM source WHERE crawl=? ORDER BY n", (crawl,)
            ).fetchall()
        return [
            SourceRow(n, name, _loads(identity), _loads(position), bool(done))
            for n, name, identity, position, done in rows
        ]

    def identify(self, crawl: int, n: int, identity: Any) -> None:
        """Source `n` is read from its start; `identity` is how to know the same file again."""
        with transaction(self.db, self.path):
            self.db.execute(
                "UPDATE source SET identity=?, position=NULL, done=0 WHERE crawl=? AND n=?",
                (orjson.dumps(identity).decode(), crawl, n),
            )

    def pending(self, crawl: int) -> int:
        """URLs of the crawl that are still to do, those not yet loaded from the spool included."""
        with reading(self.path):
            queued = self.db.execute("SELECT sum(pending) FROM queue WHERE crawl=?", (crawl,)).fetchone()[0]
            spooled = self.db.execute("SELECT count(*) FROM spool WHERE crawl=?", (crawl,)).fetchone()[0]
        return (queued or 0) + int(spooled)

    def loads(self, crawls: Iterable[int]) -> dict[int, int]:
        """Pages of these crawls that are still to do, by shard."""
        with reading(self.path):
            rows = self.db.execute(
                "SELECT host >> 32, sum(pending) FROM queue WHERE pending > 0 "
                "AND crawl IN (SELECT value FROM json_each(?)) GROUP BY 1",
                (orjson.dumps(list(crawls)).decode(),),
            ).fetchall()
        return dict(rows)

    def shards(self) -> Iterator[tuple[str, int]]:
        """Every host that the store knows, and its shard."""
        with reading(self.path):
            yield from self.db.execute("SELECT name, id >> 32 FROM host")

    def shard_of(self, host: str) -> int | None:
        """The shard of a host key that the store knows."""
        with reading(self.path):
            row = self.db.execute("SELECT id >> 32 FROM host WHERE name=?", (host,)).fetchone()
        return int(row[0]) if row else None

    def outcomes(self, crawl: int) -> dict[tuple[str, str | None], int]:
        """Number of pages by (outcome, error type), bad source lines included."""
        with reading(self.path):
            rows = self.db.execute(
                "SELECT outcome, error_type, count(*) FROM visit WHERE crawl=? GROUP BY 1, 2", (crawl,)
            ).fetchall()
            bad = self.db.execute("SELECT count(*) FROM bad WHERE crawl=?", (crawl,)).fetchone()[0]
        counts = {(outcome, error_type): int(number) for outcome, error_type, number in rows}
        if bad:
            counts["failed", "malformed"] = counts.get(("failed", "malformed"), 0) + bad
        return counts

    def prune(self, before: float) -> Sequence[int]:
        """Drop crawls begun before `before` (UTC seconds) but never the latest, nor a value that a kept
        crawl still stands on. Returns the ids dropped."""
        latest = self.latest()
        if latest is None:
            return []
        with reading(self.path):
            dropped = [
                row[0]
                for row in self.db.execute(
                    "SELECT id FROM crawl WHERE started<? AND id<>? ORDER BY id", (before, latest.id)
                )
            ]
            oldest = self.db.execute(
                "SELECT min(id) FROM crawl WHERE started>=? OR id=?", (before, latest.id)
            ).fetchone()[0]
        for crawl in dropped:
            for table in ("visit", "bad", "source", "task", "queue", "spool"):
                self._delete(f"{table} WHERE crawl={crawl}")
            self._delete(f"crawl WHERE id={crawl}")
        if dropped:
            self._delete(
                f"value WHERE crawl<{oldest} AND EXISTS (SELECT 1 FROM value n WHERE n.host=value.host "
                f"AND n.key=value.key AND n.crawl>value.crawl AND n.crawl<={oldest})"
            )
            self.db.execute("PRAGMA incremental_vacuum").fetchall()
        return dropped

    def _delete(self, what: str) -> None:
        with transaction(self.db, self.path):
            self.db.execute(f"DELETE FROM {what}")

    def paces(self, key: str | None = None) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """Of every pace key, or of one: when (UTC seconds) and what was learned; empty where unreadable."""
        with reading(self.path):
            for name, at, memory in self.db.execute(
                "SELECT key, at, memory FROM pace WHERE ?1 IS NULL OR key=?1 ORDER BY key", (key,)
            ):
                found = _loads(memory)
                yield name, at, found if isinstance(found, dict) else {}

    def robots(self, host: str) -> dict[str, dict[str, Any]]:
        """The last robots.txt of a host, by scheme: `status`, `fetched_at` (UTC, ISO 8601), `sitemaps`."""
        with reading(self.path):
            row = self.db.execute("SELECT robots FROM host WHERE name=?", (host,)).fetchone()
        return {
            scheme: {
                "status": answer.status,
                "fetched_at": utc_iso(answer.fetched_at),
                "sitemaps": sitemaps(answer.text),
            }
            for scheme, answer in from_json(row[0] if row else None).items()
        }

    def forget(self, key: str, hosts: Iterable[str] = ()) -> bool:
        """Forget what was learned of a pace, and when its hosts may be asked; False: nothing was known."""
        names = orjson.dumps([key, *hosts]).decode()
        with transaction(self.db, self.path):
            found = self.db.execute("DELETE FROM pace WHERE key=?", (key,)).rowcount
            self.db.execute(
                "UPDATE host SET rate=NULL, not_before=0 WHERE name IN (SELECT value FROM json_each(?))",
                (names,),
            )
        return found > 0


def _loads(text: str | None) -> Any:
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


_FAILED = "FROM visit v WHERE v.crawl = :earlier AND v.outcome = 'failed'"
_REQUEUE = (
    "INSERT INTO task(crawl, host, due, key, home, line, info) "
    "SELECT :crawl, v.host, 0, v.key, v.host, v.line, "
    "CASE WHEN v.info IS NULL THEN NULL ELSE json_object('columns', json(v.info)) END "
    f"{_FAILED} ORDER BY v.host, v.key",
    f"INSERT INTO queue(crawl, host, pending) SELECT :crawl, v.host, count(*) {_FAILED} GROUP BY v.host",
    f"UPDATE page SET crawl = :crawl WHERE (host, key) IN (SELECT v.host, v.key {_FAILED})",
    f"UPDATE crawl SET queued = (SELECT count(*) {_FAILED}) WHERE id = :crawl",
)
