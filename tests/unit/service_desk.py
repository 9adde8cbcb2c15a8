"""A desk without crawls behind it, for tests of the routes and the door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from canter.observe import Counts, HostNews, News
from canter.protocols import PaceFacts
from canter.service.board import Board, WorkerState
from canter.service.correlation import Correlation
from canter.service.events import Events
from canter.service.models import (
    Crawl,
    Health,
    HealthStats,
    NewCrawl,
    Outcome,
    Progress,
    State,
    Stats,
    Status,
    Summary,
)
from canter.service.refusal import Refused

BEGAN = 1_795_662_000.0  # 2026-11-26T03:00:00Z


def crawl(number: int, state: State = "running", correlation: str | None = None) -> Crawl:
    """A crawl in the middle."""
    return Crawl(
        id=number, state=state, reason=None, source=None, correlation_id=correlation,
        started="2026-11-26T03:00:00.000Z", finished=None,
        progress=Progress(done=5, total=10, fed=True, pages_per_second=1.0, eta_seconds=5.0),
        summary=Summary(
            pages=5, ok=4, not_modified=0, gone=0, failed=1, errors={"blocked": 1}, requests=6, rejected=1,
            seconds=5.0, pages_per_second=1.0, bytes=500, resumed=False,
        ),
    )  # fmt: skip


class FakeDesk:
    """Keeps what it was asked for."""

    def __init__(self) -> None:
        self.board = Board(BEGAN)
        self.events = Events()
        self.opened = self.closed = 0
        self.asked: list[NewCrawl] = []
        self.made: dict[int, Crawl] = {}
        self.status: Status = "healthy"
        self.board.count(
            Counts(requests=6, rejected=1, outcomes=Counter(ok=4, failed=1), errors=Counter(blocked=1)),
            [WorkerState(4711, True, 0, 2, 0.001, 90.0)],
        )
        pace = PaceFacts(2, 8.0, BEGAN + 1e9, "429")
        self.board.hear(News([HostNews("shop.example", 6, 1, 1, pace)], [], []))
        self.board.tick(BEGAN + 1)

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def begin(self, body: NewCrawl, correlation: Correlation) -> Crawl:
        if body.source == "unknown":
            raise Refused(422, "the site file has no source 'unknown'", ("source",))
        self.asked.append(body)
        made = self.made[len(self.asked)] = crawl(len(self.asked), "queued", correlation.id)
        return made

    def crawls(self, limit: int, state: State | None) -> list[Crawl]:
        return [one for one in self.made.values() if state in (None, one.state)][:limit]

    def crawl(self, crawl: int) -> Crawl:
        if crawl not in self.made:
            raise Refused(404, f"there is no crawl {crawl}")
        return self.made[crawl]

    def cancel(self, crawl: int) -> Crawl:
        cancelled = self.crawl(crawl).model_copy(update={"state": "cancelled"})
        self.made[crawl] = cancelled
        return cancelled

    def records(self, crawl: int, outcome: Outcome | None, changes: bool) -> Iterator[bytes]:
        self.crawl(crawl)
        return iter([b'{"url":"http://shop.example/1"}\n', b'{"url":"http://shop.example/2"}\n'])

    def health(self) -> Health:
        stats = HealthStats(
            requests_made=6, successful_requests=5, failed_requests=1, total_response_time=0.6,
            rejected_requests=1, pages=5, failed_pages=1, bytes=500, running_crawls=1, queued_crawls=0,
            last_page_age=0.5, event_loop_lag=0.001, uptime=10.0,
        )  # fmt: skip
        return Health(
            status=self.status, active_connections=2, stats=stats, reasons=[], workers=[], version="0.1.0"
        )

    def sources(self) -> list[str]:
        return ["nightly"]

    def stats(self) -> Stats:
        return Stats(
            at="2026-11-26T03:00:01.000Z", status="healthy", reasons=[], pages=5, outcomes={"ok": 4},
            errors={}, requests=6, rejected=1, bytes=500, pages_per_second=5.0, requests_per_second=6.0,
            in_flight=2, lag=0.001, rss_mb=90.0, crawls=[],
        )  # fmt: skip

    def metrics(self) -> bytes:
        return b"# HELP canter_up 1\n# TYPE canter_up gauge\ncanter_up 1\n"
