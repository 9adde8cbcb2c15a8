"""A crawl's life: begun, drained, gone on with, fed late, beside single fetches, and its store lost."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from canter.errors import LostLease, StoreError
from canter.extraction import Page
from canter.model import FaultKind, Request, Response
from canter.protocols import Batch, HostRow, Visit
from canter.sites import Field, Site
from canter.stores.sqlite import SqliteWork
from tests.virtual import House, Stage, Web, fault, html, leads, robots, status, title, urls

MANY = [url for n in range(10) for url in urls(f"h{n}.example", 100)]


def slow(request: Request, _: int) -> Response:
    """Every page takes two seconds."""
    return status(404) if request.url.endswith("robots.txt") else html(request, seconds=2.0)


# ---- draining and going on


@pytest.mark.parametrize("grace", [0.0, 1.0, 8.0])
def test_a_drained_crawl_goes_on_where_it_stopped(tmp_path: Path, grace: float) -> None:
    """Draining starts nothing more and lets what is in flight finish for its grace; a second engine on the
    same store does the rest, each URL once."""
    house = House(tmp_path)

    async def stop(stage: Stage) -> None:
        await asyncio.sleep(10.5)
        flying.append(stage.transport.in_flight)
        sent.append(len(stage.transport.sent))
        await stage.engine.drain(grace)
        flying.append(stage.transport.in_flight)

    flying: list[int] = []
    sent: list[int] = []
    first = house.crawl(MANY, slow, during=stop)
    assert flying[0] > 0
    assert (flying[1] == 0) == (grace == 8.0)
    assert len(first.sent) == sent[0]
    assert first.seconds <= 10.5 + grace + 0.1
    assert len(first.rows) == len(first.committed) == len({r.url for r in first.rows}) < len(MANY)
    assert len(first.rows) == len(first.pages()) - flying[1]
    with house.crawls() as crawls:
        assert crawls.pending(first.crawl) == len(MANY) - len(first.rows)
    second = house.crawl((), slow, crawl=first.crawl)
    assert Counter(record.url for record in second.rows) == Counter(MANY)
    assert Counter(r.url for r in [*first.committed, *second.committed]) == Counter(MANY)
    numbers = [record.request_id for record in second.rows]
    assert len(set(numbers)) == len(numbers)


def test_many_stops_lose_nothing(tmp_path: Path) -> None:
    """Stopped at once every few seconds, over pauses, retries and moves: each URL one record, once."""
    house = House(tmp_path)
    web = Web(
        {
            "http://h1.example/p3": [status(503, {"Retry-After": "60"}), title("x")],
            "http://h2.example/p5": leads("http://h3.example/x"),
            "http://h4.example/p5": [status(500), status(500), title("x")],
        }
    )
    done: Counter[str] = Counter()
    crawl = None
    for n in range(40):

        async def stop(stage: Stage, after: float = 2.0 + n) -> None:
            await asyncio.sleep(after)
            await stage.engine.drain(0.0)

        run = house.crawl(MANY if crawl is None else (), web, during=stop, crawl=crawl)
        crawl = run.crawl
        done.update(record.url for record in run.committed)
        with house.crawls() as crawls:
            if not crawls.pending(crawl):
                break
    assert done == Counter(MANY)
    assert Counter(record.outcome for record in house.records(crawl or 0)) == {"ok": 1_000}


def test_an_empty_crawl_is_over(tmp_path: Path) -> None:
    """A crawl of nothing ends as soon as it is fed."""
    assert House(tmp_path).crawl().seconds < 2


def test_tasks_that_come_later_are_fetched(tmp_path: Path) -> None:
    """What is loaded while the crawl runs is fetched, on hosts that are busy, done, paused or new; the
    crawl is not over before it was all fed."""
    lots = [urls("busy.example", 50, f"{n}-") for n in range(8)]
    late = [*lots, urls("new.example", 5), urls("done.example", 5, "late"), urls("paused.example", 5)]

    async def feed(stage: Stage) -> None:
        for chunk in late:
            await asyncio.sleep(20.0)
            stage.house.load(stage.crawl, chunk)
        await asyncio.sleep(100.0)
        stage.engine.fed()

    web = Web({"http://paused.example/first": [status(429, {"Retry-After": "300"}), title("x")]})
    first = [*urls("busy.example", 300, "first"), *urls("done.example", 3), "http://paused.example/first"]
    crawl = House(tmp_path).crawl(first, web, during=feed, fed=False)
    everything = [*first, *(url for chunk in late for url in chunk)]
    assert Counter(record.url for record in crawl.rows) == Counter(everything)
    assert {record.outcome for record in crawl.rows} == {"ok"}
    for n, chunk in enumerate(late[8:10], 9):
        start = min(sent.at for sent in crawl.pages() if sent.request.url in chunk)
        assert start < 20.0 * n + 3


# ---- when the store is lost


def test_lost_lease(tmp_path: Path) -> None:
    """A worker that was given up for dead commits nothing more and says so; its successor finishes."""
    house = House(tmp_path)
    taken: list[SqliteWork] = []

    async def rob(stage: Stage) -> None:
        await asyncio.sleep(5.25)
        taken.append(SqliteWork(house.path, house.policy.shard_of, "another"))
        before.append(len(house.records(stage.crawl)))

    before: list[int] = []
    with pytest.raises(LostLease, match="another worker"):
        house.crawl(MANY, during=rob)
    assert len(house.records(1)) == before[0] > 0
    for work in taken:
        work.close()
    assert Counter(r.url for r in house.crawl((), crawl=1).rows) == Counter(MANY)


def test_a_failing_commit_ends_the_crawl_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk surfaces from `over`; what was not committed is still due."""
    house = House(tmp_path)
    commit = SqliteWork.commit
    commits = 0

    def failing(work: SqliteWork, batch: Batch) -> None:
        nonlocal commits
        commits += 1
        if commits == 4:
            raise StoreError("the disk is full")
        commit(work, batch)

    monkeypatch.setattr(SqliteWork, "commit", failing)
    with pytest.raises(StoreError, match="disk is full"):
        house.crawl(MANY)
    assert 0 < len(house.records(1)) < len(MANY)
    assert Counter(r.url for r in house.crawl((), crawl=1).rows) == Counter(MANY)


