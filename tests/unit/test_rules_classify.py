"""The contract's table of outcomes, row by row, and the reading of Retry-After."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from canter.model import ErrorType, Fault, FaultKind, Outcome, Response, Retry, Verdict
from canter.rules.classify import MAX_WAIT, asked_wait, classify, retry_after

TABLES = Path(__file__).parents[2].parent / "shared" / "corpus" / "tables"
NOW = datetime(2019, 6, 3, 11, tzinfo=UTC).timestamp()


def answer(status: int, body: bytes = b"<p>x", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response("https://h.example/", status, named, body, 0.1, 0.2)


def verdict(status: int, body: bytes = b"<p>x", **headers: str) -> Verdict:
    return classify(answer(status, body, **headers), now_utc=NOW)


def cases(name: str) -> list[dict[str, Any]]:
    path = TABLES / name
    if not path.exists():
        pytest.skip(f"the shared corpus is not here: {path}")
    table: dict[str, Any] = json.loads(path.read_text())
    return list(table["cases"])


@pytest.mark.parametrize("status", [200, 201, 202, 203, 226])
def test_a_page_is_left_to_extraction(status: int) -> None:
    """Any 2xx with a body is a page; it slows nobody."""
    assert verdict(status) == Verdict(None)


def test_an_empty_200_is_left_to_extraction() -> None:
    """Only a 204 is meant to be empty: an empty 200 lacks its fields and fails there."""
    assert verdict(200, b"") == Verdict(None)


def test_an_empty_204_is_ok() -> None:
    """A 204 without a body is a good answer with nothing in it."""
    assert verdict(204, b"") == Verdict(Outcome.OK)


def test_304_is_not_modified() -> None:
    """An unchanged page is no failure."""
    assert verdict(304, b"") == Verdict(Outcome.NOT_MODIFIED)


@pytest.mark.parametrize("status", [404, 410])
def test_gone_is_final_and_healthy(status: int) -> None:
    """A page that is gone is not a failure, is not tried again and slows nobody."""
    gone = verdict(status)
    assert (gone.outcome, gone.error_type, gone.retry, gone.healthy) == (Outcome.GONE, None, Retry.NO, True)


@pytest.mark.parametrize("status", [429, 420])
def test_a_rate_limit_waits_for_the_host(status: int) -> None:
    """429 is tried again when the host allows, with or without a Retry-After."""
    for headers, wait in ({}, None), ({"Retry_After": "0"}, 0.0), ({"Retry_After": "120"}, 120.0):
        limited = verdict(status, b"", **headers)
        assert limited.error_type is ErrorType.RATE_LIMIT
        assert (limited.outcome, limited.retry) == (Outcome.FAILED, Retry.WHEN_ALLOWED)
        assert (limited.healthy, limited.retry_after) == (False, wait)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 451, 500, 502, 503, 504, 522])
def test_retry_after_on_any_failing_answer_is_a_rate_limit(status: int) -> None:
    """A host that says when to come back is heeded, whatever the status."""
    limited = verdict(status, Retry_After="Mon, 03 Jun 2019 11:02:00 GMT")
    assert (limited.error_type, limited.retry_after) == (ErrorType.RATE_LIMIT, 120.0)
    assert "asks to wait 120 s" in (limited.message or "")


@pytest.mark.parametrize(("status", "outcome"), [(200, None), (304, Outcome.NOT_MODIFIED)])
def test_retry_after_on_a_success_means_nothing(status: int, outcome: Outcome | None) -> None:
    """A good answer stays good."""
    assert verdict(status, Retry_After="60") == Verdict(outcome)


def test_retry_after_zero_on_a_404_means_nothing() -> None:
    """Caches put it on every answer they make up; the page is gone all the same. A 503 means it."""
    assert verdict(404, Retry_After="0").outcome is Outcome.GONE
    assert verdict(503, Retry_After="0").error_type is ErrorType.RATE_LIMIT


@pytest.mark.parametrize(
    "status", [500, 501, 502, 503, 504, 509, *range(520, 528), 530, 408, 425, 599, 600, 777, 101]
)
def test_transient_answers_are_tried_again(status: int) -> None:
    """Server errors back off and slow the host; so do statuses that no standard knows."""
    failed = verdict(status)
    assert (failed.outcome, failed.error_type) == (Outcome.FAILED, ErrorType.TRANSIENT)
    assert (failed.retry, failed.healthy) == (Retry.BACK_OFF, False)


@pytest.mark.parametrize("status", [400, 401, 402, 405, 406, 414, 418, 451, 300, 305])
def test_permanent_answers_are_final_and_healthy(status: int) -> None:
    """Other 4xx, and a 3xx that leads nowhere, are not tried again and slow nobody."""
    failed = verdict(status)
    assert (failed.outcome, failed.error_type) == (Outcome.FAILED, ErrorType.PERMANENT)
    assert (failed.retry, failed.healthy) == (Retry.NO, True)


def test_an_unreadable_retry_after_changes_nothing() -> None:
    """A 503 that says "soon" is a 503."""
    assert verdict(503, Retry_After="soon").error_type is ErrorType.TRANSIENT


@pytest.mark.parametrize("status", [403, 999])
def test_a_denial_is_blocked(status: int) -> None:
    """403 is final and slows the host."""
    blocked = verdict(status)
    assert (blocked.error_type, blocked.retry, blocked.healthy) == (ErrorType.BLOCKED, Retry.NO, False)


@pytest.mark.parametrize("status", [200, 202, 403, 429, 503])
def test_a_marked_challenge_page_is_blocked(status: int) -> None:
    """A page that its CDN marks as a challenge is never taken for the page asked for."""
    for mark in ({"cf_mitigated": "challenge"}, {"x_amzn_waf_action": "captcha"}):
        assert verdict(status, b"", **mark).error_type is ErrorType.BLOCKED


def test_a_partial_answer_is_transient() -> None:
    """A 206 that nobody asked for is not the page."""
    assert verdict(206).error_type is ErrorType.TRANSIENT


@pytest.mark.parametrize(
    ("kind", "error_type", "retry"),
    [
        (FaultKind.NO_HOST, ErrorType.PERMANENT, Retry.NO),
        (FaultKind.TLS, ErrorType.PERMANENT, Retry.NO),
        (FaultKind.DNS, ErrorType.TRANSIENT, Retry.BACK_OFF),
        (FaultKind.CONNECT, ErrorType.TRANSIENT, Retry.BACK_OFF),
        (FaultKind.TIMEOUT, ErrorType.TRANSIENT, Retry.BACK_OFF),
        (FaultKind.CUT, ErrorType.TRANSIENT, Retry.BACK_OFF),
        (FaultKind.GARBLED, ErrorType.TRANSIENT, Retry.BACK_OFF),
        (FaultKind.ENCODING, ErrorType.TRANSIENT, Retry.BACK_OFF),
        (FaultKind.ADDRESS, ErrorType.REFUSED, Retry.NO),
        (FaultKind.TOO_LARGE, ErrorType.TOO_LARGE, Retry.NO),
        (FaultKind.BAD_URL, ErrorType.MALFORMED, Retry.NO),
    ],
)
def test_faults(kind: FaultKind, error_type: ErrorType, retry: Retry) -> None:
    """Each way to end without a whole answer has its row; the fault's own words are kept."""
    failed = classify(Fault(kind, "what happened"), now_utc=NOW)
    assert (failed.outcome, failed.error_type, failed.retry) == (Outcome.FAILED, error_type, retry)
    assert failed.message == "what happened"
    assert failed.healthy is (kind is FaultKind.TOO_LARGE)


