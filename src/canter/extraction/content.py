"""Whether an answer is text that can be read, by what it says it is and by what it begins with."""

from __future__ import annotations

import re

_TEXT = re.compile(
    r"text/.*|application/(?:[\w.-]*\+)?(?:x-)?(?:json|ndjson|xml|xhtml|javascript|ecmascript)|.*\+json"
)
_NOT_TEXT = re.compile(
    r"(?:image|audio|video|font|model)/.*|application/(?:pdf|zip|gzip|x-gzip|msword|vnd\..*)"
)
_MAGIC = re.compile(
    rb"%PDF-|\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|RIFF.{4}WEBP|PK\x03\x04|\x1f\x8b\x08|BM.{4}\x00\x00\x00\x00|"
    rb"wOF[F2]|\x00\x00\x00.ftyp|\x7fELF|\xd0\xcf\x11\xe0",
    re.DOTALL,
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def is_text(content_type: str | None, body: bytes) -> bool:
    """Whether the answer is HTML, XML, JSON or other text.

    A PDF or an image is none whatever its Content-Type says. A type that says neither, or none at all,
    leaves it to the first bytes.
    """
    if _MAGIC.match(body):
        return False
    kind = (content_type or "").partition(";")[0].strip().lower()
    if _TEXT.fullmatch(kind):
        return True
    if _NOT_TEXT.fullmatch(kind):
        return False
    return body.startswith((b"\xfe\xff", b"\xff\xfe")) or not _BINARY.search(body[:1024])
