"""From a memory in the store to what people see: what cannot be read is left out, nothing breaks."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest

from canter.learned import (
    MOST_NAMES,
    Hour,
    Pause,
    Seen,
    by_day,
    by_hour_of_day,
    learned,
    seen_of,
    sparkline,
    urgency,
)

AT = 1_750_000_000.0  # 2025-06-15T15:06:40Z
HOUR = AT // 3_600


def memory(**parts: Any) -> dict[str, Any]:
    """A memory as a pacer and the counts beside it give it."""
    return {"version": 2, "at": AT, "rate": 5.0, "failed": 6.0, "paused_until": None} | parts


def test_a_memory_is_shown() -> None:
    """Rate, range, failed rate, cap, noise, window, hours, counts, last pause, hosts and sites."""
    seen = Seen(1_000, 3, Pause(AT - 60, AT - 30, "429"), ["a.example"], ["shop"])
    found = learned(
        "a.example",
        AT,
        memory(
            cap=4, noise=0.01, window=60.0, seen=asdict(seen),
            hours=[[HOUR, 4.0, 4.5], [HOUR - 1, 7.0, 0.0]],
        ),
    )  # fmt: skip
    assert (found.rate, found.lowest, found.highest, found.failed) == (5.0, 4.0, 7.0, 6.0)
    assert (found.requests, found.rejections, found.pause) == (1_000, 3, seen.pause)
    assert (found.cap, found.noise, found.window) == (4, 0.01, 60.0)
    assert found.hours == (Hour((HOUR - 1) * 3_600, 7.0, 7.0), Hour(HOUR * 3_600, 4.0, 4.5))
    assert (found.hosts, found.sites) == (("a.example",), ("shop",))


def test_json_is_complete() -> None:
    """Every part, times in ISO 8601, and nothing that JSON cannot hold."""
    seen = Seen(10, 1, Pause(AT, AT + 2, "503"))
    found = learned("a", AT, memory(paused_until=AT + 2, hours=[[HOUR, 4.0, 4.5]], seen=asdict(seen)))
    said = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert said["at"] == "2025-06-15T15:06:40.000Z"
    assert said["paused_until"] == said["pause"]["until"] == "2025-06-15T15:06:42.000Z"
    assert said["pause"] == {"at": said["at"], "until": said["paused_until"], "reason": "503"}
    assert said["hours"] == [{"at": "2025-06-15T15:00:00.000Z", "rate": 4.0, "top": 4.5}]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"rate": "fast", "failed": -1, "cap": [], "noise": None, "window": True, "hours": 3, "seen": 4},
        {"rate": math.inf, "failed": math.nan, "paused_until": 1e300, "at": 1e300, "hours": [[1e300, 1, 1]]},
        {"hours": [3, [], [1], ["x", "y", "z"], [HOUR, -1.0, 1.0]], "seen": {"requests": -1, "pause": 3}},
        {"seen": {"requests": "many", "rejections": 1.5, "pause": {"at": 1, "until": "x"}, "hosts": 7}},
        {"seen": {"pause": {"at": 1e200, "until": 1e200}, "sites": [1, None], "hosts": {"a": 1}}},
    ],
)
def test_a_broken_memory_shows_nothing(broken: dict[str, Any]) -> None:
    """What a newer version or a half-written row left behind is no rate, no hour and no count."""
    found = learned("a", AT, broken)
    assert (found.rate, found.lowest, found.failed, found.hours) == (None, None, None, ())
    assert (found.requests, found.rejections, found.pause, found.cap, found.noise) == (0, 0, None, None, 0)
    assert (found.at, found.hosts, found.sites) == (AT, (), ())
    json.dumps(found.to_json(), allow_nan=False)


def test_counts_go_on() -> None:
    """What was counted in one run is read in the next; names are kept once, and not without end."""
    seen = Seen()
    for n in range(2 * MOST_NAMES):
        seen.used_by(f"h{n}", ["shop"])
        seen.used_by(f"h{n}", ["shop", "other"])
    seen.paused(AT, AT + 2, "429")
    again = seen_of({"seen": json.loads(json.dumps(asdict(seen)))})
    assert again == seen
    assert again.hosts == [f"h{n}" for n in range(MOST_NAMES, 2 * MOST_NAMES)]
    assert again.sites == ["shop", "other"]


def test_a_pause_that_grows_is_one() -> None:
    """Refusals that come in during a pause lengthen it; one after its end is another."""
    seen = Seen()
    seen.paused(AT, AT + 2, "429")
    seen.paused(AT + 1, AT + 9, "429, Retry-After 8 s")
    assert seen.pause == Pause(AT, AT + 9, "429, Retry-After 8 s")
    seen.paused(AT + 9, AT + 11, "503")
    assert seen.pause == Pause(AT + 9, AT + 11, "503")


def test_hours_make_a_day_and_days() -> None:
    """Each hour of the day shows the latest day that has it; a day's chart only its own."""
    hours = [Hour((HOUR - 24) * 3_600, 1.0, 1.0), Hour((HOUR - 23) * 3_600, 2.0, 2.0)]
    hours.append(Hour(HOUR * 3_600, 3.0, 3.0))
    day = by_hour_of_day(hours)
    assert (day[15], day[16], day.count(None)) == (3.0, 2.0, 22)
    days = by_day(hours)
    assert list(days) == ["2025-06-14", "2025-06-15"]
    assert (days["2025-06-14"][15], days["2025-06-15"][15], days["2025-06-15"][16]) == (1.0, 3.0, None)


def test_a_sparkline() -> None:
    """A block a value by its share of the highest, blank where nothing is known."""
    assert sparkline([None, 0.01, 1.0, 4.0, 8.0]) == " ▁▁▄█"
    assert sparkline([4.0, 9.0], most=8.0) == "▄█"
    assert sparkline([None, None]) == "  "


def test_what_needs_a_look_comes_first() -> None:
    """Paused hosts, then those refused most, then the slowest."""
    hosts = [
        learned("quick", AT, memory(rate=9.0)),
        learned("slow", AT, memory(rate=0.5)),
        learned("refused", AT, memory(rate=9.0, seen={"requests": 10, "rejections": 1})),
        learned("paused", AT, memory(rate=9.0, paused_until=AT + 100)),
        learned("over", AT, memory(rate=7.0, paused_until=AT - 100)),
        learned("unknown", AT, memory(rate=None)),
    ]
    order = [host.host for host in sorted(hosts, key=lambda host: urgency(host, AT))]
    assert order == ["paused", "refused", "slow", "over", "quick", "unknown"]
