"""Log lines and counts."""

from __future__ import annotations

import io
import json
from collections import Counter

from canter.model import Record
from canter.observe import Counts, HostNews, Log, RunObserver
from canter.protocols import PaceFacts


def record(**values: object) -> Record:
    made = Record.of_bad_line(1, "http://a.example/", "not a URL", 1, None, "2026-01-01T00:00:00.000Z")
    for name, value in values.items():
        setattr(made, name, value)
    return made


def test_json_lines_carry_crawl_and_request() -> None:
    """One JSON object a line: event, crawl, request_id, url, host, outcome."""
    out = io.StringIO()
    observer = RunObserver(Log("info", "json", out, crawl=3))
    observer.record(record(host="a.example", request_id="3-7", error_type="transient"))
    line = json.loads(out.getvalue())
    assert (line["event"], line["crawl"], line["request_id"], line["outcome"]) == ("page", 3, "3-7", "failed")
    assert (line["url"], line["host"], line["level"]) == ("http://a.example/", "a.example", "info")


def test_a_hostile_text_stays_on_its_line() -> None:
    """Line breaks and terminal escapes of a server's text never reach the terminal; long ones are cut."""
    for form in ("json", "console"):
        out = io.StringIO()
        Log("info", form, out).say("info", "page", error="a\nb\x1b[2Jc\r" + "x" * 5_000)
        assert out.getvalue().count("\n") == 1
        assert "\x1b" not in out.getvalue()
        assert len(out.getvalue()) < 2_500


def test_the_threshold_holds() -> None:
    """Below it nothing is written, at it something is."""
    out = io.StringIO()
    observer = RunObserver(Log("warning", "json", out))
    observer.record(record())
    observer.event("retry", host="a.example")
    assert out.getvalue() == ""
    observer.event("host_down", host="a.example")
    assert "host_down" in out.getvalue()


def test_the_snapshot_counts_and_names_the_busiest() -> None:
    """Counts since the start; the busiest hosts since the last snapshot."""
    observer = RunObserver(Log("error", "json", io.StringIO()))
    for status in (200, 429, 503, None):
        observer.request("a.example", status, 0.1, 10)
    observer.request("b.example", 200, 0.1, 10)
    observer.record(record(outcome="ok", error_type=None))
    observer.record(record(error_type="blocked"))
    snapshot = observer.snapshot()
    assert (snapshot.requests, snapshot.rejected, snapshot.bytes) == (5, 2, 50)
    assert (snapshot.outcomes, snapshot.errors) == ({"ok": 1, "failed": 1}, {"blocked": 1})
    assert snapshot.busiest == ["a.example", "b.example"]
    assert observer.snapshot().busiest == []


def test_news_is_what_came_since_the_last() -> None:
    """Hosts with counts and how they are asked, failures with their request, changed fields; then nothing."""
    observer = RunObserver(Log("error", "json", io.StringIO()))
    observer.request("a.example", 429, 0.1, 10)
    observer.request("a.example", 200, 0.1, 10)
    observer.record(record(host="a.example", request_id="3-7", error_type="blocked", error="403"))
    observer.record(
        record(
            outcome="ok", error_type=None, changed=True, previous={"price": "1" * 900}, fields={"price": "2"}
        )
    )
    pace = PaceFacts(1, 4.0)
    news = observer.news(lambda names: dict.fromkeys(names, pace))
    assert news.hosts == [HostNews("a.example", 2, 1, 1, pace)]
    (failure,) = news.failures
    assert (failure["request_id"], failure["error_type"], failure["url"]) == (
        "3-7",
        "blocked",
        "http://a.example/",
    )
    (change,) = news.changes
    assert (change["field"], len(change["old"]), change["new"]) == ("price", 500, "2")
    assert not observer.news(lambda names: {})


def test_of_very_many_hosts_the_busiest_come_first_and_none_is_lost() -> None:
    """A report is bounded; what did not fit comes with the next."""
    observer = RunObserver(Log("error", "json", io.StringIO()))
    for n in range(1_000):
        for _ in range(1 + (n >= 900)):
            observer.request(f"h{n}.example", 200, 0.1, 10)
    reports = [observer.news(lambda names: {}).hosts for _ in range(4)]
    assert {row.host for row in reports[0][:100]} == {f"h{n}.example" for n in range(900, 1_000)}
    assert sum(row.requests for report in reports for row in report) == 1_100


def test_counts_of_several_workers_add_up() -> None:
    """Counts, histograms and outcomes; the last page is the latest."""
    seen = [[1, 1] + [0] * 11, [0, 3] + [0] * 11]
    one = Counts(2, latency=seen[0], outcomes=Counter(ok=2), last_page="2026-01-01", hosts=Counter(a=2))
    two = Counts(3, latency=seen[1], outcomes=Counter(failed=1), hosts=Counter(b=3))
    one.merge(two)
    assert one == Counts(
        5, latency=[1, 4] + [0] * 11, outcomes=Counter(ok=2, failed=1), last_page="2026-01-01",
        hosts=Counter(a=2, b=3),
    )  # fmt: skip
    assert one.busiest == ["b", "a"]
    assert two.last_page is None


def test_latency_is_counted_by_its_bounds() -> None:
    """As Prometheus has it: within the bound, the bound included; beyond the last one, too."""
    observer = RunObserver(Log("error", "json", io.StringIO()))
    for seconds in (0.001, 0.005, 0.006, 31.0):
        observer.request("a.example", 200, seconds, 1)
    latency = observer.snapshot().latency
    assert (latency[0], latency[1], latency[-1], sum(latency)) == (2, 1, 1, 4)
