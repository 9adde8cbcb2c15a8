"""A cap on connections, told from a limit on the rate: it never admits a request beyond so many."""

from __future__ import annotations

import math
from enum import Enum

RARE = 0.02  # share of admitted requests
KEEP = 400  # admitted requests that are remembered, about
HOLD, LONGER = 600.0, 4.0  # s until one more is tried, and how much longer after each failure


class Told(Enum):
    """What a refusal says of the connections."""

    NOTHING = 0
    CAP = 1  # it came of too many at once
    NO_CAP = 2  # it came although there were few: what was taken for a cap was none


class Connections:
    """`cap`: requests in flight at once, for `hold` seconds; `most`: the ceiling that was set."""

    __slots__ = ("_doubtful", "_levels", "_none", "_raised", "_total", "_until", "cap", "hold", "most")

    def __init__(self, most: int) -> None:
        self.cap = self.most = most
        self._levels: list[int] = []  # admitted requests by how many others were in flight
        self._total = 0
        self.hold = HOLD
        self._until = -math.inf
        self._none = self._doubtful = self._raised = False

    def admitted(self, others: int) -> None:
        """A request was admitted; `others` were in flight when it was sent."""
        levels = self._levels
        while len(levels) <= others:
            levels.append(0)
        levels[others] += 1
        self._total += 1
        if self._total > KEEP:
            levels[:] = [number // 2 for number in levels]
            self._total = sum(levels)

    def refused(self, now: float, others: int) -> Told:
        """A request was refused, sent with `others` in flight."""
        if others >= self.cap - 1 > 0 and self._raised:
            self.cap, self._raised = self.cap - 1, False
            self.hold *= LONGER
            self._until = now + self.hold
            return Told.CAP
        if not self._none and 2 <= others < self.cap and sum(self._levels[others:]) <= RARE * self._total:
            self.cap, self._doubtful, self._raised = others, True, False
            self._until = now + self.hold
            return Told.CAP
        if self.cap == self.most:
            return Told.NOTHING
        if others < self.cap:  # fewer than it admits
            self._deny()
            return Told.NO_CAP
        return Told.NOTHING

    def canary_refused(self) -> None:
        """A request was refused that was alone."""
        if self._doubtful:
            self._deny()

    def raised(self, now: float) -> bool:
        """Try one more, where the cap has held for its time."""
        if self.cap >= self.most or now <= self._until:
            return False
        self.cap, self._raised = self.cap + 1, True
        self._until = now + self.hold
        return True

    def recall(self, cap: int, hold: float) -> None:
        """What an earlier run found."""
        self.cap, self.hold = min(cap, self.most), hold

    def start(self, now: float) -> None:
        """The first request of a run: what was found before holds anew."""
        self._until = now + self.hold

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self._until += seconds

    def _deny(self) -> None:
        self.cap, self._none, self._doubtful = self.most, True, False
