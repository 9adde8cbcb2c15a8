"""What progress shows, whatever it looks like."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from canter.observe import Counts

_WINDOW = 10.0  # seconds over which pages/s is taken
_BUSIEST = 4  # hosts named


class Rate:
    """Pages/s over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, now: float, done: int) -> float:
        """The rate at `now`, when so many are done."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[0][0] < now - _WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / (now - since) if since < now else 0.0


def span(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 10 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def failures(counts: Counts) -> str:
    """How many pages failed of what, most first."""
    return ", ".join(f"{number} {name}" for name, number in counts.errors.most_common())


def busiest(counts: Counts, names: Mapping[str, str]) -> str:
    """The hosts that were asked most of late, by their names."""
    return ", ".join(names.get(host, host) for host in counts.busiest[:_BUSIEST])
