"""The head of an answer."""

from __future__ import annotations

from typing import NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy


class Answer(NamedTuple):
    """Status and headers. `latency`: seconds from the request's going out to the head's coming in.

    `length`: bytes of the body as it is sent, where the head says so; there may be none for all that.
    """

    status: int
    headers: CIMultiDictProxy[str]
    latency: float
    length: int | None


def readable(headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
    """Headers whose values can be written anywhere: bytes that are not UTF-8 are read as Latin-1.

    In a Location they become the percent escapes that they are in a URL.
    """
    if all(map(str.isascii, headers.values())):
        return headers
    return CIMultiDictProxy(CIMultiDict((name, _text(name, value)) for name, value in headers.items()))


def _text(name: str, value: str) -> str:
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        if name.lower() == "location":
            return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)
        return raw.decode("latin-1")
