"""Each host at its own pace: ceilings, dead hosts, long waits, the window, what was learned."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from canter import backlog, frontier, hosts, writer
from canter.model import Request, Response
from canter.sites import Field, Site
from canter.transports.replay import Sent
from tests.virtual import SHOP, House, Run, Stage, Web, fault, html, row, status, title, urls

TITLE = {"title": Field(css="h1")}


def one_record_each(crawl: Run, lines: Sequence[str]) -> None:
    """Exactly one record a URL, in the export, for the observer and for the caller."""
    expected = Counter(dict.fromkeys(lines, 1))
    assert Counter(record.url for record in crawl.rows) == expected
    assert Counter(record.url for record in crawl.live) == expected
    assert Counter(record.url for record in crawl.committed) == expected


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most requests that went out within any such span."""
    return max(bisect_left(times, at + seconds) - n for n, at in enumerate(times))


def most_at_once(sent: Sequence[Sent], seconds: float) -> int:
    """The most requests in flight, each taking so long."""
    return most_within([s.at for s in sent], seconds)


# ---- ceilings


def test_no_ceiling_is_passed(tmp_path: Path) -> None:
    """Requests/s and requests in flight of each host, and requests in all, stay under their ceilings."""
    lines = [url for n in range(30) for url in urls(f"h{n}.example", 100)]
    house = House(tmp_path, max_rate=8.0, max_per_host=3, max_concurrent=40)
    crawl = house.crawl(lines, lambda request, _: html(request, seconds=1.0))
    one_record_each(crawl, lines)
    assert crawl.most_in_flight == 40
    for n in range(30):
        sent = crawl.of(f"h{n}.example")
        assert most_at_once(sent, 0.999) <= 3
        assert all(later.at - earlier.at > 0.1249 for earlier, later in pairwise(sent))


def test_default_ceilings(tmp_path: Path) -> None:
    """Without a word from anybody: 20 requests/s a host, which a fast host reaches."""
    crawl = House(tmp_path).crawl(urls("a.example", 3_000))
    times = crawl.times()
    assert 18 <= most_within(times, 1.0) <= 20
    assert crawl.seconds < 3_000 / 20 + 60


def test_hosts_that_share_a_pace_key_share_one_limit(tmp_path: Path) -> None:
    """The sum over the hosts of a platform stays under its limit; each gets its turn."""
    site = Site("mall", hosts=["*.mall.example"], fields=TITLE, pace_key="mall", max_rate=4.0)
    names = [f"s{n}.mall.example" for n in range(5)]
    lines = [url for name in names for url in urls(name, 30)]
    crawl = House(tmp_path, site).crawl(lines)
    one_record_each(crawl, lines)
    assert all(later.at - earlier.at > 0.249 for earlier, later in pairwise(crawl.sent))
    ends = [max(crawl.times(name)) for name in names]
    assert max(ends) - min(ends) < 5


def test_sorted_by_host_is_as_fast_as_interleaved(tmp_path: Path) -> None:
    """100 hosts at 5 requests/s finish within 1.2 times the interleaved order, and near the best possible."""
    sorted_lines = [url for n in range(100) for url in urls(f"h{n}.example", 200)]
    mixed = sorted(sorted_lines, key=lambda url: (int(url.rpartition("p")[2]), url))
    seconds = []
    for name, lines in (("a", sorted_lines), ("b", mixed)):
        folder = tmp_path / name
        folder.mkdir()
        crawl = House(folder, max_rate=5.0).crawl(lines)
        assert len(crawl.rows) == 20_000
        seconds.append(crawl.seconds)
    assert seconds[0] < 1.2 * seconds[1]
    assert max(seconds) < 1.5 * 200 / 5


# ---- hosts that fail


def test_a_dead_host_does_not_delay_the_others(tmp_path: Path) -> None:
    """A host with 10,000 URLs that never answers costs the others nothing, gets few requests, and ends
    with the host's patience, which its records say."""
    dead = urls("dead.example", 10_000)
    lines = [*dead, *(url for n in range(20) for url in urls(f"h{n}.example", 100))]
    crawl = House(tmp_path).crawl(lines, Web(dead_example=fault(seconds=10.0)))
    one_record_each(crawl, lines)
    failed = [record for record in crawl.rows if record.outcome != "ok"]
    assert {record.host for record in failed} == {"dead.example"}
    assert all("host down since 2025-06-15T15:06:" in str(record.error) for record in failed)
    assert len(crawl.of("dead.example")) < 60
    assert max(sent.at for sent in crawl.pages() if "dead" not in sent.request.url) < 60
    assert 1_700 < crawl.seconds < 1_900
    assert [name for name, _ in crawl.events].count("host_down") == 1


