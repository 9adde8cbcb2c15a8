"""What kind of limit a host has is told from its answers, in virtual time against the simulator's hosts."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from canter.pace import HostPace, Sample
from canter.simulation.drive import Crawl, crawl
from canter.simulation.host import Bans, Host
from canter.simulation.limits import ConnectionCap, FixedWindow, Limit, Queue, SlidingWindow, TokenBucket
from canter.simulation.population import DAY, TUNING, steady_host
from canter.simulation.score import days, scored
from tests.unit.simulated_hosts import Answer, answer, drive, every, pace_of

HALF_HOUR = 1_800.0


def cold(limit: Limit, latency: float = 0.1, **options: Any) -> Crawl:
    """A first run of half an hour on a host with that limit."""
    host = Host("", limit, latency, Random(3), **options)
    return crawl(HostPace(random=Random(1).random), host, HALF_HOUR)


@pytest.mark.parametrize(
    ("limit", "options", "least", "refused"),
    [
        (TokenBucket(8, 4), {}, 0.93, 4),
        (TokenBucket(8, 80), {"refusal": 503}, 0.93, 4),
        (TokenBucket(8, 16, queued=True), {"tells_wait": True}, 0.9, 4),
        (FixedWindow(300, 60, -20), {"tells_wait": True}, 0.93, 5),
        (FixedWindow(300, 60, -20), {"tells_wait": True, "tells_limit": True}, 0.93, 1),
        (FixedWindow(300, 60, -20), {}, 0.7, 8),
        (SlidingWindow(300, 60), {}, 0.7, 8),
    ],
    ids=["bucket", "burst", "queued", "window", "headers", "mute window", "sliding"],
)
def test_a_limit_is_used_from_the_first_run(
    limit: Limit, options: dict[str, Any], least: float, refused: int
) -> None:
    """Most of what each kind of limit allows, with a handful of refusals in half an hour."""
    run = cold(limit, **options)
    assert run.goodput >= least
    assert run.refused <= refused


def test_the_estimate_needs_two_refusals() -> None:
    """After the second refusal, and no later one, the rate is within five per cent of the limit."""
    pace, limit = HostPace(random=Random(1).random), TokenBucket(12, 18)
    run = crawl(pace, Host("", limit, 0.05, Random(3)), 300.0, trace=True)
    assert run.refused == 2
    assert 0.95 * 12 <= pace.rate <= 12
    second = [at for at, good in run.trace if good is False][1]
    late = [at for at, _ in run.trace if at > second + 5]
    assert len(late) / (late[-1] - late[0]) == pytest.approx(pace.rate, rel=0.02)


def test_the_hold_grows_with_each_refusal() -> None:
    """The longer a limit is known, the rarer it is tried again: at most one refusal in the second hour."""
    pace = HostPace(random=Random(1).random)
    host = Host("", TokenBucket(5, 5), 0.05, Random(3))
    counts = [crawl(pace, host, 3_600.0, start=hour * 3_600.0).refused for hour in range(3)]
    assert counts[0] <= 4
    assert counts[1] <= 2
    assert counts[2] <= 1


@pytest.mark.parametrize("refusal", [429, 503])
def test_a_cap_on_connections_is_told_from_a_rate(refusal: int) -> None:
    """Requests in flight are capped and the rate is not lowered to a rate limit's."""
    run = cold(ConnectionCap(4, 0.5), latency=0.49, refusal=refusal, spread=0.05)
    assert run.goodput >= 0.9
    assert run.refused <= 4


