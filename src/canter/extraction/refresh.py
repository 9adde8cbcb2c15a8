"""Where a page sends its reader on: `<meta http-equiv="refresh">`, or the header that means the same.

By the "shared declarative refresh steps" of the HTML standard. What stands in `<noscript>` is not heeded:
it is for readers without scripts, and tends to lead to a page that says so.
"""

from __future__ import annotations

import re

from canter.extraction.page import Page
from canter.urls import PageUrl, parse_url

MAX_DELAY = 30  # s; a page that stays for longer is to be read, and then to be loaded anew

_MARK = re.compile(rb"r\0?e\0?f\0?r\0?e\0?s\0?h", re.IGNORECASE)
_META = 'meta[http-equiv="refresh" i]:not(noscript meta)'
_DIGITS = re.compile("[0-9]*")
_FRACTION = re.compile("[0-9.]*")
_GAP = re.compile("[\t\n\f\r ]*[;,]?[\t\n\f\r ]*")
_URL = re.compile("url[\t\n\f\r ]*=[\t\n\f\r ]*", re.IGNORECASE)
_SPACES = "\t\n\f\r "


def refresh_of(page: Page) -> PageUrl | None:
    """The URL that a page leads to within `MAX_DELAY`; None where it leads nowhere, or back to itself."""
    header = next((text for name, text in page.headers.items() if name.lower() == "refresh"), None)
    if header is None and not _MARK.search(page.content):
        return None
    try:
        told = [header] if header is not None else page.tree.all(_META, "content")
        base = page.tree.first("base[href]", "href") if _MARK.search(page.content) else None
    except MemoryError:
        return None
    for text in told:
        address = _address(text or "")
        if address is not None:
            return _resolve(address, page.url, base)
    return None


def _address(text: str) -> str | None:
    """The URL that a refresh names, as it is written; None where it names none or is none."""
    text = text.lstrip(_SPACES)
    seconds = _DIGITS.match(text)
    assert seconds is not None
    end = _end(_FRACTION, text, 0)
    if not end or int(seconds[0][:9] or 0) > MAX_DELAY:
        return None
    rest = _end(_GAP, text, end)
    if rest == end or rest == len(text):  # nothing follows, or nothing that may
        return None
    url = text[_end(_URL, text, rest) :]
    if url[:1] in ("'", '"'):
        url = url[1:].partition(url[0])[0]
    return url


def _resolve(address: str, url: str, base: str | None) -> PageUrl | None:
    """The address as a URL; None where it cannot be fetched, or is the page's own."""
    ground = parse_url(base, url) if base else None
    target = parse_url(address, ground.href if isinstance(ground, PageUrl) else url, drop_credentials=True)
    return target if isinstance(target, PageUrl) and target.href != url else None


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
