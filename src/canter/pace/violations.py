"""How much a host is still to be provoked: refusals of late, and how many it has borne.

Many hosts ban after a few refusals within some minutes, and nothing tells of it beforehand. So no new
limit is looked for while two refusals are younger than ten minutes, unless the host has shown that it
bears more; and hosts with few pages are asked to refuse even less.
"""

from __future__ import annotations

BORNE = 2  # refusals that nearly every host bears
PATIENCE = 600.0  # s that hosts remember them
SHARE = 0.004  # of all requests, beyond `BORNE`, that may be refused


class Violations:
    """Refusals that were our fault."""

    __slots__ = ("_count", "_times", "borne")

    def __init__(self) -> None:
        self._times: list[float] = []
        self._count = 0
        self.borne = BORNE

    def add(self, now: float) -> None:
        """A request was refused."""
        self._times.append(now)
        self._count += 1

    def survived(self, now: float) -> None:
        """A good answer after a refusal: the host did not ban for as many."""
        self.borne = max(self.borne, self._recent(now, PATIENCE))

    def forgive(self) -> None:
        """What was counted so far had nothing to do with the rate."""
        self._times.clear()
        self._count = 0

    def may_risk(self, now: float, sent: int, *, unsure: bool) -> bool:
        """Whether one more may come; sooner where hardly anything is known of the limit."""
        if self._count + 1 > BORNE + SHARE * sent:
            return False
        recent = self._recent(now, PATIENCE)
        if unsure and recent <= BORNE:
            recent = self._recent(now, PATIENCE / 2)
        return recent < self.borne

    def _recent(self, now: float, span: float) -> int:
        times = self._times
        while times and times[0] < now - PATIENCE:
            del times[0]
        return sum(at >= now - span for at in times) if times else 0

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self._times = [at + seconds for at in self._times]
