"""A worker's side of a SQLite store: hosts with work, their tasks, and commits under a lease."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from canter.errors import LostLease
from canter.model import PageState, Record, Task
from canter.protocols import Batch, HostNote, HostRow, Visit
from canter.stores.sqlite.ingest import host_id
from canter.stores.sqlite.schema import connect, reading, transaction
from canter.urls import SHARDS

LEASE = 60.0  # seconds a worker's claim holds without a commit
_RENEW = 10.0
_UNLIKE = -1  # the fingerprint of no fields: whatever is found is kept for the crawl that found it


class SqliteWork:
    """Implements `protocols.Work` for the shards that it claims: every one, or `shards` for a start.

    Reads and commits use two connections, so that a commit may run in a thread of its own while the event
    loop reads on.
    """

    def __init__(
        self,
        path: Path,
        shard_of: Callable[[str], int],
        owner: str | None = None,
        shards: Iterable[int] = range(SHARDS),
    ) -> None:
        self._path = path
        self._shard_of = shard_of
        self._reader = connect(path, create=False)
        self._writer = connect(path, create=False)
        self._writing = threading.Lock()  # a commit's thread and the event loop share the writer
        self.owner = owner or f"process {os.getpid()}"
        self._shards: frozenset[int] = frozenset()
        with transaction(self._writer, self._path):
            self.epoch: int = self._writer.execute(
                "UPDATE counter SET value = value + 1 WHERE name='epoch' RETURNING value"
            ).fetchone()[0]
        self.claim(shards)
        self._renewed = time.time()

    # ---- shards

    def claim(self, shards: Iterable[int]) -> None:
        """Take shards. Whoever held one before can no longer commit to it."""
        taken = frozenset(shards)
        if taken:
            self._own(taken, self.owner, self.epoch, time.time() + LEASE)
            self._shards |= taken

    def leave(self, shards: Iterable[int]) -> None:
        """Give no more hosts of these shards; what was given may still be committed."""
        self._shards -= frozenset(shards)

    def release(self, shards: Iterable[int]) -> None:
        """Nothing of these shards will be committed any more: another may claim them."""
        self.leave(shards)
        self._own(frozenset(shards), None, 0, 0.0)

    def owns(self, host: int) -> bool:
        """Whether hosts of this one's shard are given here."""
        return host >> 32 in self._shards

    def _own(self, shards: frozenset[int], owner: str | None, epoch: int, lease: float) -> None:
        with self._writing, transaction(self._writer, self._path):
            self._writer.execute(
                "UPDATE shard SET owner=?, epoch=?, lease=? WHERE id IN (SELECT value FROM json_each(?))",
                (owner, epoch, lease, _json(sorted(shards))),
            )

    def close(self) -> None:
        """Close both connections."""
        self._reader.close()
        self._writer.close()

    # ---- what is to do

    def hosts(self, crawl: int, now: float, limit: int, skip: Iterable[int]) -> list[HostRow]:
        """Hosts with tasks whose `not_before` has passed, the longest remaining time first."""
        with reading(self._path):
            rows = self._reader.execute(
                _HOSTS, (crawl, now, _json(list(skip)), _json(sorted(self._shards)), limit)
            ).fetchall()
        return [HostRow(*row) for row in rows]

    def left(self, crawl: int) -> bool:
        """Whether anything of the crawl is still to do, here or in the shards of others."""
        with reading(self._path):
            return self._reader.execute(_ANY_LEFT, (crawl,)).fetchone() is not None

    def host(self, crawl: int, name: str) -> HostRow:
        """The row of one host, with or without tasks; a host the store has not met is made."""
        with reading(self._path):
            row = self._reader.execute(_HOST, (crawl, name)).fetchone()
        if row:
            return HostRow(*row)
        with self._writing, transaction(self._writer, self._path):
            return HostRow(host_id(self._writer, name, self._shard_of(name)), name, 0)

    def tasks(self, crawl: int, host: int, after: tuple[float, int], limit: int) -> list[Task]:
        """The next tasks of a host in order of (due, key), beyond `after`."""
        with reading(self._path):
            rows = self._reader.execute(_TASKS, (crawl, host, _ms(after[0]), after[1], limit)).fetchall()
        tasks = [_task(crawl, host, row) for row in rows]
        for task, row in zip(tasks, rows, strict=True):
            if row[-1] > crawl:  # a later crawl has the page, too: what the page is remembered by may be its
                task.page = PageState(fields=None if self.last_fields(task) is None else _UNLIKE)
        return tasks

    def memory(self, pace_key: str) -> Mapping[str, Any] | None:
        """What the pace of a host was at the end of an earlier run; None where nothing is known."""
        with reading(self._path):
            row = self._reader.execute("SELECT memory FROM pace WHERE key=?", (pace_key,)).fetchone()
        if not row:
            return None
        try:
            memory = orjson.loads(row[0])
        except orjson.JSONDecodeError:
            return {}
        return memory if isinstance(memory, dict) else {}

    def last_fields(self, task: Task) -> dict[str, Any] | None:
        """The last good fields of a page, from any earlier crawl."""
        with reading(self._path):
            row = self._reader.execute(
                "SELECT fields FROM value WHERE host=? AND key=? AND crawl<? ORDER BY crawl DESC LIMIT 1",
                (task.home, task.key, task.crawl),
            ).fetchone()
        fields: dict[str, Any] | None = orjson.loads(row[0]) if row else None
        return fields

    # ---- what was done

    def commit(self, batch: Batch) -> None:
        """Commit a batch, all or nothing. Raises LostLease when another worker owns a shard it touches."""
        with self._writing, transaction(self._writer, self._path):
            self._hold_lease(batch)
            for task, name in batch.moves:
                self._move(task, name)
            for statement, rows in _statements(batch):
                if rows:
                    self._writer.execute(statement, (_json(rows),))
            if batch.counts:
                self._count(batch)
            if batch.declared:
                self._declare(batch)

    def _hold_lease(self, batch: Batch) -> None:
        shards = {t.host >> 32 for t in _ended(batch)} | {note.host >> 32 for note in batch.hosts}
        lost = self._writer.execute(
            "SELECT count(*) FROM shard WHERE epoch<>? AND id IN (SELECT value FROM json_each(?))",
            (self.epoch, _json(list(shards))),
        ).fetchone()[0]
        if lost:
            raise LostLease(f"{self._path}: {self.owner} was taken for dead; another worker goes on")
        now = time.time()
        if now - self._renewed >= _RENEW:
            self._writer.execute("UPDATE shard SET lease=? WHERE epoch=?", (now + LEASE, self.epoch))
            self._renewed = now

    def _move(self, task: Task, name: str) -> None:
        """Put a redirected task into the queue of the host it goes to."""
        target = host_id(self._writer, name, self._shard_of(name))
        self._writer.execute(
            "INSERT OR REPLACE INTO task VALUES (?,?,?,?,?,?,?,?,?)",
            (
                task.crawl, target, -(1 << 40), task.key, task.home, task.attempt, task.waits, task.line,
                _info(task),
            ),
        )  # fmt: skip
        self._writer.execute(
            "INSERT INTO queue(crawl, host, pending) VALUES (?,?,1) "
            "ON CONFLICT DO UPDATE SET pending = pending + 1",
            (task.crawl, target),
        )

    def _count(self, batch: Batch) -> None:
        counts = batch.counts
        self._writer.execute(
            "UPDATE crawl SET requests=requests+?, rejected=rejected+?, bytes=bytes+?, seconds=seconds+? "
            "WHERE id=?",
            (*(counts.get(name, 0) for name in ("requests", "rejected", "bytes", "seconds")), batch.crawl),
        )

    def _declare(self, batch: Batch) -> None:
        row = self._writer.execute("SELECT declared FROM crawl WHERE id=?", (batch.crawl,)).fetchone()
        declared: dict[str, dict[str, str]] = orjson.loads(row[0]) if row else {}
        for site, fields in batch.declared.items():
            declared[site] = fields | declared.get(site, {})
        self._writer.execute("UPDATE crawl SET declared=? WHERE id=?", (_json(declared), batch.crawl))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _ms(due: float) -> int:
    """Seconds as the store's milliseconds; priorities (below 1e6) stand as they are."""
    return int(due) if due < 1e6 else round(due * 1000)


