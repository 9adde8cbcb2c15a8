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

from collections.abc import Mapping
from http import HTTPStatus

from canter.headers import header_values, http_date
from canter.model import ErrorType, Fault, FaultKind, Outcome, Response, Retry, Verdict
from canter.rules.challenge import challenge, marked_by_header

MAX_WAIT = 365 * 86_400.0  # s; a longer Retry-After is read as this

_GONE = frozenset({404, 410})
_RATE_LIMITS = frozenset({420, 429})
_TRANSIENT_4XX = frozenset({408, 425})
_DENIALS = frozenset({403, 999})  # 999: a social network's way to say 403

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
    527: "Railgun Error",
    529: "Site is Overloaded",
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

_OK, _TO_READ = Verdict(Outcome.OK), Verdict(None)


def classify(answer: Response | Fault, *, now_utc: float) -> Verdict:
    """What `answer` means. `now_utc` (UTC seconds) is what a Retry-After date counts from.

    Outcome None is a page to extract. Not for redirects: ask `redirects.follow` first.
    `healthy` is true where the host answered as one in good health does, 404 and 400 included.
    """
    if isinstance(answer, Fault):
        if answer.status is None or answer.status < 400:
            return broken(answer.kind, answer.message)
        mark = marked_by_header(answer.headers)
        return _challenged(answer.status, mark) if mark else _refusal(answer.status, answer.headers, now_utc)
    status = answer.status
    if mark := challenge(answer):
        return _challenged(status, mark)
    if status >= 400:
        return _refusal(status, answer.headers, now_utc)
    if status == 304:
        return Verdict(Outcome.NOT_MODIFIED)
    if status == 204 and not answer.body:
        return _OK
    if status == 206:
        return _transient(f"{_said(status)}, a part of a page that was asked for whole")
    if 200 <= status < 300:
        return _TO_READ
    if 300 <= status < 400:
        return _permanent(f"{_said(status)}, which leads nowhere")
    return _transient(f"{_said(status)}, which ends no request")


def asked_wait(headers: Mapping[str, str], now_utc: float) -> float | None:
    """Seconds to wait by the Retry-After headers, the longest of several; None where none can be read."""
    waits = [retry_after(value, now_utc) for value in header_values(headers, "Retry-After")]
    return max((wait for wait in waits if wait is not None), default=None)


def retry_after(value: str, now_utc: float) -> float | None:
    """Seconds to wait by a Retry-After header: 0 for a date that has passed, at most a year.

    None when it is neither whole seconds nor a date in one of the three forms of HTTP.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_WAIT)
    then = http_date(text)
    return None if then is None else min(max(then - now_utc, 0.0), MAX_WAIT)


def _refusal(status: int, headers: Mapping[str, str], now_utc: float) -> Verdict:
    """The verdict on a status from 400 on."""
    wait = asked_wait(headers, now_utc)
    # Some caches put "Retry-After: 0" on every answer they make up; on a 404 it asks for nothing.
    if status in _RATE_LIMITS or wait or (wait is not None and status == 503):
        message = _said(status) if wait is None else f"{_said(status)} and asks to wait {_long(wait)}"
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


def broken(kind: FaultKind, message: str) -> Verdict:
    """What a request means that ended without a whole answer."""
    error_type = _FAULTS[kind]
    retry = Retry.BACK_OFF if error_type is ErrorType.TRANSIENT else Retry.NO
    answered = kind is FaultKind.TOO_LARGE
    return Verdict(Outcome.FAILED, error_type, message, retry=retry, healthy=answered)


def _long(wait: float) -> str:
    return f"{wait:.0f} s" if wait < MAX_WAIT else f"a year or more, read as {MAX_WAIT:.0f} s"


def _said(status: int) -> str:
    phrase = _PHRASES.get(status)
    return f"the server answered {status} ({phrase})" if phrase else f"the server answered {status}"


def _permanent(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.PERMANENT, message)


def _blocked(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.BLOCKED, message, healthy=False)


def _challenged(status: int, mark: str) -> Verdict:
    return _blocked(f"{_said(status)} with a challenge page: {mark}")


def _transient(message: str) -> Verdict:
    return Verdict(Outcome.FAILED, ErrorType.TRANSIENT, message, retry=Retry.BACK_OFF, healthy=False)
