"""Log lines and counts."""

from __future__ import annotations

import io
import json

from canter.model import Record
from canter.observe import Log, RunObserver


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
    assert (snapshot["requests"], snapshot["rejected"], snapshot["bytes"]) == (5, 2, 50)
    assert (snapshot["outcomes"], snapshot["errors"]) == ({"ok": 1, "failed": 1}, {"blocked": 1})
    assert snapshot["busiest"] == ["a.example", "b.example"]
    assert observer.snapshot()["busiest"] == []