def test_a_host_that_dies_halfway(tmp_path: Path) -> None:
    """A host that stops answering ends with the patience counted from then; what came before is kept."""
    lines = urls("a.example", 2_000)

    def answer(request: Request, _: int) -> Response:
        if request.url.endswith("robots.txt"):
            return status(404)
        good.append(request.url)
        return html(request) if len(good) <= 500 else status(502)

    good: list[str] = []
    crawl = House(tmp_path, host_patience=300.0).crawl(lines, answer)
    one_record_each(crawl, lines)
    assert Counter(record.outcome for record in crawl.rows) == {"ok": 500, "failed": 1_500}
    assert crawl.seconds < max(crawl.times()) + 10
    assert sum("host down since" in str(record.error) for record in crawl.rows) > 1_400
    assert len(crawl.pages()) < 560


def test_a_host_that_comes_back(tmp_path: Path) -> None:
    """A host that is down for less than its patience loses nothing but time."""

    def answer(request: Request, number: int) -> Response:
        asked.append(request.url)
        down = 30 <= len(asked) < 42
        return status(503) if down else status(404) if "robots" in request.url else html(request)

    asked: list[str] = []
    crawl = House(tmp_path).crawl(urls("a.example", 200), answer)
    assert {record.outcome for record in crawl.rows} == {"ok"}


@pytest.mark.parametrize("in_flight", [1, 5])
def test_retry_after_beyond_the_patience_fails_the_rest_at_once(tmp_path: Path, in_flight: int) -> None:
    """A host that asks for a longer wait than its patience is not waited for, also where other requests
    were in flight when it asked, good answers among them."""

    def answer(request: Request, _: int) -> Response:
        if request.url.endswith("robots.txt"):
            return status(404)
        asked.append(request.url)
        if len(asked) == 100:
            return status(429, {"Retry-After": "7200"}, seconds=0.5)
        return html(request, seconds=2.0)

    asked: list[str] = []
    lines = urls("a.example", 1_000)
    crawl = House(tmp_path, max_per_host=in_flight).crawl(lines, answer)
    one_record_each(crawl, lines)
    assert len(asked) < 100 + in_flight
    assert crawl.seconds < max(crawl.times()) + 10
    failed = [record for record in crawl.rows if record.outcome == "failed"]
    assert {record.error_type for record in failed} == {"rate_limit"}
    assert all("asks to wait 720" in str(record.error) for record in failed)


def test_a_long_wait_is_remembered(tmp_path: Path) -> None:
    """A host that asked to be left alone for two hours is not asked by a crawl an hour later, and does not
    hold that one open; after the wait it is asked again."""
    house = House(tmp_path)
    lines = urls("a.example", 20)
    refused = status(429, {"Retry-After": "7200"})
    house.crawl(lines, Web({"http://a.example/robots.txt": status(404)}, a_example=refused))
    house.utc += 3_600
    second = house.crawl(lines)
    assert second.sent == []
    assert {record.error_type for record in second.rows} == {"rate_limit"}
    assert second.seconds < 10
    house.utc += 3_700
    assert {record.outcome for record in house.crawl(lines).rows} == {"ok"}


def test_no_pause_is_shared_with_other_hosts(tmp_path: Path) -> None:
    """One host's Retry-After does not slow another."""
    web = Web({"http://a.example/p0": [status(429, {"Retry-After": "600"}), title("Lamp")]})
    crawl = House(tmp_path).crawl([row("http://a.example/p0"), *urls("b.example", 50)], web)
    assert max(crawl.times("b.example")) < 30
    assert crawl.records["http://a.example/p0"].outcome == "ok"


# ---- the window


def test_parked_hosts_come_back(tmp_path: Path) -> None:
    """Hosts that are paused for minutes rest in the store and come back in time, losing nothing."""
    lines = [url for n in range(20) for url in urls(f"h{n}.example", 10)]
    refused = {
        f"http://h{n}.example/p3": [status(503, {"Retry-After": "300"}), title("x")] for n in range(20)
    }
    crawl = House(tmp_path).crawl(lines, Web(refused))
    one_record_each(crawl, lines)
    assert {record.outcome for record in crawl.rows} == {"ok"}
    for n in range(20):
        times = crawl.times(f"h{n}.example")
        longest = max(later - earlier for earlier, later in pairwise(times))
        assert 300 <= longest < 303
    assert crawl.seconds < 400


