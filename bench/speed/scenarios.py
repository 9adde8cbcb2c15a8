"""What is measured: for each scenario its pages, its entries, and the goals that its figures are held to."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.corpus import pages as corpus
from bench.machine import cpu_of
from bench.speed import goals
from bench.speed.contenders import (
    BARE,
    CANTER,
    CONTENDERS,
    Terms,
    bare,
    canter,
    canter_results,
    table_results,
)
from bench.speed.figures import Turn
from bench.speed.goals import Goal
from bench.speed.serving import Rules, Served, own_addresses, site_file, slow_web, web
from bench.speed.turns import Entry, Table, take_turns

HOSTS, SPREAD = 500, 64
LATENCY = 0.5  # s
SMALL_PAGE = b"<html><title>Page</title><body><h1>Page</h1>" + b"<p>some text of a small page</p>" * 100
STRUCTURED: Rules = {name: {"structured": name} for name in ("name", "sku", "brand")} | {
    "price": {"structured": "price", "type": "money"}
}
ADAPTIVE: tuple[str, ...] = ()  # Canter's defaults


class Stage(NamedTuple):
    """Where and how a scenario is run."""

    scratch: Path
    server: int  # core
    core: int
    rounds: int
    pages: int
    only: Collection[str] = ()  # names of entries; all where it is empty
    say: Callable[[str], None] = lambda _: None  # is told what is left out

    def run(self, *entries: Entry) -> Table:
        """The entries in turns, those that were asked for. SystemExit for a name that is none's."""
        self.check([entry.name for entry in entries])
        chosen = [entry for entry in entries if not self.only or entry.name in self.only]
        return take_turns(chosen, self.rounds, self.scratch)

    def check(self, names: Collection[str]) -> None:
        """SystemExit where an entry was asked for that there is not."""
        for name in self.only:
            if name not in names:
                raise SystemExit(f"--only: there is no {name!r}; expected some of {', '.join(names)}")


class Outcome(NamedTuple):
    """What a scenario gave. The first entry of the table is the one the others are compared with."""

    table: Table
    goals: list[tuple[Goal, float]]


def cpu(turn: Turn) -> float:
    """The figure that goals of speed are held to: it depends least on what else the machine does."""
    return turn.steady_cpu


def rate(turn: Turn) -> float:
    """The figure where waiting is what is measured."""
    return turn.steady_rate


def ours(
    stage: Stage, served: Served, name: str = CANTER, terms: Terms | None = None, *,
    before: Sequence[str] = (), fields: Rules | None = None, cores: Sequence[int] = (), pages: int = 0,
) -> Entry:  # fmt: skip
    """An entry of Canter's. `before`: the URLs of an earlier crawl."""
    return Entry(
        name, canter(terms or Terms()), served.urls(pages or stage.pages), site_file(served.origins, fields),
        cores or [stage.core], None if fields else canter_results, before,
    )  # fmt: skip


def theirs(stage: Stage, served: Served, terms: Terms | None = None) -> Entry:
    """An entry of the bare loop's."""
    return Entry(BARE, bare(terms or Terms()), served.urls(stage.pages), "", [stage.core], table_results)


def peers(stage: Stage, served: Served) -> Iterator[Entry]:
    """An entry for every contender that was asked for; without it where what it needs is missing."""
    stage.check([contender.name for contender in CONTENDERS])
    for contender in CONTENDERS:
        if stage.only and contender.name not in stage.only:
            continue
        if missing := contender.missing():
            stage.say(f"{contender.name} is left out: it needs {missing}")
            continue
        yield Entry(
            contender.name, contender.command(Terms(), stage.scratch), served.urls(stage.pages),
            site_file(served.origins), [stage.core], contender.results,
        )  # fmt: skip


def real(stage: Stage) -> Outcome:
    """Every contender on the real pages, one host, pace off."""
    with web(stage.scratch / "web", corpus(), stage.server) as served:
        table = take_turns(list(peers(stage, served)), stage.rounds, stage.scratch)
    found = [
        (goal, table.ratio(name, CANTER, cpu))
        for name, goal in goals.PEERS.items()
        if table.has(name, CANTER)
    ]
    if table.has(CANTER, BARE):
        found.append((goals.OVERHEAD, table.difference(CANTER, BARE, cpu)))
    return Outcome(table, found)


