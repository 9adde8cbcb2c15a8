"""Several crawls and several workers at once, in one virtual time: a host's pace is never doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from canter.elsewhere import Relay
from canter.engine import Engine
from canter.hosts import Paces
from canter.stores.sqlite import SqliteWork
from canter.transports.replay import ReplayTransport
from tests.virtual import UTC, House, Watcher, Web, robots, run, urls

A, B = "a.example", "b.example"


@dataclass
class Worker:
    """What one worker process has; `serve` begins a crawl in it."""

    house: House
    transport: ReplayTransport
    work: SqliteWork
    paces: Paces
    offset: float

    @classmethod
    def of(cls, house: House, web: Web, shards: Iterator[int] | range = range(256)) -> Worker:
        work = SqliteWork(house.path, house.policy.shard_of, shards=shards)
        offset = UTC - asyncio.get_running_loop().time()
        return cls(house, ReplayTransport(web), work, Paces(work, house.policy, Watcher(), offset), offset)

    def serve(self, crawl: int, relay: Relay | None = None) -> Engine:
        engine = Engine(
            self.work, self.transport, self.house.policy, Watcher(), offset=self.offset,
            first_number=self.work.epoch << 32, paces=self.paces, relay=relay, seed=1,
        )  # fmt: skip
        engine.start(crawl, UTC)
        engine.fed()
        return engine

    def times(self, host: str) -> list[float]:
        """When a host was asked."""
        return [sent.at for sent in self.transport.sent if urlsplit(sent.request.url).netloc == host]


def gaps(times: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(times)]


def begin(house: House, lines: list[str], *, alone: bool = True) -> int:
    """A crawl of these URLs, beside others unless `alone`."""
    with house.crawls() as crawls:
        crawl = crawls.begin([str(len(lines))], ["urls.txt"], alone=alone)
        crawls.declare(crawl, {site.name: site.declared for site in house.sites})
    house.load(crawl, lines)
    return crawl


def test_two_crawls_share_a_host_s_pace_and_take_turns(tmp_path: Path) -> None:
    """A host of at most 2 requests/s that two crawls ask gets 2 in all, by turns, and both go on evenly."""
    house = House(tmp_path, max_rate=2.0)
    first = begin(house, urls(A, 60, "first"))
    second = begin(house, urls(A, 60, "second"), alone=False)

    async def both() -> Worker:
        worker = Worker.of(house, Web())
        engines = [worker.serve(first), worker.serve(second)]
        await asyncio.gather(*(engine.over() for engine in engines))
        for engine in engines:
            await engine.close()
        worker.work.close()
        return worker

    worker = run(both())
    assert len(house.records(first)) == len(house.records(second)) == 60
    times = worker.times(A)
    assert min(gaps(times)) >= 0.5
    pages = [sent.request.url for sent in worker.transport.sent if "robots" not in sent.request.url]
    middle = ["first" in url for url in pages[20:100]]
    assert abs(sum(middle) - 40) <= 2
    assert max(gaps([float(n) for n, turn in enumerate(middle) if turn])) <= 3


def test_a_permit_that_one_crawl_frees_lets_the_other_go_on(tmp_path: Path) -> None:
    """One request at a time on a host: the second crawl is not woken by its own answers alone."""
    house = House(tmp_path, max_per_host=1, max_rate=0.0)
    first = begin(house, urls(A, 20, "first"))
    second = begin(house, urls(A, 20, "second"), alone=False)

    async def both() -> int:
        worker = Worker.of(house, Web())
        engines = [worker.serve(first), worker.serve(second)]
        await asyncio.gather(*(engine.over() for engine in engines))
        for engine in engines:
            await engine.close()
        worker.work.close()
        return worker.transport.most_in_flight

    assert run(both()) == 1
    assert len(house.records(first)) == len(house.records(second)) == 20


@asynccontextmanager
async def two_workers(house: House, web: Web, crawl: int, relay: Relay | None = None):  # type: ignore[no-untyped-def]
    """Two workers with all shards in the first; the second's engine can be asked by the first's `relay`."""
    one, two = Worker.of(house, web), Worker.of(house, web, range(0))
    engines = [one.serve(crawl, relay), two.serve(crawl)]
    try:
        yield one, two, engines
        await asyncio.gather(*(engine.over() for engine in engines))
    finally:
        for engine in engines:
            await engine.close()
        one.work.close()
        two.work.close()


@pytest.mark.parametrize("after", [0.0, 3.3, 12.0])
def test_a_shard_moves_with_all_that_was_known_of_it(tmp_path: Path, after: float) -> None:
    """In the middle of a crawl a host goes to another worker: it is asked as fast as before and no faster,
    every page is fetched once, and robots.txt once."""
    house = House(tmp_path, max_rate=2.0)
    lines = [*urls(A, 60), *urls(B, 60)]
    crawl = begin(house, lines)
    shards = frozenset({house.policy.shard_of(A)})
    assert house.policy.shard_of(B) not in shards

    async def move() -> tuple[Worker, Worker]:
        async with two_workers(house, Web(), crawl) as (one, two, engines):
            await asyncio.sleep(after)
            one.work.leave(shards)
            await engines[0].leave(shards)
            one.work.release(shards)
            one.paces.forget(lambda key: house.policy.shard_of(key) in shards)
            two.work.claim(shards)
            engines[1].look_again()
        return one, two

    one, two = run(move())
    records = house.records(crawl)
    assert Counter(record.url for record in records) == Counter(lines)
    assert {record.outcome for record in records} == {"ok"}
    assert two.times(A)
    assert not two.times(B)
    times = sorted([*one.times(A), *two.times(A)])
    assert len(times) == 61
    assert min(gaps(times)) >= 0.49
    assert max(times) - min(times) < 50  # 36 where it stays; a pace starts a little below what it remembers


def test_who_let_go_of_a_shard_cannot_commit_to_it(tmp_path: Path) -> None:
    """The store holds who has it: what was released and claimed by another is refused."""
    from canter.errors import LostLease
    from canter.protocols import Batch, HostNote

    house = House(tmp_path)
    one = SqliteWork(house.path, house.policy.shard_of)
    two = SqliteWork(house.path, house.policy.shard_of, shards=())
    host = one.host(0, A).id
    note = Batch(0, hosts=[HostNote(host, not_before=1.0)])
    one.commit(note)
    one.release({host >> 32})
    with pytest.raises(LostLease):
        one.commit(note)
    assert not two.owns(host)
    two.claim({host >> 32})
    assert two.owns(host)
    two.commit(note)
    one.close()
    two.close()


@pytest.mark.parametrize(("text", "outcome"), [("User-agent: *\nDisallow: /", "failed"), ("", "ok")])
def test_a_robots_txt_on_another_worker_s_host_is_asked_for_by_that_one(
    tmp_path: Path, text: str, outcome: str
) -> None:
    """It is fetched by whoever has its host, at that host's pace, and heeded."""
    from tests.virtual import leads

    house = House(tmp_path)
    crawl = begin(house, urls(A, 3))
    web = Web(
        {f"http://{A}/robots.txt": leads(f"http://{B}/robots.txt"), f"http://{B}/robots.txt": robots(text)}
    )
    theirs = frozenset({house.policy.shard_of(B)})

    async def ask() -> tuple[Worker, Worker]:
        found: list[Engine] = []

        async def relay(url: str, bounds: object, robots: bool):  # type: ignore[no-untyped-def]
            return await found[1].fetch(url, None, exempt=robots)

        async with two_workers(house, web, crawl, relay) as (one, two, engines):
            found.extend(engines)
            one.work.release(theirs)
            two.work.claim(theirs)
        return one, two

    one, two = run(ask())
    assert not one.times(B)
    assert len(two.times(B)) == 1
    assert {record.outcome for record in house.records(crawl)} == {outcome}


