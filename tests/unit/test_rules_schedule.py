"""Back-off, the retry budget, and what a verdict leads to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.model import ErrorType, Outcome, Retry, Verdict
from canter.rules.schedule import (
    MAX_WAITS,
    Backoff,
    Done,
    RetryBudget,
    RetryLater,
    RetryWhenAllowed,
    next_step,
)

TRANSIENT = Verdict(Outcome.FAILED, ErrorType.TRANSIENT, "x", retry=Retry.BACK_OFF, healthy=False)
LIMITED = Verdict(Outcome.FAILED, ErrorType.RATE_LIMIT, "x", retry=Retry.WHEN_ALLOWED, healthy=False)


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (10_000, 60)]
)
def test_backoff_doubles_up_to_its_cap(attempt: int, ceiling: float) -> None:
    """The delay lies between half the ceiling and the ceiling."""
    assert Backoff().delay(attempt, 0.0) == ceiling / 2
    assert Backoff().delay(attempt, 0.5) == ceiling * 0.75


@given(st.integers(-5, 10**9), st.floats(0, 1, exclude_max=True))
def test_backoff_rests_and_ends(attempt: int, random: float) -> None:
    """A retry never comes at once and never after more than the cap."""
    assert 0.5 <= Backoff().delay(attempt, random) <= 60.0


def test_ten_retries_are_free() -> None:
    """A host gets ten retries at once before its first attempts count."""
    budget = RetryBudget()
    assert [budget.reserve(0.0) for _ in range(10)] == [0.0] * 10
    assert budget.reserve(0.0) > 0


def test_five_first_attempts_buy_one_retry() -> None:
    """A thousand first attempts allow 210 retries, not one more."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.on_first_attempt()
    assert sum(budget.reserve(0.0) == 0.0 for _ in range(300)) == 210


def test_past_the_budget_retries_trickle() -> None:
    """One every 10 s, in line, however many ask at once."""
    budget = RetryBudget()
    for _ in range(10):
        budget.reserve(0.0)
    assert [budget.reserve(100.0) for _ in range(3)] == [10.0, 20.0, 30.0]
    assert budget.reserve(125.0) == 15.0
    assert budget.reserve(1000.0) == 10.0


def test_a_budget_that_grew_again_serves_at_once() -> None:
    """First attempts made since then let the next retry go."""
    budget = RetryBudget()
    for _ in range(11):
        budget.reserve(0.0)
    for _ in range(5):
        budget.on_first_attempt()
    assert budget.reserve(0.0) == 0.0


def test_transient_failures_use_up_attempts() -> None:
    """Three attempts are three requests."""
    assert next_step(TRANSIENT, 0, 0, 3) == RetryLater(1, 0)
    assert next_step(TRANSIENT, 1, 0, 3) == RetryLater(2, 0)
    last = next_step(TRANSIENT, 2, 0, 3)
    assert isinstance(last, Done)
    assert last == (3, 0)


def test_rate_limits_are_no_attempts() -> None:
    """They are counted apart, and ten of them are borne."""
    assert isinstance(next_step(LIMITED, 2, 0, 3), RetryWhenAllowed)
    waits = attempt = 0
    seen = 0
    step = next_step(LIMITED, attempt, waits, 1)
    while isinstance(step, RetryWhenAllowed):
        seen += 1
        attempt, waits = step
        step = next_step(LIMITED, attempt, waits, 1)
    assert (seen, step) == (MAX_WAITS, (0, MAX_WAITS + 1))


@pytest.mark.parametrize(
    "verdict",
    [Verdict(None), Verdict(Outcome.OK), Verdict(Outcome.GONE), Verdict(Outcome.FAILED, ErrorType.BLOCKED)],
)
def test_what_is_final_ends_and_counts(verdict: Verdict) -> None:
    """A page that ended on its second request had two attempts, and keeps its waits."""
    step = next_step(verdict, 1, 4, 3)
    assert isinstance(step, Done)
    assert step == (2, 4)