def test_a_failing_read_ends_the_crawl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while tasks are read surfaces from `over` too."""

    def failing(*_: object) -> None:
        raise StoreError("damaged")

    monkeypatch.setattr(SqliteWork, "tasks", failing)
    with pytest.raises(StoreError, match="damaged"):
        House(tmp_path).crawl(MANY)


def test_a_slow_caller_slows_the_crawl(tmp_path: Path) -> None:
    """A caller that takes its records slowly holds the crawl back: no more than a few batches wait."""

    async def take(visits: list[Visit]) -> None:
        sizes.append(len(visits))
        await asyncio.sleep(60.0)

    sizes: list[int] = []
    lines = [url for n in range(400) for url in urls(f"h{n}.example", 50)]
    crawl = House(tmp_path).crawl(lines, deliver=take)
    assert Counter(record.url for record in crawl.committed) == Counter(lines)
    assert max(sizes) <= 2_000 + 200
    assert crawl.seconds > 60 * (len(lines) / 2_200)


# ---- single fetches


def test_fetch_beside_a_crawl_keeps_the_host_s_pace(tmp_path: Path) -> None:
    """`fetch` shares the pace of the crawl, obeys robots.txt and leaves no record."""
    web = Web({"http://h1.example/robots.txt": robots("User-agent: *\nDisallow: /no")})

    async def fetch(stage: Stage) -> None:
        for url in [*urls("h1.example", 30, "single"), "http://h1.example/no"]:
            got.append(await stage.engine.fetch(url))  # noqa: PERF401

    got: list[Page] = []
    crawl = House(tmp_path, max_rate=2.0).crawl(MANY, web, during=fetch)
    assert [page.status for page in got] == [200] * 30 + [None]
    assert got[-1].error == "robots.txt of h1.example forbids it"
    assert all(later.at - earlier.at > 0.49 for earlier, later in pairwise(crawl.of("h1.example")))
    assert Counter(record.url for record in crawl.rows) == Counter(MANY)


def test_fetch_without_a_crawl(tmp_path: Path) -> None:
    """`fetch` alone: redirects over hosts, faults and bad URLs are pages with an error, never raised."""
    web = Web(
        {
            "http://a.example/p0": leads("http://b.example/x"),
            "http://b.example/x": title("Lamp"),
            "http://a.example/p1": fault(FaultKind.TLS),
            "http://a.example/p2": status(404),
            "http://a.example/p3": [status(429, {"Retry-After": "90"}), title("later")],
            "http://a.example/p4": status(500),
            "http://private.example/robots.txt": robots("User-agent: *\nDisallow: /"),
        }
    )

    async def fetch(stage: Stage) -> None:
        wanted = [*urls("a.example", 5), "ftp://a.example/", "no url", "http://private.example/"]
        got.update(zip(wanted, await asyncio.gather(*map(stage.engine.fetch, wanted)), strict=True))
        await stage.engine.drain(0.0)

    got: dict[str, Page] = {}
    house = House(tmp_path)
    crawl = house.crawl((), web, during=fetch, crawl=0)
    assert got["http://a.example/p0"].url == "http://b.example/x"
    assert got["http://a.example/p0"].css("h1") == ["Lamp"]
    assert got["http://a.example/p0"].error is None
    assert "tls" in str(got["http://a.example/p1"].error)
    assert (got["http://a.example/p2"].status, got["http://a.example/p2"].error) == (
        404, "the server answered 404 (Not Found)",
    )  # fmt: skip
    assert got["http://a.example/p3"].css("h1") == ["later"]
    assert got["http://a.example/p4"].status == 500
    assert "scheme" in str(got["ftp://a.example/"].error)
    assert (got["no url"].error or "").startswith("not a URL")
    assert "forbids" in str(got["http://private.example/"].error)
    assert all(later.at - earlier.at > 0.3 for earlier, later in pairwise(crawl.of("a.example")))
    assert house.records(0) == []


def test_fetches_ask_for_robots_once_a_day(tmp_path: Path) -> None:
    """One fetch after the other, at once or an hour later: robots.txt serves for a day."""

    async def fetch(stage: Stage) -> None:
        for wait in (0.0, 0.0, 30.0, 3_600.0, 90_000.0):
            await asyncio.sleep(wait)
            got.append(await stage.engine.fetch("http://a.example/p"))
        await stage.engine.drain(0.0)

    got: list[Page] = []
    crawl = House(tmp_path).crawl((), during=fetch, crawl=0)
    assert [page.status for page in got] == [200] * 5
    assert crawl.asked.count("http://a.example/robots.txt") == 2


def test_a_fetch_waits_for_nobody_s_patience(tmp_path: Path) -> None:
    """Where robots.txt cannot be had a single fetch says so at once, while a crawl's pages wait for it."""
    web = Web({"http://h1.example/robots.txt": [fault(seconds=2.0), status(404)]})

    async def fetch(stage: Stage) -> None:
        got.append(await stage.engine.fetch("http://h1.example/single"))
        at.append(stage.now)

    got: list[Page] = []
    at: list[float] = []
    crawl = House(tmp_path).crawl(MANY, web, during=fetch)
    assert got[0].status is None
    assert "robots.txt cannot be had: a scripted connect" in str(got[0].error)
    assert at[0] < 1_000 + 10
    assert {record.outcome for record in crawl.rows} == {"ok"}


