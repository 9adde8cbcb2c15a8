"""URLs as browsers read them: every row of the public tables, each deviation with its reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.urls import MAX_URL, BadUrl, PageUrl, host_name, host_of, is_public_suffix, parse_url

TABLES = Path(__file__).parents[2].parent / "shared" / "corpus" / "tables"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a table of the corpus, without its comments."""
    path = TABLES / name
    if not path.exists():
        pytest.skip(f"the shared corpus is not here: {path}")
    table = json.loads(path.read_text())
    cases = table["cases"] if isinstance(table, dict) else table
    return [case for case in cases if isinstance(case, dict)]


def href(text: str, base: str | None = None, *, drop_credentials: bool = False) -> str:
    found = parse_url(text, base, drop_credentials=drop_credentials)
    assert isinstance(found, PageUrl), (text, found)
    return found.href


def reason(text: str, base: str | None = None) -> str:
    found = parse_url(text, base)
    assert isinstance(found, BadUrl), (text, found)
    return found.reason


# ---- the tables of web-platform-tests


def test_wpt_urls() -> None:
    """Every row: what browsers refuse is refused, what they read is read alike, but for three rules of ours.

    Ours: a fragment is dropped (no server sees it), other schemes are refused (Canter fetches over HTTP),
    a user name or password is refused in a source and left out of a redirect (see docs/fetching.md).
    """
    seen: Counter[str] = Counter()
    for case in rows("wpt_urltestdata.json"):
        text, base = case["input"], case["base"]
        if case.get("failure"):
            seen["no URL"] += 1
            assert reason(text, base).startswith("not a URL"), case
        elif case["protocol"] not in ("http:", "https:"):
            seen["other scheme"] += 1
            assert reason(text, base).startswith(f"the scheme {case['protocol']}"), case
        else:
            if case["username"] or case["password"]:
                seen["credentials"] += 1
                assert "user name or password" in reason(text, base), case
            found = parse_url(text, base, drop_credentials=True)
            assert isinstance(found, PageUrl), case
            scheme, _, rest = case["href"].partition("#")[0].partition("//")
            authority, slash, path = rest.partition("/")
            assert found.href == f"{scheme}//{authority.rpartition('@')[2]}{slash}{path}", case
            assert found.host == case["host"], case
            seen["read"] += 1
    assert seen == {"no URL": 267, "other scheme": 377, "credentials": 31, "read": 247}


def test_wpt_hosts() -> None:
    """Every row of domain-to-ASCII: the same name, or the same refusal."""
    cases = rows("wpt_toascii.json")
    for case in cases:
        found = parse_url(f"https://{case['input']}/x")
        assert (found.host if isinstance(found, PageUrl) else None) == case["output"], case
    assert len(cases) > 80


def test_wpt_percent_encoding() -> None:
    """Every row in UTF-8. Other encodings are for links within a page of that encoding; Canter has no page
    yet when it reads a URL."""
    cases = rows("wpt_percent_encoding.json")
    for case in cases:
        assert href(f"https://doc/?{case['input']}") == f"https://doc/?{case['output']['utf-8']}", case
    assert len(cases) > 5


# ---- the table of w3lib

SORTED = "w3lib sorts the query and drops what it thinks idle; to a server both may be different pages"
SPELLING = "w3lib rewrites escapes that stand in a URL; browsers send them as they are"
ENCODED = "w3lib can encode for a page of another encoding; browsers' own URL bar, and Canter, use UTF-8"
STRICTER = "w3lib escapes for RFC 3986 what browsers send as it is"
LENIENT = "browsers refuse it, w3lib lets it pass"
NOT_TEXT = "no text, or bytes that are no UTF-8: such a source line is refused before"
RELATIVE = "w3lib takes a part of a URL; a source has whole ones"
SCHEME = "w3lib calls file: a URL; Canter fetches over HTTP"