@pytest.mark.parametrize(("number", "service"), [(2, 0.1), (4, 0.5), (9, 0.3)])
def test_a_cap_is_remembered_with_the_rate_that_it_lets_through(number: int, service: float) -> None:
    """Under a cap the spacing may be far below what goes out: what is remembered is what went out, run after
    run, and what is used stays within a few times that."""
    memory: dict[str, Any] | None = None
    for day in range(3):
        host = Host("", ConnectionCap(number, service), service, Random(day), refusal=503, spread=0.05)
        pace = HostPace(memory=memory, random=Random(1).random)
        run = crawl(pace, host, HALF_HOUR, start=day * DAY)
        memory = pace.memory(day * DAY + HALF_HOUR)
        assert run.goodput >= (0.95 if day else 0.9)
        assert memory["rate"] == pytest.approx(run.good / HALF_HOUR, rel=0.1)
        assert pace.rate <= 5.5 * memory["rate"]


def test_one_more_than_a_cap_is_tried_more_and_more_rarely() -> None:
    """A refusal at one more quadruples the time until the next, across runs: none comes by the second day."""
    memory: dict[str, Any] | None = None
    refused = []
    for day in range(3):
        host = Host("", ConnectionCap(4, 0.2), 0.2, Random(day), refusal=429, spread=0.05)
        pace = HostPace(memory=memory, random=Random(1).random)
        refused.append(crawl(pace, host, HALF_HOUR, start=day * DAY).refused)
        memory = pace.memory(day * DAY + HALF_HOUR)
    assert refused[0] <= 2
    assert refused[1:] == [0, 0]


def test_what_a_cap_lets_through_does_not_grow_by_runs_without_an_answer() -> None:
    """A run that ends before anything was answered remembers what it began with."""
    pace = HostPace(random=Random(1).random)
    crawl(pace, Host("", ConnectionCap(4, 0.5), 0.5, Random(3), refusal=503, spread=0.05), HALF_HOUR)
    memory = before = pace.memory(HALF_HOUR)
    for day in range(1, 4):
        memory = HostPace(memory=memory).memory(day * DAY)
    assert memory["rate"] == before["rate"]


def test_a_queue_is_used_and_not_filled() -> None:
    """Latency that climbs slows the pace long before the queue refuses; it stays near the unloaded one."""
    run = cold(Queue(2, 0.2, 0.05, backlog=40), latency=0.25, network=0.05, refusal=503)
    assert run.refused == 0
    assert run.goodput >= 0.8
    assert run.latency <= 2.0


def test_noisy_latency_is_no_queue() -> None:
    """Latency that jumps about by itself, or comes from a lagging loop of our own, slows nobody."""
    wild = cold(TokenBucket(10, 10), spread=0.6, refusal=503)
    assert wild.goodput >= 0.9
    pace, now = pace_of(max_rate=10.0), 0.0
    for number in range(400):
        now = pace.ready_at(now)
        pace.on_send(now)
        latency = math.nan if number > 200 else 0.05
        pace.on_response(now + 0.05, Sample(now, 200, latency))
    assert pace.rate == 10.0


@pytest.mark.parametrize("share", [0.001, 0.005, 0.01])
def test_random_503s_beside_429s_cost_nothing(share: float) -> None:
    """A host that says 429 when it means it: its bare 503s do not slow it."""
    assert cold(TokenBucket(6, 6), noise=share, tells_wait=True).goodput >= 0.9


def test_a_host_of_bare_503s_that_fails_at_random_is_not_given_up() -> None:
    """Where limit and failures look alike, most is still had, and few more requests are refused."""
    run = cold(TokenBucket(10, 10), noise=0.002, refusal=503)
    assert run.goodput >= 0.45
    assert run.refused <= 60


@pytest.mark.parametrize("violations", [4, 5, 10])
@pytest.mark.parametrize("limit", [TokenBucket(6, 6), FixedWindow(300, 60, -20), SlidingWindow(100, 30)])
def test_no_host_that_bans_at_four_does(violations: int, limit: Limit) -> None:
    """A third refusal within ten minutes is risked only where as many were borne before."""
    run = cold(type(limit)(*_of(limit)), bans=Bans(violations, 600.0))
    assert run.bans == 0


def _of(limit: Limit) -> tuple[float, ...]:
    if isinstance(limit, TokenBucket):
        return limit.rate, limit.burst
    return (300, 60.0, -20.0) if isinstance(limit, FixedWindow) else (100, 30.0)