def small(stage: Stage) -> Outcome:
    """Pages of 48 to 70 KB, 59 KB on average."""
    pages = [page for page in corpus() if 48_000 <= len(page) <= 70_000]
    with web(stage.scratch / "web", pages, stage.server) as served:
        table = stage.run(ours(stage, served), theirs(stage, served))
    found = [(goals.SMALL_PAGES, table.ratio(BARE, CANTER, cpu))] if table.has(CANTER, BARE) else []
    if table.has(CANTER):
        found.append((goals.SMALL_RATE, table.middle(CANTER, rate)))
    return Outcome(table, found)


def unchanged(stage: Stage) -> Outcome:
    """A second crawl: whole answers with the bodies of the first, or 304 where they have validators."""
    with (
        web(stage.scratch / "plain", corpus(), stage.server, validators=False) as plain,
        web(stage.scratch / "validators", corpus(), stage.server) as validating,
    ):
        table = stage.run(
            ours(stage, plain, before=plain.urls(stage.pages)),
            ours(stage, validating, "canter, 304", before=validating.urls(stage.pages)),
            theirs(stage, plain),
        )
    found = [(goals.UNCHANGED, table.ratio(BARE, CANTER, cpu))] if table.has(CANTER, BARE) else []
    return Outcome(table, found)


def structured(stage: Stage) -> Outcome:
    """A site whose fields are all structured data, and the same with one that needs the page's tree."""
    pages = [page for page in corpus() if b"application/ld+json" in page]
    with web(stage.scratch / "web", pages, stage.server) as served:
        table = stage.run(
            ours(stage, served, "structured", fields=STRUCTURED),
            ours(stage, served, "full parse", fields={**STRUCTURED, "title": {"css": "title"}}),
        )
    both = table.has("structured", "full parse")
    return Outcome(table, [(goals.STRUCTURED, table.ratio("full parse", "structured", cpu))] if both else [])


def hosts(stage: Stage) -> Outcome:
    """500 hosts with the pace as an earlier crawl left it, beside one host without a pace."""
    addresses = own_addresses(HOSTS)
    with (
        web(stage.scratch / "many", corpus(), stage.server, addresses=addresses) as many,
        web(stage.scratch / "one", corpus(), stage.server) as one,
    ):
        other_pages = many.urls(stage.pages, first=stage.pages)
        table = stage.run(
            ours(stage, many, "500 hosts", Terms(options=ADAPTIVE), before=other_pages), ours(stage, one)
        )
    return Outcome(table, [])


def tls(stage: Stage) -> Outcome:
    """Over TLS, beside the bare loop over TLS and Canter without."""
    terms = Terms(ca_file=stage.scratch / "authority.pem")
    with (
        web(stage.scratch / "tls", corpus(), stage.server, ca_file=terms.ca_file) as secure,
        web(stage.scratch / "plain", corpus(), stage.server) as plain,
    ):
        table = stage.run(
            ours(stage, secure, "canter, TLS", terms), ours(stage, plain), theirs(stage, secure, terms)
        )
    return Outcome(table, [])


def latency(stage: Stage) -> Outcome:
    """Half a second before each answer, 500 in flight, beside none."""
    terms = Terms(in_flight=500)
    with (
        slow_web(stage.scratch / "slow", corpus(), stage.server, LATENCY) as slow,
        slow_web(stage.scratch / "fast", corpus(), stage.server, 0.0) as fast,
    ):
        table = stage.run(ours(stage, slow, "500 ms", terms), ours(stage, fast, "no latency", terms))
    both = table.has("500 ms", "no latency")
    return Outcome(table, [(goals.LATENCY, table.ratio("500 ms", "no latency", rate))] if both else [])


