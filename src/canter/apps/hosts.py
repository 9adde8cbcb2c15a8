"""What `canter hosts` prints: what has been learned about each host, or about one in detail."""

from __future__ import annotations

import heapq
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from canter.apps.results import say
from canter.errors import ConfigError
from canter.learned import Learned, by_day, by_hour_of_day, learned, sparkline, urgency
from canter.model import utc_iso
from canter.stores.sqlite import SqliteCrawls

ROWS = 500  # hosts in the table
DAYS = 14  # in the chart of one host
_WIDE = 400  # columns where no terminal says how many there are: a host is a line
NARROW = 130  # columns of a terminal that does not hold all
_COLUMNS = (  # name, whether it stands at the right, whether a narrow terminal shows it
    ("host", False, True), ("requests/s", True, True), ("range", False, False), ("refused at", True, False),
    ("rejected", True, True), ("last pause", False, True), ("at once", True, False), ("noise", True, False),
    ("by hour of the day, UTC", False, True), ("learned", False, False),
)  # fmt: skip
_MARKS = "0     6     12    18    "  # over the hours of a day


def print_hosts(store: Path, host: str | None, *, as_json: bool) -> None:
    """What has been learned about each host, or about one; as JSON with its robots.txt and sitemaps.

    Raises ConfigError for a host of which nothing is known.
    """
    crawls = SqliteCrawls(store, create=False)
    try:
        if as_json:
            _print_json(crawls, host)
        elif host is not None:
            _print_one(known_host(crawls, host))
        else:
            _print_table(crawls)
    finally:
        crawls.close()


def known_host(crawls: SqliteCrawls, host: str) -> Learned:
    """What is known of a host: of its own pace, or of the one that it shares. Raises ConfigError."""
    own = next((learned(*row) for row in crawls.paces(host)), None)
    shared = own or next((found for found in map(_learned, crawls.paces()) if host in found.hosts), None)
    if shared is None:
        raise ConfigError(f"{crawls.path}: nothing is known of {host}; `canter hosts` lists the others")
    return shared


def _learned(row: tuple[str, float, dict[str, object]]) -> Learned:
    return learned(*row)


def _print_json(crawls: SqliteCrawls, host: str | None) -> None:
    """One array, a host at a time: there may be many. `memory` is what a `HostPace` starts from."""
    key = None if host is None else known_host(crawls, host).host
    out = sys.stdout
    out.write("[")
    for number, (name, at, memory) in enumerate(crawls.paces(key)):
        row = learned(name, at, memory).to_json() | {"robots": crawls.robots(name), "memory": memory}
        out.write((",\n" if number else "") + orjson.dumps(row).decode())
    out.write("]\n")


# ---- the table


def _print_table(crawls: SqliteCrawls) -> None:
    now, number = time.time(), 0

    def counted() -> Iterator[Learned]:
        nonlocal number
        for row in crawls.paces():
            number += 1
            yield learned(*row)

    shown = heapq.nsmallest(ROWS, counted(), key=lambda host: urgency(host, now))
    if not shown:
        say(f"{crawls.path}: nothing has been learned yet; `canter run` does")
        return
    console = _console()
    console.print(hosts_table(shown, now, console.width))
    if number > len(shown):
        say(f"and {number - len(shown):,} more; --json lists them all")


def hosts_table(hosts: list[Learned], now: float, width: int = _WIDE) -> Table:
    """A line a host; in less than `NARROW` columns what is needed first."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    wide = width >= NARROW
    for name, right, needed in _COLUMNS:
        if wide or needed:
            table.add_column(name, justify="right" if right else "left", no_wrap=name != "last pause")
    for host in hosts:
        cells: tuple[str | Text, ...] = (
            Text(host.host), rate_text(host), range_text(host), failed_text(host), rejected_text(host),
            pause_text(host, now), str(host.cap or "-"), _share(host.noise),
            Text(sparkline(by_hour_of_day(host.hours), host.highest), style="cyan"), _ago(now - host.at),
        )  # fmt: skip
        shown = zip(cells, _COLUMNS, strict=True)
        table.add_row(*(cell for cell, (_, _, needed) in shown if wide or needed))
    return table


# ---- one host


def _print_one(host: Learned) -> None:
    now = time.time()
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column()
    for name, fact in _facts(host, now):
        facts.add_row(name, fact)
    console = _console()
    console.print(Text(host.host, style="bold cyan"))
    console.print(facts)
    if host.hours:
        console.print()
        console.print(days_table(host))


def _facts(host: Learned, now: float) -> Iterator[tuple[str, Text]]:
    yield "rate", rate_text(host)
    if host.hours:
        yield "range", Text(f"{range_text(host)} in {len(host.hours)} hours")
    yield "refused at", failed_text(host)
    yield "rejected", rejected_text(host)
    yield "last pause", pause_text(host, now)
    if (host.paused_until or 0.0) > now:
        yield "paused until", Text(_time(host.paused_until or 0.0), style="bold red")
    yield "at once", Text(f"{host.cap} requests" if host.cap else "no cap was met")
    yield "noise", Text(f"{_share(host.noise)} of answers fail whatever the rate" if host.noise else "none")
    if host.window:
        yield "window", Text(f"counts requests in {host.window:.0f} s")
    if host.hosts and host.hosts != (host.host,):
        yield "shared by", Text(", ".join(host.hosts))
    if host.sites:
        yield "sites", Text(", ".join(host.sites))
    yield "learned", Text(f"{_time(host.at)}, {_ago(now - host.at)}")


def days_table(host: Learned) -> Table:
    """A line a day, a block an hour; what is not known is blank."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 2))
    for name in ("hours, UTC", _MARKS, "requests/s"):
        table.add_column(name, no_wrap=True)
    for day, rates in list(by_day(host.hours).items())[-DAYS:]:
        known = [rate for rate in rates if rate is not None]
        table.add_row(day, Text(sparkline(rates, host.highest), style="cyan"), _span(min(known), max(known)))
    return table


# ---- the parts of both


def rate_text(host: Learned) -> Text:
    """The learned rate, requests/s."""
    return Text(_rate(host.rate), style="bold green")


def failed_text(host: Learned) -> Text:
    """The rate that was refused last, requests/s."""
    return Text(_rate(host.failed), style="yellow")


def range_text(host: Learned) -> str:
    """The lowest and the highest rate that held."""
    if host.lowest is None or host.highest is None:
        return "-"
    return _span(host.lowest, host.highest)


def rejected_text(host: Learned) -> Text:
    """How many requests were refused, over all runs."""
    style = "red" if host.rejections else ""
    return Text(f"{host.rejections:,} of {host.requests:,}" if host.requests else "-", style=style)


def pause_text(host: Learned, now: float) -> Text:
    """When the host was last left alone, for how long and why."""
    pause = host.pause
    if pause is None:
        return Text("none")
    lasted = f"{pause.until - pause.at:,.0f} s" if pause.until <= now else f"until {_time(pause.until)}"
    reason = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in pause.reason)
    style = "" if pause.until <= now else "bold red"
    return Text(f"{_ago(now - pause.at)}, {lasted}: {reason}", style=style)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g}"


def _span(lowest: float, highest: float) -> str:
    low, high = _rate(lowest), _rate(highest)
    return low if low == high else f"{low} to {high}"


def _share(share: float) -> str:
    return f"{share:.2%}" if share else "-"


def _time(utc: float) -> str:
    return utc_iso(utc)[:16].replace("T", " ") + " UTC"


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
