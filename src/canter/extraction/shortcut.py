"""Whether a quicker way to read a site's pages is still tried."""

from __future__ import annotations

EVERY = 32  # pages of which one is tried where it does not pay
START = 0.25  # what is expected of it
LATELY = 16  # pages over which is averaged


class Shortcut:
    """Tried while, of late, it spared more than it cost in vain; else on one page of `EVERY`."""

    __slots__ = ("_gain", "_pages")

    def __init__(self) -> None:
        self._gain = START
        self._pages = 0

    def is_tried(self) -> bool:
        """Whether it is for the next page."""
        self._pages += 1
        return self._gain >= 0 or self._pages % EVERY == 0

    def gained(self, share: float) -> None:
        """A try is over: it spared such a share of the page's parse; below 0, it cost as much."""
        self._gain += (share - self._gain) / LATELY
