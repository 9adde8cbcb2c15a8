"""What the turns add up to: medians, and ratios pair by pair."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from bench.machine import Cost


class Turn(NamedTuple):
    """One turn of one entry: its cost, and what the same command took for a single page just before."""

    pages: int
    cost: Cost
    start: Cost

    @property
    def rate(self) -> float:
        """Pages a second, from the start of the process to its end."""
        return self.pages / self.cost.seconds

    @property
    def cpu(self) -> float:
        """ms of CPU a page, of the whole process."""
        return 1000 * self.cost.cpu / self.pages

    @property
    def steady_rate(self) -> float:
        """Pages a second beyond the first; NaN where there were too few to tell."""
        seconds = self.cost.seconds - self.start.seconds
        return (self.pages - 1) / seconds if seconds > 0 else math.nan

    @property
    def steady_cpu(self) -> float:
        """ms of CPU for each page beyond the first, without what starting and ending take; NaN as above."""
        cpu = self.cost.cpu - self.start.cpu
        return 1000 * cpu / (self.pages - 1) if cpu > 0 else math.nan

    @property
    def peak_mb(self) -> float:
        """Peak memory of all its processes."""
        return self.cost.peak_mb


Figure = Callable[[Turn], float]


def middle(turns: Sequence[Turn], figure: Figure) -> float:
    """The median of a figure."""
    return median(map(figure, turns))


def ratio(upper: Sequence[Turn], lower: Sequence[Turn], figure: Figure) -> float:
    """The median over the rounds of one entry's figure divided by another's of the same round.

    Both are as long. What disturbed a round disturbed both, so it matters less than in a ratio of medians.
    """
    return median(figure(above) / figure(below) for above, below in zip(upper, lower, strict=True))


def difference(upper: Sequence[Turn], lower: Sequence[Turn], figure: Figure) -> float:
    """The median over the rounds of one entry's figure less another's of the same round."""
    return median(figure(above) - figure(below) for above, below in zip(upper, lower, strict=True))