def test_a_resting_host_is_not_held_up_by_a_far_retry(tmp_path: Path) -> None:
    """What is loaded for a host while its last retry lies far ahead does not wait for that."""
    lines = urls("a.example", 60, "bad")
    fresh = urls("a.example", 20, "late")

    async def load(stage: Stage) -> None:
        while len(stage.transport.sent) < 100:
            await asyncio.sleep(5.0)
        stage.house.load(stage.crawl, fresh)
        loaded.append(stage.now - 1_000)
        stage.engine.fed()

    loaded: list[float] = []
    house = House(tmp_path, attempts=20, host_patience=20_000.0)
    crawl = house.crawl(lines, Web(dict.fromkeys(lines, status(500))), during=load, fed=False)
    one_record_each(crawl, [*lines, *fresh])
    assert min(s.at for s in crawl.pages() if "late" in s.request.url) < loaded[0] + 130


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts in the window, tasks in memory, paces and waiting records stay under their bounds however
    many hosts there are."""
    monkeypatch.setattr(frontier, "MAX_ACTIVE", 300)
    monkeypatch.setattr(backlog, "MAX_JOBS", 3_000)
    monkeypatch.setattr(hosts, "MAX_PACES", 600)
    lines = [url for n in range(5_000) for url in urls(f"h{n}.example", 2)]
    most: Counter[str] = Counter()

    async def watch(stage: Stage) -> None:
        window = stage.engine._frontier
        while not stage.engine._over.done():
            now = {
                "active": len(window.active),
                "jobs": sum(len(host.jobs) for host in window.active.values()),
                "paces": len(window._paces),
                "heap": len(window._heap),
                "batch": len(stage.engine._writer.batch),
            }
            for name, number in now.items():
                most[name] = max(most[name], number)
            await asyncio.sleep(0.05)

    crawl = House(tmp_path).crawl(lines, during=watch)
    assert Counter(record.outcome for record in crawl.rows) == {"ok": 10_000}
    assert most["active"] == 300
    assert most["jobs"] <= 3_000
    assert most["paces"] <= 600
    assert most["heap"] <= 3 * 300
    assert 0 < most["batch"] <= writer.MOST + crawl.most_in_flight
    assert crawl.seconds < 5_000 / 300 * 8


def test_the_window_is_full_and_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead hosts that fill the window make room for the living while they wait."""
    monkeypatch.setattr(frontier, "MAX_ACTIVE", 50)
    dead = [url for n in range(200) for url in urls(f"dead{n}.example", 50)]
    alive = [url for n in range(100) for url in urls(f"h{n}.example", 10)]

    def answer(request: Request, number: int) -> Response:
        if "dead" in request.url:
            return status(502)
        return status(404) if "robots" in request.url else html(request)

    crawl = House(tmp_path).crawl([*dead, *alive], answer)
    one_record_each(crawl, [*dead, *alive])
    living = [sent.at for sent in crawl.pages() if "dead" not in sent.request.url]
    assert max(living) < 1_000
    assert crawl.seconds < 4_500


# ---- what was learned


def test_a_second_crawl_starts_warm(tmp_path: Path) -> None:
    """What the first crawl learned of a host makes the second quick from the start."""
    house = House(tmp_path)
    lines = urls("a.example", 600)
    first, second = house.crawl(lines), house.crawl(lines)
    assert second.seconds < 600 / 20 + 2 < first.seconds - 5
    assert second.times()[100] < first.times()[100] / 2


def test_a_limit_is_found_and_kept(tmp_path: Path) -> None:
    """A host that refuses over 6 requests/s gets most of them answered, and the second crawl knows."""

    def limited() -> tuple[list[float], Web]:
        took: list[float] = []

        def answer(request: Request, _: int) -> Response:
            at = asyncio.get_running_loop().time()
            if len([t for t in took[-7:] if t > at - 1.0]) >= 6:
                refused.append(at)
                return status(429)
            took.append(at)
            return html(request)

        refused: list[float] = []
        web = Web(dict.fromkeys(urls("a.example", 1_000), answer))
        return refused, web

    house = House(tmp_path)
    lines = urls("a.example", 1_000)
    totals = []
    for _ in range(2):
        refused, web = limited()
        crawl = house.crawl(lines, web)
        assert {record.outcome for record in crawl.rows} == {"ok"}
        assert len(refused) < 25
        totals.append(crawl.seconds)
    assert totals[1] <= totals[0]


def test_random_orders_lose_nothing(tmp_path: Path) -> None:
    """Shuffled lines with duplicates in them: each URL once."""
    lines = [url for n in range(30) for url in urls(f"h{n}.example", 30)]
    twice = lines * 2
    random.Random(5).shuffle(twice)
    crawl = House(tmp_path, SHOP).crawl(twice)
    one_record_each(crawl, lines)


def test_a_host_is_left_when_nothing_remains(tmp_path: Path) -> None:
    """The transport is told of each host whose pages are all done, once, and not before."""
    lines = [url for n in range(20) for url in urls(f"h{n}.example", 5)]

    async def look(stage: Stage) -> None:
        left = stage.transport.left
        while len(left) < 20:
            assert not [host for host in left if stage.watcher.requests[host] < 6]  # robots.txt among them
            await asyncio.sleep(0.05)
        assert sorted(left) == sorted(f"h{n}.example" for n in range(20))

    House(tmp_path).crawl(lines, during=look)