def workers(stage: Stage) -> Outcome:
    """Two workers on two cores beside one on one; many hosts, and nginx on the second worker's core."""
    addresses = own_addresses(SPREAD)
    with web(stage.scratch / "web", corpus(), stage.server, addresses=addresses) as served:
        one = ours(stage, served, "one worker", Terms())
        two = ours(
            stage, served, "two workers", Terms(in_flight=128, workers=2),
            cores=(stage.core, stage.server),
        )  # fmt: skip
        began, used = time.monotonic(), cpu_of(served.pid)
        table = stage.run(two, one)
        share = (cpu_of(served.pid) - used) / (time.monotonic() - began)
        stage.say(f"nginx took {share:.1%} of its core")
    both = table.has("two workers", "one worker")
    return Outcome(table, [(goals.WORKERS, table.ratio("two workers", "one worker", rate))] if both else [])


def memory(stage: Stage) -> Outcome:
    """Peaks at 64 and 512 in flight on real pages; then ten times as many small pages."""
    wide = Terms(in_flight=512)
    with (
        web(stage.scratch / "real", corpus(), stage.server) as pages,
        web(stage.scratch / "small", [SMALL_PAGE], stage.server) as little,
    ):
        table = stage.run(
            ours(stage, pages, "64 in flight"),
            ours(stage, pages, "512 in flight", wide),
            _counted(stage, little, "small pages", 1),
            _counted(stage, little, "ten times", 10),
        )
    found = [
        (goal, table.middle(name, _peak))
        for name, goal in (("64 in flight", goals.MEMORY_64), ("512 in flight", goals.MEMORY_512))
        if table.has(name)
    ]
    if table.has("ten times", "small pages"):
        found.append((goals.GROWTH, table.difference("ten times", "small pages", _peak)))
    return Outcome(table, found)


def _counted(stage: Stage, served: Served, name: str, times: int) -> Entry:
    """Small pages, too many to compare one by one."""
    entry = ours(stage, served, name, pages=stage.pages * SMALL_FOR_EACH * times)
    return replace(entry, results=None)


def _peak(turn: Turn) -> float:
    return turn.peak_mb


def half_million(stage: Stage) -> Outcome:
    """Real pages on 500 hosts, the pace adaptive and without memory, two workers and nginx on two cores."""
    shared = [stage.server, stage.core]
    with web(stage.scratch / "web", corpus(), shared, addresses=own_addresses(HOSTS)) as served:
        entry = ours(stage, served, terms=Terms(in_flight=200, workers=2, options=ADAPTIVE), cores=shared)
        table = stage.run(replace(entry, results=None))
    scale = 500_000 / stage.pages / 60
    return Outcome(table, [(goals.HALF_MILLION, scale * table.middle(CANTER, lambda t: t.cost.seconds))])


SMALL_FOR_EACH = 50  # small pages for each real one in the scenario `memory`


class Scenario(NamedTuple):
    """A scenario's run and its size, on two idle cores a matter of so many minutes."""

    run: Callable[[Stage], Outcome]
    what: str
    pages: int
    rounds: int
    minutes: float


SCENARIOS = {
    "real": Scenario(real, "every contender, real pages, one host, pace off", 2_000, 5, 8),
    "59kb": Scenario(small, "pages of 59 KB, beside the bare loop", 6_000, 5, 2),
    "unchanged": Scenario(unchanged, "a second crawl of unchanged pages, beside the bare loop", 2_000, 5, 3),
    "structured": Scenario(structured, "structured data alone, beside a full parse", 2_000, 5, 2),
    "hosts": Scenario(hosts, "500 hosts, the pace from memory, beside one host without pace", 5_000, 5, 4),
    "tls": Scenario(tls, "over TLS, beside the bare loop and beside no TLS", 2_000, 5, 2),
    "latency": Scenario(latency, "500 ms before each answer, 500 in flight, beside none", 6_000, 5, 3),
    "workers": Scenario(workers, "two workers on two cores, one of them nginx's, beside one", 4_000, 5, 2),
    "memory": Scenario(memory, "64 and 512 in flight; 100,000 and 1,000,000 small pages", 2_000, 1, 9),
    "half-million": Scenario(half_million, "500,000 real pages on both cores; by name only", 500_000, 1, 20),
}
BY_NAME_ONLY = ("half-million",)
