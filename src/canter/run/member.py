"""One worker of a fleet as its parent sees it: its process, its successors when that dies, its shards."""

from __future__ import annotations

import mmap
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from canter.observe import Counts
from canter.run.deaths import PageId
from canter.run.messages import NOTHING, SLOT, Assignment, Ended, Message, Order, Over, Report, slot_of
from canter.run.signals import held

_HOME = str(Path(__file__).parents[2])  # where Python finds Canter


class Member:
    """For reports: `pid`, `alive`, `restarts`, `shards`, `report` (the last one), `peak_rss_mb`."""

    def __init__(self, number: int, assignment: Assignment) -> None:
        self.number = number
        self.shards: frozenset[int] = frozenset()
        self.seats = 0  # granted last
        self.serving: set[int] = set()  # crawls whose end it has not told
        self.restarts = -1
        self.report = Report()
        self.ended = False  # it has said its last word
        self._assignment = assignment
        self._past: dict[int, Counts] = {}  # counts of processes that died and of crawls that are over
        self._peak = 0.0
        self._shared: mmap.mmap
        self._pipe: multiprocessing.connection.Connection
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start its process, or another one in place of one that died."""
        self._pipe, theirs = multiprocessing.connection.Pipe()
        slot = _shared_memory()
        self._shared = mmap.mmap(slot, SLOT)
        slot_of(self._shared)[0] = NOTHING
        program = [sys.executable, "-P", "-m", "canter.run", str(theirs.fileno()), str(slot)]
        environment = {**os.environ, "PYTHONPATH": _HOME}
        with held(signal.SIGINT, signal.SIGTERM):
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                program, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(), slot), env=environment
            )
        theirs.close()
        os.close(slot)
        self._say(self._assignment.import_path)
        self._say(self._assignment)
        self.restarts += 1

    @property
    def pid(self) -> int | None:
        """Of the process of now."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process lives."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Of its process; negative: the signal that ended it."""
        return self._process.poll()

    @property
    def reading(self) -> PageId | None:
        """The page that its process was reading when it died."""
        crawl, home, key = slot_of(self._shared)
        return None if crawl == NOTHING else PageId(crawl, home, key)

    @property
    def peak_rss_mb(self) -> float:
        """The most that a process of its held."""
        return max(self._peak, self.report.peak_rss_mb)

    @property
    def waitable(self) -> multiprocessing.connection.Connection:
        """What `multiprocessing.connection.wait` waits for: a message, or its death, which ends the pipe."""
        return self._pipe

    @property
    def idle(self) -> bool:
        """Whether it has said that it has nothing to do in the crawls that it serves."""
        return bool(self.serving and self.report.seats and not self.report.hosts)

    @property
    def held(self) -> int:
        """Seats that it has or may still have: an order to take fewer needs its time."""
        return max(self.seats, self.report.seats, self.report.in_flight)

    def counts(self, crawl: int) -> Counts:
        """What it has done in a crawl, in all its processes."""
        total = Counts()
        for counts in (self._past.get(crawl), self.report.counts.get(crawl)):
            if counts:
                total.merge(counts)
        return total

    def forget(self, crawl: int) -> None:
        """Nobody will ask for its counts in the crawl any more."""
        self._past.pop(crawl, None)

    def send(self, order: Order) -> None:
        """Tell it; one that has died hears nothing."""
        self._say(order)

    def _say(self, something: Order | Assignment | tuple[str, ...]) -> None:
        try:
            self._pipe.send(something)
        except OSError:
            return

    def messages(self) -> Iterator[Message]:
        """What it has said since the last time."""
        try:
            while self._pipe.poll():
                message: Message = self._pipe.recv()
                if isinstance(message, Report):
                    self.report = message
                elif isinstance(message, Over):
                    self._keep(message.crawl, message.counts)
                elif isinstance(message, Ended):
                    self.ended, self._peak = True, max(self._peak, message.peak_rss_mb)
                yield message
        except (EOFError, OSError):
            return

    def bury(self) -> None:
        """Its process has died: what it did stays counted."""
        self._process.wait()
        self._pipe.close()
        self._peak = self.peak_rss_mb
        for crawl in list(self.report.counts):
            self._keep(crawl, self.report.counts[crawl])
        self.report, self.seats = Report(), 0

    def _keep(self, crawl: int, counts: Counts) -> None:
        self.report.counts.pop(crawl, None)
        counts.hosts.clear()  # they are no longer of late
        self._past.setdefault(crawl, Counts()).merge(counts)

    def end(self, patience: float) -> None:
        """Wait for its process to end; kill it after so many seconds."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End its process at once."""
        self._process.kill()
        self._process.wait()


def _shared_memory() -> int:
    """A file that lives in memory and has no name, where the system has such files."""
    if sys.platform == "linux":
        file = os.memfd_create("canter")
    else:
        with tempfile.TemporaryFile() as named:
            file = os.dup(named.fileno())
    os.truncate(file, SLOT)
    return file