def _task(crawl: int, host: int, row: tuple[Any, ...]) -> Task:
    due, key, home, attempt, waits, line, info, url, etag, modified, rules, body, fields, _ = row
    extra: dict[str, Any] = orjson.loads(info) if info else {}
    return Task(
        crawl=crawl, host=host, due=due / 1000 if due >= 1e6 else due, key=key, url=url, home=home,
        attempt=attempt, waits=waits, line=line, columns=extra.get("columns"), site=extra.get("site"),
        hops=extra.get("hops", []), page=PageState(etag, modified, rules, body, fields),
    )  # fmt: skip


def _info(task: Task) -> str | None:
    """What a task row keeps beside its numbers."""
    info = {"columns": task.columns, "site": task.site, "hops": task.hops}
    kept = {name: value for name, value in info.items() if value}
    return _json(kept) if kept else None


def _ended(batch: Batch) -> Iterable[Task]:
    """The tasks whose rows a batch takes out of their host's queue."""
    yield from (visit.task for visit in batch.visits)
    yield from (task for task, _ in batch.retries)
    yield from (task for task, _ in batch.moves)


def _statements(batch: Batch) -> list[tuple[str, list[Any]]]:
    """One statement a table over the whole batch: rows as JSON, so that SQLite works without the GIL."""
    left = Counter(visit.task.host for visit in batch.visits)
    left.update(task.host for task, _ in batch.moves)
    crawl, notes = batch.crawl, _merged(batch.hosts)
    return [
        (_END, [[crawl, t.host, _ms(t.due), t.key, t.home] for t in _ended(batch)]),
        (_VISIT, [_visit_row(visit) for visit in batch.visits]),
        (_PAGE, [_page_row(visit) for visit in batch.visits if visit.page]),
        (_VALUE, [[v.task.home, v.task.key, crawl, v.value.decode()] for v in batch.visits if v.value]),
        (
            _RETRY,
            [
                [crawl, t.host, _ms(due), t.key, t.home, t.attempt, t.waits, t.line, _info(t)]
                for t, due in batch.retries
            ],
        ),
        (_LEFT, [[crawl, host, number] for host, number in left.items()]),
        (_HOST_NOTE, [[n.host, n.not_before, n.robots] for n in notes]),
        (_DOWN, [[crawl, n.host, n.down_since] for n in notes if n.down_since is not None]),
        (_PACE, [[key, time.time(), _json(m)] for key, m in batch.paces.items()]),
        (_RATE, [[key, memory.get("rate")] for key, memory in batch.paces.items()]),
    ]


