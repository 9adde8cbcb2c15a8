"""Limits on the requests of a window (60 a minute), as their refusals show them.

A window is as full at each refusal. So the beginnings of a minute for which that is true of two refusals,
and none of the minutes before was fuller, tell what it admits. A sliding window admitted as many in the
seconds before the one as before the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from statistics import median_low

from canter.pace.ledger import Ledger

MINUTE = 60.0  # s; windows of which nothing else is known are taken for one
SLIDING = (10.0, 30.0)  # s; shorter ones that are tried
KNOWN = (1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0)  # s; sizes that a Retry-After points to
LONG_WAIT = 5.0  # s; a bucket asks for less
FEW = 15  # requests: too few to tell a window from a slow bucket
SLOW = 0.25  # requests/s, then
GUESS = 0.92  # share of what one refusal shows
ALIKE, SLIDING_ALIKE = 0.02, 0.05  # shares by which counts of one window may differ, for bins are coarse
PHASES = 60  # beginnings of a minute that are tried
LOOK_BACK = 60  # windows
KEPT = 4  # refusals


class Windows:
    """`found`: a pause that a bucket would need no more was not enough; `size`: seconds, 0 unknown."""

    __slots__ = ("_refusals", "found", "size")

    def __init__(self) -> None:
        self.found = False
        self.size = 0.0
        self._refusals: list[tuple[Ledger, float]] = []  # what was admitted since the one before, and when

    def refused(self, ledger: Ledger, at: float) -> None:
        """Note what was admitted before a refusal."""
        self._refusals = [*self._refusals[1 - KEPT :], (ledger, at)]
        while len(self._refusals) > 2 and self._refusals[1][0].start <= self._refusals[-2][1] - MINUTE:
            del self._refusals[0]

    def announced(self, now: float, wait: float) -> float:
        """The rate of a window that ends in `wait` seconds: what it admitted, over its likely size.

        That is the least of the usual ones, but a minute where shorter windows before were fuller.
        """
        admitted, at = _Admitted(self._refusals), self._refusals[-1][1]
        size = max(self.size, next((size for size in KNOWN if size >= wait), wait))
        if size < MINUTE and _was_fuller(admitted, now + wait - size, at, size):
            size = MINUTE
        self.size = size
        return admitted.count(now + wait - size, at) / size

    def guess(self) -> float:
        """The rate after a refused canary: of a minute's window that may have begun at any second."""
        if not self._refusals:
            return SLOW
        admitted, at = _Admitted(self._refusals), self._refusals[-1][1]
        number = median_low([*_fixed(admitted, at, at)] or [admitted.count(at - MINUTE, at)])
        return GUESS * number / MINUTE if number >= FEW else SLOW

    def rate(self, rate: float) -> float:
        """The rate that a further refusal at `rate` shows."""
        admitted, now = _Admitted(self._refusals), self._refusals[-1][1]
        if len(self._refusals) > 1:
            last = self._refusals[-2][1]
            for size in SLIDING:
                number, other = admitted.count(now - size, now), admitted.count(last - size, last)
                if other and abs(number - other) <= SLIDING_ALIKE * other:
                    return number / size
            found = [*_fixed(admitted, last, now)]
            if found:
                return min(median_low(found) / MINUTE, rate)
        return min(admitted.count(now - MINUTE, now) / MINUTE, rate)

    def forget(self) -> None:
        """What was counted cannot be told from each other any more."""
        self._refusals = []


class _Admitted:
    """How many requests were admitted between two times, by the ledgers of refusals in a row."""

    def __init__(self, refusals: list[tuple[Ledger, float]]) -> None:
        self.start = refusals[0][0].start
        self._times, self._totals = [-math.inf, self.start], [0, 0]
        for ledger, until in refusals:
            for end, number in ledger.steps(until):
                self._times.append(end)
                self._totals.append(self._totals[-1] + number)

    def count(self, since: float, until: float) -> float:
        """Requests between the two; of bins that are cut, in part."""
        return self._up_to(until) - self._up_to(since)

    def _up_to(self, at: float) -> float:
        index = bisect_right(self._times, at)
        if index == len(self._times):
            return self._totals[-1]
        begin, end = self._times[index - 1 : index + 1]
        before, after = self._totals[index - 1 : index + 1]
        return before + (after - before) * (at - begin) / (end - begin) if after > before else before


def _fixed(admitted: _Admitted, last: float, now: float) -> Iterator[float]:
    """What minutes admit that were as full at both refusals and never fuller."""
    for phase in range(PHASES):
        begin = now - MINUTE * phase / PHASES  # of the minute in which the later one was refused
        number = admitted.count(begin, now)
        before = admitted.count(last - (last - begin) % MINUTE, last)
        if not number or abs(number - before) > ALIKE * min(number, before) + 1:
            continue
        if not _was_fuller(admitted, begin, now, MINUTE):
            yield number


def _was_fuller(admitted: _Admitted, begin: float, now: float, size: float) -> bool:
    """Whether one of the windows before that of `begin` admitted more than this one did up to `now`."""
    most = (1 + ALIKE) * admitted.count(begin, now) + 1
    number = min(int((begin - admitted.start) // size) + 1, LOOK_BACK)
    edges = [begin - size * n for n in range(number + 1)]
    return any(admitted.count(start, end) > most for end, start in pairwise(edges))
