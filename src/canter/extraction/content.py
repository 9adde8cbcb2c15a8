"""Whether an answer is text that can be read, by what it says it is and by what it begins with."""

from __future__ import annotations

import re

_TEXT = re.compile(
    r"text/.*|application/(?:[\w.-]*\+)?(?:x-)?(?:json|ndjson|xml|xhtml|javascript|ecmascript)|.*\+json"
)
_NOT_TEXT = re.compile(
    r"(?:image|audio|video|font|model)/.*|application/(?:pdf|zip|gzip|x-gzip|msword|vnd\..*)"
)
_MAGIC = (  # how files begin that are no text, and what they are
    (rb"%PDF-", "a PDF"),
    (rb"\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|RIFF.{4}WEBP|BM.{4}\x00\x00\x00\x00", "an image"),
    (rb"PK\x03\x04|\x1f\x8b\x08", "an archive"),
    (rb"wOF[F2]", "a font"),
    (rb"\x00\x00\x00.ftyp", "a video"),
    (rb"\x7fELF", "a program"),
    (rb"\xd0\xcf\x11\xe0", "an office document"),
)
_BEGINS = re.compile(b"|".join(b"(%b)" % pattern for pattern, _ in _MAGIC), re.DOTALL)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def not_text(content_type: str | None, body: bytes) -> str | None:
    """What an answer is that is no text, for people; None for HTML, XML, JSON and other text.

    A PDF or an image is none whatever its Content-Type says. A type that says neither, or none at all,
    leaves it to the first bytes.
    """
    declared = (content_type or "").strip()[:100]
    if found := _BEGINS.match(body):
        what = _MAGIC[(found.lastindex or 1) - 1][1]
        return f"{what}, declared as {declared or 'nothing'}"
    kind = declared.partition(";")[0].strip().lower()
    if _TEXT.fullmatch(kind):
        return None
    if _NOT_TEXT.fullmatch(kind):
        return declared
    if body.startswith((b"\xfe\xff", b"\xff\xfe")) or not _BINARY.search(body[:1024]):
        return None
    return f"binary data, declared as {declared or 'nothing'}"
