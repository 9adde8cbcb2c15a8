"""How a run shows itself: a bar on a terminal (terminal.py), a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from canter.apps.figures import Rate, busiest, failures, span
from canter.observe import Counts
from canter.run.supervisor import Progress

PLAIN_EVERY = 5.0  # seconds between plain lines


class PlainProgress:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._rate = Rate()
        self._next = 0.0
        self._last = ""

    def begin(self, crawl: int, resumed: bool) -> None:
        """Say which crawl it is."""
        self._print(f"{'resuming' if resumed else 'begun:'} crawl {crawl}")
        self._next = time.monotonic() + PLAIN_EVERY

    def update(self, done: int, total: int, fed: bool, counts: Counts) -> None:
        """Print a line when it is time."""
        now = time.monotonic()
        rate = self._rate.update(now, done)
        share = f"{done / total:.0%} of " if fed and total else ""
        eta = f", ETA {span((total - done) / rate)}" if fed and rate > 0 and total > done else ""
        failed, busy = failures(counts), busiest(counts, self._names)
        self._last = (
            f"{done:,} pages, {share}{total:,}{'' if fed else ' so far'}, {rate:,.0f} pages/s{eta}"
            + (f", failed: {failed}" if failed else "")
            + (f", busy: {busy}" if busy else "")
        )
        if now >= self._next:
            self._next = now + PLAIN_EVERY
            self._print(self._last)

    def log(self, line: str) -> None:
        """Print a log line."""
        self._print(line)

    def notice(self, text: str) -> None:
        """Print a notice."""
        self._print(text)

    def end(self) -> None:
        """Print where it stands."""
        self._print(self._last)

    @staticmethod
    def _print(line: str) -> None:
        if line:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal


def progress(names: Mapping[str, str] | None = None) -> Progress:
    """The kind that suits standard error. `names`: what to call a host, by host key."""
    if sys.stderr.isatty():
        from canter.apps.terminal import TerminalProgress  # rich takes its time and memory

        return TerminalProgress(names or {})
    return PlainProgress(names or {})
