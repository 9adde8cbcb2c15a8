"""What is known of a host's pace, for people and reports: from what the store remembers to a view. Pure.

A memory is what `HostPace.memory` gives, and beside it, under `seen`, what is counted over all runs. Either
may be of another version or half written: what cannot be read is left out, nothing is raised.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from canter.model import utc_iso

HOUR = 3_600.0  # s
DAY_HOURS = 24
MOST_NAMES = 50  # hosts and sites of a pace that are remembered by name
LAST_UTC = 253_402_300_799.0  # the end of the year 9999: what dates can show
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Pause:
    """A time without requests, and why. UTC seconds."""

    at: float
    until: float
    reason: str


@dataclass(slots=True)
class Seen:
    """What is counted of a pace over all runs, and its last pause. `hosts`: those that share it."""

    requests: int = 0
    rejections: int = 0
    pause: Pause | None = None
    hosts: list[str] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)

    def paused(self, at: float, until: float, reason: str) -> None:
        """Note a pause; one that is made longer before it ends keeps its beginning."""
        begun = self.pause.at if self.pause and self.pause.at <= at < self.pause.until else at
        self.pause = Pause(begun, until, reason)

    def used_by(self, host: str, sites: Iterable[str]) -> None:
        """Note a host that has this pace, and the sites that claim it."""
        for known, names in ((self.hosts, [host]), (self.sites, sites)):
            known += [name for name in names if name not in known]
            del known[:-MOST_NAMES]


@dataclass(frozen=True, slots=True)
class Hour:
    """What held in an hour. `at`: its beginning, UTC seconds; rates in requests/s."""

    at: float
    rate: float
    top: float


@dataclass(frozen=True, slots=True)
class Learned:
    """One pace. Rates are requests/s, times UTC seconds; None: not known.

    `rate` is what a next run begins with, `lowest` and `highest` the range of what held in `hours` (oldest
    first), `failed` the rate that was refused last; `paused_until`: it may not be asked before. `cap`:
    connections at once, where a cap was found; `noise`: the share of failures that have nothing to do
    with the rate; `window`: seconds of the host's own window, where it has one.
    """

    host: str
    at: float
    rate: float | None
    lowest: float | None
    highest: float | None
    failed: float | None
    requests: int
    rejections: int
    pause: Pause | None
    paused_until: float | None
    cap: int | None
    noise: float
    window: float | None
    hours: tuple[Hour, ...]
    hosts: tuple[str, ...]
    sites: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-able, times in ISO 8601."""
        said = asdict(self)
        for part in (said, said["pause"] or {}, *said["hours"]):
            for name in part.keys() & {"at", "until", "paused_until"}:
                part[name] = None if part[name] is None else utc_iso(part[name])
        return said


def learned(host: str, at: float, memory: Mapping[str, Any]) -> Learned:
    """The view of a memory that was saved under a pace key at `at`."""
    seen = seen_of(memory)
    hours = tuple(sorted(_hours(memory.get("hours")), key=lambda hour: hour.at))
    rate = _positive(memory.get("rate"))
    held = [hour.rate for hour in hours] + ([] if rate is None else [rate])
    cap = _positive(memory.get("cap"))
    return Learned(
        host=host,
        at=_time(memory.get("at")) or at,
        rate=rate,
        lowest=min(held, default=None),
        highest=max(held, default=None),
        failed=_positive(memory.get("failed")),
        requests=seen.requests,
        rejections=seen.rejections,
        pause=seen.pause,
        paused_until=_time(memory.get("paused_until")),
        cap=None if cap is None else max(1, int(cap)),
        noise=min(_positive(memory.get("noise")) or 0.0, 1.0),
        window=_positive(memory.get("window")),
        hours=hours,
        hosts=tuple(seen.hosts),
        sites=tuple(seen.sites),
    )


def seen_of(memory: Mapping[str, Any] | None) -> Seen:
    """What was counted before; nothing where that cannot be read."""
    said = (memory or {}).get("seen")
    if not isinstance(said, Mapping):
        return Seen()
    return Seen(
        _count(said.get("requests")),
        _count(said.get("rejections")),
        _pause(said.get("pause")),
        _names(said.get("hosts")),
        _names(said.get("sites")),
    )


def urgency(host: Learned, now: float) -> tuple[float, float, float, str]:
    """Sorts first what needs a look: paused the longest, refused the most, then the slowest."""
    pause = max((host.paused_until or 0.0) - now, 0.0)
    return -pause, -host.rejections / max(host.requests, 1), host.rate or math.inf, host.host


def by_hour_of_day(hours: Iterable[Hour]) -> list[float | None]:
    """The rate of each hour of the day (UTC), the latest day that has it."""
    rates: list[float | None] = [None] * DAY_HOURS
    for hour in hours:
        rates[int(hour.at // HOUR) % DAY_HOURS] = hour.rate
    return rates


def by_day(hours: Iterable[Hour]) -> dict[str, list[float | None]]:
    """The rates of each day's hours (UTC), by ISO date, the latest day last."""
    days: dict[str, list[Hour]] = {}
    for hour in hours:
        days.setdefault(datetime.fromtimestamp(hour.at, UTC).date().isoformat(), []).append(hour)
    return {day: by_hour_of_day(of_day) for day, of_day in days.items()}


def sparkline(values: Sequence[float | None], most: float | None = None) -> str:
    """A block a value, its height the share of `most` (of the highest by default); a space: not known."""
    top = most or max((value for value in values if value is not None), default=0.0)
    return "".join(" " if value is None else _block(value, top) for value in values)


def _block(value: float, top: float) -> str:
    share = min(value / top, 1.0) if top > 0 else 0.0
    return BLOCKS[max(round(share * len(BLOCKS)) - 1, 0)]


def _positive(value: object) -> float | None:
    """`value` when it is a finite number above 0."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    return None


def _time(value: object) -> float | None:
    """UTC seconds that a date can show."""
    seconds = _positive(value)
    return seconds if seconds is not None and seconds <= LAST_UTC else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _pause(value: object) -> Pause | None:
    if not isinstance(value, Mapping):
        return None
    at, until = _time(value.get("at")), _time(value.get("until"))
    return None if at is None or until is None else Pause(at, until, str(value.get("reason") or "paused"))


def _hours(rows: object) -> Iterable[Hour]:
    """Of rows (hour since 1970, rate, highest rate) those that can be read."""
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, list) or len(row) < 2:
            continue
        hour, rate = _positive(row[0]), _positive(row[1])
        at = None if hour is None else _time(hour * HOUR)
        if at is not None and rate is not None:
            top = _positive(row[2]) if len(row) > 2 else None
            yield Hour(at, rate, max(top or 0.0, rate))
