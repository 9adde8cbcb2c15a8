"""What is wanted of the figures, and how one stands to it."""

from __future__ import annotations

import math
from typing import NamedTuple


class Goal(NamedTuple):
    """A figure that is wanted, and a better one that would be welcome."""

    what: str
    wanted: float
    stretch: float
    unit: str = "times"
    at_most: bool = False

    def verdict(self, found: float) -> str:
        """How a figure stands to the goal."""
        if math.isnan(found):
            return "too few pages to tell"
        for name, bound in (("stretch met", self.stretch), ("met", self.wanted)):
            if found <= bound if self.at_most else found >= bound:
                return name
        return "MISSED"


PEERS = {
    "scrapy": Goal("as fast as Scrapy", 8, 10),
    "crawlee": Goal("as fast as Crawlee", 8, 10),
    "goquery": Goal("as fast as Go net/http + goquery", 2.2, 3),
    "bare loop": Goal("as fast as the bare loop", 1.05, 1.3),
}
OVERHEAD = Goal("more CPU than the bare loop", 0.15, 0.10, "ms a page", at_most=True)
SMALL_PAGES = Goal("as fast as the bare loop on 59 KB pages", 1800 / 1700, 2200 / 1700)
SMALL_RATE = Goal("59 KB pages on one core", 1800, 2200, "pages/s")
UNCHANGED = Goal("as fast as the bare loop on unchanged bodies", 2.5, 3.5)
STRUCTURED = Goal("as fast without a parse, structured data alone", 1.6, 2)
LATENCY = Goal("of the rate without latency", 0.8, 0.9)
WORKERS = Goal("as fast with two workers as with one", 1.7, 1.9)
MEMORY_64 = Goal("peak at 64 in flight", 150, 120, "MB", at_most=True)
MEMORY_512 = Goal("peak at 512 in flight", 320, 320, "MB", at_most=True)
GROWTH = Goal("more at ten times as many pages", 10, 0, "MB", at_most=True)
HALF_MILLION = Goal("for 500,000 real pages", 12, 9, "minutes", at_most=True)
