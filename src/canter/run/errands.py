"""Sitemaps that the feed asks the worker for: only the worker talks to hosts, at their paces.

feed's thread              parent's loop                worker
fetch(url), waits ───────> take() ── ("fetch", ...) ──> download, into a file
          <─────────────── done() <── ("fetched", ...) ─┘

The files lie beside the store: there is room for them there, and what a kill left is found by the next run.
"""

from __future__ import annotations

import glob
import queue
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from canter.rules.schedule import Backoff
from canter.sitemaps import Fetched

_FOLDER = "-sitemaps-"  # in the name of a folder, between the store's name and what makes it unique


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
    """One for a crawl into `store`. `attempts`: how often a sitemap is asked for at most."""

    def __init__(self, store: Path, attempts: int, sleep: Callable[[float], object] = time.sleep) -> None:
        self._store = store
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
            self._folder = tempfile.TemporaryDirectory(
                prefix=f"{self._store.name}{_FOLDER}", dir=self._store.parent, ignore_cleanup_errors=True
            )
        return str(Path(self._folder.name) / f"{number}.sitemap")


def sweep(store: Path) -> None:
    """Remove what a run that was killed left behind. For whoever holds the lock of `store`."""
    for folder in store.parent.glob(f"{glob.escape(store.name)}{_FOLDER}*"):
        shutil.rmtree(folder, ignore_errors=True)
