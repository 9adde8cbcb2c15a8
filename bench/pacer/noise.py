"""Failures that have nothing to do with the rate (a flaky backend), told from a limit's refusals.

A host that says 429 means it, and its bare 503s are noise from then on. A host that knows only 503 is
taken for noisy when they come, far apart, at a rate that it bore for long before.
"""

from __future__ import annotations

ODD = 2  # such refusals
APART = 20  # requests
MOST = 0.02  # share of requests
TIMES, ALARM = 3.0, 3.5  # a cumulative sum (CUSUM) of failures, less so many times their usual share


class Noise:
    """`share`: of requests that fail at random; 0 while none are known to."""

    __slots__ = ("_bare", "_close", "_odd", "_requests", "_sum", "_told", "share")

    def __init__(self) -> None:
        self.share = 0.0
        self._told = False
        self._bare = self._odd = self._close = 0
        self._requests = 0
        self._sum = 0.0

    def passed(self) -> None:
        """A request was answered well."""
        self._requests += 1
        if self._sum:
            self._sum = max(0.0, self._sum - TIMES * self.share)

    def told(self) -> bool:
        """A refusal that is none by chance (429); whether earlier ones are noise in its light."""
        first, self._told = not self._told, True
        return first and self._bare > 0

    def ignores(self) -> bool:
        """Whether a bare 5xx is noise by what is known."""
        self._bare += 1
        return self._told or (self.share > 0 and not self._swells())

    def odd(self, apart: int) -> bool:
        """A bare 5xx at a rate that was borne, `apart` requests after the last; False: the limit fell."""
        self._close = self._close + 1 if apart < APART else 0
        if self._close >= 2:
            self._odd = 0
            return False
        self._odd += 1
        if self._odd >= ODD:
            self.share = min(MOST, max(0.001, 1.0 / max(self._requests, 1)))
        self._requests = 0
        return True

    def _swells(self) -> bool:
        self._sum += 1.0
        if self._sum < ALARM:
            self.share = min(MOST, self.share + 0.02 * (1.0 / max(self._requests, 1) - self.share))
            self._requests = 0
            return False
        self._sum = 0.0
        return True
