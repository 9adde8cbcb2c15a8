"""`canter demo`: two crawls of the local market, what they gave and learned, beside the truth.

The same parts as `canter run` do the work; the market, in a process of its own, keeps the books that
the result is held against.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from canter.apps.hosts import failed_text, rate_text
from canter.apps.market import Expected, MarketProcess, ShopTruth
from canter.apps.progress import progress
from canter.apps.results import print_summary, say
from canter.config import Settings, resolve
from canter.extraction import Extractor
from canter.learned import Learned, learned
from canter.model import ErrorType, Outcome, Record
from canter.run.supervisor import Order, Supervisor
from canter.sites import load_site_file
from canter.stores.sqlite import SqliteCrawls, SqliteHistory

SEED = 18  # few pages already show a failing, a moved, a sold-out and a closed one
EXIT_WRONG = 3
_PLAIN_WIDTH = 110  # columns where there is no terminal that says
_ROWS = 2  # of a shop in the table
_LINES = 8  # of mistakes that are shown
_SHOWN = 60  # characters of a value
_REFUSALS, _TROUBLES = ("429", "503"), ("500", "502", "cut")  # a shop's answers, as it counts them

Stats = dict[str, dict[str, int]]


class Stopped(Exception):
    """A signal ended a crawl; `args[0]` is its number."""


@dataclass(frozen=True, slots=True)
class Day:
    """One crawl beside the market's books: its records by URL, how each page must end, all answers so far."""

    crawl: int
    records: dict[str, Record]
    expected: dict[str, Expected]
    stats: Stats


def demo(pages: int, log_level: str | None = None, log_format: str | None = None) -> int:
    """Run it on `pages` pages a shop and print to stdout; the exit status.

    0: every page is right; 3: one is not; 128 and more: stopped by a signal. Raises CanterError.
    """
    settings = market_settings(log_level, log_format)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with tempfile.TemporaryDirectory(prefix="canter-demo-") as folder, MarketProcess(pages, SEED) as market:
        try:
            return _Demo(market, Path(folder), settings).run()
        except Stopped as stopped:
            say("stopped by a signal; the market is closed and its store removed")
            return 128 + int(stopped.args[0])


def market_settings(log_level: str | None, log_format: str | None) -> Settings:
    """Those of a crawl of the market: the defaults, on loopback."""
    given = {"allow_network": ["127.0.0.0/8"], "log_level": log_level, "log_format": log_format}
    return resolve(given, {}, {})


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)  # by way of every `with`, so that nothing stays behind


class _Demo:
    def __init__(self, market: MarketProcess, folder: Path, settings: Settings) -> None:
        self._market = market
        self._truth = market.map.truth
        self._console = _console()
        (folder / "urls.txt").write_text("\n".join(market.map.urls) + "\n")
        (folder / "sites.toml").write_text(market.map.site_file)
        self._order = Order(
            sources=[str(folder / "urls.txt")],
            settings=settings,
            sites=load_site_file(folder / "sites.toml", Extractor).sites,
            store=folder / "canter.db",
        )

    def run(self) -> int:
        self._say(
            f"A market of {len(self._truth)} local shops, {self._truth[0].pages:,} pages each. Every shop "
            "has its own markup and hides its limits and faults. Canter knows the URLs and a site file, no "
            "more. It crawls the market twice, as on two days; each host is asked slowly at first."
        )
        self._title("Day 1: canter run urls.txt")
        first = self._crawl()
        self._title("Some of the table (canter export)")
        self._console.print(_table_of(first, self._truth))
        self._title("Day 2: prices have changed. The same command starts from the pace it has learned")
        self._market.next_day()
        second = self._crawl()
        changed = sum(bool(record.changed) for record in second.records.values())
        self._title(f"What changed (canter export --changes): {changed:,} pages, among them")
        self._console.print(_changes(second, self._truth))
        self._title("What was learned about each host (canter hosts), beside what it really bears")
        self._console.print(_learned(self._paces(), first, second, self._truth))
        ceiling = self._order.settings.rate_ceiling(None, adaptive=True)
        self._say(
            f"learned: requests/s that have held so far, never above --max-rate ({ceiling:g}/s unless told "
            "otherwise); refused: 429 and 503 answers."
        )
        return self._judge(first, second)

    def _crawl(self) -> Day:
        result = Supervisor(self._order, progress({shop.host: shop.name for shop in self._truth})).run()
        if result.signal is not None:
            raise Stopped(result.signal)
        print_summary(result.summary)
        crawl = int(result.summary["crawl"])
        history = SqliteHistory(self._order.store)
        try:
            records = {record.url: record for record in history.records(crawl)}
        finally:
            history.close()
        return Day(crawl, records, self._market.expected(), self._market.stats())

    def _paces(self) -> dict[str, Learned]:
        crawls = SqliteCrawls(self._order.store, create=False)
        try:
            return {row[0]: learned(*row) for row in crawls.paces()}
        finally:
            crawls.close()

    def _judge(self, first: Day, second: Day) -> int:
        """Print what the market's books say of it all."""
        closed = sum(record.error_type == ErrorType.BLOCKED for record in second.records.values())
        asked = sum(answers.get("closed", 0) for answers in second.stats.values())
        self._title("Held against the shops' own books")
        self._say(
            f"robots.txt closes {closed:,} pages: {'none was' if not asked else f'{asked:,} were'} asked for."
        )
        wrong = [*mistakes(first), *mistakes(second), *missed_changes(first, second)]
        self._say(verdict(first, second, wrong))
        for line in wrong[:_LINES]:
            self._say(f"  {line}")
        command = sys.argv[0] if Path(sys.argv[0]).name == "canter" else "python -m canter"
        self._say(
            "\nYour own pages: put their URLs in urls.txt, one a line, and in sites.toml\n\n"
            '  [sites.acme]\n  hosts = ["shop.acme.example"]\n\n  [sites.acme.fields]\n  title = "h1"\n'
            f'  price = {{ css = ".price", type = "money" }}\n\nthen: {command} run urls.txt -o prices.csv'
        )
        return EXIT_WRONG if wrong else 0

    def _say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=not self._console.is_terminal)

    def _title(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold cyan"))


# ---- held against the books


def mistakes(day: Day) -> Iterator[str]:
    """What differs from the market's books, a line a page."""
    for url, expected in day.expected.items():
        record = day.records.get(url)
        if record is None:
            yield f"{url}: has no record"
        elif record.outcome != expected.outcome:
            yield f"{url}: {record.outcome} ({printable(record.error or '')}), not {expected.outcome}"
        elif record.outcome == Outcome.FAILED and record.error_type != ErrorType.BLOCKED:
            yield f"{url}: failed as {record.error_type}, where robots.txt closes it"
        elif expected.fields is not None and record.fields != expected.fields:
            yield f"{url}: {printable(str(record.fields))}, not {expected.fields}"
    yield from (f"{url}: is no page of the market" for url in day.records.keys() - day.expected.keys())


def missed_changes(first: Day, second: Day) -> Iterator[str]:
    """Pages whose change was not noticed, or noticed where there was none."""
    for url, expected in second.expected.items():
        record = second.records.get(url)
        if record and expected.fields and bool(record.changed) != (expected != first.expected[url]):
            yield f"{url}: changed is {record.changed}"


def verdict(first: Day, second: Day, wrong: list[str]) -> str:
    """The result in a line."""
    total = len(first.expected) + len(second.expected)
    if wrong:
        return f"{len(wrong):,} things are wrong in {total:,} pages, first of all:"
    outcomes = Counter(expected.outcome for day in (first, second) for expected in day.expected.values())
    changes = sum(first.expected[url] != expected for url, expected in second.expected.items())
    return (
        f"Every field of {outcomes[Outcome.OK]:,} pages is right, as are {outcomes[Outcome.GONE]:,} gone "
        f"and {outcomes[Outcome.FAILED]:,} closed ones ({total:,} records), "
        f"and all {changes:,} changes were noticed."
    )


# ---- tables


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_PLAIN_WIDTH)