W3LIB_DEVIATIONS = {
    ENCODED: {
        "https://example.com?©", "http://example.com?©", "http://www.example.com/£",
        "http://www.example.com/£?unit=µ", "http://www.example.com/résumé?country=Россия",
    },
    STRICTER: {
        r"https://example.com\a?b\c", r"https://example.com\a?b\c#d\e", "https://example.com/[x]",
        "http://example.com/search?tags[]=a",
    },
    LENIENT: {"http://[v6a.ip]", "1x://evil.com/path", "+x://evil.com/path"},
    RELATIVE: {"草薙 素子", "%E8%8D%89%E8%96%99%20%E7%B4%A0%E5%AD%90", "©", "?b=1"},
    NOT_TEXT: {
        "1", r"b'http://www.example.com/\xb5'",
        r"b'http://www.example.com/country/\xd0\xee\xf1\xf1\xe8\xff'", r"b'http://www.example.org?\xa3'",
        "['http', 'www.example.com', '/caf%e9-con-leche.htm', '', '', '']",
        "['http', 'www.example.com', '/a%a3do', '', 'q=r%c3%a9sum%c3%a9', '']",
        "['http', 'www.example.com', '/path', 'params', 'x=1', 'frag']",
        "['http', 'www.example.com', '/a;b/c', 'params', 'x=1', '']",
        "['http', 'www.example.com', '/a;b/c', '', '', '']",
        "['http', 'www.example.com', '/abc/def', '', 'x=1', '']",
    },
    SORTED: {
        "http://www.example.com/do?c=1&b=2&a=3", "http://www.example.com/do?c=1;b=2;a=3",
        "http://www.example.com/do?b=&a=2", "http://www.example.com/do?q=a+space&a=1",
        "http://www.example.com/do?q=a%20space&a=1", "http://www.example.com/do?price=£500&a=5&z=3",
        "http://www.example.com/do?price(£)=500&a=1", "http://www.example.com/do?1750,4",
        "http://はじめよう.みんな/?query=サ&maxResults=5",
    },
    SPELLING: {
        "http://www.example.com/r%c3%a9sum%c3%a9", "http://www.example.com/a%a3do?q=r%c3%a9sum%c3%a9",
        "http://www.example.com/a%a3do?q=r%e9sum%e9", "https://example.com/a%23b%2cc#bash",
        "http://www.example.com/do?k=r%c3%a9sum%c3%a9", "http://foo.com/AC%2FDC+rocks%3f/?yeah=1",
    },
    SCHEME: {"file:///some/path"},
}  # fmt: skip
# Functions that edit a URL or take one apart; Canter asks for URLs as they are given.
NO_COUNTERPART = {
    "url_query_cleaner": 14, "parse_data_uri": 13, "add_or_replace_parameter": 8, "url_query_parameter": 4,
    "add_or_replace_parameters": 3,
}  # fmt: skip


def agrees(case: dict[str, Any], text: str) -> bool:
    """Whether Canter reads a URL as w3lib does, but for fragment, other schemes and credentials."""
    found, expected = parse_url(text, drop_credentials=True), case.get("result")
    if not isinstance(expected, str):
        return isinstance(found, PageUrl) == bool(expected)
    again = parse_url(expected, drop_credentials=True)
    if isinstance(found, BadUrl) and isinstance(again, BadUrl):
        return found == again and found.reason.startswith("the scheme")
    return found == again


def test_w3lib_urls() -> None:
    """Every row that has a counterpart here; the deviations are exactly those listed."""
    left_out: Counter[str] = Counter()
    wrong = set()
    for case in rows("w3lib_url.json"):
        if case["func"] in NO_COUNTERPART:
            left_out[case["func"]] += 1
            continue
        given = case["args"][0]
        if isinstance(given, dict):
            given = given["__bytes_latin1__"].encode("latin-1")
            try:
                given = given.decode()
            except UnicodeDecodeError:
                wrong.add(str(given))
                continue
        if not isinstance(given, str) or not agrees(case, given):
            wrong.add(str(given))
    assert wrong == set().union(*W3LIB_DEVIATIONS.values())
    assert left_out == NO_COUNTERPART


# ---- rules of ours


