"""How a host's limit is found and kept, in virtual time against simulated hosts."""

from __future__ import annotations

import itertools
import math
from itertools import pairwise

import pytest

from canter.pace import Sample
from canter.pace.host import START_RATE
from tests.unit.simulated_hosts import (
    GOOD,
    Host,
    always,
    answer,
    bucket,
    connections,
    drive,
    every,
    jittered,
    noisy,
    pace_of,
    window,
)

# --- growth ---


def test_a_host_without_limit_is_asked_at_the_ceiling_soon() -> None:
    """From a gentle start to 20 requests/s within a minute, and no faster than the ceiling."""
    run = drive(pace_of(max_rate=20.0), always(200), 300)
    assert sum(at < 6 for at in run.sends) <= 20
    assert run.count(200, since=60) >= 0.98 * 20 * 240
    assert min(run.gaps()) >= 0.05 - 1e-9


def test_a_rate_that_is_not_used_does_not_grow() -> None:
    """64 in flight at 2 s each are 32 a second: a rate far beyond was never tried."""
    pace = pace_of()
    drive(pace, always(200, latency=2.0), 600)
    assert 32 <= pace.rate < 100


@pytest.mark.parametrize("status", [404, 410, 400, 304])
def test_answers_of_a_healthy_host_slow_nobody(status: int) -> None:
    """A page that is gone is as good a sign as a page."""
    pace = pace_of(max_rate=20.0)
    drive(pace, always(status), 60)
    assert (pace.rate, pace.rejections) == (20.0, 0)


# --- refusals ---


@pytest.mark.parametrize(
    ("host", "limit", "refused"),
    [
        (bucket(10, 10), 10.0, 1.0),
        (bucket(5, 1.5, status=503), 5.0, 1.0),
        (bucket(2, 5, wait=3), 2.0, 3.0),
        (bucket(0.5, 2), 0.5, 15.0),
        (window(60, 60), 1.0, 6.0),
        (window(100, 10), 10.0, 1.0),
        (connections(4), 8.0, 1.5),
    ],
    ids=["bucket", "nginx", "retry-after", "slow", "minute", "10 s", "connections"],
)
def test_a_limit_is_found_and_kept(host: Host, limit: float, refused: float) -> None:
    """Cold, half of what the host admits or more, with a handful of refusals in a thousand requests."""
    pace = pace_of(max_rate=50.0)
    run = drive(pace, host, 900)
    good = run.count(200)
    assert good >= 0.5 * limit * 900
    assert 1 <= pace.rejections <= refused * len(run.sends) / 1000 + 1
    assert pace.rejections == run.count(429) + run.count(503)


@pytest.mark.parametrize("status", [429, 503, 504])
def test_the_rate_falls_once_a_round_trip(status: int) -> None:
    """Ten refusals of requests sent before the reaction are one refusal."""
    pace = pace_of()
    sent = [float(second) for second in range(10)]
    for at in sent:
        pace.on_send(at)
    for at in sent:
        pace.on_response(10.0, Sample(at, status, 10.0))
    assert (pace.rate, pace.rejections) == (START_RATE / 3, 10)
    assert pace.pause_reason == str(status)
    assert pace.ready_at(10.0) == pace.paused_until == 12.0


def test_retry_after_is_obeyed_and_half_a_second_more() -> None:
    """No request goes before it, not even when an earlier one is answered well."""
    pace = pace_of()
    pace.on_send(0.0)
    pace.on_send(1.0)
    pace.on_response(1.1, Sample(0.0, 429, 1.1, retry_after=30.0))
    assert pace.ready_at(1.1) == math.inf
    pace.on_response(1.2, Sample(1.0, 200, 0.2))
    assert pace.ready_at(1.2) == pytest.approx(31.6)
    assert pace.pause_reason == "429, Retry-After 30 s"


def test_few_requests_between_two_refusals_cost_little_of_the_rate() -> None:
    """Strangers may have used up what a bucket held: seven requests prove no limit of a quarter."""
    number, refused, rates = itertools.count(1), (40, 48), list[float]()
    pace = pace_of()

    def host(now: float, in_flight: int) -> tuple[float, int | None, float | None]:
        request = next(number)
        if request in refused:
            rates.append(pace.rate)
        return (0.02, 429, 1.0) if request in refused else GOOD

    drive(pace, host, 60)
    assert pace.rejections == 2
    assert 0.6 * rates[1] <= pace.rate < rates[1]


