"""A body in chunks, RFC 9112 section 7.1, read as curl and browsers read it."""

from __future__ import annotations

import re
from enum import Enum, auto

_SIZE = re.compile(rb"0*([0-9a-fA-F]*)[ \t]*(?:;.*)?\r?", re.DOTALL)
_DIGITS = 15  # of a size, in base 16
_MAX_LINE = 4096  # bytes of a line between chunks
_MAX_TRAILER = 64 * 1024  # bytes of all lines after the last chunk


class BadChunk(Exception):
    """What is no chunk."""


class _Next(Enum):
    SIZE = auto()
    END = auto()  # of the line that follows a chunk
    TRAILER = auto()


class Chunks:
    """Undoes the chunks of one body.

    A line may end in LF alone; white space and extensions after a size are passed over, and so are the
    lines of a trailer. `over`: the last chunk and its trailer have come; `beyond`: with bytes after them.
    """

    def __init__(self) -> None:
        self.over = self.beyond = False
        self._next = _Next.SIZE
        self._left = 0  # bytes of the chunk still to come
        self._part = b""  # of a line that is not whole yet
        self._trailer = 0  # bytes of it

    def feed(self, data: bytes) -> bytes:
        """What the body's next bytes hold. Raises BadChunk."""
        pieces: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.over:
            if self._left:
                chunk = data[at : at + self._left]
                pieces.append(chunk)
                self._left -= len(chunk)
                at += len(chunk)
                continue
            end = data.find(b"\n", at)
            line = self._part + data[at : end if end >= 0 else size]
            if len(line) > _MAX_LINE:
                raise BadChunk(f"a line between chunks is over {_MAX_LINE:,} bytes")
            if end < 0:
                self._part = line
                break
            self._part = b""
            at = end + 1
            self._read(line)
        self.beyond = at < size and self.over
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self, line: bytes) -> None:
        if self._next is _Next.SIZE:
            self._left = _size(line)
            self._next = _Next.END if self._left else _Next.TRAILER
        elif self._next is _Next.END:
            if line not in (b"\r", b""):
                raise BadChunk(f"a chunk does not end in CR LF where its size says, but in {line[:20]!r}")
            self._next = _Next.SIZE
        else:
            self._trailer += len(line)
            if self._trailer > _MAX_TRAILER:
                raise BadChunk(f"the trailer is over {_MAX_TRAILER:,} bytes")
            self.over = line in (b"\r", b"")


def _size(line: bytes) -> int:
    found = _SIZE.fullmatch(line)
    if found is None or not (found[1] or line.startswith(b"0")):
        raise BadChunk(f"Invalid character in chunk size {line[:20]!r}")
    if len(found[1]) > _DIGITS:
        raise BadChunk(f"chunk size {line[:20]!r} is none that anybody sends")
    return int(found[1] or b"0", 16)
