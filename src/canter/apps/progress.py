"""How a run shows itself: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from canter.observe import Counts

PLAIN_EVERY = 5.0  # seconds between plain lines
_WINDOW = 10.0  # seconds over which pages/s is taken
_BUSIEST = 4  # hosts named


class _Rate:
    """Pages/s over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, now: float, done: int) -> float:
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[0][0] < now - _WINDOW:
            self._seen.popleft()
        (since, before), span = self._seen[0], now - self._seen[0][0]
        return (done - before) / span if span > 0 and since < now else 0.0


def _span(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 10 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _failures(counts: Counts) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.errors.most_common())


def _busiest(counts: Counts, names: Mapping[str, str]) -> str:
    return ", ".join(names.get(host, host) for host in counts.busiest[:_BUSIEST])


class TerminalProgress:
    """A bar with %, pages/s and ETA; below it the failures and the busiest hosts, by `names` of theirs."""

    def __init__(self, console: Console, names: Mapping[str, str]) -> None:
        self._console = console
        self._names = names
        self._rate = _Rate()
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"), BarColumn(bar_width=30),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} pages"),
            TextColumn("{task.fields[speed]}", markup=False),
            console=console, auto_refresh=False,
        )  # fmt: skip
        self._below = Text(style="dim", overflow="ellipsis", no_wrap=True)
        self._live = Live(Group(self._bar, self._below), console=console, auto_refresh=False)
        self._task: TaskID | None = None
        self._failed = ""

    def begin(self, crawl: int, resumed: bool) -> None:
        """Show the bar."""
        self._console.print(f"{'resuming' if resumed else 'begun:'} crawl {crawl}", highlight=False)
        self._task = self._bar.add_task("", total=1, speed="")
        self._live.start()

    def update(self, done: int, total: int, fed: bool, counts: Counts) -> None:
        """Move the bar."""
        assert self._task is not None
        rate = self._rate.update(time.monotonic(), done)
        speed = f"{rate:,.0f} pages/s"
        if fed and rate > 0 and total > done:
            speed += f", ETA {_span((total - done) / rate)}"
        elif not fed:
            speed += ", still reading"
        self._bar.update(self._task, completed=done, total=max(total, 1), speed=speed)
        failed, busy = _failures(counts), _busiest(counts, self._names)
        self._failed = f"failed: {failed}" if failed else ""
        self._show(self._failed, f"busy: {busy}" if busy else "")

    def _show(self, *parts: str) -> None:
        self._below.plain = " " * 6 + " · ".join(part for part in parts if part)
        self._live.refresh()

    def log(self, line: str) -> None:
        """Print a log line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        """Print a notice above the bar."""
        self._console.print(text, markup=False, highlight=False, style="yellow")

    def end(self) -> None:
        """Leave the bar as it stands."""
        self._show(self._failed)
        self._live.stop()


class PlainProgress:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._rate = _Rate()
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
        eta = f", ETA {_span((total - done) / rate)}" if fed and rate > 0 and total > done else ""
        failed, busy = _failures(counts), _busiest(counts, self._names)
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


def progress(names: Mapping[str, str] | None = None) -> TerminalProgress | PlainProgress:
    """The kind that suits standard error. `names`: what to call a host, by host key."""
    console = Console(stderr=True)
    return TerminalProgress(console, names or {}) if console.is_terminal else PlainProgress(names or {})
