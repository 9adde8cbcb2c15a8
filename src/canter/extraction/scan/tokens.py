"""Tags and comments in the bytes of a page, told apart exactly as the WHATWG tokenizer does.

Every pattern can match in one way only and is left in time linear in what it looks at: names and values are
followed by what ends them. White space is HTML's, without the vertical tab that `\\s` has.
"""

from __future__ import annotations

import re

SPACE = b" \t\n\r\f"
ENDS_NAME = frozenset((b" ", b"\t", b"\n", b"\r", b"\f", b"/", b">"))
_BEFORE_VALUE = b"= \t\n\r\f"
_LONGEST_TAG = 32 * 1024  # bytes
_LONGEST_QUOTED = 4096  # bytes of a tag with a ">" in a value
_LOOK_BACK = 64  # bytes of white space before a quote
_S = r"[ \t\n\r\f]"


def _tag(opening: str, *, nothing_like: str = "") -> str:
    """A tag's pattern; `nothing_like` are bytes that may stand nowhere in its attributes."""
    value = (
        rf'"[^"{nothing_like}]*"|'
        rf"'[^'{nothing_like}]*'|"
        rf"[^ \t\n\r\f\"'>{nothing_like}][^ \t\n\r\f>{nothing_like}]*(?=[ \t\n\r\f>])|(?=>)"
    )
    attribute = (
        rf"[^ \t\n\r\f/>{nothing_like}][^ \t\n\r\f/>={nothing_like}]*(?=[ \t\n\r\f/>=])"
        rf"(?:{_S}*={_S}*(?:{value})|(?!{_S}*=))"
    )
    return rf"{opening}(?:[ \t\n\r\f/]+(?![ \t\n\r\f/])|{attribute})*>"


NAME = re.compile(rb"<(/?[a-zA-Z]+)(?=[ \t\n\r\f/>])")
TAG = re.compile(_tag(r"</?[a-zA-Z][^ \t\n\r\f/>]*(?=[ \t\n\r\f/>])").encode())
BOGUS_COMMENT = re.compile(rb"<(?:[!?]|/(?![a-zA-Z]))[^>]*>")
RAW = ("title", "style", "textarea", "iframe", "noembed", "noframes", "xmp")  # hold text, not tags
_TEXT_ONLY = "|".join(f"({name})" for name in (*RAW, "desc"))
_SAME = "".join(rf"(?({number}){name})" for number, name in enumerate((*RAW, "desc"), 1))
# Such an element without a "<" from its tag to its end: as tags and text it would end at the same place.
_OPENING = _tag(rf"<(?:{_TEXT_ONLY})(?=[ \t\n\r\f/>])", nothing_like="<")
HARMLESS = re.compile(rf"{_OPENING}(?<!/>)[^<]*</{_SAME}{_S}*>".encode(), re.IGNORECASE)
RAW_END = {name.encode(): re.compile(rf"</{name}(?=[ \t\n\r\f/>])".encode(), re.IGNORECASE) for name in RAW}
# A type that may come out as application/ld+json.
TYPE_WITH_REFERENCE = re.compile(
    rf"(?<=[ \t\n\r\f/\"'])type{_S}*={_S}*[\"']?[a-z/+]*&".encode(), re.IGNORECASE
)


def comment_end(content: bytes, start: int) -> int:
    """Where the comment that begins at `start` ends; -1 where the page ends first. Blind to `--!>`."""
    end = content.find(b"-->", start + 2)  # <!--> and <!---> are whole comments
    return end + 3 if end >= 0 else -1


def tag_end(content: bytes, start: int) -> int:
    """Where the tag that begins at `start` ends; -1 where the page ends first."""
    end = content.find(b">", start)
    if end >= 0 and _may_be_quoted(content, start, end):
        tag = TAG.match(content, start)
        return tag.end() if tag else -1
    return end + 1 if end >= 0 else -1


def possible_tag_end(content: bytes, start: int) -> int:
    """The same of what may be no tag, so that many may overlap; -1, too, where the end is far off."""
    end = content.find(b">", start, start + _LONGEST_TAG)
    if end >= 0 and _may_be_quoted(content, start, end):
        tag = TAG.match(content, start, start + _LONGEST_QUOTED)
        return tag.end() if tag else -1
    return end + 1 if end >= 0 else -1


def is_text(content: bytes, known: int, place: int) -> bool:
    """Whether the tokenizer is between tags at `place`, for certain; it is so at `known`, before it.

    Comments and elements of raw text in between must be known to have ended. At a `>` the tokenizer is then
    between tags, or within a quoted value; and from there on, nothing begins without a `<`.
    """
    after = content.rfind(b">", known, place)
    if after < 0:
        return content.find(b"<", known, place) < 0
    if after + 1 < place and content.find(b"<", after, place) >= 0:
        return False
    return not _may_be_quoted(content, known, after)


def _may_be_quoted(content: bytes, known: int, place: int) -> bool:
    """Whether `place` may be within a quoted value that begins after `known`.

    Such a value begins with a quote behind a `=` and has no such quote in it, so that the last one tells.
    """
    quote = content.rfind(b'"', known, place)
    if quote >= 0 and content[quote - 1] in _BEFORE_VALUE and _begins_value(content, quote):
        return True
    quote = content.rfind(b"'", known, place)
    return quote >= 0 and content[quote - 1] in _BEFORE_VALUE and _begins_value(content, quote)


def _begins_value(content: bytes, quote: int) -> bool:
    """Whether a quote stands behind a `=`; True, too, where much white space hides it."""
    before = content[max(quote - _LOOK_BACK, 0) : quote].rstrip(SPACE)
    return before == b"" or before.endswith(b"=")
