"""When a page is tried again: back-off, the host's retry budget, and what a verdict leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from canter.model import Retry, Verdict

MAX_WAITS = 10  # rate-limited answers after which a page may still be asked again


@dataclass(frozen=True, slots=True)
class Backoff:
    """Capped exponential back-off with equal jitter; `base` and `cap` are seconds.

    Equal jitter (half fixed, half drawn; M. Brooker, "Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015): full jitter sheds more work where thousands of clients compete, but it
    may retry at once. Here one crawler spaces all requests of a host by its pace anyway, and what a
    failing page needs is a rest that surely comes.
    """

    base: float = 1.0
    cap: float = 60.0

    def delay(self, attempt: int, random: float) -> float:
        """Seconds before the next try after `attempt` (1, 2, ...) tries; `random` is in [0, 1)."""
        ceiling = min(self.cap, self.base * 2.0 ** min(max(attempt, 1) - 1, 64))
        return ceiling * (0.5 + 0.5 * random)


class RetryBudget:
    """How many retries a host gets at once: 10, and one more for every five first attempts.

    Past it retries wait in line, one every 10 s (`TRICKLE`), so that a host whose every page fails
    is asked little more often than its first attempts ask it, yet no page is given up for the others.
    """

    __slots__ = ("_allowed", "_slot", "_spent")

    START = 10
    SHARE = 0.2
    TRICKLE = 10.0  # s

    def __init__(self) -> None:
        self._allowed: float = self.START
        self._spent = 0
        self._slot = -float("inf")

    def on_first_attempt(self) -> None:
        """A page of the host is asked for the first time."""
        self._allowed += self.SHARE

    def reserve(self, now: float) -> float:
        """Count one retry; seconds it has to wait beyond its back-off, 0 within the budget."""
        if self._spent + 1 <= self._allowed + 1e-9:  # 0.2 adds up inexactly
            self._spent += 1
            return 0.0
        self._slot = max(self._slot, now) + self.TRICKLE
        return self._slot - now


class Done(NamedTuple):
    """The page ends with this verdict. Counts as in `RetryLater`."""

    attempt: int
    waits: int


class RetryLater(NamedTuple):
    """Again after a back-off. `attempt`: tries so far, this one included; `waits`: rate limits so far."""

    attempt: int
    waits: int


class RetryWhenAllowed(NamedTuple):
    """Again as soon as the host's pace lets it. Counts as in `RetryLater`."""

    attempt: int
    waits: int


Step = Done | RetryLater | RetryWhenAllowed


def next_step(verdict: Verdict, attempt: int, waits: int, max_attempts: int) -> Step:
    """What follows from `verdict`.

    `attempt` and `waits` are the task's counts before this answer; the step carries those after it.
    A rate-limited answer is a wait, not an attempt; a page gets `MAX_WAITS` of them.
    """
    if verdict.retry is Retry.WHEN_ALLOWED:
        waits += 1
        return RetryWhenAllowed(attempt, waits) if waits <= MAX_WAITS else Done(attempt, waits)
    attempt += 1
    if verdict.retry is Retry.BACK_OFF and attempt < max_attempts:
        return RetryLater(attempt, waits)
    return Done(attempt, waits)
