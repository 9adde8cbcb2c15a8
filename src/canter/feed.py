"""From sources into the store while fetching goes on: a thread reads ahead, another appends and loads."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from canter.errors import CanterError
from canter.sources import Position, Row, Source
from canter.stores.sqlite import BadRow, GoodRow, SourceRow, SqliteCrawls, SqliteIngest
from canter.urls import BadUrl, parse_url

APPEND = 5_000  # rows appended in one transaction at most
PATIENCE = 0.2  # seconds that fewer rows wait for more
AHEAD = 2  # chunks read ahead, 64 KiB of text each
RELOAD = 1.0  # seconds between loads of everything spooled, while the source is slow
MAX_TEXT = 2_000  # characters kept of a line that is no URL


def sort_rows(rows: Iterable[Row]) -> tuple[list[GoodRow], list[BadRow]]:
    """Rows whose text is a URL, normalised, and those that become a record of their own."""
    good: list[GoodRow] = []
    bad: list[BadRow] = []
    for line, text, columns, error in rows:
        url = BadUrl(error) if error else parse_url(text)
        if isinstance(url, BadUrl):
            bad.append(BadRow(line, text[:MAX_TEXT], url.reason, columns))
        else:
            good.append(GoodRow(url, *_heed(columns, line)))
    return good, bad


def _heed(columns: dict[str, str] | None, line: int) -> tuple[int, int, dict[str, Any] | None]:
    """The priority (100,000 at most), the line, and what travels with the URL."""
    if not columns:
        return 0, line, None
    others = {name: value for name, value in columns.items() if name not in ("site", "priority")}
    info: dict[str, Any] = {"columns": others} if others else {}
    if site := columns.get("site", "").strip():
        info["site"] = site
    try:
        priority = int(float(columns.get("priority") or 0))
    except (ValueError, OverflowError):
        priority = 0
    return max(-100_000, min(priority, 100_000)), line, info or None


class Feed:
    """Reads the sources of a crawl into its store, from where an earlier run stopped.

    With a `limit` (rows), sources are read from their start again: what is queued already is passed over.
    """

    def __init__(
        self,
        crawls: SqliteCrawls,
        ingest: SqliteIngest,
        sources: Mapping[int, Source],
        limit: int | None = None,
    ) -> None:
        self._crawls = crawls
        self._ingest = ingest
        self._sources = sources
        self._limit = limit
        self._stop = threading.Event()
        self._taken = 0
        self._loaded_at = time.monotonic()
        self.error: CanterError | None = None
        self.done = False
        self.thread = threading.Thread(target=self._run, name="canter-feed", daemon=True)

    @property
    def backlog(self) -> int:
        """Rows read and not yet queued; duplicates among them."""
        return self._ingest.backlog

    def start(self) -> None:
        """Begin, in a thread of its own; `done` or `error` tells the end."""
        self.thread.start()

    def stop(self) -> None:
        """End after the transaction under way; what was read but not appended is read again on resume."""
        self._stop.set()

    def _run(self) -> None:
        try:
            for row in self._crawls.sources(self._ingest.crawl):
                if row.n in self._sources and not self._full():
                    self._read(row.n, self._sources[row.n], row)
            if not self._stop.is_set():
                self._ingest.load(everything=True)
                self.done = True
        except CanterError as error:
            self.error = error

    def _full(self) -> bool:
        return self._stop.is_set() or (self._limit is not None and self._taken >= self._limit)

    def _read(self, n: int, source: Source, row: SourceRow) -> None:
        identity = source.identity()
        same = identity is not None and identity == row.identity and self._limit is None
        if same and row.done:
            return
        if not same:
            self._crawls.identify(self._ingest.crawl, n, identity)
        start = Position(*row.position) if same and row.position else None
        ahead = _ReadAhead(source, start, self._stop)
        while not self._full():
            rows, position, ended = ahead.take()
            if self._limit is not None:
                rows = rows[: self._limit - self._taken]
            if rows or ended:
                good, bad = sort_rows(rows)
                self._ingest.append(n, good, bad, position and list(position), done=ended)
                self._taken += len(rows)
            self._load(now=time.monotonic(), slow=len(rows) < APPEND)
            if ended:
                return

    def _load(self, now: float, slow: bool) -> None:
        """Load what is spooled: all of it now and then while the source keeps us waiting, else what pays."""
        due = slow and now - self._loaded_at >= RELOAD
        if due:
            self._loaded_at = now
        self._ingest.load(everything=due)


class _ReadAhead:
    """Reads a source in a thread of its own, so that a slow pipe never holds up what came through it."""

    def __init__(self, source: Source, start: Position | None, stop: threading.Event) -> None:
        self._source = source
        self._start = start
        self._stop = stop
        self._chunks: queue.Queue[tuple[list[Row], Position] | CanterError | None] = queue.Queue(AHEAD)
        self._ended = False
        threading.Thread(target=self._read, name="canter-read", daemon=True).start()

    def _read(self) -> None:
        try:
            for chunk in self._source.chunks(self._start):
                self._chunks.put((chunk.rows, chunk.position))
                if self._stop.is_set():
                    return
            self._chunks.put(None)
        except CanterError as error:
            self._chunks.put(error)

    def take(self) -> tuple[list[Row], Position | None, bool]:
        """What has come, the position after it, and whether the source has ended; waits PATIENCE."""
        rows: list[Row] = []
        position: Position | None = None
        deadline = time.monotonic() + PATIENCE
        while len(rows) < APPEND:
            try:
                chunk = self._chunks.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return rows, position, False
            if chunk is None:
                return rows, position, True
            if isinstance(chunk, CanterError):
                raise chunk
            rows += chunk[0]
            position = chunk[1]
        return rows, position, False
