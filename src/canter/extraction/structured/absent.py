"""What the bytes of a page say without a parse: that a syntax tells of no product.

An attribute's name stands in the bytes as it is, in any case, and what follows it says its value wherever it
stands. So where nothing that looks like the attribute names a type of product, no attribute does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product as combinations

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from canter.extraction.structured.model import Source
from canter.extraction.structured.product import TYPES

_S = rb"[ \t\n\r\f]*"
_SET = re.compile(_S + b"=" + _S)
_VALUE = re.compile(rb"\"[^\"]*\"|'[^']*'|[^ \t\n\r\f\"'>][^ \t\n\r\f>]*(?=[ \t\n\r\f>])|(?=>)")
_LONGEST = 4096  # bytes of a value that is looked at
_PRODUCT = re.compile(b"&|" + b"|".join(name.encode() for name in sorted(TYPES)))
# What gives letters that are written otherwise: escapes, those that are mended, references.
_OBSCURE = re.compile(rb"\\(?:u00[4-7]|[^\"\\/bfnrtu])|&#")
_NAME_WITH_REFERENCE = re.compile(
    rb"(?:property|name)%b=%b(?:\"[^\"&]*&|'[^'&]*&|[^ \t\n\r\f\"'>&]*&)" % (_S, _S)
)


def _any_case(word: bytes) -> list[bytes]:
    return [bytes(letters) for letters in combinations(*((letter, letter ^ 0x20) for letter in word))]


# A part of each word that is rare without the rest, and the bytes of the word before it.
_ITEMTYPE, _TYPEOF = _any_case(b"mty"), _any_case(b"peo")
_find = BytesAhoCorasick([*_ITEMTYPE, *_TYPEOF], matchkind=MatchKind.LeftmostFirst).find_matches_as_indexes
_find_types = BytesAhoCorasick(
    [name.encode() for name in TYPES], matchkind=MatchKind.LeftmostLongest
).find_matches_as_indexes


def products_in_attributes(content: bytes) -> set[Source]:
    """Those of microdata and RDFa that may tell of a product."""
    found: set[Source] = set()
    for number, start, _ in _find(content):
        if number < len(_ITEMTYPE):
            if "microdata" not in found and content[start - 3 : start + 5].lower() == b"itemtype":
                value = _value(content, start + 5)
                if value is None or _names_product(value):
                    found.add("microdata")
        elif content[start - 2 : start + 4].lower() == b"typeof" and _SET.match(content, start + 4):
            found.add("rdfa")  # a prefix may stand for any part of a type
    return found


def product_in_json(texts: Iterable[bytes | None]) -> bool:
    """Whether such scripts of JSON-LD may tell of a product; None is one that is not known."""
    return any(text is None or _tells_product(text) or _OBSCURE.search(text) for text in texts)


def _tells_product(text: bytes) -> bool:
    """Whether the name of a type stands in it as a text, or at the end of one, and not in a sentence."""
    for _, start, end in _find_types(text):
        before, after = text[max(start - 6, 0) : start], text[end:].lstrip()[:1]
        if not after.isalnum() and (not before[-1:].isalnum() or b"\\" in before):
            return True
    return False


def product_in_meta(tags: Iterable[bytes | None]) -> bool:
    """Whether OpenGraph may tell of a product in such tags of `<meta>`; None is a tag that is not known."""
    for given in tags:
        if given is None:
            return True
        tag = given.lower()
        reference = b"&" in tag
        if (
            b"price" in tag
            or (b"og:type" in tag and (reference or b"product" in tag))
            or (reference and _NAME_WITH_REFERENCE.search(tag))
        ):
            return True
    return False


def _value(content: bytes, at: int) -> bytes | None:
    """The value of the attribute whose name ends there; None where it is not seen whole."""
    equals = _SET.match(content, at)
    if equals is None:
        return b""
    value = _VALUE.match(content, equals.end(), equals.end() + _LONGEST)
    return value and value[0]


@lru_cache(maxsize=1024)
def _names_product(value: bytes) -> bool:
    return _PRODUCT.search(value) is not None
