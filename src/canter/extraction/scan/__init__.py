"""Elements of a page found in its bytes, without a tree, exactly as the tree has them.

marks.py: what is looked for, in one pass -> walk.py: from mark to mark, certain or not -> the elements' bytes
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from canter.extraction.scan.marks import (
    BASE,
    COMMENT,
    END,
    KINDS,
    META,
    NAMED,
    SCRIPT,
    SCRIPT_END,
    TYPE,
    UNDOING,
    find_marks,
    told,
)
from canter.extraction.scan.tokens import ENDS_NAME, possible_tag_end
from canter.extraction.scan.walk import Unsure, Walk, has_odd_type

__all__ = ["MOST_MARKS", "Scan", "Wanted"]

MOST_MARKS = 20_000  # of a page; real ones have some hundred, a few some thousand
_MOST_TAGS = 500  # of a kind that are looked at wherever they stand

Wanted = Literal["json", "meta", "base"]
_MARKS = {"json": SCRIPT, "meta": META, "base": BASE}
_LISTED = frozenset(number for number, kind in enumerate(KINDS) if kind in (SCRIPT, META, BASE, TYPE, NAMED))


class Scan:
    """A page whose marks are found once. Its encoding has ASCII's bytes for ASCII, and for nothing else."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._marks = find_marks(content)
        self._is_hostile = len(self._marks) > MOST_MARKS
        if self._is_hostile:
            self._marks.clear()
        self._marks.append((END, len(content), len(content)))
        self._numbers: dict[str, list[int]] = {SCRIPT: [], META: [], BASE: [], TYPE: [], UNDOING: []}
        for number in [number for number, mark in enumerate(self._marks) if mark[0] in _LISTED]:
            kind = KINDS[self._marks[number][0]]
            if kind is NAMED:
                kind, _, _ = told(content, self._marks[number])
            if kind in self._numbers:
                self._numbers[kind].append(number)

    def elements(self, wanted: Wanted) -> bytes | None:
        """The elements of a kind in the order of the tree, one after another; None where that is not certain.

        "json" are the scripts of JSON-LD, and perhaps others.
        """
        numbers = self._numbers[TYPE if wanted == "json" else _MARKS[wanted]]
        last = numbers[-1] if numbers else -1
        if self._is_hostile or self._numbers[UNDOING] or (wanted == "json" and self._has_odd_script(last)):
            return None
        if last < 0:
            return b""
        walk = Walk(self._content, self._marks, _MARKS[wanted])
        try:
            walk.until(last)
        except Unsure:
            return None
        return b"".join(walk.kept)

    @cached_property
    def metas(self) -> list[bytes | None]:
        """Whatever may be a tag of `<meta>`, wherever it stands; None for one that is too long to tell.

        Of too many the last is None, and none follows.
        """
        content, found = self._content, list[bytes | None]()
        for number in self._numbers[META][:_MOST_TAGS]:
            start = self._marks[number][1]
            end = possible_tag_end(content, start)
            found.append(None if end < 0 else content[start:end])
        all_seen = not self._is_hostile and len(self._numbers[META]) <= _MOST_TAGS
        return found if all_seen else [*found, None]

    def json_texts(self) -> Iterator[bytes | None]:
        """Whatever may be the text of a script of JSON-LD, and more; None for what is not known."""
        passed = 0
        for number in self._numbers[TYPE]:
            if (start := self._marks[number][1]) >= passed:
                passed = self._script_end(number)
                if passed < 0:
                    yield None
                    return
                yield self._content[start:passed]
        if self._is_hostile or self._has_odd_script():
            yield None

    def _script_end(self, number: int) -> int:
        """Where the script ends that a mark stands in; -1 where a comment in it may move its end."""
        for at in range(number, len(self._marks)):
            kind, start, end = told(self._content, self._marks[at])
            if kind is SCRIPT_END and self._content[end : end + 1] in ENDS_NAME:
                return start
            if kind is COMMENT:
                break
        return -1

    def _has_odd_script(self, since: int = -1) -> bool:
        """Whether one behind a mark may have a type written with references, or too long a tag to tell."""
        numbers = self._numbers[SCRIPT]
        first = bisect(numbers, since)
        for number in numbers[first : first + _MOST_TAGS]:
            start = self._marks[number][1]
            end = possible_tag_end(self._content, start)
            if end < 0 or has_odd_type(self._content, start, end):
                return True
        return len(numbers) - first > _MOST_TAGS
