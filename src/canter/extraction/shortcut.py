"""Whether a way that spares the parse of most pages is still tried for a site's."""

from __future__ import annotations

MOST_FAILURES = 8  # more than successes make up for
LUCK = 4  # failures that one success makes up for: it spares several times what a failure costs
REST = 100  # pages without a try after too many failures


class Shortcut:
    """Tried while it does; after too many failures only on one page of many."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest = 0

    def is_tried(self) -> bool:
        """Whether it is for the next page."""
        if self._rest:
            self._rest -= 1
        return self._rest == 0

    def ended(self, *, well: bool) -> None:
        """A try is over: `well` where the page was not parsed after all."""
        self._failures = max(self._failures - LUCK, 0) if well else self._failures + 1
        if self._failures >= MOST_FAILURES:
            self._failures, self._rest = MOST_FAILURES - 1, REST