def test_every_kind_of_fault_is_known() -> None:
    """A new kind of fault cannot be forgotten here."""
    assert all(classify(Fault(kind, ""), now_utc=NOW).error_type for kind in FaultKind)


@pytest.mark.parametrize(
    ("status", "error_type"),
    [(429, ErrorType.RATE_LIMIT), (403, ErrorType.BLOCKED), (404, None), (200, ErrorType.TRANSIENT)],
)
def test_a_refusal_cut_short_is_still_that_refusal(status: int, error_type: ErrorType | None) -> None:
    """The head of a refusal says all; only a page has to arrive whole."""
    cut = Fault(FaultKind.CUT, "cut", status=status, headers={})
    assert classify(cut, now_utc=NOW).error_type is error_type


def test_messages_are_for_people() -> None:
    """The message names the status in words."""
    assert verdict(503).message == "the server answered 503 (Service Unavailable)"
    assert verdict(522).message == "the server answered 522 (Connection Timed Out)"
    assert verdict(599).message == "the server answered 599"


def test_retry_after_table() -> None:
    """urllib3's cases: whole seconds and dates; a sign, a fraction or a superscript is unreadable."""
    for case in cases("retry_after_urllib3.json"):
        assert retry_after(case["value"], NOW) == case["seconds"], case


