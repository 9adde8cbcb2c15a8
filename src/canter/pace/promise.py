"""What RateLimit headers say, for as long as it proves true."""

from __future__ import annotations

from collections.abc import Mapping

from canter.pace.signals import rate_limit

TRUST = 2  # answers in a row whose counts went down with our requests
SHARE = 0.992
LEAST_RESET = 2.0  # s; no sprint at the end of a window


class Promise:
    """The last that a host said of its limit, and whether it is believed."""

    __slots__ = ("_said", "_trust")

    def __init__(self) -> None:
        self._said: tuple[float, float] | None = None
        self._trust = 0

    def heard(self, headers: Mapping[str, str], now_utc: float, in_flight: int) -> tuple[float, float] | None:
        """(remaining, reset) when it can be relied on; a count that does not go down is a lie.

        A little up is none while others are `in_flight`: answers overtake each other.
        """
        if self._trust < 0:
            return None
        told = rate_limit(headers, now_utc)
        said = None
        if told is not None and told.remaining is not None and told.reset is not None:
            said = float(told.remaining), told.reset
        last, self._said = self._said, said
        if said is None:
            return None
        if last is not None and self._trust < TRUST:
            if said[0] < last[0]:
                self._trust += 1
            elif not 0 <= said[0] - last[0] < in_flight:
                self._trust -= 1
        return said if self._trust >= TRUST else None

    def broken(self, in_flight: int) -> None:
        """A request was refused: no longer believed, if more was promised."""
        if self._said and self._said[0] > in_flight + 2:
            self._trust = -1


def promised_rate(remaining: float, reset: float, in_flight: int) -> float:
    """Requests/s that use up what remains when it is renewed; 0: nothing remains."""
    left = remaining - in_flight
    return SHARE * left / max(reset, LEAST_RESET) if left >= 1 else 0.0
