"""Latency that climbs because of us, told from noise: a cumulative sum (CUSUM, Page 1954)."""

from __future__ import annotations

import math

LEARN = 4  # answers until the usual latency is taken for known
DRIFT = 1.75  # times the usual latency that are nothing special
ALARM = 18.0
MOST = 4.0  # one answer counts no more than this
SLACK = 0.01  # s; differences below are nobody's queue
FORGET = 1 / 4096


class Latency:
    """Watches the answers of one host. Seconds."""

    __slots__ = ("_answers", "_since", "_sum", "_window", "usual")

    def __init__(self) -> None:
        self.usual = 0.0
        self._answers = 0
        self.reset(0.0)

    def reset(self, now: float) -> None:
        """Begin a new sum."""
        self._sum = 0.0
        self._window = 0
        self._since = now

    def climbs(self, now: float, latency: float) -> bool:
        """Whether, with this answer, latency has climbed."""
        if not 0.0 <= latency < math.inf:  # not measured
            return False
        self._answers += 1
        if self._answers <= LEARN:
            self.usual += (latency - self.usual) / self._answers
            return False
        usual = max(self.usual, 1e-4)
        weight = FORGET if self._answers > 200 else 1 / self._answers
        self.usual += (min(latency, 3 * usual) - usual) * weight
        found = self._sum + min((latency - SLACK) / usual - DRIFT, MOST)
        if found <= 0.0:
            self._sum = 0.0
            self._window = 0
            self._since = now
            return False
        self._sum = found
        self._window += 1
        return found > ALARM

    def delivered(self, now: float) -> float:
        """Answers a second since latency began to climb."""
        return self._window / max(now - self._since, 1e-3)

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self._since += seconds
