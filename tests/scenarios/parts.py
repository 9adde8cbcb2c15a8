"""The parts of scenarios: steps, what comes of them, and bytes that are used again and again."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from canter.model import ErrorType, FaultKind

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

CAP = 1 << 20  # bytes; the `max_body` under which the scenarios end as they say


class Step(Enum):
    """What a scenario does besides sending bytes; at its end the connection is closed."""

    RESET = auto()  # end with a TCP reset
    HANG = auto()  # say nothing until the server is closed or the client goes
    DRIP = auto()  # a byte every 20 ms until the client goes
    LATER = auto()  # let what was sent arrive before what follows
    NEXT = auto()  # read the next request on the connection before going on
    KEEP = auto()  # keep the connection: its next request plays the scenario that it names


Steps = Sequence[bytes | Step]


class Scenario(NamedTuple):
    """What a server does, and how it ends for the client."""

    says: str
    steps: Steps
    kind: FaultKind | None = None
    words: str = ""  # in the fault's message
    status: int | None = 200  # None: no head that can be read
    error_type: ErrorType | None = None
    body: bytes = b""

    @property
    def slow(self) -> bool:
        """Whether only a time limit ends it."""
        return self.kind is FaultKind.TIMEOUT


def head(*lines: str, status: str = "200 OK") -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def answer(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    """A whole answer with its true length."""
    return head(f"Content-Length: {len(body)}", *lines, status=status) + body


def raw_deflate(body: bytes) -> bytes:
    """A deflate stream without the zlib wrapper."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def zstd_wide(body: bytes) -> bytes:
    """A zstd frame that asks its reader for a window of 128 MiB."""
    parameter = zstd.CompressionParameter
    packer = zstd.ZstdCompressor(options={parameter.window_log: 27, parameter.content_size_flag: 0})
    return packer.compress(body) + packer.flush()


TEXT = b"<h1>A page</h1>" * 400
ZEROS = bytes(64 << 20)
HTML = "Content-Type: text/html"
CHUNKED = "Transfer-Encoding: chunked"
GZIP, BR, ZSTD = "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: zstd"
PACKED = gzip.compress(TEXT)
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(TEXT), TEXT)
LENGTH = f"Content-Length: {len(TEXT)}"


def page(says: str, *steps: bytes | Step, body: bytes = TEXT) -> Scenario:
    """A whole page, strange as it may be."""
    return Scenario(says, steps, body=body)


def broken(
    kind: FaultKind, words: str, says: str, *steps: bytes | Step, status: int | None = 200
) -> Scenario:
    """An answer that is no page, and may be one when it is asked for again."""
    return Scenario(says, steps, kind, words, status, ErrorType.TRANSIENT)


def cut(words: str, says: str, *steps: bytes | Step, status: int | None = 200) -> Scenario:
    """The connection ends too early."""
    return broken(FaultKind.CUT, words, says, *steps, status=status)


def garbled(words: str, says: str, *steps: bytes | Step, status: int | None = None) -> Scenario:
    """Not HTTP."""
    return broken(FaultKind.GARBLED, words, says, *steps, status=status)


def coded(words: str, says: str, *steps: bytes | Step) -> Scenario:
    """The content coding is not what the head says."""
    return broken(FaultKind.ENCODING, words, says, *steps)


def too_large(words: str, says: str, *steps: bytes | Step, status: int | None = 200) -> Scenario:
    """Over a cap."""
    return Scenario(says, steps, FaultKind.TOO_LARGE, words, status, ErrorType.TOO_LARGE)


def slow(words: str, says: str, *steps: bytes | Step, status: int | None = None) -> Scenario:
    """Ended by a time limit."""
    return broken(FaultKind.TIMEOUT, words, says, *steps, status=status)


def told(says: str, status: int, error_type: ErrorType | None, *steps: bytes | Step) -> Scenario:
    """A whole answer that is no page."""
    return Scenario(says, steps, status=status, error_type=error_type)
