"""Bytes to text: byte-order mark, header, early `<meta>`, UTF-8 where valid, late `<meta>`, windows-1252."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]+)""", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_FAR = 256 * 1024  # bytes; browsers too heed a `<meta>` that comes after its first 1024
_META = re.compile(rb"""<meta[\s/][^>]*?charset\s*=\s*["']?\s*([^\s"'/>;]+)""", re.IGNORECASE)

# Labels that WHATWG reads as a larger encoding than their name says.
_LARGER = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_NAMES = {
    "utf-16": "utf-16-le",
    "ucs-2": "utf-16-le",
    "unicode": "utf-16-le",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-gbk": "gb18030",
    "x-mac-cyrillic": "mac-cyrillic",
    "iso-8859-8-i": "iso8859-8",
    "unicode-1-1-utf-8": "utf-8",
    "x-user-defined": "cp1252",
    "macintosh": "mac-roman",
}
# Python has codecs that are no character encodings, or that no page should be able to choose.
_ALLOWED = frozenset(
    {f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
    | {f"cp{n}" for n in (866, 874, 932, 949, *range(1250, 1259))}
    | {"utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp"}
    | {"koi8-r", "koi8-u", "mac-roman", "mac-cyrillic"}
)


def charset_of(body: bytes, content_type: str | None) -> str:
    """Name of the Python codec that reads the body. Never fails: windows-1252 reads anything."""
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return codec
    match = _HEADER.search(content_type[:1024]) if content_type else None
    declared = _codec(match[1]) if match else None
    if declared is None:
        declared = _declared_in(body[:1024])
    if declared is not None:
        return declared
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _declared_in(body[:_FAR]) or "cp1252"
    return "utf-8"


def _declared_in(head: bytes) -> str | None:
    """The codec that the first `<meta>` with a charset names."""
    meta = _META.search(_COMMENT.sub(b"", head))
    codec = _codec(meta[1].decode("latin-1")) if meta else None
    return "utf-8" if codec in ("utf-16-le", "utf-16-be") else codec  # it could be read, so it is no UTF-16


def decode(body: bytes, codec: str) -> str:
    """The text without byte-order mark; bytes that the codec does not know become U+FFFD."""
    return strip_bom(body).decode(codec, "replace")


def strip_bom(body: bytes) -> bytes:
    """The body without byte-order mark."""
    for mark, _ in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :]
    return body


@lru_cache(maxsize=256)
def _codec(label: str) -> str | None:
    """The codec for a label as WHATWG reads it; None for one that it does not know."""
    label = label.strip().lower()
    try:
        name = codecs.lookup(_NAMES.get(label, label)).name
    except (LookupError, ValueError):
        return None
    name = _LARGER.get(name, name)
    return name if name in _ALLOWED else None
