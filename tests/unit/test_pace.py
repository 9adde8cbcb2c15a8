"""The pace of a host: its interface, clocks and memory, and what holds whatever happens."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canter.pace import HostPace, OpenPace, Sample
from canter.pace.host import START_RATE
from tests.unit.simulated_hosts import always, answer, bucket, drive, pace_of

KNOWN: dict[str, Any] = {
    "version": 2, "at": 1_000.0, "rate": 4.0, "paused_until": None, "pause_reason": None, "failed": 4.2,
    "rejections": 2, "stage": 2, "hold": 600.0, "borne": 2, "cap": None, "noise": 0.0, "window": 0.0,
    "slow": False, "hours": [[0.0, 4.0, 4.0]],
}  # fmt: skip

# --- the seam ---


def test_the_contracts_example() -> None:
    """The interface is the contract's, with its names as keywords."""
    pace = HostPace(max_in_flight=64, max_rate=None, memory=None, clock_offset=0.0)
    pace.set_floor(2.0)
    assert pace.ready_at(5.0) == 5.0
    pace.on_send(5.0)
    pace.on_response(5.1, Sample(sent_at=5.0, status=200, latency=0.08, retry_after=None, headers={}))
    assert pace.ready_at(5.1) >= 7.0
    pace.on_send(8.0)
    pace.on_drop(8.5)
    json.dumps(pace.memory(9.0))


def test_in_flight_is_capped() -> None:
    """At the cap an answer, or a drop, must come first."""
    pace = pace_of(max_in_flight=2)
    pace.on_send(0.0)
    pace.on_send(5.0)
    assert (pace.in_flight, pace.ready_at(100.0)) == (2, math.inf)
    pace.on_drop(100.0)
    assert (pace.in_flight, pace.ready_at(100.0)) == (1, 100.0)


def test_no_burst_after_idling() -> None:
    """Requests that were not sent are no credit."""
    pace = pace_of()
    pace.on_send(0.0)
    pace.on_send(1000.0)
    assert pace.ready_at(1000.0) >= 1000.0 + 1.0 / pace.rate


def test_spacing_is_jittered_by_a_per_cent() -> None:
    """Two crawlers do not march in step, and the ceiling is never passed."""
    gaps = drive(pace_of(max_rate=1.0), always(200), 300).gaps()
    assert min(gaps) >= 1.0 - 1e-9
    assert max(gaps) <= 1.01 + 1e-9
    assert len(set(gaps)) > 100


def test_jitter_costs_nothing_of_the_rate() -> None:
    """Spacing is a half per cent to both sides of the rate's, on average the rate."""
    gaps = drive(pace_of(memory=KNOWN, clock_offset=100.0), always(200), 300).gaps()[1:]
    assert sum(gaps) / len(gaps) == pytest.approx(0.25, rel=0.001)
    assert max(gaps) / min(gaps) <= 1.0101


@pytest.mark.parametrize("options", [{"max_in_flight": 0}, {"max_rate": 0.0}, {"max_rate": math.nan}])
def test_limits_that_are_none_are_refused(options: dict[str, Any]) -> None:
    """A pace that could never send, or never stop, is an error."""
    with pytest.raises(ValueError, match="above 0"):
        HostPace(**options)


@pytest.mark.parametrize("interval", [-1.0, math.nan, math.inf])
def test_a_floor_that_is_none_is_refused(interval: float) -> None:
    """So is a floor."""
    with pytest.raises(ValueError, match="min_interval"):
        HostPace().set_floor(interval)


def test_a_floor_holds_at_once_and_can_be_lifted() -> None:
    """It counts from the last request, and 0 gives the host its own rate back."""
    pace = pace_of()
    pace.on_send(0.0)
    pace.set_floor(10.0)
    assert pace.ready_at(1.0) >= 10.0
    pace.set_floor(0.0)
    pace.on_send(10.0)
    assert pace.ready_at(10.0) <= 11.02


def test_it_costs_little() -> None:
    """Three calls a page take a few microseconds: the engine has 100 in all."""
    pace = HostPace(max_rate=20.0)
    started, now = time.process_time(), 0.0
    for _ in range(20_000):
        now = pace.ready_at(now)
        pace.on_send(now)
        pace.on_response(now + 0.01, Sample(now, 200, 0.01))
    assert (time.process_time() - started) / 20_000 < 20e-6  # about 1 alone on a core


