"""Failures that have nothing to do with the rate (a flaky backend), told from a limit's refusals.

A host that says 429 means it, and its bare 5xx are noise from then on. A host that knows only 5xx is
taken for noisy when two of them came under a load that it had borne before: no limit that stays does that.
"""

from __future__ import annotations

from math import exp, inf

ODD = 2  # such refusals
SPANS = (4.0, 60.0, 300.0)  # s over which the load is summed up, each request fading away exponentially
BORNE = 0.9  # share of the greatest load that was borne
MOST = 0.15  # share of requests
KEEP = 4_000  # requests that the share is taken over, about
TIMES, ALARM = 2.5, 5.0  # a cumulative sum (CUSUM, Page 1954) of failures, less so often their share

IN_A_ROW = 5

Load = tuple[float, float, float]
NOTHING: Load = (0.0, 0.0, 0.0)


class Noise:
    """`share`: of requests that fail at random; 0 while none are known to."""

    __slots__ = ("_at", "_bare", "_failed", "_load", "_odd", "_passed", "_peak", "_sum", "_told", "share")

    def __init__(self) -> None:
        self.share = 0.0
        self._told = False
        self._bare = self._odd = 0
        self._passed = self._failed = 0  # since the first odd one
        self._sum = 0.0
        self._at = -inf
        self._load = self._peak = NOTHING

    def recall(self, share: float) -> None:
        """What an earlier run found."""
        self.share = share
        self._passed, self._failed = KEEP // 2, round(share * KEEP / 2)

    def sent(self, now: float) -> Load:
        """A request goes out; the load with it."""
        since, self._at = max(0.0, now - self._at), now
        short, middle, long = self._load
        self._load = (
            short * exp(-since / SPANS[0]) + 1.0,
            middle * exp(-since / SPANS[1]) + 1.0,
            long * exp(-since / SPANS[2]) + 1.0,
        )
        return self._load

    def passed(self, load: Load) -> None:
        """A request that was sent under such a load was answered well."""
        self._passed += 1
        if self._sum:
            self._sum = max(0.0, self._sum - TIMES * self.share)
        short, middle, long = self._peak
        if load[0] > short or load[1] > middle or load[2] > long:
            self._peak = (max(short, load[0]), max(middle, load[1]), max(long, load[2]))

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
            self._failed += 1
            self.share = min(MOST, self._failed / (self._passed + self._failed))
            if self._passed > KEEP:
                self._passed //= 2
                self._failed //= 2
            return False
        self._sum = self.share = 0.0
        self._odd = ODD - 1
        self._peak = NOTHING
        return True

    def odd(self, load: Load, *, surely: bool) -> bool:
        """Whether a bare 5xx came under a load that was borne before; `surely`: it is known to."""
        if not surely and any(now > BORNE * most for now, most in zip(load, self._peak, strict=True)):
            return False
        self._odd += 1
        if self._odd >= ODD:
            self._failed = 1
            self.share = min(MOST, 1.0 / (self._passed + 1))
        else:
            self._passed = 0
        return True

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self._at += seconds