@pytest.mark.parametrize(
    ("text", "normal", "host"),
    [
        ("HTTP://Shop.EXAMPLE:80/A#top", "http://shop.example/A", "shop.example"),
        ("https://shop.example:443", "https://shop.example/", "shop.example"),
        ("https://shop.example:8443/", "https://shop.example:8443/", "shop.example:8443"),
        ("  https://shop.example/a\tb\n", "https://shop.example/ab", "shop.example"),
        ("https:\\\\shop.example\\a\\..\\b", "https://shop.example/b", "shop.example"),
        ("https://bücher.example/straße?q=ä", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4",
         "xn--bcher-kva.example"),
        ("https://shop.example/%7Ea/%zz", "https://shop.example/%7Ea/%zz", "shop.example"),
        ("http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1"),
        ("http://2130706433/", "http://127.0.0.1/", "127.0.0.1"),
        ("http://[0:0::1]:80/", "http://[::1]/", "[::1]"),
        ("https://shop.example/\ud800", "https://shop.example/%EF%BF%BD", "shop.example"),
        ("https://shop.example/?", "https://shop.example/?", "shop.example"),
    ],
)  # fmt: skip
def test_one_spelling(text: str, normal: str, host: str) -> None:
    """Spellings that a browser takes for the same URL become one, and so one page of a crawl."""
    found = parse_url(text)
    assert isinstance(found, PageUrl)
    assert (found.href, found.host) == (normal, host)
    assert host_of(found.href) == host
    assert found == parse_url(normal)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("shop.example/lamp", "does not begin with https:// or http://"),
        ("", "does not begin with"),
        ("https://", "names no host"),
        ("https:///?a", "names no host"),
        ("https://a b/", "host or port"),
        ("https://shop.example:99999/", "host or port"),
        ("https://[::1/", "host or port"),
        ("mailto:me@shop.example", "the scheme mailto: is not http: or https:"),
        ("https://me:secret@shop.example/", "user name or password"),
        ("https://shop.example/" + "x" * MAX_URL, "16,405 characters long; the most is 16,384"),
        ("https://shop.example/" + "é" * 4_000, "24,021 characters long; the most is 16,384"),
    ],
)
def test_what_is_refused_says_why(text: str, why: str) -> None:
    """One short line, without the secret."""
    assert why in reason(text)
    assert "secret" not in reason(text)
    assert len(reason(text)) < 200


def test_credentials_can_be_left_out() -> None:
    """For redirects: the URL without them."""
    assert href("https://me:secret@shop.example:444/a?b#c", drop_credentials=True) == (
        "https://shop.example:444/a?b"
    )
    assert href("//me@other.example", "https://shop.example/", drop_credentials=True) == (
        "https://other.example/"
    )


def test_public_suffixes() -> None:
    """What anybody may register under, private registries included."""
    assert all(map(is_public_suffix, ("com", "co.uk", "github.io")))
    assert not any(map(is_public_suffix, ("shop.com", "shop.co.uk", "me.github.io")))


PIECES = st.sampled_from(
    ["http://", "https:", "//", "/", "\\", "?", "#", ":", "@", "%", "%2e", "%41", "..", ".", "[", "]", "::1",
     "shop.example", "xn--", "ß", "é", "\u3002", "\u00ad", "\ud800", " ", "\t", "\x00", "80", "65536", "0x7f",
     "*"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=50),
    st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join),
    st.lists(st.one_of(PIECES, st.characters(codec=None)), max_size=12).map(lambda p: "http://" + "".join(p)),
)


@given(TEXTS, st.sampled_from([None, "https://shop.example/a/b?c"]), st.booleans())
def test_normalising_is_idempotent_and_never_raises(text: str, base: str | None, drop: bool) -> None:
    """Whatever the text: a reason, or a URL that comes out the same once more and has a host."""
    found = parse_url(text, base, drop_credentials=drop)
    if isinstance(found, BadUrl):
        assert found.reason
        return
    assert parse_url(found.href) == found
    assert found.href.isascii()
    assert found.href.startswith(("http://", "https://"))
    assert "#" not in found.href
    assert "@" not in found.href.split("/")[2]
    assert host_name(found.host)


@pytest.mark.parametrize("text", ["", "shop.example", "https://shop.example", "mailto:a@shop.example"])
def test_no_host_in_what_was_never_normalised(text: str) -> None:
    """A text that no URL was made of names no host, and raises nothing."""
    assert host_of(text) == ""
