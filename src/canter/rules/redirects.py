"""Where a redirect leads, hop by hop. The engine asks again with the next answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from canter.model import ErrorType, Outcome, Response, Verdict
from canter.urls import BadUrl, PageUrl, parse_url

MAX_HOPS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RAW_BYTE = re.compile("[\udc80-\udcff]")  # what was not UTF-8, kept by surrogateescape


class Redirect(NamedTuple):
    """The next URL of the chain, normalised and without a fragment."""

    url: PageUrl


def follow(url: str, response: Response, hops: Sequence[str]) -> Redirect | Verdict | None:
    """The next hop of a page; a verdict (`malformed`) where the chain ends badly; None: not a redirect.

    `url` is the page's own normalised URL, `hops` the URLs it was redirected to so far; `response`
    answers the last of them.
    """
    if response.status not in _REDIRECTS:
        return None
    location = response.headers.get("Location", "").strip()
    if not location:
        return _malformed(f"the server answered {response.status}, a redirect, without a Location")
    target = parse_url(_RAW_BYTE.sub(_percent, location), base=hops[-1] if hops else url)
    if isinstance(target, BadUrl):
        return _malformed(f"redirected to {location[:200]!r}: {target.reason}")
    if target.href == url or target.href in hops:
        return _malformed(f"a redirect loop: back to {target.href[:200]}")
    if len(hops) >= MAX_HOPS:
        return _malformed(f"over {MAX_HOPS} redirects")
    return Redirect(target)


def _percent(raw: re.Match[str]) -> str:
    return f"%{ord(raw[0]) - 0xDC00:02X}"


def _malformed(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.MALFORMED, message)
