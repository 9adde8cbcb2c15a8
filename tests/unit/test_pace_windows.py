"""Windows that do not say when they end: found by two refusals, without a ladder of further ones."""

from __future__ import annotations

from random import Random

import pytest

from canter.pace import HostPace, Sample
from canter.pace.ledger import Ledger
from canter.pace.windows import Windows
from canter.simulation.drive import Crawl, crawl
from canter.simulation.host import Host
from canter.simulation.limits import FixedWindow, Limit, SlidingWindow

MINUTE = 60.0


def first_run(limit: Limit, latency: float, seconds: float = 1_800.0) -> tuple[HostPace, Crawl, list[float]]:
    """The pace, the crawl, and when it was refused."""
    pace = HostPace(random=Random(1).random)
    run = crawl(pace, Host("", limit, latency, Random(3)), seconds, trace=True)
    return pace, run, [at for at, good in run.trace if good is False]


def admitted(times: list[float]) -> Ledger:
    ledger = Ledger(times[0])
    for at in times:
        ledger.add(at)
    return ledger


def test_a_minute_of_unknown_beginning_is_found_by_two_refusals() -> None:
    """Windows of 100 from :40 on: two refusals at other rates leave one size, to a few per cent."""
    windows = Windows()
    slow = [number * 1.0 for number in range(40)]
    fast = [40.0 + number * 0.5 for number in range(100)]  # used up at 1:30
    again = [100.0 + number * 0.55 for number in range(100)]  # the next, used up at 2:35
    windows.refused(admitted([*slow, *fast]), 90.0)
    windows.refused(admitted(again), 155.0)
    assert windows.rate(2.0) == pytest.approx(100 / MINUTE, rel=0.05)


@pytest.mark.parametrize(
    ("number", "phase", "latency"),
    [(108, -51.0, 0.15), (120, -44.0, 0.57), (1_424, -20.7, 0.08), (2_961, -20.0, 0.04)],
)
def test_a_mute_window_is_found_by_the_second_refusal(number: int, phase: float, latency: float) -> None:
    """Nothing is refused for ten minutes after it, for hosts ban after a few; then the limit is used."""
    _, run, refused = first_run(FixedWindow(number, MINUTE, phase), latency)
    second = next(at for at in refused if at > refused[0] + 60)
    assert not [at for at in refused if second + 1 < at < second + 600]
    assert run.goodput >= 0.88


def test_a_window_that_was_taken_for_a_cap_on_connections() -> None:
    """Refused with many in flight, and alone too: what was admitted until then still counts."""
    _, run, _ = first_run(FixedWindow(852, MINUTE, -24.0), 0.357)
    assert run.goodput >= 0.7


def test_a_minute_that_is_told_in_its_last_seconds_is_no_window_of_ten() -> None:
    """Retry-After 7 fits a window of 10 s, but 10 s before it more was admitted: it is a minute's."""
    host = Host("", FixedWindow(600, MINUTE, -20.0), 0.12, Random(3), tells_wait=True)
    run = crawl(HostPace(random=Random(1).random), host, 1_800.0)
    assert run.goodput >= 0.97
    assert run.refused <= 4


def test_pauses_of_seconds_are_given_up_where_hardly_anything_is_admitted_after_them() -> None:
    """A sliding window lets one or two through after a pause of 2 s, and again, and again."""
    _, run, refused = first_run(SlidingWindow(1_011, 30.0), 0.033)
    assert sum(at < refused[0] + 60 for at in refused) <= 3
    assert run.goodput >= 0.7


def test_counts_that_answers_overtaking_each_other_mix_up_are_believed() -> None:
    """A warm start has many in flight at once: what remains then goes up a little, too."""
    pace = HostPace(max_rate=50.0, random=Random(1).random)
    sent = []
    for number in range(6):
        at = pace.ready_at(float(number))
        pace.on_send(at)
        sent.append(at)
    for number in (1, 0, 3, 2, 5, 4):
        told = {"RateLimit-Remaining": str(3_000 - number), "RateLimit-Reset": "60"}
        pace.on_response(10.0 + number / 100, Sample(sent[number], 200, 0.1, None, told))
    assert pace.rate < 50.0
    now = 11.0
    for number in range(6, 60):
        now = pace.ready_at(now)
        pace.on_send(now)
        told = {"RateLimit-Remaining": str(600 - number), "RateLimit-Reset": "60"}
        pace.on_response(now + 0.01, Sample(now, 200, 0.01, None, told))
    assert pace.rate == pytest.approx(0.99 * 540 / 60, rel=0.05)


def test_a_rate_that_held_comes_half_way_nearer_to_what_failed() -> None:
    """The margin below an estimate halves with each run that had no refusal; one refused keeps it."""
    pace, _, _ = first_run(FixedWindow(600, MINUTE, -20.0), 0.04)
    learned = pace.memory(1_800.0)
    for rejections, share in ((0, 0.5), (1, 0.0)):
        memory = learned | {"rejections": rejections, "held": rejections == 0}
        warm = HostPace(memory=memory, clock_offset=86_400.0, random=Random(1).random)
        step = (warm.rate - learned["rate"]) / (learned["failed"] - learned["rate"])
        assert step == pytest.approx(share, abs=0.01)