def test_a_later_longer_retry_after_counts() -> None:
    """The longest wait that any answer asked for holds."""
    pace = pace_of()
    pace.on_send(0.0)
    pace.on_send(1.0)
    pace.on_response(1.1, Sample(0.0, 429, 1.1, retry_after=3.0))
    pace.on_response(1.2, Sample(1.0, 429, 0.2, retry_after=300.0))
    assert pace.ready_at(1.2) == pytest.approx(301.7)
    assert pace.rate == START_RATE / 3


@pytest.mark.parametrize("status", [404, 403, 500])
def test_retry_after_on_any_failing_answer_pauses(status: int) -> None:
    """The status does not matter; on a good answer it means nothing."""
    pace = pace_of()
    assert pace.ready_at(answer(pace, 0.0, status, wait=60.0)) == pytest.approx(60.6)
    good = pace_of()
    assert good.ready_at(answer(good, 0.0, 200, wait=60.0)) < 1.1


def test_after_a_pause_one_canary() -> None:
    """The first request after a pause goes alone; while it is out, all wait."""
    pace = pace_of()
    now = pace.ready_at(answer(pace, 0.0, 429))
    pace.on_send(now)
    assert pace.ready_at(now + 50.0) == math.inf
    pace.on_response(now + 50.0, Sample(now, 200, 50.0))
    assert pace.ready_at(now + 50.0) == now + 50.0
    assert pace.pause_reason is None


def test_a_dropped_canary_leaves_room_for_another() -> None:
    """Its permit ends: the host is not waited for forever, and the next goes alone again."""
    pace = pace_of()
    now = pace.ready_at(answer(pace, 0.0, 429))
    pace.on_send(now)
    pace.on_drop(now + 1.0)
    again = pace.ready_at(now + 1.0)
    assert again < math.inf
    pace.on_send(again)
    assert pace.ready_at(again) == math.inf


@pytest.mark.parametrize(
    ("status", "wait", "ladder"),
    [(429, None, [2, 60, 600, 600]), (503, None, [2, 15, 60, 60]), (429, 1.0, [2, 60, 60, 60])],
)
def test_refused_canaries_lengthen_the_pause(status: int, wait: float | None, ladder: list[int]) -> None:
    """A minute's window first, then ten minutes; a minute where the host may be down, or says when."""
    pace, now, pauses = pace_of(), 0.0, []
    for _ in range(4):
        now = answer(pace, now, status, wait)
        pauses.append(round(pace.paused_until - now))
    assert pauses == ladder
    assert pace.rate <= START_RATE / 3


def test_a_host_that_was_down_is_asked_as_before() -> None:
    """Bare 503s for some minutes, canaries too, are no limit: what was known before still holds."""
    pace, limited = pace_of(), bucket(10, 10)

    def host(now: float, in_flight: int) -> tuple[float, int | None, float | None]:
        return (0.05, 503, None) if 300 < now < 600 else limited(now, in_flight)

    drive(pace, host, 300)
    before = pace.rate
    run = drive(pace, host, 300, start=300.0)
    assert len(run.sends) < 12
    assert drive(pace, host, 300, start=600.0).count(200) >= 0.9 * (300 - 60) * before


def test_the_failed_rate_is_kept_off() -> None:
    """After the first refusal no gap is as short again; after the second the limit holds for ten minutes."""
    pace = pace_of()
    run = drive(pace, bucket(10, 10), 625)
    first, second = (at for at, status in run.statuses if status == 429)
    late = [at for at in run.sends if at > first + 3]
    assert min(b - a for a, b in pairwise(late)) > 1.03 * min(run.gaps())
    held = [at for at in run.sends if second + 3 < at < second + 590]
    assert 0.95 * 590 * 10 <= len(held) <= 590 * 10


def test_a_limit_that_rose_is_found_again() -> None:
    """A failed rate that is outlived is forgotten."""
    slow, pace = bucket(2, 2), pace_of(max_rate=20.0)
    run = drive(pace, lambda now, n: slow(now, n) if now < 200 else GOOD, 1500)
    assert run.count(429) >= 1
    assert pace.rate == 20.0


@pytest.mark.parametrize(("limit", "burst"), [(0.45, 3.6), (5.0, 60.0)])
def test_what_a_burst_explains_moves_no_limit(limit: float, burst: float) -> None:
    """On the next day a bucket is empty and lets more through: what was found before is kept, and no growth
    that a burst bears is taken for a limit that rose."""
    before = pace_of()
    drive(before, bucket(limit, burst), 1_800)
    pace = pace_of(memory=before.memory(1_800.0), clock_offset=86_400.0)
    run = drive(pace, bucket(limit, burst), 1_800)
    assert run.count(429) <= 1
    assert 0.9 * limit <= pace.rate <= 1.02 * limit
    assert run.count(200) >= 0.93 * limit * 1_800