def test_a_ban_is_waited_for_and_the_host_used_afterwards() -> None:
    """403 after good answers: pauses of minutes, few requests; then half the rate, which grows again."""

    def host(now: float, in_flight: int) -> Answer:
        return (0.05, 403 if 60 < now < 600 else 200, None)

    pace = pace_of(max_rate=5.0)
    run = drive(pace, host, 2_400)
    assert run.count(403) <= 8
    assert run.count(200, since=700) >= 0.5 * 1_700 * 2.5


def test_pages_that_are_forbidden_each_by_itself_slow_little() -> None:
    """A 403 that a minute's pause does not end, but the next page does, is that page's own."""

    assert drive(pace_of(max_rate=5.0), every(20, 403), 900).count(200) >= 0.6 * 900 * 5


# --- what comes in ---


def test_a_retry_after_of_a_year_is_capped_and_said() -> None:
    """The host is asked again after a day, and the reason tells of the cap."""
    pace = pace_of()
    now = answer(pace, 0.0, 429, wait=365 * DAY)
    assert pace.ready_at(now) == pytest.approx(now + DAY)
    assert pace.pause_reason == "429, Retry-After 31536000 s, capped at a day"


def test_headers_that_tell_the_truth_set_the_rate() -> None:
    """60 requests a minute by RateLimit headers: no refusal is needed to learn it."""
    host = Host("", FixedWindow(60, 60, -10), 0.05, Random(3), tells_limit=True)
    run = crawl(HostPace(random=Random(1).random), host, 600.0)
    assert run.refused == 0
    assert run.goodput >= 0.9


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit-Remaining": "1000000", "RateLimit-Reset": "1"},
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "2000000"},
        {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "nan"},
        {"RateLimit": '"a";r=1;t=1', "Retry-After": "5"},
    ],
)
def test_headers_that_lie_are_not_followed(headers: dict[str, str]) -> None:
    """Promises that do not go down with our requests neither speed nor stop the host."""
    limit = TokenBucket(4, 4)
    host = Host("", limit, 0.05, Random(3))
    pace = HostPace(random=Random(1).random)
    now, good = 0.0, 0
    while now < 300.0:
        now = pace.ready_at(now)
        told = host.answer(now)
        pace.on_send(now)
        now += 0.05
        pace.on_response(now, Sample(now - 0.05, told.status, 0.05, None, headers))
        good += told.status == 200
    assert good >= 0.75 * 300 * 4
    assert pace.rejections <= 4


@pytest.mark.parametrize("jump", [-1e6, -50.0, 50.0, 1e6])
def test_a_clock_that_jumps_costs_no_knowledge(jump: float) -> None:
    """Back or forth, the limit that was found still holds, and no burst follows."""
    pace, host = HostPace(random=Random(1).random), Host("", TokenBucket(5, 5), 0.05, Random(3))
    crawl(pace, host, 600.0)
    for _ in range(pace.in_flight):
        pace.on_drop(600.0)
    before = pace.rate
    after = Host("", TokenBucket(5, 5), 0.05, Random(4))
    run = crawl(pace, after, 300.0, start=600.0 + jump)
    assert run.requests >= 0.9 * before * 280
    assert run.refused <= 1


# --- the population ---


def test_the_floor_of_a_small_population() -> None:
    """Two hosts of each steady kind, tuning seeds: goodput, refusals and bans do not get worse unnoticed."""
    table = [list(days(steady_host, TUNING + number, 2)) for number in range(18)]
    first, second = (scored(row[day] for row in table) for day in (0, 1))
    assert first.goodput >= 0.93
    assert first.goodput_p10 >= 0.7
    assert first.rejections <= 1.0
    assert second.goodput >= 0.93
    assert second.goodput_p10 >= 0.8
    assert second.rejections <= 0.5
    assert first.banned_late == second.banned == 0
