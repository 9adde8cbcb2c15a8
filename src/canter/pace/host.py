"""The pace of one host: spacing between requests, pauses, and what answers teach about its limit.

    START     1 request/s; after each clean window (>= 4 s, >= 8 good answers) x1.5, from 10/s on x1.25
    REFUSED   429, 503, 504, Retry-After on a failing answer: the rate halves, at most once a round
              trip; the failed rate is remembered; a pause, then one canary; a refused canary
              lengthens the pause and leaves the rate alone
    HELD      after a hold (60 s, doubling with each refusal) x1.05 a window up to .95 of the failed
              rate; after another clean hold the failed rate itself, after a third it is forgotten
    NOISE     a 503 or 504 without Retry-After that comes twice more at half the failed rate has
              nothing to do with the rate: the rate is restored, and from then on only three in a
              row, or a quarter of a window, count as a refusal
    TROUBLE   three times in a row no answer or 5xx: pauses of 2, 4, ... 60 s, each with a canary
    FORBIDDEN 403 after good answers: a pause of 60 s, half the rate

Floors that no policy can undercut (crawl-delay, `max_rate`, Retry-After) live in `gate.Gate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import random as _random
from typing import Any

from canter.pace.gate import Gate, Sample, asked_wait, is_refusal, positive, reason_of

START_RATE = 1.0  # requests/s
WINDOW_SECONDS, WINDOW_ANSWERS = 4.0, 8
WARM_SHARE, WARM_SECONDS = 0.9, 3.0
FIRST_PAUSE, LAST_PAUSE, FORBIDDEN_PAUSE = 2.0, 60.0, 60.0  # s
RETRY_AFTER_MARGIN = 0.5  # s; clocks and queues differ
FIRST_HOLD, LAST_HOLD = 60.0, 3_600.0  # s
TROUBLE = 3  # failures in a row
NEAR_FAILED = 0.95  # share of the failed rate that is approached
USED_SHARE = 0.5  # a window that used less of the rate says nothing of it
CLEAN_LIMIT = 0.2  # share of bad answers above which a window bears nothing out
NOISE_LIMIT, NOISE_ANSWERS = 0.25, 16  # share of bad answers, of at least so many, that is not noise


class HostPace(Gate):
    """Finds a host's limit and stays under it; the module's docstring draws how.

    A memory lets it start at 0.9 of the rate that held, the first seconds at half of that (but not
    slower than a cold start would).
    """

    _start_rate = START_RATE

    __slots__ = (
        "_bad",
        "_failed",
        "_good",
        "_held",
        "_hold",
        "_hold_until",
        "_noisy",
        "_odd",
        "_reacted_at",
        "_rung",
        "_target",
        "_trouble",
        "_well",
        "_window_at",
    )

    def __init__(
        self,
        max_in_flight: int = 64,
        max_rate: float | None = None,
        memory: Mapping[str, Any] | None = None,
        clock_offset: float = 0.0,
        random: Callable[[], float] = _random,
    ) -> None:
        self._good = self._bad = 0  # answers of the window
        self._window_at = -math.inf
        self._held: float | None = None  # the last rate that a whole window bore out
        self._target: float | None = None  # where a warm start goes after its first seconds
        self._failed = math.inf
        self._hold = FIRST_HOLD / 2
        self._hold_until = self._reacted_at = -math.inf
        self._rung = self._trouble = self._odd = 0
        self._noisy = self._well = False
        super().__init__(max_in_flight, max_rate, memory, clock_offset, random)

    def on_response(self, now: float, sample: Sample) -> None:
        """The answer to a request: its permit ends, and the rate learns from it."""
        self._end(now)
        status = sample.status
        fresh = sample.sent_at > self._reacted_at  # else of a round trip that was reacted to already
        if status is not None and status < 400:
            if fresh:
                self._on_good(now)
            return
        refused = is_refusal(sample)
        self.rejections += refused
        if not fresh:
            wait = asked_wait(sample)
            if refused and wait:
                self._pause(now, wait + RETRY_AFTER_MARGIN, reason_of(sample))
        elif refused and not self._is_noise(sample):
            self._on_refused(now, sample)
        elif status is None or status >= 500 or status in (408, 425):
            self._on_trouble(now, sample)
        elif status == 403:
            self._on_forbidden(now)
        else:
            self._on_good(now)

    def memory(self, now: float) -> dict[str, Any]:
        """What a later run may start from, JSON-able; rates are requests/s, times UTC seconds."""
        failed = None if math.isinf(self._failed) else self._failed
        return super().memory(now) | {"rate": self._held, "failed": failed}

    def _on_good(self, now: float) -> None:
        self._trouble = 0
        self._well = True
        if self._canary:
            self._canary = False
            self._rung = 0
            self.pause_reason = None
            return
        if not self._good:
            self._window_at = now
        self._good += 1
        span = now - self._window_at
        if self._target is not None:
            if span >= WARM_SECONDS:
                self._set_rate(self._target)
                self._new_window()
        elif self._good >= WINDOW_ANSWERS and span >= WINDOW_SECONDS:
            self._close_window(now, span)

    def _new_window(self) -> None:
        self._good = self._bad = 0
        self._target = None

    def _close_window(self, now: float, span: float) -> None:
        answers = self._good + self._bad
        bad = self._bad / answers
        self._new_window()
        if self._noisy and bad > NOISE_LIMIT and answers >= NOISE_ANSWERS:
            self._end_noise(now, f"{bad:.0%} of {answers} answers were failures")
        elif bad <= CLEAN_LIMIT and answers >= USED_SHARE * span / self._interval:
            self._held = 1.0 / self._interval
            self._grow(now)

    def _grow(self, now: float) -> None:
        rate = self.rate
        if rate >= self._ceiling or rate * self._floor >= 1.0:
            return
        if self._failed == math.inf:
            self._set_rate(rate * (1.5 if rate < 10.0 else 1.25))
            return
        if now < self._hold_until:
            return
        near = NEAR_FAILED * self._failed
        if rate >= self._failed:
            self._failed = math.inf  # outlived: the limit has moved, or never was there
        elif rate < near:
            self._set_rate(min(rate * 1.05, near))
        else:
            self._set_rate(self._failed)
        if self.rate >= near:
            self._hold_until = now + self._hold

    def _is_noise(self, sample: Sample) -> bool:
        """Whether a refusal has nothing to do with the rate."""
        if sample.status not in (503, 504) or asked_wait(sample):
            return False
        if self._noisy or self._canary or self._failed == math.inf or self.rate > 0.55 * self._failed:
            return self._noisy
        self._odd += 1
        if self._odd == 2:
            self._noisy = True
            self._set_rate(self._failed)
            self._failed = math.inf
            self._hold = FIRST_HOLD / 2
        return True

    def _on_refused(self, now: float, sample: Sample) -> None:
        wait = asked_wait(sample)
        pause = wait + RETRY_AFTER_MARGIN if wait is not None else 0.0
        refused_again = self._canary
        if refused_again or wait is None:
            pause = max(pause, self._ladder())
        self._odd = 0
        self._react(now, pause, reason_of(sample))
        if not refused_again:
            self._lower(now, pause)

    def _on_forbidden(self, now: float) -> None:
        self._new_window()
        if self._canary:
            self._react(now, FORBIDDEN_PAUSE, "403 again")
        elif self._well:
            self._react(now, FORBIDDEN_PAUSE, "403 after good answers")
            self._lower(now, FORBIDDEN_PAUSE)

    def _on_trouble(self, now: float, sample: Sample) -> None:
        self._bad += 1
        self._trouble += 1
        if not self._canary and self._trouble < TROUBLE:
            return
        reason = f"{reason_of(sample)}, {self._trouble} in a row"
        if self._noisy and is_refusal(sample):
            self._end_noise(now, reason)
        else:
            self._react(now, self._ladder(), reason)

    def _end_noise(self, now: float, reason: str) -> None:
        """More failures than noise makes: they were of the rate after all."""
        self._noisy = False
        self._odd = self._trouble = 0
        pause = self._ladder()
        self._react(now, pause, reason)
        self._lower(now, pause)

    def _ladder(self) -> float:
        return min(FIRST_PAUSE * 2.0 ** min(self._rung, 10), LAST_PAUSE)

    def _react(self, now: float, pause: float, reason: str) -> None:
        self._new_window()
        self._reacted_at = now
        self._rung += 1
        self._canary = True
        self._pause(now, pause, reason)

    def _lower(self, now: float, pause: float) -> None:
        """Halve the rate, and stay below the failed one for a hold after the pause."""
        self._failed = 1.0 / self._interval
        self._hold = min(max(2 * self._hold, FIRST_HOLD), LAST_HOLD)
        self._hold_until = now + pause + self._hold
        self._set_rate(self._failed / 2)
        self._held = self.rate

    def _shift(self, seconds: float) -> None:
        super()._shift(seconds)
        self._window_at += seconds
        self._hold_until += seconds
        self._reacted_at += seconds

    def _recall(self, memory: Mapping[str, Any]) -> None:
        super()._recall(memory)
        if self.warning:
            return
        self._canary = self.pause_reason is not None
        self._held = positive(memory["rate"])
        if self._held is not None:
            self._target = WARM_SHARE * self._held
            self._set_rate(max(self._target / 2, min(self._target, START_RATE)))
            self._failed = positive(memory.get("failed")) or math.inf
