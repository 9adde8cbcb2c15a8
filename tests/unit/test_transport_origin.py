"""The head of a request: what every one says, what one may say otherwise, and what is never sent."""

from __future__ import annotations

import pytest

from canter.transports.origin import Origin, parts_of

EVERY = {"User-Agent": "Canter/test", "Accept": "text/html"}


@pytest.fixture
async def origin() -> Origin:
    """A host with a port of its own."""
    return Origin("http://shop.example:8080", True, EVERY)


async def test_a_request_says_who_asks_for_what(origin: Origin) -> None:
    """The host with its port, and the headers of every request."""
    head = b"GET /tea?n=1 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: Canter/test\r\n"
    head += b"Accept: text/html\r\n"
    assert origin.head("/tea?n=1", {}) == head + b"\r\n"
    assert origin.head("/tea?n=1", {"ETag": "\u00fc"}) == head + b"ETag: \xc3\xbc\r\n\r\n"


async def test_a_request_s_own_headers_win(origin: Origin) -> None:
    """In whatever case they are written: each name is sent once."""
    head = origin.head("/", {"ACCEPT": "*/*", "host": "other.example"}).decode()
    assert head == "GET / HTTP/1.1\r\nhost: other.example\r\nUser-Agent: Canter/test\r\nACCEPT: */*\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("If-None-Match", "a\r\nX: y"), ("Cookie", "a\nb"), ("Cookie", "a\0b"), ("X: y", "z"), ("", "z")],
)
async def test_no_header_can_hold_another(origin: Origin, name: str, value: str) -> None:
    """Whatever a server had us remember: a line break ends the request before it is sent."""
    with pytest.raises(ValueError, match="cannot be sent"):
        origin.head("/", {name: value})


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example", "http://shop.example/a b", "http://shop.example/a\r\nX: y", "/tea",
        "http://shop.example/t\u00e4", "http://me:you@shop.example/", "http://shop.example/#a", "ftp://a/",
        "http:///tea",
    ],
)  # fmt: skip
def test_only_normalised_urls_are_sent(url: str) -> None:
    """What could end the request line, or is no page, is refused."""
    with pytest.raises(ValueError, match="no normalised"):
        parts_of(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://shop.example/", ("https://shop.example", "shop.example", "/")),
        ("http://[::1]:81/a%20b?c=#".rstrip("#"), ("http://[::1]:81", "[::1]:81", "/a%20b?c=")),
        ("http://a.example/!$&'()*+,;=:@~?a/b?c", ("http://a.example", "a.example", "/!$&'()*+,;=:@~?a/b?c")),
    ],
)
def test_a_url_in_its_parts(url: str, parts: tuple[str, str, str]) -> None:
    """Origin, host key, target."""
    assert parts_of(url) == parts


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://shop.example:80", "shop.example"), ("https://shop.example:443", "shop.example"),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"), ("https://shop.example:80", "shop.example:80"),
    ],
)  # fmt: skip
async def test_the_host_header(url: str, host: str) -> None:
    """The port is left out where it is the scheme's own."""
    assert f"Host: {host}\r\n".encode() in Origin(url, True, {}).head("/", {})
