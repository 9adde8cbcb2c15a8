"""Series, the board of the present, and events to those who listen."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from canter.observe import Counts, HostNews, News
from canter.protocols import PaceFacts
from canter.service.board import MAX_HOSTS, MAX_LATEST, Board, WorkerState
from canter.service.events import WAITING, Events, message
from canter.service.series import Series
from tests.unit.service_desk import BEGAN


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 9)), max_size=300), st.sampled_from([2, 4, 10]))
def test_a_series_loses_no_count_and_stays_bounded(samples: list[tuple[float, int]], capacity: int) -> None:
    """Whatever comes: no more steps than the capacity, sums kept, steps apart, the step a power of two."""
    series = Series(1, 1.0, capacity)
    at = BEGAN
    for gap, number in samples:
        at += gap
        series.add(at, (number,))
    steps = list(series)
    assert len(steps) == len(series) <= capacity
    assert sum(sums[0] for _, _, sums in steps) == sum(number for _, number in samples)
    assert sum(count for _, count, _ in steps) == len(samples)
    assert math.log2(series.step).is_integer()
    starts = [start for start, _, _ in steps]
    assert all(later - earlier >= series.step for earlier, later in pairwise(starts))
    assert not steps or starts[-1] <= at < starts[-1] + series.step


def news(host: str, requests: int = 1, pace: PaceFacts | None = None) -> News:
    return News([HostNews(host, requests, 0, 0, pace)], [], [])


def test_rates_are_of_the_last_ticks() -> None:
    """Pages and requests a second over three ticks; a host that was not asked since falls to 0, once."""
    board = Board(BEGAN)
    board.count(Counts(requests=30, outcomes=Counter(ok=20)), [WorkerState(1, True, 0, 3, 0.2, 50.0)])
    board.hear(news("a.example", 30, PaceFacts(3, 15.0)))
    (row,) = board.tick(BEGAN + 2)
    assert (board.rates.pages, board.rates.requests, row.rate, row.limit) == (10.0, 15.0, 15.0, 15.0)
    (row,) = board.tick(BEGAN + 3)
    assert (board.rates.requests, row.rate, row.requests) == (10.0, 10.0, 30)
    (row,) = board.tick(BEGAN + 4)
    assert (board.rates.requests, row.rate) == (7.5, 7.5)
    (row,) = board.tick(BEGAN + 5)
    assert (board.rates.pages, row.rate, row.requests) == (0.0, 0.0, 30)
    assert board.tick(BEGAN + 6) == []


def test_a_late_report_does_not_make_a_rate_jump() -> None:
    """Where a tick has no report and the next has two, the rate is what it was."""
    board = Board(BEGAN)
    for now, requests in enumerate((10, 10, 0, 20, 10), 1):
        if requests:
            board.hear(news("a.example", requests))
        rows = board.tick(BEGAN + now)
    assert rows[0].rate == 10.0


def test_a_history_keeps_each_step_as_it_was() -> None:
    """Its points are of their own step alone, and of the samples in it."""
    board = Board(BEGAN)
    board.count(Counts(requests=30, outcomes=Counter(ok=20)), [WorkerState(1, True, 0, 3, 0.2, 50.0)])
    board.tick(BEGAN + 2)
    board.tick(BEGAN + 3)
    (point, *_) = board.history().points
    assert (point.pages_per_second, point.requests_per_second, point.in_flight) == (20.0, 30.0, 3.0)


def test_a_pause_is_shown_until_it_is_over() -> None:
    """By the time of the question, not of the report."""
    board = Board(BEGAN)
    board.hear(news("a.example", 1, PaceFacts(0, 2.0, BEGAN + 30, "429, Retry-After 30 s")))
    (row,) = board.hosts(BEGAN + 29)
    assert (row.paused_until, row.pause_reason) == ("2026-11-26T03:00:30.000Z", "429, Retry-After 30 s")
    (row,) = board.hosts(BEGAN + 30)
    assert (row.paused_until, row.pause_reason) == (None, None)


def test_the_board_is_bounded() -> None:
    """Hosts asked last are kept, the latest failures and changes; the newest come first."""
    board = Board(BEGAN)
    for n in range(MAX_HOSTS + 10):
        board.hear(news(f"h{n}.example"))
    assert [row.host for row in board.hosts(BEGAN, 2)] == [
        f"h{MAX_HOSTS + 9}.example",
        f"h{MAX_HOSTS + 8}.example",
    ]
    assert len(board.hosts(BEGAN)) == len(board.tick(BEGAN + 1)) == MAX_HOSTS
    assert board.host_history("h0.example", BEGAN) is None
    failure = {
        "crawl": 1, "host": "a.example", "error_type": "blocked", "error": "403", "request_id": "1-1",
        "at": "2026-11-26T03:00:00.000Z",
    }  # fmt: skip
    for n in range(MAX_LATEST + 1):
        board.hear(News([], [{**failure, "url": f"http://a.example/{n}"}], []))
    latest = board.latest().failures
    assert (len(latest), latest[0].url) == (MAX_LATEST, f"http://a.example/{MAX_LATEST}")


async def test_events_reach_who_listens() -> None:
    """First what is given, then what is published, from whatever thread; each a name and JSON."""
    events = Events()
    board = Board(BEGAN)
    board.hear(news("a.example"))
    stream = events.listen([message("hosts", board.hosts(BEGAN))])
    assert await anext(stream) == b"retry: 2000\n\n"
    name, data, *_ = (await anext(stream)).decode().split("\n")
    assert name == "event: hosts"
    assert json.loads(data.removeprefix("data: "))["hosts"][0]["host"] == "a.example"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await asyncio.to_thread(events.publish, b"event: x\n\n")
    assert await waiting == b"event: x\n\n"
    await stream.aclose()  # type: ignore[attr-defined]
    assert len(events) == 0


async def test_a_client_that_does_not_read_is_dropped() -> None:
    """Its queue is bounded, and the others do not wait for it."""
    events = Events()
    slow, quick = events.listen([]), events.listen([])
    for stream in (slow, quick):
        await anext(stream)
    reading = asyncio.ensure_future(anext(quick))
    begun = asyncio.ensure_future(anext(slow))
    await asyncio.sleep(0)
    for n in range(WAITING + 2):
        events.publish(b"%d" % n)
        await asyncio.sleep(0)
        assert await reading == b"%d" % n
        reading = asyncio.ensure_future(anext(quick))
        await asyncio.sleep(0)
    assert await begun == b"0"
    assert len(events) == 1
    assert [data async for data in slow] == []
    events.close()
    try:
        await reading
    except StopAsyncIteration:
        pass
    else:
        raise AssertionError("the end was not told")
