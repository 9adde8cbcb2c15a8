"""What paces learn reaches the store while a crawl runs, and is counted over all of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest

from canter import hosts
from canter.learned import Learned, learned
from canter.protocols import Batch
from canter.sites import Field, Site
from canter.stores.sqlite import SqliteWork
from tests.virtual import UTC, House, Stage, Web, status, title, urls

TITLE = {"title": Field(css="h1")}


def known(house: House) -> dict[str, Learned]:
    """What the store holds, as whoever looks after a kill -9 would find it."""
    with house.crawls() as crawls:
        return {row[0]: learned(*row) for row in crawls.paces()}


def test_a_crash_loses_a_minute_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any time of a run what the store holds of an active host is less than a minute old, and no batch
    notes more than its share of the hosts."""
    monkeypatch.setattr(hosts, "AT_ONCE", 10)
    noted: list[int] = []
    commit = SqliteWork.commit

    def counted(work: SqliteWork, batch: Batch) -> None:
        noted.append(len(batch.paces))
        commit(work, batch)

    monkeypatch.setattr(SqliteWork, "commit", counted)
    lines = [url for n in range(100) for url in urls(f"h{n}.example", 30)]
    oldest: list[float] = []

    async def look(stage: Stage) -> None:
        began = stage.now
        while stage.now - began < 180:
            await asyncio.sleep(10.0)
            utc = stage.house.utc + stage.now - began
            if stage.now - began > 60:
                found = known(stage.house)
                assert len(found) == 100
                oldest.append(max(utc - host.at for host in found.values()))

    House(tmp_path, max_rate=0.2).crawl(lines, during=look)
    assert len(oldest) > 10
    assert max(oldest) < 60


def test_the_next_run_starts_from_what_a_killed_one_noted(tmp_path: Path) -> None:
    """A run that ends without a word leaves what its last minute but one had learned, and the next begins
    at that rate."""
    house = House(tmp_path)
    rates: list[float] = []

    class Killed(Exception):
        pass

    async def kill(stage: Stage) -> None:
        await asyncio.sleep(65.0)
        host = stage.engine._frontier.adopt("a.example", stage.now)
        assert host
        rates.append(host.pace.rate)
        stage.work.commit = dead  # type: ignore[method-assign]
        stage.engine._fail(Killed())

    def dead(batch: Batch) -> None:
        """Nothing is committed by who is dead."""

    crawl = house.begin()
    with pytest.raises(Killed):
        house.crawl(urls("a.example", 5_000), during=kill, crawl=crawl, fed=False)
    [found] = known(house).values()
    assert found.rate is not None
    assert found.rate > 0.5 * rates[0] > 5.0
    house.utc += 70
    second = house.crawl(urls("a.example", 300, "q"))
    assert second.seconds < 300 / (0.8 * found.rate) + 10


def test_refusals_and_pauses_are_counted_over_runs(tmp_path: Path) -> None:
    """Requests, refusals, the last pause with time and reason, the sites that claim the host."""
    house = House(tmp_path, Site("shop", hosts=["a.example"], fields=TITLE))
    refused = {"http://a.example/p3": [status(429, {"Retry-After": "7"}), title("x")]}
    house.crawl(urls("a.example", 10), Web(refused))
    once = known(house)["a.example"]
    assert (once.requests, once.rejections, once.sites) == (12, 1, ("shop",))
    assert once.pause is not None
    assert UTC < once.pause.at < UTC + 10
    assert 7 <= once.pause.until - once.pause.at < 9
    assert once.pause.reason == "429, Retry-After 7 s"
    house.utc += 86_400
    refused = {"http://a.example/p4": [status(503, {"Retry-After": "9"}), title("x")]}
    crawl = house.crawl(urls("a.example", 10), Web(refused))
    twice = known(house)["a.example"]
    assert (twice.requests, twice.rejections) == (24, 2)
    assert twice.pause is not None
    assert twice.pause.at > UTC + 86_400
    paused = [details for name, details in crawl.events if name == "host_paused"]
    assert [details["reason"] for details in paused] == ["503, Retry-After 9 s"]


def test_a_run_with_the_pace_off_leaves_what_was_learned(tmp_path: Path) -> None:
    """`--pace off` learns nothing and forgets nothing, but the pauses that a host asks for hold."""
    house = House(tmp_path)
    house.crawl(urls("127.0.0.1", 100))
    learned_once = known(house)["127.0.0.1"]
    assert learned_once.rate is not None
    off = House(tmp_path, pace="off", allow_network=[ip_network("127.0.0.0/8")])
    off.utc = house.utc + 86_400
    refused = {"http://127.0.0.1/q3": status(429, {"Retry-After": "7200"})}
    off.crawl(urls("127.0.0.1", 5, "q"), Web(refused))
    after = known(off)["127.0.0.1"]
    assert (after.rate, after.at, after.hours) == (learned_once.rate, learned_once.at, learned_once.hours)
    assert after.paused_until is not None
    assert after.paused_until > off.utc + 3_600
    assert after.rejections == learned_once.rejections + 1


def test_a_shared_pace_knows_who_shares_it(tmp_path: Path) -> None:
    """One memory for a platform, with the names of its hosts."""
    site = Site("mall", hosts=["*.mall.example"], fields=TITLE, pace_key="mall")
    house = House(tmp_path, site)
    house.crawl([*urls("s0.mall.example", 3), *urls("s1.mall.example", 3)])
    [(key, found)] = known(house).items()
    assert key == "mall"
    assert sorted(found.hosts) == ["s0.mall.example", "s1.mall.example"]
    assert found.requests == 8


@pytest.mark.parametrize(
    "memory", ['{"version": 99, "rate": 5}', '{"rate": 3', '{"version": 1, "rate": "fast"}', "[]"]
)
def test_an_unreadable_memory_is_said_once(tmp_path: Path, memory: str) -> None:
    """A memory of a newer version or half written: one warning a host, and the host starts afresh."""
    house = House(tmp_path)
    _store(house, {"a.example": memory})
    crawl = house.crawl([*urls("a.example", 40), *urls("b.example", 40)])
    said = [details for name, details in crawl.events if name == "pace_memory"]
    assert [details["host"] for details in said] == ["a.example"]
    assert said[0]["reason"].endswith("starting afresh")
    assert {record.outcome for record in crawl.rows} == {"ok"}
    again = house.crawl(urls("a.example", 4))
    assert not [name for name, _ in again.events if name == "pace_memory"]


def _store(house: House, memories: Mapping[str, str | dict[str, Any]]) -> None:
    database = sqlite3.connect(house.path)
    for key, memory in memories.items():
        text = memory if isinstance(memory, str) else orjson.dumps(memory).decode()
        database.execute("INSERT OR REPLACE INTO pace VALUES (?, 1, ?)", (key, text))
    database.commit()
    database.close()
