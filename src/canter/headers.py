"""Reading of header values that more than one room needs: all values of a name, dates. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_tz

# The three forms of RFC 9110, one digit and GMT's other names allowed; anything else is unreadable.
_HTTP_DATE = re.compile(
    r"(?:[a-z]{3,9}, *)?\d{1,2}[ -][a-z]{3}[ -](?:\d{2}|\d{4}) +\d\d?:\d\d:\d\d(?: +(?:GMT|UTC?|[+-]\d{4}))?"
    r"|[a-z]{3} +[a-z]{3} +\d{1,2} +\d\d?:\d\d:\d\d +\d{4}",
    re.IGNORECASE | re.ASCII,
).fullmatch


def header_values(headers: Mapping[str, str], name: str) -> list[str]:
    """Every value of a header that was sent more than once, in order; of a plain mapping the one it has."""
    getall = getattr(headers, "getall", None)
    if getall is not None:
        return list(getall(name, ()))
    value = headers.get(name)
    return [] if value is None else [value]


def http_date(text: str) -> float | None:
    """UTC seconds of a date in one of the three forms of HTTP (RFC 9110, 5.6.7); None where it is none."""
    if not _HTTP_DATE(text):
        return None
    parts = parsedate_tz(text)
    if parts is None or parts[5] > 60:  # 60 is a leap second
        return None
    try:
        minute = datetime(*parts[:5], tzinfo=UTC)
    except ValueError:
        return None
    return minute.timestamp() + parts[5] - (parts[9] or 0)