def test_http_dates_table() -> None:
    """curl's cases: the three forms of HTTP are read; a lenient form is read right or not at all."""
    read = 0
    for case in cases("http_date_curl.json"):
        epoch = case["epoch"]
        seconds = retry_after(case["input"], epoch - 100.0)
        if epoch == -1 or "1969 23:59:59" in case["input"]:
            continue  # curl rejects it, or was tested with 32 bits; and it gives 0 for -1, its error value
        assert seconds == 100.0 or (seconds is None and not case["rfc9110_form"]), case
        read += seconds is not None
    assert read >= 25


@pytest.mark.parametrize(
    "value",
    ["Wed, 31 Dec 2008 23:59:61 GMT", "Wed, 31 Dec 2008 23:60:59 GMT", "Sun, 31 Feb 2027 00:00:00 GMT"],
)
def test_a_date_that_is_none_is_unreadable(value: str) -> None:
    """A date that no calendar has asks for nothing."""
    assert retry_after(value, NOW) is None


@pytest.mark.parametrize("value", ["9" * 5000, "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_absurd_waits_are_capped(value: str) -> None:
    """Nobody waits longer than a year, however the wait is spelt."""
    assert retry_after(value, NOW) == MAX_WAIT


def test_a_capped_wait_is_said() -> None:
    """A host that asks for longer than a year: the message says that it was read as a year."""
    assert "asks to wait a year or more, read as 31536000 s" in (
        verdict(429, Retry_After="9" * 20).message or ""
    )


def test_the_longest_of_several_retry_afters_holds() -> None:
    """A host that says it twice is heeded twice; what cannot be read is passed over."""
    twice = CIMultiDict([("Retry-After", "30"), ("retry-after", "-5"), ("Retry-After", "120")])
    assert asked_wait(twice, NOW) == 120.0
    assert asked_wait(CIMultiDict([("Retry-After", "-5")]), NOW) is None
    assert asked_wait({}, NOW) is None
    answer = Response("https://h.example/", 503, twice, b"", 0.1, 0.2)
    assert classify(answer, now_utc=NOW).retry_after == 120.0


@pytest.mark.parametrize("status", [200, 202, 403, 503])
def test_a_challenge_page_is_blocked_by_what_it_shows(status: int) -> None:
    """The same page with and without a mark in its headers is final, and slows the host."""
    body = b"<title>Just a moment...</title><script>window._cf_chl_opt={}</script>"
    blocked = verdict(status, body, Content_Type="text/html; charset=UTF-8")
    assert (blocked.error_type, blocked.retry, blocked.healthy) == (ErrorType.BLOCKED, Retry.NO, False)
    assert "challenge page" in (blocked.message or "")


@given(st.text(max_size=60))
def test_any_header_is_read_or_not_but_never_raises(value: str) -> None:
    """A server can write what it likes."""
    seconds = retry_after(value, NOW)
    assert seconds is None or (0 <= seconds <= MAX_WAIT and math.isfinite(seconds))


@given(
    st.integers(0, 1000), st.binary(max_size=5), st.dictionaries(st.just("Retry-After"), st.text(max_size=9))
)
def test_every_answer_has_a_consistent_verdict(status: int, body: bytes, headers: dict[str, str]) -> None:
    """A failure has a type and a message; what is tried again is a failure that slows the host."""
    found = classify(Response("https://h.example/", status, headers, body, 0.0, 0.0), now_utc=NOW)
    assert (found.error_type is not None) == (found.outcome is Outcome.FAILED)
    if found.outcome is Outcome.FAILED:
        assert found.message
    if found.retry is not Retry.NO:
        assert not found.healthy