# --- clocks ---


def test_a_clock_set_back_does_not_stop_the_host() -> None:
    """What was so far ahead still is: spacing and pauses go on from the new time."""
    pace = pace_of()
    answer(pace, 1_000_000.0, 200)
    assert pace.ready_at(50.0) <= 51.1
    answer(pace, 50.0, 429, wait=30.0)
    at = pace.paused_until
    assert pace.ready_at(at - 1000.0) == pytest.approx(at - 1000.0 + 30.5, abs=0.1)


def test_a_canary_counts_after_the_clock_was_set_back() -> None:
    """Its answer ends the pause although it bears an earlier time than the refusal."""
    pace = pace_of()
    answer(pace, 1_000_000.0, 429)
    answer(pace, 50.0, 200)
    assert (pace.pause_reason, pace.ready_at(60.0)) == (None, 60.0)


def test_a_clock_set_back_keeps_learning() -> None:
    """Growth goes on afterwards."""
    pace = pace_of(max_rate=20.0)
    drive(pace, always(200), 20, start=5_000.0)
    drive(pace, always(200), 60, start=0.0)
    assert pace.rate == 20.0


# --- memory ---


def test_a_warm_start_begins_at_what_held() -> None:
    """After one canary at nearly the whole limit, and without a refusal."""
    cold = pace_of()
    drive(cold, bucket(10, 10), 180)
    memory = json.loads(json.dumps(cold.memory(180.0)))
    warm, host = pace_of(memory=memory), bucket(10, 10)
    assert 9.0 <= warm.rate == pytest.approx(memory["rate"])
    warm.on_send(0.0)
    assert warm.ready_at(0.05) == math.inf
    warm.on_response(0.1, Sample(0.0, 200, 0.1))
    assert drive(warm, host, 60, start=0.2).count(200) >= 60 * 9
    assert (warm.warning, warm.rejections) == (None, 0)


def test_a_host_hardly_seen_is_not_remembered_wrongly() -> None:
    """After few requests nothing held: the next start is cold, and a warm one keeps what it knew."""
    pace = pace_of()
    answer(pace, 0.0, 200)
    memory = pace.memory(1.0)
    assert memory["rate"] is None
    again = HostPace(memory=memory)
    assert (again.rate, again.warning) == (START_RATE, None)
    assert HostPace(memory=KNOWN).memory(1_000.0)["rate"] == 4.0


def test_a_pause_outlasts_the_run() -> None:
    """A Retry-After of an earlier run holds in the next, whose clock begins elsewhere; so with pace off."""
    pace = HostPace(clock_offset=1_000_000.0)
    answer(pace, 0.0, 429, wait=600.0)
    memory = json.loads(json.dumps(pace.memory(10.0)))
    for later in (
        HostPace(memory=memory, clock_offset=1_000_090.0),
        OpenPace(memory=memory, clock_offset=1_000_090.0),
    ):
        assert later.ready_at(0.0) == pytest.approx(510.6, abs=0.1)
        assert later.pause_reason == "429, Retry-After 600 s"
    assert HostPace(memory=pace.memory(700.0)).pause_reason is None


@pytest.mark.parametrize(
    "memory",
    [
        {},
        {"version": 1, "rate": 5.0, "failed": 6.0},
        {"version": 3, "rate": 5.0},
        {"version": "2", "rate": 5.0},
        {"version": 2},
        {"version": 2, "rate": "fast"},
        {"version": 2, "rate": 5.0},
        *(KNOWN | {"rate": rate} for rate in (-3.0, math.nan, math.inf, True, [1])),
        *(
            KNOWN | {"hours": hours}
            for hours in (7, [1.0], [[1.0, 2.0]], [[1.0, "x", 3.0]], [[0.0, -1.0, 0.0]])
        ),
        *(
            {name: value for name, value in KNOWN.items() if name != missing}
            for missing in ("stage", "hours", "at")
        ),
        KNOWN | {"failed": "x"},
        KNOWN | {"failed": math.nan},
        KNOWN | {"cap": math.inf},
        KNOWN | {"hold": None},
    ],
)
def test_a_memory_that_cannot_be_read_is_a_cold_start(memory: dict[str, Any]) -> None:
    """Newer, older, half written or of nonsense: it says so, and begins as if nothing were known."""
    pace = HostPace(memory=memory)
    assert (pace.rate, pace.ready_at(0.0)) == (START_RATE, 0.0)
    assert pace.warning is not None
    assert "starting afresh" in pace.warning


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda values: st.lists(values, max_size=4),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), ANYTHING), st.sampled_from([0.0, 1_000.0, 2e9]))
def test_no_memory_breaks_a_pace(changed: dict[str, Any], offset: float) -> None:
    """Whatever stands in it, the host is asked, within bounds, and a new memory can be written."""
    pace = HostPace(memory=KNOWN | changed, clock_offset=offset)
    if pace.warning:
        assert pace.rate == START_RATE
    now = 0.0
    for status in (200, 200, 503, 200, 429, 200, 200):
        now = answer(pace, now, status)
        assert 0 < pace.rate < math.inf
        assert math.isfinite(pace.ready_at(now))
    json.dumps(pace.memory(now), allow_nan=False)


