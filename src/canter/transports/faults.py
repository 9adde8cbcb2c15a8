"""The one place where aiohttp's exceptions become faults."""

from __future__ import annotations

import asyncio
import os
import ssl
from enum import Enum, auto
from typing import NamedTuple

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong

from canter.model import FaultKind, Limits
from canter.transports.decoding import DecodingError
from canter.transports.dns import NoSuchName
from canter.transports.tls import no_handshake, not_trusted, said, turned_away

MAX_LINE = 64 * 1024  # bytes of the status line, and of one header
MAX_HEADERS = 256
MAX_HEAD = 256 * 1024  # bytes of all the heads of an answer, the interim ones among them

_POINTER = " ^"  # with which the parser shows the place on a line of its own
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class AddressRefused(OSError):
    """The address guard forbids an address; raised before anything is dialled."""


class NoAnswer(aiohttp.ClientError):
    """The connection ended before the head of an answer was whole.

    Not one of the classes for which aiohttp sends the request again by itself: it would do so on
    connections that were never used before, too. `stale`: an idle connection that the server had
    closed, or on which bytes of the answer before came late, so that the request can be sent again.
    """

    def __init__(self, message: str, stale: bool) -> None:
        super().__init__(message)
        self.stale = stale


class BodyCut(aiohttp.ClientError):
    """The connection ended before the body did."""


class NotHttp(BadHttpMessage):
    """What came is not the beginning of an answer."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"it begins with {data[:60]!r}")


class HeadTooLarge(HttpProcessingError):
    """The head of an answer is over MAX_HEAD bytes."""


class FirstByteTimeout(aiohttp.SocketTimeoutError):
    """The request went out and no byte of an answer came in time."""


class Phase(Enum):
    """What a request is about."""

    CONNECT = auto()
    TLS = auto()
    ANSWER = auto()


class Progress(NamedTuple):
    """How far a request had come when it failed."""

    limits: Limits
    host: str
    phase: Phase = Phase.CONNECT
    bound: str = "timeout"  # the name of the limit that held for the phase, beside `connect_timeout`
    resolving: bool = False  # its host name is being looked up


def explain(exc: BaseException, progress: Progress) -> tuple[FaultKind, str]:
    """The kind of fault that an exception stands for, and a sentence for people."""
    match exc:
        case FirstByteTimeout():
            name = "read_timeout" if progress.limits.first_byte_timeout is None else "first_byte_timeout"
            return FaultKind.TIMEOUT, f"no answer began within {_limit(name, progress.limits)}"
        case aiohttp.SocketTimeoutError():
            return FaultKind.TIMEOUT, f"no byte for {_limit('read_timeout', progress.limits)}"
        case asyncio.TimeoutError():
            return _out_of_time(exc, progress)
        case aiohttp.ClientConnectorError():
            return _no_connection(exc, progress.host)
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return _bad_head(exc)
        case NoAnswer() if why := turned_away(exc):
            return FaultKind.TLS, f"no answer came: {why}"
        case DecodingError():
            return FaultKind.ENCODING, str(exc)
        case MemoryError():
            return FaultKind.TOO_LARGE, "the answer does not fit in memory"
        case BodyCut():
            return FaultKind.CUT, f"the body was cut: {_line(exc)}"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return FaultKind.BAD_URL, f"not a URL that can be requested: {_line(exc)}"
        case _:
            return FaultKind.CUT, _line(exc)


def _out_of_time(exc: BaseException, progress: Progress) -> tuple[FaultKind, str]:
    by_connect = isinstance(exc, aiohttp.ConnectionTimeoutError)
    limit = _limit("connect_timeout" if by_connect else progress.bound, progress.limits)
    if progress.phase is Phase.ANSWER:
        return FaultKind.TIMEOUT, f"not whole within {limit}"
    if progress.resolving:
        return FaultKind.DNS, f"no answer from the resolver for {progress.host} within {limit}"
    if progress.phase is Phase.TLS:
        return FaultKind.CONNECT, f"connected, and no TLS handshake within {limit}"
    return FaultKind.CONNECT, f"no connection within {limit}"


def _limit(name: str, limits: Limits) -> str:
    """A limit as messages name it: how long, and which setting says so."""
    return f"{getattr(limits, name):g} s ({name})"


def _no_connection(exc: aiohttp.ClientConnectorError, host: str) -> tuple[FaultKind, str]:
    cause = exc.os_error
    reason = _line(cause.strerror or cause)
    if isinstance(cause, AddressRefused):
        return FaultKind.ADDRESS, str(cause)
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        if isinstance(cause, NoSuchName):
            return FaultKind.NO_HOST, f"the host {host} cannot be found: {reason}"
        return FaultKind.DNS, f"the host {host} cannot be looked up: {reason}"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return FaultKind.TLS, _line(not_trusted(exc.certificate_error, host))
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, _CLOSED) and (why := no_handshake(cause)):
        return FaultKind.TLS, _line(why)
    if isinstance(cause, ssl.SSLError):
        return FaultKind.CONNECT, _line(f"no connection: the TLS handshake broke off: {said(cause)}")
    if cause.errno:
        reason = os.strerror(cause.errno)  # asyncio's own text repeats the address instead
    return FaultKind.CONNECT, f"no connection: {reason or 'it was closed before it was ready'}"


def _bad_head(exc: BaseException) -> tuple[FaultKind, str]:
    """What the parser refused; aiohttp chains its own errors, the innermost says what it was."""
    inner = exc
    while isinstance(inner.__cause__, HttpProcessingError):
        inner = inner.__cause__
    text = inner.message if isinstance(inner, HttpProcessingError) else str(inner)
    if isinstance(inner, HeadTooLarge):
        return FaultKind.TOO_LARGE, f"the head of the answer is over {MAX_HEAD:,} bytes"
    if isinstance(inner, LineTooLong):
        return FaultKind.TOO_LARGE, f"a line of the answer's head is over {MAX_LINE:,} bytes"
    if text.startswith("Too many headers"):
        return FaultKind.TOO_LARGE, f"the answer has more than {MAX_HEADERS} headers"
    return FaultKind.GARBLED, f"not HTTP: {_line(text).rstrip(_POINTER)}"


def _line(text: object) -> str:
    """One line of at most 200 characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= 200 else f"{line[:199]}…"
