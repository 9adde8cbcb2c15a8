"""Failures that have nothing to do with the rate (a flaky backend), told from a limit's refusals.

A host that says 429 means it, and its bare 5xx are noise from then on. A host that knows only 5xx is
taken for noisy when two of them came under a load that it had borne before: no limit that stays does that.
"""

from __future__ import annotations

import math

ODD = 2  # such refusals
SPANS = (4.0, 60.0)  # s over which the load is summed up, each request fading away exponentially
BORNE = 0.9  # share of the greatest load that was borne
MOST = 0.15  # share of requests
TIMES, ALARM = 2.5, 5.0  # a cumulative sum (CUSUM, Page 1954) of failures, less so often their share

IN_A_ROW = 5

Load = tuple[float, float]


class Noise:
    """`share`: of requests that fail at random; 0 while none are known to."""

    __slots__ = ("_at", "_bare", "_load", "_odd", "_passed", "_peak", "_sum", "_told", "share")

    def __init__(self) -> None:
        self.share = 0.0
        self._told = False
        self._bare = self._odd = 0
        self._passed = 0
        self._sum = 0.0
        self._at = -math.inf
        self._load: Load = (0.0, 0.0)
        self._peak: Load = (0.0, 0.0)

    def sent(self, now: float) -> Load:
        """A request goes out; the load with it."""
        since, self._at = max(0.0, now - self._at), now
        short, long = self._load
        self._load = (
            short * math.exp(-since / SPANS[0]) + 1.0,
            long * math.exp(-since / SPANS[1]) + 1.0,
        )
        return self._load

    def passed(self, load: Load) -> None:
        """A request that was sent under such a load was answered well."""
        self._passed += 1
        if self._sum:
            self._sum = max(0.0, self._sum - TIMES * self.share)
        short, long = self._peak
        if load[0] > short or load[1] > long:
            self._peak = (max(short, load[0]), max(long, load[1]))

    def told(self) -> bool:
        """A refusal that is none by chance (429); whether earlier ones are noise in its light."""
        first, self._told = not self._told, True
        return first and self._bare > 0

    def ignores(self) -> bool:
        """Whether a bare 5xx is noise by what is known."""
        self._bare += 1
        return self._told or self.share > 0

    def swells(self, in_a_row: int) -> bool:
        """Whether, with this failure, noise became too much: the limit fell, or the host is down."""
        if not self._told:
            self._sum += 1.0
        if self._sum < ALARM and in_a_row < IN_A_ROW:
            self.share = min(MOST, self.share + 0.05 * (1.0 / max(self._passed, 1) - self.share))
            self._passed = 0
            return False
        self._sum = self.share = 0.0
        self._odd = ODD - 1
        self._peak = (0.0, 0.0)
        return True

    def odd(self, load: Load, *, surely: bool) -> bool:
        """Whether a bare 5xx came under a load that was borne before; `surely`: it is known to."""
        if not surely and (load[0] > BORNE * self._peak[0] or load[1] > BORNE * self._peak[1]):
            return False
        self._odd += 1
        if self._odd >= ODD:
            self.share = min(MOST, max(0.001, 1.0 / max(self._passed, 1)))
        self._passed = 0
        return True

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self._at += seconds
