"""Bytes to text by the WHATWG order: byte-order mark, HTTP header, `<meta>`, then a guess.

Labels, decoders, the scan for `<meta>` and the guess (chardetng's) are turbohtml's, which follow the WHATWG
Encoding and HTML standards. Names of encodings are WHATWG's, in lower case: "utf-8", "windows-1252", "gbk".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product

import turbohtml
import turbohtml.detect  # registers the codecs named whatwg-...

from canter.extraction.literals import Literals
from canter.extraction.references import may_hide_words

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le"))
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]+)""", re.IGNORECASE)
# Supersets of ASCII in which a `<` is never part of another character and whose decoders keep no state.
CUT_ANYWHERE = frozenset({
    "utf-8", "ibm866", "koi8-r", "koi8-u", "macintosh", "x-mac-cyrillic", "gbk", "gb18030", "big5", "euc-jp",
    "euc-kr", "shift_jis", "windows-874",
    *(f"windows-125{number}" for number in range(9)),
    *(f"iso-8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, "8-i", 10, 13, 14, 15, 16)),
})  # fmt: skip
_ESCAPE = b"\x1b"  # by which iso-2022-jp says in ASCII what is not
_HEAD = 1024  # bytes that the standard's first scan reads
_HEADS = 8192  # bytes in which most pages name their encoding
_SPELLINGS = ["".join(way).encode() for way in product(*({char, char.upper()} for char in "chars"))]
_MOST_NAMED = 1024  # places of the word that are looked at
_SEARCH = Literals(_SPELLINGS)
_NAMED = re.compile(
    rb"charset[ \t\n\f\r]*(?:=[ \t\n\f\r]*[\"']?[ \t\n\f\r]*([^ \t\n\f\r\"';>]*)|&)", re.IGNORECASE
)
_PYTHON = frozenset({"utf-8", "utf-16le", "utf-16be"})  # decoded alike by Python, and faster


def charset_of(body: bytes, content_type: str | None) -> str:
    """The encoding of an HTML body. Never fails: windows-1252 reads anything."""
    return declared(body, content_type) or sniffed(body)


def declared(body: bytes, content_type: str | None) -> str | None:
    """The encoding that the byte-order mark or else the Content-Type header names, without a look inside."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    match = _HEADER.search(content_type[:1024]) if content_type else None
    return encoding(match[1]) if match else None


def announced(body: bytes) -> str | None:
    """The encoding that an early `<meta>` names; the first that names one counts."""
    for size in (_HEAD, _HEADS):
        head = turbohtml.parse(body[:size], positions=False)
        if head.encoding and head.encoding_confidence == "certain":
            return head.encoding.lower()
    return None


def implied(body: bytes) -> str | None:
    """UTF-8 where the bytes are that, beyond ASCII, and no `<meta>` anywhere can say otherwise; else None."""
    if body.isascii() or _ESCAPE in body or may_hide_words(body):
        return None
    for at, (_, start) in enumerate(_SEARCH.find(body)):
        if at >= _MOST_NAMED or _names_another(_NAMED.match(body, start)):
            return None
    return "utf-8" if is_utf8(body) else None


def _names_another(found: re.Match[bytes] | None) -> bool:
    """Whether a `charset=` may name an encoding other than UTF-8."""
    if found is None:
        return False
    label = found[1]
    if label is None or b"&" in label:
        return True
    return encoding(label.decode("latin-1")) not in (None, "utf-8")


def sniffed(body: bytes) -> str:
    """The encoding by an early `<meta>`, then by one anywhere, then by what the bytes look like."""
    return announced(body) or (parsed(body).encoding or "windows-1252").lower()


def parsed(body: bytes) -> turbohtml.Document:
    """A page parsed in the encoding of its own words and bytes.

    The guess is left to a second parse, of the few pages that need one: made beside the first it takes
    milliseconds also where a `<meta>` further on decides.
    """
    document = turbohtml.parse(body, positions=False)
    if document.encoding_confidence == "certain" or (document.encoding or "").lower() != "windows-1252":
        return document
    if body.isascii() and _ESCAPE not in body:
        return document
    return turbohtml.parse(body, positions=False, detect_encoding=True)


def stays_utf8(body: bytes, metas: Iterable[bytes | None], part: bytes) -> bool:
    """Whether a part of a page that does not say its encoding early is UTF-8, told without a parse.

    `metas`: whatever may be a tag of `<meta>` in it, None for what is not known. False where it is not sure.
    """
    if _ESCAPE in body:
        return False
    for tag in metas:
        if tag is None or any(map(_names_another, _NAMED.finditer(tag))):
            return False
        if b"&" in tag and b"http-equiv" in tag.lower():
            return False
    return part.isascii() or is_utf8(body)


def is_utf8(body: bytes) -> bool:
    """Whether all of it is valid UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode(body: bytes, charset: str) -> str:
    """The text without byte-order mark; bytes that the encoding does not know become U+FFFD."""
    body = strip_bom(body)
    if charset in _PYTHON:
        return body.decode(charset, "replace")
    return body.decode(f"whatwg-{charset}", "replace")


def strip_bom(body: bytes) -> bytes:
    """The body without byte-order mark."""
    for mark, _ in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :]
    return body


@lru_cache(maxsize=256)
def encoding(label: str) -> str | None:
    """The encoding of a WHATWG label; None for one that the standard does not know."""
    try:
        name = turbohtml.parse(b"", encoding=label).encoding
    except (LookupError, ValueError):
        return None
    return name.lower() if name else None
