"""What one answer means, by the contract's table of outcomes.

    answer ─ head with status >= 400 (whole or not) ─ by its status; the body does not matter
           ├ cut, garbled, too large...             ─ by the kind of fault
           └ whole                                  ─ by its status; a page is left to extraction

Statuses the table does not name: any other 2xx is a page (an empty one fails extraction like any
page without its fields); 206, which nobody asked for, and a final 1xx are broken answers; a 3xx
that `redirects.follow` does not follow leads nowhere and is permanent; an unknown 5xx, and by
RFC 9110 section 15 any status from 600 on, counts as a 500.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_tz
from http import HTTPStatus

from canter.model import ErrorType, Fault, FaultKind, Outcome, Response, Retry, Verdict

MAX_WAIT = 365 * 86_400.0  # s; a longer Retry-After is read as this

_GONE = frozenset({404, 410})
_RATE_LIMITS = frozenset({420, 429})
_TRANSIENT_4XX = frozenset({408, 425})
_DENIALS = frozenset({403, 999})  # 999: a social network's way to say 403

# Headers by which a CDN marks its challenge pages, whatever their status.
_CHALLENGES = {"cf-mitigated": ("challenge",), "x-amzn-waf-action": ("challenge", "captcha")}

_PHRASES = {
    420: "Enhance Your Calm",
    509: "Bandwidth Limit Exceeded",
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
    525: "TLS Handshake Failed",
    526: "Invalid Certificate",
    530: "Origin DNS Error",
    999: "Request Denied",
} | {status.value: status.phrase for status in HTTPStatus}

_FAULTS: dict[FaultKind, ErrorType] = {
    FaultKind.NO_HOST: ErrorType.PERMANENT,
    FaultKind.TLS: ErrorType.PERMANENT,
    FaultKind.DNS: ErrorType.TRANSIENT,
    FaultKind.CONNECT: ErrorType.TRANSIENT,
    FaultKind.TIMEOUT: ErrorType.TRANSIENT,
    FaultKind.CUT: ErrorType.TRANSIENT,
    FaultKind.GARBLED: ErrorType.TRANSIENT,
    FaultKind.ENCODING: ErrorType.TRANSIENT,
    FaultKind.ADDRESS: ErrorType.REFUSED,
    FaultKind.TOO_LARGE: ErrorType.TOO_LARGE,
    FaultKind.BAD_URL: ErrorType.MALFORMED,
}

# The three forms of RFC 9110, one digit and GMT's other names allowed; anything else is unreadable.
_HTTP_DATE = re.compile(
    r"(?:[a-z]{3,9}, *)?\d{1,2}[ -][a-z]{3}[ -](?:\d{2}|\d{4}) +\d\d?:\d\d:\d\d(?: +(?:GMT|UTC?|[+-]\d{4}))?"
    r"|[a-z]{3} +[a-z]{3} +\d{1,2} +\d\d?:\d\d:\d\d +\d{4}",
    re.IGNORECASE | re.ASCII,
).fullmatch


def classify(answer: Response | Fault, *, now_utc: float) -> Verdict:
    """What `answer` means. `now_utc` (UTC seconds) is what a Retry-After date counts from.

    Outcome None is a page to extract. Not for redirects: ask `redirects.follow` first.
    `healthy` is true where the host answered as one in good health does, 404 and 400 included.
    """
    if isinstance(answer, Fault):
        if answer.status is None or answer.status < 400:
            return _fault(answer)
        return _refusal(answer.status, answer.headers, now_utc)
    status = answer.status
    if status >= 400:
        return _refusal(status, answer.headers, now_utc)
    if _is_challenge(answer.headers):
        return _blocked(f"{_said(status)} with a challenge page")
    if status == 304:
        return Verdict(Outcome.NOT_MODIFIED)
    if status == 204 and not answer.body:
        return Verdict(Outcome.OK)
    if status == 206:
        return _transient(f"{_said(status)}, a part of a page that was asked for whole")
    if 200 <= status < 300:
        return Verdict(None)
    if 300 <= status < 400:
        return _permanent(f"{_said(status)}, which leads nowhere")
    return _transient(f"{_said(status)}, which ends no request")


def retry_after(value: str, now_utc: float) -> float | None:
    """Seconds to wait by a Retry-After header: 0 for a date that has passed, at most a year.

    None when it is neither whole seconds nor a date in one of the three forms of HTTP.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_WAIT)
    if not _HTTP_DATE(text):
        return None
    parts = parsedate_tz(text)
    if parts is None or parts[5] > 60:  # 60 is a leap second
        return None
    try:
        minute = datetime(*parts[:5], tzinfo=UTC)
    except ValueError:
        return None
    then = minute.timestamp() + parts[5] - (parts[9] or 0)
    return min(max(then - now_utc, 0.0), MAX_WAIT)


def _refusal(status: int, headers: Mapping[str, str], now_utc: float) -> Verdict:
    """The verdict on a status from 400 on."""
    if _is_challenge(headers):
        return _blocked(f"{_said(status)} with a challenge page")
    wait = retry_after(headers.get("Retry-After", ""), now_utc)
    # Some caches put "Retry-After: 0" on every answer they make up; on a 404 it asks for nothing.
    if status in _RATE_LIMITS or wait or (wait is not None and status == 503):
        message = _said(status) if wait is None else f"{_said(status)} and asks to wait {wait:.0f} s"
        return Verdict(
            Outcome.FAILED,
            ErrorType.RATE_LIMIT,
            message,
            retry=Retry.WHEN_ALLOWED,
            healthy=False,
            retry_after=wait,
        )
    if status in _GONE:
        return Verdict(Outcome.GONE, message=_said(status))
    if status in _DENIALS:
        return _blocked(_said(status))
    if status < 500 and status not in _TRANSIENT_4XX:
        return _permanent(_said(status))
    return _transient(_said(status))


def _fault(fault: Fault) -> Verdict:
    error_type = _FAULTS[fault.kind]
    retry = Retry.BACK_OFF if error_type is ErrorType.TRANSIENT else Retry.NO
    answered = fault.kind is FaultKind.TOO_LARGE
    return Verdict(Outcome.FAILED, error_type, fault.message, retry=retry, healthy=answered)


def _is_challenge(headers: Mapping[str, str]) -> bool:
    return any(headers.get(name, "").strip().lower() in values for name, values in _CHALLENGES.items())


def _said(status: int) -> str:
    phrase = _PHRASES.get(status)
    return f"the server answered {status} ({phrase})" if phrase else f"the server answered {status}"


def _permanent(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.PERMANENT, message)


def _blocked(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.BLOCKED, message, healthy=False)


def _transient(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.TRANSIENT, message, retry=Retry.BACK_OFF, healthy=False)
