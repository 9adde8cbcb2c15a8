"""Where in a page's bytes the words of a site's selectors stand: how much of it has to be parsed.

All words are looked for in one pass. A page is cut behind the first place of each at which it may be what a
selector asks for; after the cut, a selector finds nothing where none of its words can be that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from canter.extraction.literals import AT_ONCE, Literals
from canter.extraction.references import may_hide_words
from canter.extraction.selectors import AFTER_NAME, LONGEST, Needs, Word, needs
from canter.extraction.shortcut import Shortcut

SMALLEST = 8 * 1024  # bytes of a page from which it pays
MOST = 0.8  # of a page; to parse more than that is to parse it whole
SLACK = 2048  # bytes behind a word, in which its element should end
FEWEST = 256  # bytes to a word found; where they stand closer it does not pay
LOOK = 0.1  # of a page's parse: what it costs to look for its words

_CUT = re.compile(rb"</?div[ \t\n\f\r>]")
_NO_QUIRKS = re.compile(rb"[ \t\n\f\r]*<!doctype[ \t\n\f\r]+html[ \t\n\f\r]*>", re.IGNORECASE)
_UNQUOTED = 8192  # bytes of an attribute's value that are looked through for its begin
_NEAR = 512  # bytes before a value in which the attribute's name stands
_ASSIGNING = b"= \t\n\f\r"
_SPACE = b" \t\n\f\r"
_BEFORE_NAME = b" \t\n\f\r/\"'"
_EACH_END = (b" ", b"\t", b"\n", b"\f", b"\r", b">")  # of a value without quotes
_ENDS = re.compile(rb"[ \t\n\f\r>]")

# What may change the page's beginning when it comes late: attributes of its roots, and frames for a body.
_ROOTS = (Word("<html", None, "always"), Word("<body", None, "always"))
_FRAMESET = Word("<frameset", None, "always")


class Wanted(NamedTuple):
    """What a field asks for: by selectors, the preferred first, all that match or the first."""

    selectors: Sequence[str]
    all: bool


class Plan:
    """What a site's fields ask for. `shortcut`: whether it pays on its pages to look for it first."""

    __slots__ = ("_fields", "_late", "_searches", "_selectors", "_words", "shortcut")

    def __init__(self, fields: Sequence[Wanted], known: dict[str, Needs]) -> None:
        self._fields = [([known[selector] for selector in field.selectors], field.all) for field in fields]
        self._selectors = frozenset(known)
        found = dict.fromkeys(word for need in known.values() for word in need.words if word)
        named = all(need.named for need in known.values())
        self._late = (_FRAMESET,) if named else (_FRAMESET, *_ROOTS)
        self._words = [*found, *self._late]
        self._searches: dict[bool, _Search] = {}
        self.shortcut = Shortcut()

    @classmethod
    def of(cls, fields: Sequence[Wanted]) -> Plan | None:
        """None where a selector cannot be told from a page's beginning."""
        known = {selector: needs(selector) for field in fields for selector in field.selectors}
        if not known or None in known.values():
            return None
        return cls(fields, {selector: need for selector, need in known.items() if need})

    def look(self, content: bytes) -> Sightings | None:
        """Where to cut a page, in one of `charset.CUT_ANYWHERE`; None where it is better parsed whole."""
        if len(content) < SMALLEST or not self.shortcut.is_tried():
            return None
        seen = self._cut(content)
        if seen is None:
            self.shortcut.gained(-LOOK)
        return seen

    def sightings(self, content: bytes) -> Sightings | None:
        """The places of a page's words, not cut yet; None where there are too many."""
        quirks = not _NO_QUIRKS.match(content)
        if quirks not in self._searches:
            self._searches[quirks] = _Search(self._words, quirks)
        return self._searches[quirks].look(content)

    def _cut(self, content: bytes) -> Sightings | None:
        seen = self.sightings(content)
        if seen is None:
            return None
        last = max(seen.place(selectors, every) for selectors, every in self._fields)
        cut = _CUT.search(content, last + SLACK)
        if cut is None or cut.start() > MOST * len(content):
            return None
        seen.cut, seen.selectors = cut.start(), self._selectors
        return None if any(seen.stands_after(word) for word in self._late) else seen


class _Search:
    """The search for some words, in documents in quirks mode or others."""

    __slots__ = ("_patterns", "_searches")

    def __init__(self, words: Sequence[Word], quirks: bool) -> None:
        self._patterns = {word: _pattern(word, quirks) for word in words}
        spelled = list(dict.fromkeys(way for word in words for way in word.spellings(quirks)))
        self._searches: list[tuple[Literals, list[list[Word]]]] = []
        for begin in range(0, len(spelled), AT_ONCE):
            part = spelled[begin : begin + AT_ONCE]
            owners = [[word for word in words if _may_hide(way, word, quirks)] for way in part]
            self._searches.append((Literals(part), owners))

    def look(self, content: bytes) -> Sightings | None:
        """All places; None where there are too many."""
        places: dict[Word, list[int]] = {word: [] for word in self._patterns}
        left = len(content) // FEWEST
        for search, owners in self._searches:
            for string, start in search.find(content):
                left -= 1
                if left < 0:
                    return None
                for word in owners[string]:
                    places[word].append(start)
        if len(self._searches) > 1:
            places = {word: sorted(each) for word, each in places.items()}
        return Sightings(content, self._patterns, places)


