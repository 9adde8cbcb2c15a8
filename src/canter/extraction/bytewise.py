"""A page in UTF-8 read with each byte as a character, and its texts turned back into what they are.

All that a parser of HTML acts on is ASCII, so the tree is the same; but every character takes one byte, where
an apostrophe beyond Latin-1 would have the whole page take two and an emoji four. Only texts that are asked
for have to be turned back.

What stands in the way are character references: `&eacute;` gives a character that looks like a byte. A text
of ASCII, or of characters beyond any byte, leaves no doubt. Else the page is looked at, once: where it is
valid UTF-8, what looks like the bytes of a character was that, unless it begins as one of the page's
references does (`&Atilde;&copy;`); what remains came from references.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from html.entities import html5

from canter.extraction.charset import is_utf8

_BYTES = re.compile("[\x80-\xff]")
_CHARACTER = re.compile("[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_NAMES = {name.rstrip(";") for name, text in html5.items() if any("\xc2" <= c <= "\xf4" for c in text)}
_REFERENCE = re.compile(
    rb"&(?:#0*(?:19[4-9]|2[0-3]\d|24[0-4])|#[xX]0*(?:[cC][2-9a-fA-F]|[dDeE][0-9a-fA-F]|[fF][0-4])|"
    + "|".join(sorted(_NAMES)).encode()
    + rb")"
)

_ANY = frozenset(map(chr, range(0xC2, 0xF5)))

_QUOTED = re.compile(r"\"[^\"\\]*\"|'[^'\\]*'")
_CASELESS = re.compile(r"\s[a-zA-Z]\s*\]")
_PSEUDO = re.compile(r":([a-zA-Z-]*)")
_PLAIN = frozenset(
    f"{which}-{of}" for which in ("first", "last", "only", "nth", "nth-last") for of in ("child", "of-type")
) | {"not", "is", "where", "has", "root", "empty"}  # fmt: skip


@lru_cache(maxsize=4096)
def is_plain(selector: str) -> bool:
    """Whether a CSS selector finds the same elements by bytes: its words are ASCII, and no text is compared.

    False where that is not certain.
    """
    bare = _QUOTED.sub("''", selector)
    if not selector.isascii() or "\\" in selector or _CASELESS.search(bare):
        return False
    return all(name in _PLAIN for name in _PSEUDO.findall(bare))


class Bytewise:
    """The content of a page in UTF-8, without a byte-order mark."""

    __slots__ = ("_doubtful", "content")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._doubtful: frozenset[str] | None = None  # what a character in a text may begin with by reference

    @property
    def characters(self) -> str:
        """The content, each byte a character."""
        return self.content.decode("latin-1")

    def text(self, found: str) -> str | None:
        """What a text of the tree is; None where that cannot be told."""
        if found.isascii() or not _BYTES.search(found):
            return found
        if self._doubtful is None:
            self._doubtful = _referred(self.content) if is_utf8(self.content) else _ANY
        if self._doubtful is _ANY:
            return None
        if self._doubtful and any(each[0] in self._doubtful for each in _CHARACTER.findall(found)):
            return None
        return _CHARACTER.sub(lambda match: match[0].encode("latin-1").decode(), found)


def _referred(content: bytes) -> frozenset[str]:
    """The characters by reference that look like a byte that begins a character."""
    return frozenset(unescape(f"{reference.decode()};") for reference in set(_REFERENCE.findall(content)))