def _merged(notes: Iterable[HostNote]) -> list[HostNote]:
    """One note a host, for an UPDATE takes one row of several that match: the latest word on each part."""
    merged: dict[int, HostNote] = {}
    for note in notes:
        last = merged.get(note.host, note)
        merged[note.host] = HostNote(
            note.host,
            last.not_before if note.not_before is None else note.not_before,
            last.down_since if note.down_since is None else note.down_since,
            last.robots if note.robots is None else note.robots,
        )
    return list(merged.values())


def _visit_row(visit: Visit) -> list[Any]:
    task, record = visit.task, visit.record
    detail = _detail(record, task.url)
    return [
        task.crawl, task.home, task.key, record.outcome, record.error_type, record.status, record.attempts,
        visit.request_number, visit.fetched_at, record.response_time, record.changed, record.site, task.line,
        _json(task.columns) if task.columns else None,
        _json(detail) if detail else None,
    ]  # fmt: skip


def _detail(record: Record, url: str) -> dict[str, Any]:
    """The parts of a record that most pages do not have."""
    detail: dict[str, Any] = {}
    if record.final_url != url:
        detail["final_url"] = record.final_url
    for name in ("redirects", "error", "missing"):
        if value := getattr(record, name):
            detail[name] = value
    if record.outcome == "failed" and (found := {k: v for k, v in record.fields.items() if v is not None}):
        detail["fields"] = found
    return detail