def _may_hide(found: bytes, word: Word, quirks: bool) -> bool:
    """Whether the word may begin within what was found, where the search would pass it over."""
    return any(
        other.startswith(found[at:]) or found.startswith(other, at)
        for other in word.spellings(quirks)
        for at in range(len(found))
    )


def _pattern(word: Word, quirks: bool) -> re.Pattern[bytes]:
    ends = "" if word.attr else f"[{AFTER_NAME}]"
    return re.compile(
        f"{re.escape(word.text)}{ends}".encode(), re.IGNORECASE if word.is_caseless(quirks) else re.NOFLAG
    )


class Sightings:
    """The places of one page. `cut`: the offset of the tag before which it is cut; `selectors`: all that
    may be asked about."""

    __slots__ = ("_absent", "_hidden", "_patterns", "_places", "content", "cut", "selectors")

    def __init__(
        self,
        content: bytes,
        patterns: dict[Word, re.Pattern[bytes]],
        places: dict[Word, list[int]],
    ) -> None:
        self.content = content
        self.cut = len(content)
        self.selectors: frozenset[str] = frozenset()
        self._patterns = patterns
        self._places = places
        self._absent: set[Word] = set()  # that were looked for from the beginning
        self._hidden: bool | None = None  # whether references after the cut may hide words

    def place(self, selectors: Sequence[Needs], every: bool) -> int:
        """Where what the first selector that may match asks for stands first, or last of all; 0: nowhere."""
        for need in selectors:
            ends: list[int] = []
            for word in need.words:
                places = self._standing(word, 0) if word else iter(())
                first = next(places, None)
                if first is not None:
                    ends.append(max(places, default=first) if every else first)
                elif word:
                    self._absent.add(word)
            if ends:
                return max(ends) if every else min(ends)
        return 0

    def nothing_after(self, selector: str) -> bool:
        """Whether it is certain that nothing after the cut matches."""
        need = needs(selector)
        if need is None or None in need.words or any(self.stands_after(word) for word in need.words if word):
            return False
        if self._hidden is None:
            self._hidden = may_hide_words(self.content, self.cut)
        return not self._hidden

    def stands_after(self, word: Word) -> bool:
        """Whether the word may stand after the cut."""
        return word not in self._absent and next(self._standing(word, self.cut), None) is not None

    def _standing(self, word: Word, since: int) -> Iterator[int]:
        """The places of a word that may be what it has to be, from an offset on."""
        pattern, content = self._patterns[word], self.content
        assigned = _Assigned(content, word.attr.encode()) if word.attr else None
        for start in self._places[word]:
            if start < since:
                continue
            found = pattern.search(content, start, start + LONGEST + len(word.text) + 1)
            if found and (assigned is None or assigned.may_hold(found.start())):
                yield found.start()


class _Assigned:
    """The values of the attributes of one name: whether they may hold a place, from the first to the last."""

    __slots__ = ("_content", "_double", "_name", "_since", "_single")

    def __init__(self, content: bytes, name: bytes) -> None:
        self._content = content
        self._name = name
        self._since = 0
        self._double = self._single = -1  # the last quotes before that

    def may_hold(self, place: int) -> bool:
        """Whether a place may be in such a value.

        In a quoted one the last quote before it opens the value. In one without quotes there is no `>`, and
        no white space but before its first character, since the last `=`.
        """
        content, since = self._content, self._since
        self._since = place
        self._double = max(self._double, content.rfind(b'"', since, place))
        self._single = max(self._single, content.rfind(b"'", since, place))
        if self._opens(self._double) or self._opens(self._single):
            return True
        near = max(0, place - _UNQUOTED)
        equals = content.rfind(b"=", near, place)
        if _ENDS.search(content[max(near, equals + 1) : place].lstrip(_SPACE)):
            return False
        if equals < 0:
            return near > 0
        begin = max(content.rfind(end, near, equals) for end in _EACH_END)  # of what may hold several `=`
        if begin < 0:
            return True
        token = content[begin + 1 : equals + 1].lower()
        if self._name + b"=" in token or self._opens(begin + 1):
            return True
        return token.startswith(b"=") and self._opens(begin + 2)

    def _opens(self, place: int) -> bool:
        """Whether the name and a `=` stand before a place, white space apart."""
        content, begin = self._content, max(0, place - _NEAR)
        if place <= 0 or content[place - 1] not in _ASSIGNING:
            return False
        before = content[begin:place].rstrip(_SPACE)
        if before and not before.endswith(b"="):
            return False
        before = before[:-1].rstrip(_SPACE)
        size = len(self._name)
        if len(before) <= size:
            return begin > 0
        return before[-size:].lower() == self._name and before[-size - 1] in _BEFORE_NAME
