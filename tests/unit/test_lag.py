"""A lagging event loop is noticed, by a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from canter.lag import AGAIN, EVERY, LoopLag


class Clock:
    """The two methods of an event loop that are used, with timers that the test fires."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        self.timers.append((when, callback))
        return None

    def fire(self, late: float = 0.0) -> None:
        when, callback = self.timers.pop()
        self.now = when + late
        callback()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_lag_is_seen_and_its_end_is_told(clock: Clock) -> None:
    """Over 50 ms late is a lag, whose end is told once; answers sent before it were not timed well."""
    out, told = 1, list[float]()
    lag = LoopLag(as_loop(clock), lambda: out > 0, lambda: told.append(clock.now))
    lag.watch()
    clock.fire(late=0.04)
    assert (lag.lagging, lag.since(0.0)) == (False, False)
    clock.fire(late=0.06)
    assert lag.lagging
    assert (lag.since(clock.now), lag.since(clock.now + 0.01)) == (True, False)
    clock.fire(late=0.2)
    assert (lag.lagging, told) == (True, [])
    assert clock.timers[0][0] == clock.now + AGAIN
    clock.fire()
    assert (lag.lagging, told) == (False, [clock.now])


def test_a_lag_counts_before_it_is_looked_at(clock: Clock) -> None:
    """The answers that wait in front of the look are no better timed than those behind it."""
    lag = LoopLag(as_loop(clock), lambda: True, lambda: None)
    lag.watch()
    clock.now = EVERY + 0.06
    assert lag.since(clock.now)


def test_nothing_is_watched_while_nothing_is_out(clock: Clock) -> None:
    """An idle loop is left alone, and watched again with the next request."""
    lag = LoopLag(as_loop(clock), lambda: False, lambda: None)
    lag.watch()
    clock.fire()
    assert clock.timers == []
    clock.now += 1_000.0
    assert not lag.since(clock.now)
    lag.watch()
    assert len(clock.timers) == 1


def as_loop(clock: Clock) -> asyncio.AbstractEventLoop:
    return clock  # type: ignore[return-value]