def _page_row(visit: Visit) -> list[Any]:
    page = visit.page
    assert page is not None
    state = page.etag, page.modified, page.rules, page.body, page.fields
    return [visit.task.home, visit.task.key, *state, visit.task.crawl]


def _columns(count: int) -> str:
    return ", ".join(f"json_extract(value, '$[{n}]')" for n in range(count))


_END = f"DELETE FROM task WHERE (crawl, host, due, key, home) IN (SELECT {_columns(5)} FROM json_each(?))"
_VISIT = f"INSERT OR REPLACE INTO visit SELECT {_columns(15)} FROM json_each(?)"
_VALUE = f"INSERT OR REPLACE INTO value SELECT {_columns(4)} FROM json_each(?)"
_RETRY = f"INSERT OR REPLACE INTO task SELECT {_columns(9)} FROM json_each(?)"
_PAGE = """
UPDATE page SET etag=json_extract(n.value, '$[2]'), modified=json_extract(n.value, '$[3]'),
    rules=json_extract(n.value, '$[4]'), body=json_extract(n.value, '$[5]'),
    fields=json_extract(n.value, '$[6]')
FROM json_each(?) AS n
WHERE page.host = json_extract(n.value, '$[0]') AND page.key = json_extract(n.value, '$[1]')
    AND (page.crawl <= json_extract(n.value, '$[7]') OR NOT EXISTS (SELECT 1 FROM value v
        WHERE v.host = page.host AND v.key = page.key AND v.crawl > json_extract(n.value, '$[7]')))
"""
_LEFT = f"""
INSERT INTO queue(crawl, host, pending) SELECT {_columns(3)} FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET pending = pending - excluded.pending
"""
_HOST_NOTE = """
UPDATE host SET not_before=coalesce(json_extract(n.value, '$[1]'), not_before),
    robots=coalesce(json_extract(n.value, '$[2]'), robots)
FROM json_each(?) AS n WHERE host.id = json_extract(n.value, '$[0]')
"""
_DOWN = """
UPDATE queue SET down_since=json_extract(n.value, '$[2]')
FROM json_each(?) AS n
WHERE queue.crawl = json_extract(n.value, '$[0]') AND queue.host = json_extract(n.value, '$[1]')
"""
_PACE = f"INSERT OR REPLACE INTO pace SELECT {_columns(3)} FROM json_each(?)"
_RATE = """
UPDATE host SET rate=json_extract(n.value, '$[1]')
FROM json_each(?) AS n WHERE host.name = json_extract(n.value, '$[0]')
"""

_ROW = "h.id, h.name, q.pending, h.not_before, q.down_since, h.robots"
_HOSTS = f"""
SELECT {_ROW} FROM queue q JOIN host h ON h.id = q.host
WHERE q.crawl=? AND q.pending > 0 AND h.not_before <= ? AND q.host NOT IN (SELECT value FROM json_each(?))
    AND q.host >> 32 IN (SELECT value FROM json_each(?))
ORDER BY q.pending / coalesce(h.rate, 1.0) DESC LIMIT ?
"""
_ANY_LEFT = "SELECT 1 FROM queue WHERE crawl=? AND pending > 0 LIMIT 1"
_HOST = """
SELECT h.id, h.name, coalesce(q.pending, 0), h.not_before, coalesce(q.down_since, 0), h.robots
FROM host h LEFT JOIN queue q ON q.host = h.id AND q.crawl=? WHERE h.name=?
"""
_TASKS = """
SELECT t.due, t.key, t.home, t.attempt, t.waits, t.line, t.info, p.url, p.etag, p.modified, p.rules, p.body,
    p.fields, p.crawl
FROM task t CROSS JOIN page p ON p.host = t.home AND p.key = t.key
WHERE t.crawl=? AND t.host=? AND (t.due, t.key) > (?, ?) ORDER BY t.due, t.key LIMIT ?
"""
