"""The simulated hosts that paces are measured on do what the real ones do."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from random import Random

import pytest

from canter.apps.pace_bench import GOALS, Row, goal_rows
from canter.pace import Sample
from canter.simulation.drive import Limiter, crawl
from canter.simulation.host import Bans, Host, Strangers
from canter.simulation.limits import ConnectionCap, FixedWindow, Limit, Queue, SlidingWindow, TokenBucket
from canter.simulation.population import TUNING, hard_host, steady_host
from canter.simulation.rivals import Aimd, AutoThrottle, Cubic, DoublingDelay, FixedDelay
from canter.simulation.score import Score, days, scored


def admitted(limit: Limit, rate: float, seconds: float = 600.0, service: float = 0.1) -> int:
    """How many of evenly spaced requests get through."""
    times = (number / rate for number in range(int(rate * seconds)))
    return sum(limit.admit(at, service, 1.0) is not None for at in times)


@pytest.mark.parametrize(
    ("limit", "rate"),
    [
        (TokenBucket(5, 10), 5),
        (TokenBucket(5, 10, queued=True), 5),
        (FixedWindow(300, 60, 0), 5),
        (SlidingWindow(300, 60), 5),
        (ConnectionCap(3, 0.5), 6),
    ],
)
def test_what_stays_under_the_limit_is_never_refused(limit: Limit, rate: float) -> None:
    """At 0.98 of the rate that a limit says, everything gets through."""
    assert limit.rate == rate
    asked = 0.98 * rate
    assert admitted(limit, asked, service=0.49) == int(asked * 600)


@pytest.mark.parametrize(
    ("limit", "most"),
    [(TokenBucket(5, 10), 3_011), (FixedWindow(300, 60, 0), 3_000), (ConnectionCap(3, 0.5), 3_700)],
)
def test_what_asks_for_more_gets_the_limit(limit: Limit, most: int) -> None:
    """Twice as many requests get no more than the limit and its burst."""
    assert 0.9 * most <= admitted(limit, 2 * limit.rate, service=0.5) <= most


def test_a_window_that_counts_refusals_shuts_out_who_does_not_stop() -> None:
    """Hammering never ends there, and a pause ends it."""
    limit = SlidingWindow(60, 60)
    assert admitted(limit, 2.0) == 60
    assert limit.wait(600.0) == pytest.approx(0.0, abs=60)
    assert limit.admit(700.0, 0.1, 1.0) == 0.0


def test_waits_and_headers_are_honest() -> None:
    """After the wait that a limit tells, a request gets through; the headers say what is left."""
    bucket, window = TokenBucket(2, 4), FixedWindow(3, 60, 0)
    for limit in (bucket, window):
        while limit.admit(10.0, 0.1, 1.0) is not None:
            pass
        wait = limit.wait(10.0)
        assert wait is not None
        assert limit.admit(10.0 + wait, 0.1, 1.0) is not None
    assert window.headers(60.0) == {
        "RateLimit-Limit": "3", "RateLimit-Remaining": "2", "RateLimit-Reset": "60",
    }  # fmt: skip


def test_a_queue_grows_slow_before_it_refuses() -> None:
    """Beyond its servers a request waits, and beyond the backlog it is refused."""
    queue = Queue(1, 1.0, 0.1, backlog=3)
    assert [queue.admit(0.0, 1.0, 1.0) for _ in range(5)] == [0.0, 1.0, 2.0, 3.0, None]
    assert 0.3 <= queue.rate <= 0.95


def test_a_ban_begins_at_its_number_of_refusals_and_ends() -> None:
    """Every answer within it is the ban's, whatever the limit says."""
    host = Host("bucket", TokenBucket(1, 0), 0.1, Random(1), bans=Bans(3, 300, 403, 600))
    statuses = [host.answer(number * 0.1).status for number in range(6)]
    assert statuses[:2] == [200, 429]
    assert statuses[-1] == 403
    assert host.bans is not None
    assert (host.bans.count, host.answer(599.0).status, host.answer(700.0).status) == (1, 403, 200)


