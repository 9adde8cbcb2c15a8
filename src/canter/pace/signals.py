"""What an answer's headers say of its host's quota: RateLimit and its forerunners, as one value. Pure.

    RateLimit: "default";r=50;t=30              draft-ietf-httpapi-ratelimit-headers-08 and later,
    RateLimit-Policy: "default";q=100;w=60      structured fields (RFC 9651)
    RateLimit: limit=100, remaining=5, reset=30                                 draft 04 to 07
    RateLimit-Limit: 100, 100;w=60  RateLimit-Remaining: 5  RateLimit-Reset: 30     draft 00 to 03
    X-RateLimit-Limit: 100  X-Rate-Limit-Remaining: 5  X-RateLimit-Reset: 1798000000     customs

Nothing says what a custom `Reset` counts: below 10^9 it is read as seconds from now, from there as
seconds since 1970, from 10^11 as milliseconds; a date is a date.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from canter.headers import header_values, http_date

MAX_RESET = 31 * 86_400.0  # s; no quota is longer than a month: a later reset is a lie
MAX_COUNT = 10**9  # requests
SLACK = 2.0  # s; clocks differ: a reset that passed so recently is now

_EPOCH, _EPOCH_MS = 1e9, 1e11

_NUMBER = re.compile(r"\d{1,16}(?:\.\d{1,9})?", re.ASCII).fullmatch
_MEMBERS = re.compile(r'(?:[^,"]|"[^"]*(?:"|$))+')  # between the commas that no quotes hold
_PARAMETERS = re.compile(r'(?:[^;"]|"[^"]*(?:"|$))+')


class RateLimit(NamedTuple):
    """A host's quota: `limit` requests in `window` seconds, `remaining` of them for `reset` seconds more.

    None where the answer does not say.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    window: float | None = None


class _Lie(Exception):
    """A value that cannot be true: nothing that stands beside it is believed."""


def rate_limit(headers: Mapping[str, str], now_utc: float) -> RateLimit | None:
    """The quota that the headers (names in any case) tell of, the tightest where they tell of several.

    None where they tell of none, and where a value cannot be true: not a number, negative, a reset that
    has passed or is over a month away, more remaining than the limit. `now_utc` is in UTC seconds.
    """
    said = _said(headers)
    if not said:
        return None
    for read in _structured, _separate:
        try:
            found = read(said, now_utc)
        except _Lie:
            continue
        if found != RateLimit():
            return found
    return None


def _said(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers in question by their lower-case names, the words of "rate-limit" joined."""
    said: dict[str, str] = {}
    for name in headers:
        lower = name.lower()
        if "ratelimit" in lower or "rate-limit" in lower:
            said.setdefault(lower.replace("rate-limit", "ratelimit"), ", ".join(header_values(headers, name)))
    return said


def _structured(said: Mapping[str, str], now_utc: float) -> RateLimit:
    """The one header `RateLimit`, in its newer or older form, and the policies beside it."""
    policies = dict(_members(said.get("ratelimit-policy", "")))
    found: list[RateLimit] = []
    older: dict[str, str] = {}
    for name, now in _members(said.get("ratelimit", "")):
        if "=" in name:
            key, _, value = name.partition("=")
            older[key.strip().lower()] = value.strip()
            continue
        policy = policies.get(name, {})
        if policy.get("qu", '"requests"') == '"requests"':
            found.append(_checked(policy.get("q"), now.get("r"), now.get("t"), policy.get("w"), now_utc))
    if older:
        limit = older.get("limit")
        window = policies.get(limit, {}).get("w") if limit else None
        found.append(_checked(limit, older.get("remaining"), older.get("reset"), window, now_utc))
    return min(found, key=_room, default=RateLimit())


def _separate(said: Mapping[str, str], now_utc: float) -> RateLimit:
    """Three headers, one for each number."""
    for prefix in "ratelimit-", "x-ratelimit-":
        limit, window = None, None
        for name, parameters in _members(said.get(f"{prefix}limit", "")):
            limit = name if limit is None else limit
            window = parameters.get("w", window) if name == limit else window
        remaining, reset = said.get(f"{prefix}remaining"), said.get(f"{prefix}reset")
        if reset is None:
            reset = said.get(f"{prefix}reset-after")
        found = _checked(limit, remaining, reset, window, now_utc)
        if found != RateLimit():
            return found
    return RateLimit()


def _members(value: str) -> list[tuple[str, dict[str, str]]]:
    """The members of a list and their parameters (RFC 9651, 3.1), leniently."""
    members = []
    for member in _MEMBERS.findall(value):
        name, *parameters = [part.strip() for part in _PARAMETERS.findall(member)] or [""]
        pairs = (part.partition("=") for part in parameters)
        members.append((name, {key.strip().lower(): given.strip() for key, _, given in pairs}))
    return members


def _checked(
    limit: str | None, remaining: str | None, reset: str | None, window: str | None, now_utc: float
) -> RateLimit:
    """The numbers, if all of them can be true. Raises _Lie."""
    most, left = _count(limit), _count(remaining)
    if most is not None and left is not None and left > most:
        raise _Lie
    seconds = None if window is None else _number(window)
    if seconds is not None and not 0 < seconds <= MAX_RESET:
        raise _Lie
    return RateLimit(most, left, None if reset is None else _reset(reset, now_utc), seconds)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    number = _number(text)
    if number > MAX_COUNT:
        raise _Lie
    return int(number)


def _reset(text: str, now_utc: float) -> float:
    """Seconds from now."""
    text = text.strip()
    if _NUMBER(text):
        seconds = float(text)
        if seconds >= _EPOCH:
            seconds = (seconds if seconds < _EPOCH_MS else seconds / 1000) - now_utc
    else:
        seconds = _date(text) - now_utc
    if not -SLACK <= seconds <= MAX_RESET:
        raise _Lie
    return max(seconds, 0.0)


def _date(text: str) -> float:
    found = http_date(text)
    if found is not None:
        return found
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        raise _Lie from None
    return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    text = text.strip()
    if not _NUMBER(text):
        raise _Lie
    return float(text)


def _room(quota: RateLimit) -> tuple[float, float]:
    """How much a quota leaves: requests/s; of those that leave nothing, the longest first."""
    if quota.remaining is None:
        return math.inf, 0.0
    seconds = quota.reset or quota.window or 1.0
    return quota.remaining / seconds, -seconds
