"""A page's bytes: which encoding reads them, whether they are text at all, and what JSON forgives."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from canter.extraction import Page, not_text
from canter.extraction.page import parse_json


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "cp1252", "gb18030", "shift_jis"])
def test_text_tree_and_json_agree_on_the_encoding(codec: str) -> None:
    """A page reads the same as text, through selectors and as JSON; the byte-order mark is no text."""
    text = "価é" if codec != "cp1252" else "é"
    text = text.replace("é", "") if codec == "shift_jis" else text
    headers = {"content-TYPE": f"text/html; charset={codec.removesuffix('-sig')}"}
    page = Page("", 200, headers, f"<title>{text}</title>".encode(codec))
    assert page.text == f"<title>{text}</title>"
    assert page.css("title") == [text]
    assert Page("", 200, headers, f'{{"a": "{text}"}}'.encode(codec)).json() == {"a": text}


def test_wrong_bytes_are_replaced_not_fatal() -> None:
    """A page that is not what it says reads as U+FFFD there."""
    page = Page("", 200, {"Content-Type": "text/html; charset=utf-8"}, b"<title>a\xffb</title>")
    assert page.css("title") == ["a\ufffdb"]
    assert "\ufffd" in page.text


def test_a_bad_selector_of_ones_own_is_a_value_error() -> None:
    """`page.css` and `page.json` say ValueError for what cannot be read."""
    with pytest.raises(ValueError, match="CSS selector"):
        Page("", 200, {}, b"<p>").css("p[")
    with pytest.raises(ValueError, match="line 1"):
        Page("", 200, {}, b"<p>").json()


def test_json_forgives_what_pages_do() -> None:
    """Control characters, lone surrogates and large integers are read; no depth breaks the reader."""
    assert parse_json(b'{"a": "x\ny", "b": 123456789012345678901234567890}') == {
        "a": "x\ny",
        "b": 123456789012345678901234567890,
    }
    assert parse_json(b'"\\ud800"') == "\ud800"
    with pytest.raises(ValueError, match="deep"):
        parse_json(b"[" * 1_000_000 + b"]" * 1_000_000)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html; charset=utf-8", b"<p>", True),
        ("TEXT/HTML", b"", True),
        ("application/json", b"{}", True),
        ("application/vnd.api+json", b"{}", True),
        ("application/xhtml+xml", b"<p>", True),
        ("text/plain", b"abc", True),
        (None, b"<p>caf\xc3\xa9", True),
        ("", b"\xff\xfe<\0p\0", True),
        ("application/octet-stream", b"<html>", True),
        ("application/octet-stream", b"\0\1\2", False),
        (None, b"\x89PNG\r\n\x1a\n", False),
        ("text/html", b"%PDF-1.7", False),
        ("text/html", b"\xff\xd8\xff\xe0", False),
        ("application/pdf", b"<p>", False),
        ("image/png", b"", False),
        ("image/svg+xml", b"<svg>", False),
        ("video/mp4", b"", False),
        ("application/vnd.ms-excel", b"a", False),
        (None, b"a\0b", False),
    ],
)
def test_what_is_no_text(content_type: str | None, body: bytes, text: bool) -> None:
    """Images, PDFs and other binaries are no pages, by type or by their first bytes."""
    assert (not_text(content_type, body) is None) is text


def test_what_is_no_text_is_named() -> None:
    """For people: what it begins as, and what it was declared as."""
    assert not_text("text/html", b"%PDF-1.7") == "a PDF, declared as text/html"
    assert not_text("image/png", b"<svg>") == "image/png"
    assert not_text(None, b"\x00\x01") == "binary data, declared as nothing"


BOMB = """
import resource, sys
from canter.extraction import Extractor, Page
from canter.sites import Site
extractor = Extractor(Site("a", fields={"t": "h1"}))
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
body = b"".join(b"<font x=%d><p>" % i for i in range(12000))
try:
    extractor.read(Page("", 200, {}, body))
except MemoryError as error:
    print("MemoryError:", error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="no limit of the address space here")
def test_a_page_that_does_not_fit_in_memory_is_a_memory_error() -> None:
    """A small page can ask for gigabytes of tree; under a limit that is a MemoryError."""
    done = subprocess.run(
        [sys.executable, "-c", BOMB], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "MemoryError: the parse of the page does not fit in memory\n"


@pytest.mark.parametrize("digits", [1, 15, 18, 19, 20, 21, 40])
@pytest.mark.parametrize(
    "around", ["%s", '{"a": %s}', "[1, -%s, 2]", '["12", %s.5]', '["%s"]', "[0.%s]", "[%se2]"]
)
def test_long_numbers_are_exact(digits: int, around: str) -> None:
    """A number of any length is read as Python's own parser reads it, wherever it stands."""
    text = around % ("9876543210" * 4)[:digits]
    assert parse_json(text.encode()) == json.loads(text)
    assert repr(parse_json(text.encode())) == repr(json.loads(text))
