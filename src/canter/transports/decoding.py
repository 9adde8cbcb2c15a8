"""Content codings, undone a step at a time so that a small body cannot become a huge one at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Protocol

import brotli
from isal import igzip_lib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP = 64 * 1024  # decoded bytes a step; brotli's last block of one may go half as far beyond
MAX_CODINGS = 4
OFFERED = "gzip, deflate"  # br and zstd are read, too; docs/fetching.md says why they are not asked for

_Broken: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub says instance
_NUMBER = re.compile(r"^Error -?\d+ ")  # with which its messages begin
_MAGIC = b"\x1f\x8b\x08"  # of a gzip member
_WINDOW = 23  # log2 of the largest window of a zstd frame, RFC 9659

# What some servers write for a body that is not coded; browsers read on, too.
_NO_CODING = frozenset({"identity", "none", "utf-8", "utf8", "7bit", "8bit", "binary"})


class DecodingError(Exception):
    """A content coding that is unknown, or a body that does not hold what its coding says."""


class Decoder(Protocol):
    """Undoes the content codings of one body. `window`: bytes that this may take beside the body."""

    window: int

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of the body's next bytes; exhaust it before the next call. Raises DecodingError."""

    def finish(self) -> None:
        """The body is over. Raises DecodingError when the coded stream is not."""


def decoder(codings: Iterable[str]) -> Decoder:
    """A decoder for the values of a Content-Encoding header. Raises DecodingError for an unknown one."""
    names = _names(tuple(codings))
    if len(names) > MAX_CODINGS:
        raise DecodingError(f"{len(names)} content codings on one body; the most is {MAX_CODINGS}")
    layers = [_layer(name) for name in reversed(names)]
    if not layers:
        return _Identity()
    return layers[0] if len(layers) == 1 else _Stack(layers)


@lru_cache(maxsize=64)
def _names(codings: tuple[str, ...]) -> tuple[str, ...]:
    names = (part.strip().lower() for value in codings for part in value.split(","))
    return tuple(name for name in names if name and name not in _NO_CODING)


def _layer(name: str) -> Decoder:
    layer = _LAYERS.get(name)
    if layer is None:
        raise DecodingError(f"the content coding {name[:40]!r} is unknown")
    return layer()


class _Identity:
    window = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        return


class _Stack:
    """Codings applied one on another; the outermost is undone first."""

    def __init__(self, layers: list[Decoder]) -> None:
        self._layers = layers
        self.window = sum(layer.window for layer in layers)

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._feed(data, 0)

    def _feed(self, data: bytes, depth: int) -> Iterator[bytes]:
        for piece in self._layers[depth].feed(data):
            if depth + 1 == len(self._layers):
                yield piece
            else:
                yield from self._feed(piece, depth + 1)

    def finish(self) -> None:
        for layer in self._layers:
            layer.finish()


class _Inflate:
    """One compressed stream. A body of no bytes at all passes: redirects and 304 often have a coding."""

    def __init__(self, name: str, flag: int) -> None:
        self.name = name
        self._stream = igzip_lib.IgzipDecompressor(flag=flag)
        self._received = 0

    def ended(self) -> bool:
        return bool(self._stream.eof)

    def rest(self) -> bytes:
        """What followed the end of the stream."""
        return bytes(self._stream.unused_data)

    def feed(self, data: bytes) -> Iterator[bytes]:
        stream = self._stream
        self._received += len(data)
        while not stream.eof:
            try:
                piece = stream.decompress(data, STEP)
            except _Broken as exc:
                reason = _NUMBER.sub("", str(exc))
                raise DecodingError(f"the {self.name} stream is broken: {reason}") from exc
            if piece:
                yield piece
            if stream.needs_input or not piece:
                return
            data = b""

    def finish(self) -> None:
        if self._received and not self._stream.eof:
            raise DecodingError(f"the {self.name} stream ends before its end, after {self._received:,} bytes")


class _Gzip:
    """One gzip member after another; what follows them and is none is ignored."""

    window = 0

    def __init__(self) -> None:
        self._member = _Inflate("gzip", igzip_lib.DECOMP_GZIP)
        self._between = b""  # too few bytes to tell a further member from padding
        self._over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self._over:
            if not self._member.ended():
                yield from self._member.feed(data)
                if not self._member.ended():
                    return
                data = self._member.rest()
            self._between += data
            if len(self._between) < len(_MAGIC):
                return
            self._over = not self._between.startswith(_MAGIC)
            data, self._between = self._between, b""
            if not self._over:
                self._member = _Inflate("gzip", igzip_lib.DECOMP_GZIP)

    def finish(self) -> None:
        self._member.finish()


class _Deflate:
    """zlib as the standard says, or the raw stream that some servers send instead."""

    window = 0

    def __init__(self) -> None:
        self._first = b""
        self._stream: _Inflate | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data = self._first + data
            if len(data) < 2:
                self._first = data
                return
            zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            flag = igzip_lib.DECOMP_ZLIB if zlib else igzip_lib.DECOMP_DEFLATE
            self._stream = _Inflate("deflate", flag)
        yield from self._stream.feed(data)

    def finish(self) -> None:
        if self._stream is not None:
            self._stream.finish()
        elif self._first:
            raise DecodingError("the deflate stream ends before its end, after 1 byte")


class _Brotli:
    """One brotli stream, and nothing after it."""

    window = 1 << 24  # RFC 7932

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._received = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._received += len(data)
        while True:
            try:
                piece = self._stream.process(data, output_buffer_limit=STEP)
            except brotli.error as exc:
                raise DecodingError("the br stream is broken") from exc
            data = b""
            if piece:
                yield piece
            if len(piece) < STEP or self._stream.is_finished():
                return

    def finish(self) -> None:
        if self._received and not self._stream.is_finished():
            raise DecodingError(f"the br stream ends before its end, after {self._received:,} bytes")


class _Zstd:
    """One zstd frame after another."""

    window = 1 << _WINDOW

    def __init__(self) -> None:
        self._frame = self._new()
        self._received = 0

    @staticmethod
    def _new() -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._received += len(data)
        while data or not (self._frame.eof or self._frame.needs_input):
            if self._frame.eof:
                self._frame = self._new()
            try:
                piece = self._frame.decompress(data, STEP)
            except zstd.ZstdError as exc:
                raise DecodingError(f"the zstd stream is broken: {exc}") from exc
            data = self._frame.unused_data if self._frame.eof else b""
            if piece:
                yield piece

    def finish(self) -> None:
        if self._received and not self._frame.eof:
            raise DecodingError(f"the zstd stream ends before its end, after {self._received:,} bytes")


_LAYERS: dict[str, Callable[[], Decoder]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
