"""A run's progress as a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from canter.apps.figures import Rate, busiest, failures, span
from canter.observe import Counts


class TerminalProgress:
    """A bar with %, pages/s and ETA; below it the failures and the busiest hosts, by `names` of theirs."""

    def __init__(self, names: Mapping[str, str], console: Console | None = None) -> None:
        """`console`: standard error by default."""
        self._console = console = console or Console(stderr=True)
        self._names = names
        self._rate = Rate()
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
            speed += f", ETA {span((total - done) / rate)}"
        elif not fed:
            speed += ", still reading"
        self._bar.update(self._task, completed=done, total=max(total, 1), speed=speed)
        failed, busy = failures(counts), busiest(counts, self._names)
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
