"""What is kept of a host between runs: what held, by hour, and the few facts that took refusals to learn."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FASTEST = 1e6  # requests/s that are a rate
HOUR, DAY_HOURS = 3_600.0, 24
KEPT = 48  # hours in which something was seen
LONGEST_HOLD = 7 * 86_400.0  # s
FRESH, STALE = 2, 14 * DAY_HOURS  # hours: the last word until then; nothing to go by after


class History:
    """The last hours in which the host was asked: (hour since 1970, rate that held, highest that did)."""

    __slots__ = ("_hours",)

    def __init__(self, rows: list[list[float]] | None = None) -> None:
        self._hours = array("d", (value for row in (rows or [])[-KEPT:] for value in row))

    def rows(self) -> list[list[float]]:
        """Oldest first."""
        flat = self._hours
        return [list(flat[index : index + 3]) for index in range(0, len(flat), 3)]

    def note(self, utc: float, rate: float, top: float) -> None:
        """What holds in the hour of `utc`; the last word of an hour stays."""
        hour, flat = float(int(utc // HOUR)), self._hours
        if len(flat) and flat[-3] == hour:
            top = max(top, flat[-1])
            del flat[-3:]
        flat.extend((hour, rate, top))
        del flat[: max(0, len(flat) - 3 * KEPT)]

    def expected(self, utc: float) -> tuple[float, float] | None:
        """(rate, highest) to begin with at `utc`: of the last hours, else of this hour on an earlier day."""
        hour = utc // HOUR
        rows = [row for row in self.rows() if hour - STALE <= row[0] <= hour]
        if not rows:
            return None
        same = [row for row in rows if (hour - row[0]) % DAY_HOURS == 0]
        chosen = rows[-1] if hour - rows[-1][0] <= FRESH or not same else same[-1]
        near = [row[2] for row in rows if min((hour - row[0]) % 24, (row[0] - hour) % 24) <= 1]
        return chosen[1], max([chosen[2], *near])


@dataclass(frozen=True, slots=True)
class Learned:
    """A memory, read. Rates are requests/s, `hold` seconds; `cap` None: none was found."""

    rate: float
    failed: float
    stage: int
    hold: float
    borne: int
    cap: int | None
    cap_hold: float  # s
    noise: float
    window: float
    slow: bool
    held: bool
    hours: list[list[float]]


def read(memory: Mapping[str, Any]) -> Learned | None:
    """The memory of an earlier run, None where it learned nothing.

    Raises KeyError, TypeError, ValueError or OverflowError where it is not what `HostPace.memory` gives.
    """
    if memory["rate"] is None:
        return None
    cap, failed = memory["cap"], memory["failed"]
    rows = [[float(hour), _rate(rate), float(top)] for hour, rate, top in memory["hours"]]
    if not all(math.isfinite(value) for row in rows for value in row):
        raise ValueError("hours")
    return Learned(
        rate=_rate(memory["rate"]),
        failed=math.inf if failed is None else _rate(failed),
        stage=int(_between(0, memory["stage"], 2)),
        hold=_between(1.0, memory["hold"], LONGEST_HOLD),
        borne=int(_between(1, memory["borne"], 100)),
        cap=None if cap is None else int(_between(1, cap, 10_000)),
        cap_hold=_between(1.0, memory.get("cap_hold", 600.0), LONGEST_HOLD),
        noise=_between(0.0, memory["noise"], 1.0),
        window=_between(0.0, memory["window"], 86_400.0),
        slow=bool(memory["slow"]),
        held=bool(memory.get("held")),
        hours=rows,
    )


def _between(low: float, value: Any, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(min(max(value, low), high))


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= FASTEST:
        raise ValueError(f"{value!r} is no rate")
    return float(value)
