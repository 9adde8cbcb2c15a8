"""Workers that died: which pages did it, and when to give up. Pure; times are seconds of any one clock."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

TWICE = 2  # deaths of its reader after which a page is not read again
SPAN = 60.0  # seconds that a death counts for
UNEXPLAINED = 5  # deaths in SPAN that no page was read at: the machine or the program is at fault
MOST = 30  # deaths in SPAN of whatever reason


class PageId(NamedTuple):
    """A page of a crawl: its own host's id and its key."""

    crawl: int
    home: int
    key: int


class Deaths:
    """One for a fleet."""

    def __init__(self) -> None:
        self._pages: Counter[PageId] = Counter()
        self._recent: deque[tuple[float, bool]] = deque()  # when, and whether a page was being read

    def note(self, page: PageId | None, now: float) -> bool:
        """A worker died, reading `page` (None: reading nothing); whether that page may not be read again."""
        self._recent.append((now, page is not None))
        if page is None:
            return False
        self._pages[page] += 1
        return self._pages[page] >= TWICE

    def of(self, crawl: int) -> tuple[PageId, ...]:
        """The pages of a crawl that may not be read again."""
        return tuple(p for p, number in self._pages.items() if p.crawl == crawl and number >= TWICE)

    def hopeless(self, now: float) -> bool:
        """Whether starting another worker is no use: too many died of late."""
        while self._recent and self._recent[0][0] <= now - SPAN:
            self._recent.popleft()
        unexplained = sum(not reading for _, reading in self._recent)
        return unexplained >= UNEXPLAINED or len(self._recent) >= MOST

    def forget(self, crawl: int) -> None:
        """The crawl is over."""
        for page in [page for page in self._pages if page.crawl == crawl]:
            del self._pages[page]
