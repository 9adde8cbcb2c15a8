"""The head of an answer put together, made fit for a strict parser, and where its body ends. As browsers do
it."""

from __future__ import annotations

import re
from typing import NamedTuple

from canter.transports.faults import MAX_HEAD, HeadTooLarge, NotHttp

_END = re.compile(rb"\n\r?\n")  # a line may end without CR, RFC 9112 section 2.2
_VERSION = b"HTTP/"
_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_GOOD = re.compile(rb"[^\r\n\0]*+\r?\n(?:%b:[^\r\n\0]*+\r?\n)*+\r?\n" % _NAME)
_FIELD = re.compile(rb"(%b)[ \t]*+:" % _NAME)
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:([^\r\n]*)\r?(?=\n)", re.IGNORECASE)
_LONG = re.compile(rb"\ncontent-length[ \t]*:[ \t]*\d{19,}[ \t]*\r?\n")
_TRANSFER = re.compile(rb"\ntransfer-encoding[ \t]*:([^\r\n]*)\r?(?=\n)", re.IGNORECASE)


class BadHead(Exception):
    """A head that no browser would take either."""


class Head(NamedTuple):
    """A head that can be parsed. `chunked`: its body comes in chunks."""

    data: bytes
    chunked: bool


class Heads:
    """Puts together the heads of one answer as its bytes come: interim ones, and its own. MAX_HEAD in all."""

    __slots__ = ("_part", "_size")

    def __init__(self) -> None:
        self._part = bytearray()  # of one that is not whole yet
        self._size = 0  # bytes of those before it

    @property
    def begun(self) -> bool:
        """Whether a byte has come."""
        return bool(self._size or self._part)

    def feed(self, data: bytes) -> tuple[Head | None, bytes]:
        """A head, once one is whole, and what follows it.

        Raises BadHead, NotHttp, HeadTooLarge.
        """
        part = self._part
        if not part:
            rest = data.lstrip(b"\r\n")  # left over by an answer before, or by a careless script
            self._size += len(data) - len(rest)
            data = rest
        seen = len(part)
        if seen:
            part += data
        held = part or data
        end = _END.search(held, max(seen - 2, 0))
        size = end.end() if end else len(held)
        if self._size + size > MAX_HEAD:
            raise HeadTooLarge
        if held[: len(_VERSION)] != _VERSION[: len(held)]:
            raise NotHttp(bytes(held))
        if end is None:
            if not seen:
                part += data
            return None, b""
        whole = bytes(held[:size])
        part.clear()
        self._size += size
        return usable(whole), data[size - seen :]


def usable(head: bytes) -> Head:
    """The head, from its status line to its empty line, as it is meant. Raises BadHead."""
    return _framed(head if _GOOD.fullmatch(head) else _mended(head))


def _mended(head: bytes) -> bytes:
    """Without the lines that are no header, as Chromium and Firefox pass over them.

    They come from scripts that print where they should not; the page is whole all the same. White space
    before a colon goes (RFC 9112 section 5.1), a CR within a line is a space (section 2.2).
    """
    if b"\0" in head:
        raise BadHead("a zero byte in the head")
    status, *lines = head.rstrip(b"\r\n").split(b"\n")
    kept = [_line(status)]
    taken = False  # the line before, which a folded one goes on with
    for line in map(_line, lines):
        if line[:1] in (b" ", b"\t"):
            kept += [line] if taken else []
            continue
        field = _FIELD.match(line)
        taken = field is not None
        kept += [field[1] + line[field.end() - 1 :]] if field else []
    return b"\r\n".join([*kept, b"", b""])


def _line(raw: bytes) -> bytes:
    return raw.rstrip(b"\r").replace(b"\r", b" ")


def _framed(head: bytes) -> Head:
    """The head with one statement of where its body ends. Raises BadHead where there are two.

    RFC 9112 section 6.3: chunks count before a length, a length that is repeated counts once. One that
    no machine can count to says nothing, as browsers and curl have it: the connection ends the body.
    """
    lowered = head.lower()
    if b"\ntransfer-encoding" in lowered:
        if _is_chunked(lowered):
            return Head(_LENGTH.sub(b"", head), chunked=True)
        head = _TRANSFER.sub(b"", head)
    lengths = lowered.count(b"\ncontent-length")
    if not lengths or (lengths == 1 and not _LONG.search(lowered)):
        return Head(head, chunked=False)
    told = list(dict.fromkeys(value.strip() for value in _LENGTH.findall(head)))
    if len(told) > 1:
        text = b" and ".join(told[:2]).decode("latin-1")
        raise BadHead(f"two different Content-Length headers, {text}")
    line = _LENGTH.search(head)
    if line is None or _LONG.search(lowered):
        return Head(_LENGTH.sub(b"", head), chunked=False)
    return Head(head[: line.end()] + _LENGTH.sub(b"", head[line.end() :]), chunked=False)


def _is_chunked(lowered: bytes) -> bool:
    """Whether the body comes in chunks. Raises BadHead for transfer codings that nobody asked for."""
    codings = b",".join(_TRANSFER.findall(lowered)).split(b",")
    named = [name for coding in codings if (name := coding.strip()) not in (b"", b"identity")]
    if named not in ([], [b"chunked"]):
        text = b", ".join(named).decode("latin-1")
        raise BadHead(f"the transfer coding {text[:60]!r} is none that was asked for")
    return bool(named)
