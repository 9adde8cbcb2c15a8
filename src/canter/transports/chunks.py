"""Chunks with careless lines between them, which curl and browsers read and aiohttp's parser does not."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Self

_PLAIN = re.compile(rb"[0-9a-fA-F]{1,15}\r\n")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r?", re.DOTALL)
_MAX_LINE = 4096  # bytes of a line between chunks that are held back; a longer one is the parser's to refuse


class _Next(Enum):
    SIZE = auto()
    END = auto()  # of the line that follows a chunk
    TRAILER = auto()


class LineEnds:
    """Gives every line between chunks its CR and takes the extensions from sizes.

    What is in chunks, or is no such line, goes through as it is.
    """

    def __init__(self) -> None:
        self._next = _Next.SIZE
        self._left = 0  # bytes of the chunk still to come
        self._part = b""  # of a line that is not whole yet

    @classmethod
    def needed(cls, first: bytes) -> Self | None:
        """One for a body that begins so; None where its first line is as it should be, as most are."""
        return None if _PLAIN.match(first) else cls()

    def feed(self, data: bytes) -> bytes:
        """The body's next bytes, mended."""
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            if self._left:
                chunk = data[at : at + self._left]
                pieces.append(chunk)
                self._left -= len(chunk)
                at += len(chunk)
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._part += data[at:]
                break
            line = self._part + data[at:end]
            self._part = b""
            at = end + 1
            pieces += (self._read(line), b"\r\n")
        if len(self._part) > _MAX_LINE:
            pieces.append(self._part)
            self._part = b""
        return b"".join(pieces)

    def _read(self, line: bytes) -> bytes:
        """Take a line in, and give what the parser is told in its place."""
        if self._next is _Next.SIZE and (size := _SIZE.fullmatch(line)):
            self._left = int(size[1], 16)
            self._next = _Next.END if self._left else _Next.TRAILER
            return size[1]
        if self._next is _Next.END:
            self._next = _Next.SIZE
        return line.removesuffix(b"\r")
