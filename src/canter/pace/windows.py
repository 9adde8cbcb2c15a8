"""Limits on the requests of a window (60 a minute), as their refusals show them."""

from __future__ import annotations

from canter.pace.ledger import Ledger

SIZES = (10.0, 30.0, 60.0)  # s; what is tried when the host names none
KNOWN = (1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0)  # s; sizes that a Retry-After points to
LONG_WAIT = 5.0  # s; a bucket asks for less
FEW = 15  # requests: too few to tell a window from a slow bucket
SLOW = 0.25  # requests/s, then


class Windows:
    """`found`: a pause that a bucket would need no more was not enough; `size`: seconds, 0 unknown."""

    __slots__ = ("_age", "_counts", "_last", "found", "size")

    def __init__(self) -> None:
        self.found = False
        self.size = 0.0
        self._counts: tuple[float, ...] = ()
        self._last: tuple[float, ...] = ()
        self._age = 0.0

    def refused(self, ledger: Ledger, at: float) -> None:
        """Note what was admitted before a refusal."""
        self._last, self._counts = self._counts, tuple(ledger.count(at - size, at) for size in SIZES)
        self._age = at - ledger.start

    def announced(self, ledger: Ledger, at: float, now: float, wait: float) -> float:
        """The rate of a window that ends in `wait` seconds: what it admitted, over its likely size."""
        self.size = max(self.size, next((size for size in KNOWN if size >= wait), wait))
        return ledger.count(now + wait - self.size, at) / self.size

    def guess(self) -> float:
        """The rate after a refused canary: of a minute's window, which may have begun after we did."""
        minute = self._counts[-1] if self._counts else 0.0
        return (0.92 - 0.17 * min(1.0, self._age / 60.0)) * minute / 60.0 if minute >= FEW else SLOW

    def rate(self, rate: float) -> float:
        """The rate that a further refusal at `rate` shows: a sliding window admits the same number again."""
        for size, new, old in zip(SIZES[:-1], self._counts, self._last, strict=False):
            if old and abs(new - old) <= 0.05 * old:
                return new / size
        return min(self._counts[-1] / SIZES[-1], rate)
