"""Where redirects lead, and when a chain of them has gone wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from canter.model import ErrorType, Outcome, Response, Verdict
from canter.rules.redirects import MAX_HOPS, Redirect, follow, same_origin

START = "https://shop.example/a/b?x=1"


def redirect(location: str | None, status: int = 301) -> Response:
    headers = {} if location is None else {"Location": location}
    return Response(START, status, headers, b"", 0.0, 0.0)


def goes_to(location: str, *hops: str) -> str:
    found = follow(START, redirect(location), hops)
    assert isinstance(found, Redirect), found
    return found.url.href


def fails(location: str | None, *hops: str) -> str:
    found = follow(START, redirect(location), hops)
    assert isinstance(found, Verdict), found
    assert (found.outcome, found.error_type, found.healthy) == (Outcome.FAILED, ErrorType.MALFORMED, True)
    return found.message or ""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_five_redirects_are_followed(status: int) -> None:
    """Each of them leads to its Location."""
    found = follow(START, redirect("/c", status), [])
    assert isinstance(found, Redirect)
    assert (found.url.href, found.url.host) == ("https://shop.example/c", "shop.example")


@pytest.mark.parametrize("status", [200, 300, 304, 305, 404, 503])
def test_other_answers_are_none(status: int) -> None:
    """What is not a redirect is left to classify, Location or not."""
    assert follow(START, redirect("/c", status), []) is None


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("c", "https://shop.example/a/c"),
        ("?y=2", "https://shop.example/a/b?y=2"),
        ("../c", "https://shop.example/c"),
        ("//other.example/c", "https://other.example/c"),
        ("http://OTHER.example:80/c", "http://other.example/c"),
        ("/c#part", "https://shop.example/c"),
        ("  /c\t", "https://shop.example/c"),
        ("/two words", "https://shop.example/two%20words"),
        ("/caf\u00e9", "https://shop.example/caf%C3%A9"),
        ("/caf\udce9", "https://shop.example/caf%E9"),
        ("/\udcc3\udca9", "https://shop.example/%C3%A9"),
    ],
)
def test_locations_are_read_as_browsers_do(location: str, target: str) -> None:
    """Relative, protocol-relative, without fragment; bytes that are not UTF-8 are kept as they are."""
    assert goes_to(location) == target


def test_a_relative_location_counts_from_the_last_hop() -> None:
    """The URL that answered is the base, not the one the chain began with."""
    assert goes_to("c", "https://other.example/d/e") == "https://other.example/d/c"


@pytest.mark.parametrize("location", [None, "", "  "])
def test_a_redirect_without_location_says_so(location: str | None) -> None:
    """It is malformed, and the message tells why."""
    assert "without a Location" in fails(location)


@pytest.mark.parametrize("location", ["ftp://shop.example/c", "javascript:alert(1)", "file:///etc/passwd"])
def test_other_schemes_are_malformed(location: str) -> None:
    """Only http and https are followed."""
    assert "is not http: or https:" in fails(location)


@pytest.mark.parametrize("location", ["http://", "https://[::1", "http://a b/", "/" + "x" * 20_000])
def test_a_location_that_is_no_url_is_malformed(location: str) -> None:
    """The message is short whatever the server sent."""
    assert len(fails(location)) < 400


def test_credentials_of_a_location_are_left_out() -> None:
    """A redirect cannot make Canter send a user name; the page behind it may be there without."""
    assert goes_to("https://me:secret@shop.example/c") == "https://shop.example/c"
    assert goes_to("//me@other.example/c") == "https://other.example/c"


def test_several_locations() -> None:
    """Copies that say the same are one; others leave open which is meant, and none is followed."""
    same = [("Location", "/c"), ("Location", ""), ("location", "https://shop.example/c#x")]
    found = follow(START, Response(START, 301, CIMultiDict(same), b"", 0.0, 0.0), [])
    assert isinstance(found, Redirect)
    assert found.url.href == "https://shop.example/c"
    other = [("Location", "/c"), ("Location", "http://evil.example/c")]
    verdict = follow(START, Response(START, 301, CIMultiDict(other), b"", 0.0, 0.0), [])
    assert isinstance(verdict, Verdict)
    assert verdict.error_type is ErrorType.MALFORMED
    assert "2 different places to go: '/c', 'http://evil.example/c'" in str(verdict.message)


@pytest.mark.parametrize(
    ("page", "target", "same"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("http://a.example:81/x", "http://a.example:81/y", True),
        ("http://a.example/x", "https://a.example/x", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("http://a.example:81/x", "https://a.example:81/x", False),
        ("http://a.example/x", "http://a.example:81/x", False),
        ("http://a.example/x", "http://b.example/x", False),
        ("http://a.example/x", "http://www.a.example/x", False),
        ("http://[::1]/x", "https://[::1]/x", True),
        ("http://[::1]:81/x", "https://[::1]:81/x", False),
    ],
)
def test_same_origin(page: str, target: str, same: bool) -> None:
    """Scheme, host and port are the same, or the host's default ports go from http to https."""
    assert same_origin(page, target) is same


def test_loops_are_malformed() -> None:
    """Back to the start, to any hop, or to itself with another fragment."""
    assert "loop" in fails(START)
    assert "loop" in fails(START + "#again")
    assert "loop" in fails("https://shop.example/c", "https://shop.example/c", "https://shop.example/d")
    assert "loop" in fails(START, "https://shop.example/c")


def test_a_cookie_may_change_what_a_url_answers() -> None:
    """With `revisit` a URL is asked for twice, and the third time is a loop."""
    back = follow(START, redirect(START), ["https://shop.example/c"], revisit=True)
    assert isinstance(back, Redirect)
    again = follow(START, redirect(START), ["https://shop.example/c", START], revisit=True)
    assert isinstance(again, Verdict)
    assert "loop" in str(again.message)


def test_ten_hops_are_followed_and_no_more() -> None:
    """The tenth redirect is followed, the eleventh is one too many."""
    hops = [f"https://shop.example/{n}" for n in range(MAX_HOPS)]
    assert goes_to("/last", *hops[:-1]) == "https://shop.example/last"
    assert fails("/last", *hops) == "over 10 redirects"


@given(
    st.lists(
        st.one_of(st.text(max_size=40), st.sampled_from([START, "/c", "//", "\udce9", "http:"])), max_size=3
    ),
    st.lists(st.sampled_from([START, "https://shop.example/c"]), max_size=11),
    st.booleans(),
)
def test_any_location_leads_on_or_is_malformed(locations: list[str], hops: list[str], revisit: bool) -> None:
    """Whatever a server writes: the next URL, with no loop in sight, or one short verdict."""
    headers = CIMultiDict([("Location", text) for text in locations])
    found = follow(START, Response(START, 302, headers, b"", 0.0, 0.0), hops, revisit=revisit)
    if isinstance(found, Redirect):
        assert [START, *hops].count(found.url.href) <= revisit
        assert len(hops) < MAX_HOPS
    else:
        assert isinstance(found, Verdict)
        assert len(found.message or "") < 500