def test_strangers_and_schedules_take_their_share_of_what_is_allowed() -> None:
    """The yardstick is what was left for us."""
    alone = Host("bucket", TokenBucket(10, 10), 0.1, Random(1))
    night = Host(
        "bucket", TokenBucket(10, 10), 0.1, Random(1), schedule=lambda now: 0.5 if now > 500 else 1.0
    )
    shared = Host(
        "bucket", TokenBucket(10, 10), 0.1, Random(1), strangers=Strangers(0.5, 60.0, Random(2)), noise=0.01
    )
    for host in (alone, night, shared):
        host.advance(0.0)
        host.advance(1_000.0)
    assert alone.allowed == pytest.approx(10_000)
    assert night.allowed == pytest.approx(7_500, rel=0.01)
    assert 5_000 < shared.allowed < 9_900


def test_a_fixed_delay_does_what_it_says() -> None:
    """A page a second, and nothing refused by a host that allows two."""
    run = crawl(FixedDelay(1.0), Host("bucket", TokenBucket(2, 1), 0.1, Random(1)), 600.0)
    assert (run.requests, run.refused) == (600, 0)
    assert run.goodput == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("limiter", [DoublingDelay, AutoThrottle, Aimd, Cubic])
def test_no_rival_takes_a_ban_for_a_welcome(limiter: Callable[[], Limiter]) -> None:
    """Answers that are neither good nor refusals do not make any of them faster."""
    pace = limiter()
    for number in range(200):
        at = max(pace.ready_at(number * 10.0), number * 10.0)
        pace.on_send(at)
        pace.on_response(at + 0.1, Sample(at, 403, 0.1))
    assert pace.ready_at(2_000.0) < math.inf
    sent = 0
    while pace.ready_at(2_000.0) <= 2_000.0 and sent < 100:
        pace.on_send(2_000.0)
        sent += 1
    assert sent <= 20


def test_hosts_are_the_same_every_time_and_differ_by_seed() -> None:
    """A seed is a host; the day changes only its chances."""
    for make in (steady_host, hard_host):
        one, same, other = make(TUNING), make(TUNING, 3), make(TUNING + 9)
        assert (one.kind, one.limit.rate, one.latency) == (same.kind, same.limit.rate, same.latency)
        assert (one.limit.rate, one.latency) != (other.limit.rate, other.latency)


def test_our_pace_keeps_what_it_learns_from_day_to_day() -> None:
    """Over nine kinds of hosts the third day gets at least nine tenths of the first one's good answers."""
    table = [list(days(steady_host, TUNING + number, 3)) for number in range(9)]
    first, last = scored(row[0] for row in table), scored(row[2] for row in table)
    assert first.hosts == 9
    assert last.goodput >= 0.9 * first.goodput > 0.3


def test_the_command_prints_the_table_as_json() -> None:
    """A row for each pace and kind of hosts."""
    done = subprocess.run(
        [sys.executable, "-m", "canter", "bench", "pace", "--hosts", "3", "--json"],
        capture_output=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert [row["pace"] for row in found["runs"][:2]] == ["Canter, cold", "Canter, run 5"]
    assert all(0 <= row["goodput"] <= 1 for row in found["runs"])
    assert [row["pages"] for row in found["pages"]] == [100, 300, 1000]


def test_the_goals_stand_beside_what_was_measured() -> None:
    """Every goal is printed, cold and by the fifth run, and what misses it is marked."""
    score = Score(54, 0.95, 0.8, 0.2, 7.0, 3, 1, 6.0, 1.4)
    rows = [Row(pace, kinds, score) for kinds in ("steady", "harder") for pace in ("cold", "run 5", "AIMD")]
    lines = list(goal_rows(rows, {100: (1.5, 1.2)}))
    assert len(lines) == len(GOALS) + 1
    assert lines[0] == ("goodput, steady, median %", "94", "95.00", "98", "95.00 (missed)")
    assert [line[0] for line in lines if line[2].endswith("(missed)")] == [
        "goodput, steady, tenth percentile %",
        "rejections per 1,000, worst host",
        "hosts that ban at 5 and more, and did",
        "hosts that ban at 3 or 4, and did, % of all",
    ]
    assert lines[-1] == ("100 URLs: time over the ideal, median", "1.6", "1.50", "1.15", "1.20 (missed)")
