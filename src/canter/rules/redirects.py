"""Where a redirect leads, hop by hop. The engine asks again with the next answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from canter.headers import header_values
from canter.model import ErrorType, Fault, Outcome, Response, Verdict
from canter.urls import BadUrl, PageUrl, host_name, parse_url

MAX_HOPS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RAW_BYTE = re.compile("[\udc80-\udcff]")  # what was not UTF-8, kept by surrogateescape


class Redirect(NamedTuple):
    """The next URL of the chain, normalised and without a fragment."""

    url: PageUrl


def follow(
    url: str, answer: Response | Fault, hops: Sequence[str], *, revisit: bool = False
) -> Redirect | Verdict | None:
    """The next hop of a page; a verdict (`malformed`) where the chain ends badly; None: not a redirect.

    `url` is the page's own normalised URL, `hops` the URLs it was redirected to so far; `answer` is to the
    last of them, and its head is enough: a body that is cut or badly coded does not matter. `revisit`: a
    URL may be asked for a second time, for a cookie can have changed what it answers. A user name or
    password in a Location is left out.
    """
    if answer.status not in _REDIRECTS:
        return None
    values = (value.strip() for value in header_values(answer.headers, "Location"))
    locations = list(dict.fromkeys(value for value in values if value))
    if not locations:
        return _malformed(f"the server answered {answer.status}, a redirect, without a Location")
    base = hops[-1] if hops else url
    targets = {
        parse_url(_RAW_BYTE.sub(_percent, location), base, drop_credentials=True): location
        for location in locations
    }
    if len(targets) > 1:
        return _malformed(f"the server names {len(targets)} different places to go: {_shown(locations)}")
    [(target, location)] = targets.items()
    if isinstance(target, BadUrl):
        return _malformed(f"redirected to {location[:200]!r}: {target.reason}")
    return step(url, target, hops, revisit=revisit)


def step(url: str, target: PageUrl, hops: Sequence[str], *, revisit: bool = False) -> Redirect | Verdict:
    """One more hop of the chain that began at `url`, or why it must not be: a loop, or over `MAX_HOPS`."""
    if [url, *hops].count(target.href) > revisit:
        return _malformed(f"a redirect loop: back to {target.href[:200]}")
    if len(hops) >= MAX_HOPS:
        return _malformed(f"over {MAX_HOPS} redirects")
    return Redirect(target)


def same_origin(page: str, target: str) -> bool:
    """Whether what is meant for a page's origin (scheme, host, port) may go along to a target of its chain.

    The same host by https in place of http, both on their default ports, is no stranger: what was sent
    in the clear may be sent again encrypted.
    """
    (scheme, _, host), (other_scheme, _, other_host) = page.split("/", 3)[:3], target.split("/", 3)[:3]
    if host != other_host:
        return False
    return scheme == other_scheme or (scheme == "http:" and host == host_name(host))


def _shown(locations: Sequence[str]) -> str:
    return ", ".join(repr(location[:100]) for location in locations[:3])


def _percent(raw: re.Match[str]) -> str:
    return f"%{ord(raw[0]) - 0xDC00:02X}"


def _malformed(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.MALFORMED, message)