def test_a_single_fetch_is_led_to_another_worker_s_host(tmp_path: Path) -> None:
    """A sitemap that moved to such a host is fetched by the worker that has it."""
    from tests.virtual import leads, title

    house = House(tmp_path)
    crawl = begin(house, urls(A, 3))
    web = Web({f"http://{A}/map": leads(f"http://{B}/map"), f"http://{B}/map": title("moved")})
    theirs = frozenset({house.policy.shard_of(B)})

    async def fetch() -> tuple[Worker, bytes]:
        found: list[Engine] = []

        async def relay(url: str, bounds: object, robots: bool):  # type: ignore[no-untyped-def]
            return await found[1].fetch(url, None, exempt=robots)

        async with two_workers(house, web, crawl, relay) as (one, two, engines):
            found.extend(engines)
            one.work.release(theirs)
            two.work.claim(theirs)
            page = await engines[0].fetch(f"http://{A}/map")
        return one, page.content

    one, content = run(fetch())
    assert b"moved" in content
    assert not one.times(B)


def test_deadly_pages_end_without_a_request(tmp_path: Path) -> None:
    """A page that twice ended its reader is `malformed`; the others of its host are fetched."""
    house = House(tmp_path)
    crawl = begin(house, urls(A, 5))

    async def serve() -> Worker:
        worker = Worker.of(house, Web())
        host = worker.work.host(crawl, A)
        deadly = worker.work.tasks(crawl, host.id, (-(2.0**60), 0), 1)[0]
        engine = worker.serve(crawl)
        engine.give_up(deadly.home, deadly.key)
        await engine.over()
        await engine.close()
        worker.work.close()
        return worker

    worker = run(serve())
    records = house.records(crawl)
    assert Counter(record.error_type for record in records) == {None: 4, "malformed": 1}
    assert len(worker.times(A)) == 5


def test_seats_that_are_taken_away_are_not_used(tmp_path: Path) -> None:
    """A crawl that may have fewer requests in flight soon has no more, and goes on when it may."""
    house = House(tmp_path, max_rate=0.0, pace="off", allow_network=["127.0.0.0/8"], max_concurrent=30)
    crawl = begin(house, urls("127.0.0.1", 400))
    seen: list[int] = []

    async def serve() -> None:
        worker = Worker.of(house, Web())
        engine = worker.serve(crawl)
        for most in (20, 3, 12):
            engine.allow(most)
            await asyncio.sleep(0.32)
            seen.append(engine.in_flight)
        await engine.over()
        await engine.close()
        worker.work.close()

    run(serve())
    assert seen == [20, 3, 12]
    assert len(house.records(crawl)) == 400