def test_a_memory_does_not_pass_the_ceiling() -> None:
    """`max_rate` holds whatever was learned without it."""
    run = drive(pace_of(max_rate=2.0, memory=KNOWN | {"rate": 50.0, "hours": []}), always(200), 60)
    assert min(run.gaps()) >= 0.5 - 1e-9


# --- pace off ---


def test_open_pace_has_no_rate_of_its_own() -> None:
    """As many at once as may be in flight, and no slowing on failures."""
    pace = OpenPace(max_in_flight=3)
    for _ in range(3):
        assert pace.ready_at(0.0) == 0.0
        pace.on_send(0.0)
    assert pace.ready_at(0.0) == math.inf
    for status in (500, None, 403):
        pace.on_response(0.1, Sample(0.0, status, 0.1))
    assert (pace.ready_at(0.1), pace.in_flight, pace.rejections) == (0.1, 0, 0)
    json.dumps(pace.memory(1.0), allow_nan=False)


def test_open_pace_obeys_what_is_not_adaptive() -> None:
    """Retry-After, crawl-delay and a ceiling that was set still hold; a bare 429 is a second's pause."""
    pace = OpenPace()
    now = answer(pace, 0.0, 503, wait=20.0)
    assert pace.ready_at(now) == pytest.approx(20.1)
    now = answer(pace, now, 429)
    assert (pace.ready_at(now), pace.rejections) == (now + 1.0, 2)
    answer(pace, now, 200)
    assert pace.pause_reason is None
    floored = OpenPace(max_rate=10.0)
    assert min(drive(floored, always(200), 5).gaps()) >= 0.1 - 1e-9
    floored.set_floor(2.0)
    assert min(drive(floored, always(200), 20, start=10.0).gaps()) >= 2.0 - 1e-9


# --- whatever happens ---

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "answer", "drop", "wait"]),
        st.floats(0, 5),
        st.sampled_from([200, 200, 200, 304, 404, 403, 429, 500, 503, 504, None]),
        st.none() | st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=120,
)


@pytest.mark.parametrize("kind", [HostPace, OpenPace])
@settings(max_examples=200)
@given(STEPS, st.sampled_from([0.0, 0.3, 7.0]), st.sampled_from([None, 0.2, 20.0]), st.integers(1, 5))
def test_no_interleaving_breaks_the_floors(
    kind: type[HostPace | OpenPace],
    steps: list[tuple[str, float, int | None, float | None]],
    floor: float,
    max_rate: float | None,
    cap: int,
) -> None:
    """Sends, answers and drops in any order: permits are counted, and floors and caps hold."""
    pace = kind(max_in_flight=cap, max_rate=max_rate)
    pace.set_floor(floor)
    least = max(floor, 1 / max_rate if max_rate else 0.0)
    now, last, out = 0.0, -math.inf, list[float]()
    for step, delay, status, wait in steps:
        ready = pace.ready_at(now)
        if step == "send" and ready < math.inf:
            now = ready
            assert now - last >= least - 1e-9 * max(1.0, now)
            pace.on_send(now)
            last = now
            out.append(now)
        elif step == "wait":
            now += delay
        elif out and step != "send":
            now += delay
            sent_at = out.pop(0)
            if step == "drop":
                pace.on_drop(now)
            else:
                pace.on_response(now, Sample(sent_at, status, now - sent_at, wait))
        assert pace.in_flight == len(out) <= cap
        assert out or pace.ready_at(now) < math.inf  # nothing out: never stuck
        assert pace.rate > 0
        json.dumps(pace.memory(now), allow_nan=False)
