"""Cookies by RFC 6265 and its revision: what is kept, for how long, and who gets it back."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from canter.cookies import (
    MAX_AGE,
    MAX_BYTES,
    MAX_COOKIE,
    MAX_HEADER,
    MAX_HOSTS,
    MAX_PER_HOST,
    CookieJar,
    SiteCookies,
    cookie_date,
)
from canter.model import Response
from canter.sites import Field, Site

NOW = 1_750_000_000.0
HOME = "https://www.shop.example/a/b/c?q"


def jar(*lines: str, url: str = HOME, at: float = NOW) -> CookieJar:
    made = CookieJar()
    made.take(url, lines, at)
    return made


def sent(line: str, to: str = HOME, url: str = HOME, at: float = NOW) -> str:
    """What goes to `to` after an answer from `url` set one cookie."""
    return jar(line, url=url).header(to, at)


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("a=b", "a=b"),
        ("  a = b ; Path=/ ;", "a=b"),
        ('a="b c"', 'a="b c"'),
        ("a=b=c", "a=b=c"),
        ("a=", "a="),
        ("=b", "b"),
        ("b", "b"),
        ("", ""),
        ("=", ""),
        (";", ""),
        ("a=b; HttpOnly; SameSite=Strict; Priority=High; x", "a=b"),
        ("a=é", "a=é"),
        ("a=b\r\nX: y", ""),
        ("a=b\x00", ""),
        ("a=b; Path=/x\x7f", ""),
        ("a\tb=c\td", "a\tb=c\td"),
        ("a=" + "x" * (MAX_COOKIE - 1), "a=" + "x" * (MAX_COOKIE - 1)),
        ("a=" + "x" * MAX_COOKIE, ""),
        ("a=" + "é" * (MAX_COOKIE // 2), ""),
        ("a=b; Path=/" + "x" * 2000, "a=b"),
    ],
)
def test_what_is_kept(line: str, header: str) -> None:
    """Names and values as they stand; control characters and over 4,096 bytes are refused."""
    assert sent(line) == header


@pytest.mark.parametrize(
    ("line", "to", "goes"),
    [
        ("a=b", "https://www.shop.example/a/b/", True),
        ("a=b", "https://www.shop.example/a/b", True),
        ("a=b", "https://www.shop.example/a/bx", False),
        ("a=b", "https://www.shop.example/a/", False),
        ("a=b; Path=/a", "https://www.shop.example/a?x", True),
        ("a=b; Path=/a", "https://www.shop.example/ab", False),
        ("a=b; Path=/a/", "https://www.shop.example/a", False),
        ("a=b; Path=/; Path=/z", "https://www.shop.example/", False),
        ("a=b; Path=a", "https://www.shop.example/a/b/x", True),
        ("a=b; Path=/", "http://www.shop.example/", True),
        ("a=b; Path=/; Secure", "http://www.shop.example/", False),
        ("a=b; Path=/; Secure", "https://www.shop.example/", True),
        ("a=b; Path=/", "https://www.shop.example:444/", False),
        ("a=b; Path=/", "https://shop.example/", False),
        ("a=b; Path=/", "https://x.www.shop.example/", False),
        ("a=b; Path=/; Domain=shop.example", "https://shop.example/", True),
        ("a=b; Path=/; Domain=.SHOP.example", "https://api.shop.example/", True),
        ("a=b; Path=/; Domain=www.shop.example", "https://x.www.shop.example/", True),
        ("a=b; Path=/; Domain=shop.example", "https://shop.example:444/", True),
        ("a=b; Path=/; Domain=shop.example", "https://notshop.example/", False),
        ("a=b; Path=/; Domain=", "https://shop.example/", False),
        ("a=b; Path=/; Domain=", "https://www.shop.example/", True),
        ("a=b; Path=/; Domain=other.example", "https://other.example/", False),
        ("a=b; Path=/; Domain=op.example", "https://www.shop.example/", False),
        ("a=b; Path=/; Domain=x.www.shop.example", "https://x.www.shop.example/", False),
        ("a=b; Path=/; Domain=example", "https://www.shop.example/", False),
        ("a=b; Path=/; Domain=a b", "https://www.shop.example/", False),
    ],
)
def test_who_gets_it_back(line: str, to: str, goes: bool) -> None:
    """Path, Secure, Domain; without a Domain only the host and port that set it."""
    assert sent(line, to) == ("a=b" if goes else "")


@pytest.mark.parametrize(
    ("url", "domain", "other"),
    [
        ("https://shop.co.uk/", "co.uk", "https://evil.co.uk/"),
        ("https://me.github.io/", "github.io", "https://you.github.io/"),
        ("https://shop.com/", "com", "https://evil.com/"),
        ("http://127.0.0.1/", "0.0.1", "http://1.0.0.1/"),
        ("http://[::1]/", "1]", "http://[::1]/"),
    ],
)
def test_public_suffixes_and_addresses(url: str, domain: str, other: str) -> None:
    """No cookie for a suffix that strangers share, nor for a part of an address."""
    assert sent(f"a=b; Path=/; Domain={domain}", other, url) == ""
    assert sent(f"a=b; Path=/; Domain={domain}", url, url) == ""


@pytest.mark.parametrize("url", ["https://github.io/", "http://127.0.0.1:81/", "http://localhost/"])
def test_a_host_may_name_itself(url: str) -> None:
    """A host that is a public suffix, or an address, gets its own cookie back, and nobody else."""
    host = url.split("/")[2].partition(":")[0]
    assert sent(f"a=b; Domain={host}", url, url) == "a=b"
    assert sent(f"a=b; Domain={host}", f"https://x.{host}/", url) == ""


def test_secure_cookies_are_not_set_nor_covered_in_the_clear() -> None:
    """Who listens on the way can neither plant nor replace one."""
    assert sent("a=b; Secure", HOME, "http://www.shop.example/") == ""
    both = jar("a=safe; Secure; Path=/")
    both.take("http://www.shop.example/", ["a=evil; Path=/", "a=evil; Path=/x; Domain=shop.example"], NOW)
    assert both.header("https://www.shop.example/x", NOW) == "a=safe"
    assert both.header("http://www.shop.example/x", NOW) == ""


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("__Secure-a=b; Secure", True),
        ("__secure-a=b", False),
        ("__Host-a=b; Secure; Path=/", True),
        ("__Host-a=b; Secure", False),
        ("__Host-a=b; Secure; Path=/; Domain=www.shop.example", False),
        ("__Host-a=b; Path=/", False),
        ("=__Host-a=b", False),
    ],
)
def test_names_that_promise(line: str, kept: bool) -> None:
    """`__Secure-` and `__Host-` are kept only with what they stand for."""
    assert bool(sent(line)) is kept


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ("Max-Age=60", 60),
        ("Max-Age=0", 0),
        ("Max-Age=-5", 0),
        ("max-age=60; expires=Wed, 01 Jan 2020 00:00:00 GMT", 60),
        ("Max-Age=soon", MAX_AGE),
        ("Max-Age=99999999999999999999", MAX_AGE),
        ("Expires=" + format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        ("Expires=Wed, 01 Jan 2020 00:00:00 GMT", 0),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", MAX_AGE),
        ("Expires=never", MAX_AGE),
        ("", MAX_AGE),
    ],
)
def test_how_long(attributes: str, seconds: float) -> None:
    """Max-Age before Expires, 400 days at most."""
    line = f"a=b; {attributes}"
    assert sent(line, at=NOW + seconds - 1) == ("a=b" if seconds else "")
    assert sent(line, at=NOW + seconds) == ""


def test_replacing_and_removing() -> None:
    """The same name, host and path is one cookie; one that has ended takes the old one with it."""
    kept = jar("a=1; Path=/", "b=2; Path=/", "a=3; Path=/")
    assert kept.header(HOME, NOW) == "a=3; b=2"
    kept.take(HOME, ["a=; Path=/; Max-Age=0"], NOW)
    assert kept.header(HOME, NOW) == "b=2"
    kept.take(HOME, ["b=; Max-Age=0"], NOW)  # another path: another cookie
    assert kept.header(HOME, NOW) == "b=2"


def test_order() -> None:
    """The longest path goes first, then what was set first."""
    kept = jar("x=1; Path=/", "y=2; Path=/a/b", "z=3; Path=/", "w=4; Path=/a; Domain=shop.example")
    assert kept.header(HOME, NOW) == "y=2; w=4; x=1; z=3"


def test_bounds() -> None:
    """Cookies of a host, hosts, bytes kept and bytes sent: the oldest give way, what has ended first."""
    many = jar(*(f"n{n}=x; Path=/" for n in range(MAX_PER_HOST + 10)))
    names = many.header(HOME, NOW).split("; ")
    assert len(names) == MAX_PER_HOST
    assert names[0] == "n10=x"
    ended = jar("old=x; Path=/", "ends=x; Path=/; Max-Age=5")
    ended.take(HOME, [f"n{n}=x; Path=/" for n in range(MAX_PER_HOST - 1)], NOW + 9)
    assert "old=x" in ended.header(HOME, NOW + 9)
    big = jar(*(f"n{n}={'x' * 4000}; Path=/" for n in range(20)))
    assert len(big.header(HOME, NOW)) <= MAX_HEADER
    assert sum(len(c.value) for c in big._hosts["www.shop.example"].values()) <= MAX_BYTES
    hosts = CookieJar()
    for n in range(MAX_HOSTS + 5):
        hosts.take(f"https://h{n}.example/", ["a=b"], NOW)
    assert hosts.header("https://h4.example/", NOW) == ""
    assert hosts.header("https://h5.example/", NOW) == "a=b"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("Wed, 09 Jun 2021 10:18:14 GMT", "2021-06-09T10:18:14"),
        ("Wednesday, 09-Jun-21 10:18:14 GMT", "2021-06-09T10:18:14"),
        ("Wed Jun  9 10:18:14 2021", "2021-06-09T10:18:14"),
        ("9 June 1999 1:2:3", "1999-06-09T01:02:03"),
        ("10:18:14x Jun9 2021", None),
        ("2021 jun 09 10:18:14+0500", "2021-06-09T10:18:14"),
        ("Mon, 30 Feb 2021 10:18:14 GMT", None),
        ("Wed, 09 Jun 1600 10:18:14 GMT", None),
        ("Wed, 09 Jun 2021 25:18:14 GMT", None),
        ("Wed, 09 Jun 2021", None),
        ("", None),
    ],
)
def test_dates(text: str, iso: str | None) -> None:
    """Every form that servers write, by RFC 6265, 5.1.1."""
    found = cookie_date(text)
    assert (found and datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%dT%H:%M:%S")) == iso


def test_sites_have_jars_of_their_own() -> None:
    """A cookie goes back for the site that it was given to; one without cookies neither keeps nor sends."""
    one, two = (Site(name, fields={"t": Field(css="h1")}, cookies=True) for name in ("one", "two"))
    off = Site("off", fields={"t": Field(css="h1")})
    headers = CIMultiDict([("set-cookie", "a=b; Path=/"), ("Set-Cookie", "c=d; Path=/")])
    cookies = SiteCookies()
    for site in (one, off, None):
        cookies.take(site, HOME, Response(HOME, 200, headers, b"", 0.0, 0.0), NOW)
    assert [cookies.header(site, HOME, NOW) for site in (one, two, off, None)] == ["a=b; c=d", "", "", ""]


@given(
    st.lists(st.text(max_size=80), max_size=5), st.text("=;, -/:abDomainPthExpirsMxAgScu0129.", max_size=80)
)
def test_anything_may_be_set(lines: list[str], near: str) -> None:
    """No line makes it raise, and what is sent is one line within its bound."""
    header = jar(*lines, near).header(HOME, NOW)
    assert "\n" not in header
    assert "\r" not in header
    assert len(header) <= MAX_HEADER
