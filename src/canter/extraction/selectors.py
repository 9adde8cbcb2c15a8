"""What a CSS selector asks of a page, as far as its words tell."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import NamedTuple

_IDENT = r"-?[A-Za-z_][A-Za-z0-9_-]*"
_SIMPLE = (
    rf"\*|{_IDENT}|#{_IDENT}|\.{_IDENT}|"
    rf"\[\s*{_IDENT}\s*(?:[~|^$*]?=\s*(?:\"[^\"\\]*\"|'[^'\\]*'|{_IDENT})\s*)?\]"
)
_NTH = r"\(\s*(?:odd|even|[+-]?\d*n?(?:\s*[+-]\s*\d+)?)\s*\)"
_COMBINATOR = re.compile(r"\s*([>+~,])\s*|\s+", re.ASCII)
_PART = re.compile(
    rf"(?P<simple>{_SIMPLE})|:(?:root|first-child|first-of-type|nth-child{_NTH}|nth-of-type{_NTH}|"
    rf"not\(\s*(?:{_SIMPLE})+\s*\))",
    re.ASCII,
)
_ATTRIBUTE = re.compile(
    rf"\[\s*(?P<name>{_IDENT})\s*(?:[~|^$*]?=\s*[\"']?(?P<value>[^\"']*?)[\"']?\s*)?\]", re.ASCII
)
AFTER_NAME = " \t\n\f\r/>"  # what ends the name of a tag
LONGEST = 16  # bytes of a word that are looked for before the whole of it
_RUN = re.compile(r"[A-Za-z0-9-]{3,}")

# What the parser makes without a tag of that name.
_IMPLIED = frozenset({"html", "head", "body", "tbody", "tr", "colgroup", "p", "br", "img"})
# HTML, "Case-sensitivity of selectors": the values of these are compared in any letter case.
_CASELESS = frozenset({
    "accept", "accept-charset", "align", "alink", "axis", "bgcolor", "charset", "checked", "clear",
    "codetype", "color", "compact", "declare", "defer", "dir", "direction", "disabled", "enctype", "face",
    "frame", "hreflang", "http-equiv", "lang", "language", "link", "media", "method", "multiple", "nohref",
    "noresize", "noshade", "nowrap", "readonly", "rel", "rev", "rules", "scope", "scrolling", "selected",
    "shape", "target", "text", "type", "valign", "valuetype", "vlink",
})  # fmt: skip


class Word(NamedTuple):
    """What stands in the markup of every element that matches.

    text: ASCII, of a tag with its `<`; attr: the attribute in whose value it stands, lower case, None for a
    tag; caseless: in any letter case ("always"), in documents in quirks mode ("quirks"), or never ("").
    """

    text: str
    attr: str | None
    caseless: str

    def spellings(self, quirks: bool) -> list[bytes]:
        """How it can begin, in no more than `LONGEST` bytes and 16 ways of letter case."""
        if not self.is_caseless(quirks):
            return [self.text[:LONGEST].encode()]
        head = self.text[:4]
        ways = ["".join(way) for way in product(*(sorted({char.lower(), char.upper()}) for char in head))]
        if self.attr is None and len(head) < 4:  # a search for four bytes is quicker than for three
            ways = [way + end for way in ways for end in AFTER_NAME]
        return [way.encode() for way in ways]

    def is_caseless(self, quirks: bool) -> bool:
        """Whether it is found in any letter case."""
        return self.caseless == "always" or (quirks and self.caseless == "quirks")


class Needs(NamedTuple):
    """What is known of a selector that does not look forward.

    words: one for each of its alternatives, None where it names nothing; named: whether each of its parts
    names a tag, and none is `html` or `body` (whose attributes may come late).
    """

    words: tuple[Word | None, ...]
    named: bool


@lru_cache(maxsize=4096)
def needs(selector: str) -> Needs | None:
    """What a selector needs.

    None where whether an element matches could depend on what comes after its start tag, or where this is
    not known.
    """
    words: list[Word | None] = []
    named = True
    at, compound = 0, list[str]()
    selector = selector.strip(" \t\n\r\f")
    while at <= len(selector):
        part = _PART.match(selector, at)
        if part is not None:
            compound.append(part["simple"] or ":")
            at = part.end()
            continue
        between = _COMBINATOR.match(selector, at) if at < len(selector) else None
        if not compound or (between is None and at < len(selector)):
            return None
        named = named and _is_named(compound)
        if between is None or between[1] == ",":
            words.append(_word(compound))
        compound = []
        at = between.end() if between else len(selector) + 1
    return Needs(tuple(words), named)


def _is_named(compound: list[str]) -> bool:
    first = compound[0]
    return first[0].isalpha() and first.lower() not in {"html", "body"}


def _word(compound: list[str]) -> Word | None:
    """The longest word of a value, or else the tag's name."""
    found: list[Word] = []
    for part in compound:
        if part[0] in "#.":
            found += _runs(part[1:], "id" if part[0] == "#" else "class", "quirks")
        elif part[0] == "[" and (attribute := _ATTRIBUTE.fullmatch(part)) and attribute["value"]:
            name = attribute["name"].lower()
            found += _runs(attribute["value"], name, "always" if name in _CASELESS else "")
    if found:
        return max(found, key=lambda word: len(word.text))
    tag = compound[0].lower()
    if not tag[0].isalpha() or len(tag) == 1 or tag in _IMPLIED:
        return None
    return Word(f"<{tag}", None, "always")


def _runs(value: str, attr: str, caseless: str) -> list[Word]:
    """The words of a value that character references cannot hide, those of a number (`&#112;`) apart."""
    return [Word(run, attr, caseless) for run in _RUN.findall(value) if "fj" not in run]  # mind `&fjlig;`
