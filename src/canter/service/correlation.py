"""The id that joins a request to the crawl it began and to each of its log lines. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Correlation(NamedTuple):
    """`id` goes on log lines; `traceparent`: the W3C header as it came, None without a good one."""

    id: str
    traceparent: str | None = None


def correlate(headers: Mapping[str, str]) -> Correlation:
    """By `X-Request-ID`, else the trace id of `traceparent`, else a new one. Header names in lower case.

    What is no plain short id is not taken over: it goes into logs.
    """
    traceparent = headers.get("traceparent", "").strip()
    trace = _TRACEPARENT.fullmatch(traceparent)
    given = headers.get("x-request-id", "").strip()
    if _ID.fullmatch(given):
        return Correlation(given, traceparent if trace else None)
    return Correlation(trace[1] if trace else secrets.token_hex(16), traceparent if trace else None)
