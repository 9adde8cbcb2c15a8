"""Sitemaps that the feed asks the worker for: only the worker talks to hosts, at their paces.

feed's thread              parent's loop                worker
fetch(url), waits ───────> take() ── ("fetch", ...) ──> engine.fetch, into a file
          <─────────────── done() <── ("fetched", ...) ─┘
"""

from __future__ import annotations

import queue
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from canter.model import Limits
from canter.rules.schedule import Backoff
from canter.sitemaps import MAX_SITEMAP, Fetched

TIMEOUT = 300.0  # s for a whole sitemap, at least: it can be a thousand times as long as a page


class Errand(NamedTuple):
    """Fetch `url` into the file `path`."""

    number: int
    url: str
    path: str


class Done(NamedTuple):
    """An errand that ended: the page was found at `url`, or there is none (`error`)."""

    number: int
    url: str
    error: str | None
    again: bool  # it may be mended by trying again


class Errands:
    """One for a run. `attempts`: how often a sitemap is asked for at most."""

    def __init__(self, attempts: int, sleep: Callable[[float], object] = time.sleep) -> None:
        self._attempts = attempts
        self._sleep = sleep
        self._backoff = Backoff()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._asked: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        self._waiting: dict[int, Future[Done]] = {}
        self._number = 0

    def fetch(self, url: str) -> Fetched:
        """Have a sitemap fetched, and wait for it. What a stop cuts short is waited for in vain."""
        done = self._ask(url)
        for attempt in range(1, self._attempts):
            if not done.again:
                break
            self._sleep(self._backoff.delay(attempt, random.random()))
            done = self._ask(url)
        if done.error:
            return Fetched(done.url, error=done.error)
        return Fetched(done.url, self._path(done.number))

    def take(self) -> list[Errand]:
        """What has been asked for and not yet passed on."""
        taken = []
        while not self._asked.empty():
            taken.append(self._asked.get())
        return taken

    def done(self, done: Done) -> None:
        """The worker's answer."""
        self._waiting.pop(done.number).set_result(done)

    def close(self) -> None:
        """Remove what was fetched."""
        if self._folder:
            self._folder.cleanup()

    def _ask(self, url: str) -> Done:
        self._number += 1
        answer = self._waiting[self._number] = Future[Done]()
        self._asked.put(Errand(self._number, url, self._path(self._number)))
        return answer.result()

    def _path(self, number: int) -> str:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="canter-sitemaps-", ignore_cleanup_errors=True)
        return str(Path(self._folder.name) / f"{number}.sitemap")


def bounds_of(limits: Limits) -> Limits:
    """The bounds of a request for a sitemap; one byte more than the cap tells that there is more."""
    return replace(limits, timeout=max(limits.timeout, TIMEOUT), max_body=MAX_SITEMAP + 1)
