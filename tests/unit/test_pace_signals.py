"""RateLimit headers and their forerunners become one value, or none where they cannot be true."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from canter.pace.signals import MAX_RESET, RateLimit, rate_limit

NOW = 1_798_000_000.0  # 2026-12-23T04:26:40Z


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'},
            RateLimit(100, 50, 30.0, 60.0),
        ),
        ({"ratelimit": '"default";r=50'}, RateLimit(None, 50, None, None)),
        (
            {"RateLimit": "limit=100, remaining=5, reset=30", "RateLimit-Policy": "100;w=60"},
            RateLimit(100, 5, 30.0, 60.0),
        ),
        (
            {"RateLimit-Limit": "100, 100;w=60, 9;w=1", "RateLimit-Remaining": "5", "RateLimit-Reset": "30"},
            RateLimit(100, 5, 30.0, 60.0),
        ),
        (
            {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1798000040"},
            RateLimit(60, 0, 40.0, None),
        ),
        ({"x-rate-limit-remaining": "7", "x-rate-limit-reset": "1798000040500"}, RateLimit(None, 7, 40.5)),
        ({"X-RATE-LIMIT-REMAINING": "7", "X-RATELIMIT-RESET": "12.5"}, RateLimit(None, 7, 12.5, None)),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset-After": "2.5"}, RateLimit(None, 1, 2.5, None)),
        (
            {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "2026-12-23T04:26:50Z"},
            RateLimit(None, 1, 10.0, None),
        ),
        (
            {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "Wed, 23 Dec 2026 04:27:00 GMT"},
            RateLimit(None, 1, 20.0, None),
        ),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1797999999"}, RateLimit(None, 1, 0.0, None)),
    ],
)  # fmt: skip
def test_each_form(headers: dict[str, str], told: RateLimit) -> None:
    """Both forms of the standard's draft, its forerunner and the customs, names in any case."""
    assert rate_limit(headers, NOW) == told


def test_the_tightest_of_several_quotas() -> None:
    """What leaves the least counts; of exhausted ones, the one that lasts the longest."""
    policy = '"burst";q=10;w=1, "day";q=1000;w=86400, "bytes";q=9;qu="content-bytes"'
    headers = {
        "RateLimit-Policy": policy,
        "RateLimit": '"burst";r=3;t=1, "day";r=100;t=40000, "bytes";r=0',
    }
    assert rate_limit(headers, NOW) == RateLimit(1000, 100, 40_000.0, 86_400.0)
    headers["RateLimit"] = '"burst";r=0;t=1, "day";r=0;t=3600'
    assert rate_limit(headers, NOW) == RateLimit(1000, 0, 3600.0, 86_400.0)


def test_headers_sent_twice_are_one_list() -> None:
    """A field sent in two lines is one list (RFC 9110, 5.3)."""
    headers = CIMultiDict([("RateLimit", '"a";r=9;t=1'), ("ratelimit", '"b";r=1;t=10')])
    assert rate_limit(headers, NOW) == RateLimit(None, 1, 10.0, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/html"},
        {"X-RateLimit-Remaining": "-1"},
        {"X-RateLimit-Limit": "unlimited"},
        {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "11"},
        {"X-RateLimit-Limit": "9" * 30},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1797990000"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "999999999"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-30"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2020-01-01T00:00:00Z"},
        {"RateLimit": '"a";r=-5;t=3'},
        {"RateLimit": '"a'},
        {"RateLimit": "limit=ten"},
    ],
)
def test_what_cannot_be_true_is_not_believed(headers: dict[str, str]) -> None:
    """Negative, huge, past, no number: nothing is told."""
    assert rate_limit(headers, NOW) is None


def test_a_lie_in_one_form_does_not_spoil_another() -> None:
    """The custom headers are read where the standard one is broken."""
    headers = {"RateLimit": "limit=-1", "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "4"}
    assert rate_limit(headers, NOW) == RateLimit(10, 4, None, None)


NAMES = st.sampled_from(
    ["RateLimit", "RateLimit-Policy", "RateLimit-Reset", "X-RateLimit-Limit", "X-Rate-Limit-Reset"]
)


@example({"RateLimit": ";"})  # a member of a list that is nothing but a semicolon
@example({"RateLimit-Policy": '"a";w=1, ;;'})
@example({"RateLimit-Limit": ";;"})
@given(st.dictionaries(NAMES, st.text(max_size=40) | st.from_regex(r'"\w";[rtqw]=\d+', fullmatch=True)))
def test_whatever_is_told_can_be_used(headers: dict[str, str]) -> None:
    """A server can write what it likes: counts and times stay within their bounds."""
    told = rate_limit(headers, NOW)
    if told is None:
        return
    assert told != RateLimit()
    assert told.reset is None or (0 <= told.reset <= MAX_RESET and math.isfinite(told.reset))
    assert told.window is None or 0 < told.window <= MAX_RESET
    assert all(count is None or count >= 0 for count in (told.limit, told.remaining))