def test_fetches_that_wait_are_told_of_the_end(tmp_path: Path) -> None:
    """Closing the engine answers every fetch: those in flight, those waiting, those that come too late."""

    async def fetch(stage: Stage) -> None:
        waiting = [asyncio.ensure_future(stage.engine.fetch(url)) for url in urls("a.example", 20)]
        await asyncio.sleep(3.5)
        await stage.engine.drain(0.0)
        late = asyncio.ensure_future(stage.engine.fetch("http://a.example/late"))
        await stage.engine.close()
        got.extend(await asyncio.wait_for(asyncio.gather(*waiting, late), 1.0))

    got: list[Page] = []
    House(tmp_path).crawl((), slow, during=fetch, crawl=0)
    errors = Counter(page.error for page in got)
    assert errors[None] > 0
    assert errors["stopped before the page was fetched"] == 21 - errors[None] > 10


def test_a_fetch_of_a_host_that_goes_to_rest(tmp_path: Path) -> None:
    """A fetch asked of a host that is about to rest in the store neither loses its tasks nor doubles them."""
    web = Web({"http://a.example/p5": [status(429, {"Retry-After": "120"}), title("x")]})

    async def fetch(stage: Stage) -> None:
        active = stage.engine._frontier.active
        while not any(host.parked for host in active.values()):
            await asyncio.sleep(0.01)
        got.append(await stage.engine.fetch("http://a.example/single"))

    got: list[Page] = []
    lines = [*urls("a.example", 40), *urls("b.example", 400)]  # b's pages keep the writer from hurrying
    crawl = House(tmp_path).crawl(lines, web, during=fetch)
    assert [page.status for page in got] == [200]
    assert Counter(record.url for record in crawl.rows) == Counter(lines)
    assert Counter(record.url for record in crawl.committed) == Counter(lines)
    assert max(later - earlier for earlier, later in pairwise(crawl.times("a.example"))) >= 120


def test_a_site_s_own_headers_reach_a_fetch(tmp_path: Path) -> None:
    """A single fetch is asked for as its site's pages are."""
    site = Site("own", hosts=["*"], fields={"title": Field(css="h1")}, headers={"X-Token": "secret"})

    async def fetch(stage: Stage) -> None:
        await stage.engine.fetch("http://a.example/")
        await stage.engine.drain(0.0)

    crawl = House(tmp_path, site).crawl((), during=fetch, crawl=0)
    assert crawl.pages()[0].request.headers == {"X-Token": "secret"}


def test_a_new_host_during_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop may ask for a host the store has not met while a commit runs in its thread."""
    house = House(tmp_path)
    work = SqliteWork(house.path, house.policy.shard_of)
    crawl = house.begin()
    rows: list[HostRow] = []
    beside = threading.Thread(target=lambda: rows.append(work.host(crawl, "new.example")))
    hold = SqliteWork._hold_lease

    def committing(self: SqliteWork, batch: Batch) -> None:
        beside.start()
        beside.join(0.1)  # it waits for the end of this transaction
        hold(self, batch)

    monkeypatch.setattr(SqliteWork, "_hold_lease", committing)
    work.commit(Batch(crawl))
    beside.join()
    work.close()
    assert [row.name for row in rows] == ["new.example"]