def printable(text: str) -> str:
    """A scraped text on one line of a terminal: no escapes, not endless."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)


def show(value: Any) -> str:
    """A field's value for people."""
    if isinstance(value, dict):
        return f"{value['amount']} {value['currency'] or ''}".strip()
    if isinstance(value, list):
        return ", ".join(map(show, value))
    return "-" if value is None else printable(str(value))


def _table(*columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _of_shop(day: Day, shop: ShopTruth) -> Iterator[Record]:
    return (record for record in day.records.values() if record.host == shop.host)


def _path(record: Record) -> Text:
    return Text(printable(urlsplit(record.url).path))


def _table_of(day: Day, truth: list[ShopTruth]) -> Table:
    table = _table("shop", "page", "outcome", "fields")
    for shop in truth:
        records = list(_of_shop(day, shop))
        odd = [record for record in records if record.outcome != Outcome.OK][:1]
        good = [record for record in records if record.outcome == Outcome.OK]
        for record in [*good[: _ROWS - len(odd)], *odd]:
            fields = [f"{name} {show(value)}" for name, value in record.fields.items() if value is not None]
            style = "green" if record.outcome == Outcome.OK else "yellow"
            table.add_row(
                shop.name, _path(record), Text(record.outcome, style=style),
                Text(" · ".join(fields) or printable(record.error or "-")),
            )  # fmt: skip
    return table


def _changes(day: Day, truth: list[ShopTruth]) -> Table:
    table = _table("shop", "page", "field", "was", "is now", right=("was", "is now"))
    for shop in truth:
        for record in [record for record in _of_shop(day, shop) if record.changed][:1]:
            for name, old in record.previous.items():
                now = Text(show(record.fields.get(name)), style="bold")
                table.add_row(shop.name, _path(record), Text(printable(name)), Text(show(old)), now)
    return table


def _learned(paces: dict[str, Learned], first: Day, second: Day, truth: list[ShopTruth]) -> Table:
    numbers = ("learned", "refused at", "refused day 1", "day 2", "failures", "pages recovered")
    table = _table("shop", "really bears", *numbers, right=numbers)
    for shop in truth:
        pace = paces[shop.host]
        before, after = first.stats[shop.name], second.stats[shop.name]
        refused, in_all = _count(before, _REFUSALS), _count(after, _REFUSALS)
        recovered = sum(_recovered(record) for day in (first, second) for record in _of_shop(day, shop))
        counts = (refused, in_all - refused, _count(after, _TROUBLES), recovered)
        table.add_row(shop.name, shop.limit, rate_text(pace), failed_text(pace), *map(str, counts))
    return table


def _count(answers: dict[str, int], names: Iterable[str]) -> int:
    return sum(answers.get(name, 0) for name in names)


def _recovered(record: Record) -> bool:
    """Whether a page failed at first and was good in the end."""
    return record.attempts > 1 and record.outcome == Outcome.OK