@pytest.mark.parametrize(("remembered", "limit"), [(45.0, 30.0), (30.0, 10.0), (9.0, 5.0), (1.0, 0.3)])
def test_a_host_that_bears_less_than_is_remembered(remembered: float, limit: float) -> None:
    """A second request that is refused says that the rate was too fast, not that the host bears next to
    nothing: the new limit is found as that of an unknown host is."""
    before = pace_of()
    drive(before, bucket(remembered, 1), 600)
    pace = pace_of(memory=before.memory(600.0), clock_offset=600.0)
    run = drive(pace, bucket(limit, 1), 300)
    assert run.count(200) >= 0.6 * limit * 300
    assert run.count(429) <= 3


@pytest.mark.parametrize("limit", [5, 12, 30])
def test_a_limit_without_a_burst_is_found_by_two_refusals(limit: int) -> None:
    """nginx without `burst` refuses each request that comes too early: what both refusals rule out is
    not assumed."""
    pace = pace_of()
    run = drive(pace, bucket(limit, 1), 600)
    assert run.count(429) == 2
    assert 0.82 * limit < pace.rate < limit


@pytest.mark.parametrize("status", [429, 503])
def test_a_network_that_jitters_before_a_limit_without_a_burst(status: int) -> None:
    """Requests that arrive a little too early are refused at any rate near the limit: the pace goes farther
    away from it, is not thrown off by one that is unlucky, and does not take them for noise."""
    run = drive(pace_of(), jittered(bucket(20, 1, status), 0.002), 330)
    assert run.count(200) >= 0.6 * 20 * 330
    assert run.count(status) <= 8


# --- trouble ---


def test_random_503s_are_told_from_a_limit() -> None:
    """A shop that fails one request in eight at any rate is still read, near the ceiling."""
    run = drive(pace_of(max_rate=20.0), noisy(0.12, 503), 600)
    assert run.count(200) >= 0.5 * 20 * 600 * 0.88


@pytest.mark.parametrize("limit", [bucket(4, 4, status=503), every(3, 503), noisy(1.0, 503)])
def test_noise_that_swells_is_a_limit_again(limit: Host) -> None:
    """A host once taken for noisy is slowed all the same when it begins to mean its 503s."""
    noise, pace = noisy(0.12, 503), pace_of(max_rate=20.0)
    drive(pace, noise, 300)
    before = pace.rate
    run = drive(pace, limit, 60, start=300.0)
    assert before >= 10
    assert pace.rate <= before / 2
    assert run.count(503) <= 0.25 * 60 * before


def test_random_500s_slow_little() -> None:
    """A 500 alone is the page's trouble."""
    run = drive(pace_of(max_rate=20.0), noisy(0.12, 500), 600)
    assert run.count(200) >= 0.6 * 20 * 600 * 0.88


@pytest.mark.parametrize("status", [None, 500, 502])
def test_three_failures_in_a_row_pause_the_host(status: int | None) -> None:
    """Two do not; then 2, 4, ... 60 s, with one canary each."""
    pace, now, pauses = pace_of(), 0.0, []
    for _ in range(2):
        now = answer(pace, now, status)
        assert pace.pause_reason is None
    for _ in range(7):
        now = answer(pace, now, status)
        pauses.append(round(pace.paused_until - now))
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    answer(pace, now, 200)
    assert pace.pause_reason is None


def test_a_dead_host_is_asked_about_once_a_minute() -> None:
    """Half an hour of a host that never answers costs few requests."""
    assert len(drive(pace_of(max_rate=20.0), always(None, latency=10.0), 1800).sends) < 60


def test_403_after_good_answers_is_a_ban() -> None:
    """A pause of a minute, then of ten, half the rate; 403 from the start on is the pages' own."""
    pace = pace_of()
    now = answer(pace, answer(pace, 0.0, 200), 403)
    assert (pace.ready_at(now), pace.rate) == (now + 60.0, START_RATE / 2)
    now = answer(pace, now, 403)
    assert (pace.ready_at(now), pace.rate) == (now + 600.0, START_RATE / 2)
    closed = pace_of()
    drive(closed, always(403), 100)
    assert closed.pause_reason is None
