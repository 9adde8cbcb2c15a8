"""The value beside a label: in a table, a definition list, a pair of elements, or as in "Label: value".

A label is matched by its words: case, punctuation, white space, footnote marks, a plural s, little words and
order do not matter. Every other word counts: "Fee" is not the label "Late fee".
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from canter.extraction.html import Element, Text, Tree
from canter.extraction.values import collapse

MAX_LABEL = 120  # characters of a text that can be a label
MAX_VALUE = 1000  # characters of a text that can be the value beside it
MAX_PLACES = 200  # places of a page where a label's longest word is looked at
_CLIMB = 4  # elements around a label that may hold nothing else
_MAX_CELLS = 2000  # cells and rows that one label looks along
_WORD = re.compile(r"[^\W_]+")
_LITTLE = frozenset(
    _WORD.findall(
        "a an the of for on to in and your our der die das des den dem von vom für und im le la les l de du "
        "d des un une et pour el los las del y por para il lo gli di della delle dei e per o do da dos das "
        "em os w na z dla i"
    )
)
_MARKS = re.compile(r"[*†‡§¹²³⁴⁵⁶⁷⁸⁹⁰®™℠]+|[(\[]\d{1,2}[)\]]")
_SEPARATOR = re.compile(r"\s*[:：=]\s*|\s+[–—|-]\s+|\s*\t\s*")
_LEADING = re.compile(r"^(?:[:：=]\s*|[–—|-]\s+)+")
_AMOUNT = re.compile(r"\s(?=[-+]?[$€£¥]?\s?[.,]?\d)")
_HIDDEN = frozenset({"script", "style", "title", "noscript", "option", "textarea"})
_SECTIONS = frozenset({"body", "html", "main", "section", "article", "form", "table", "dl"})
_CELLS = ("td", "th")


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a label that count, in the order of the alphabet."""
    plain = unicodedata.normalize("NFKC", _MARKS.sub(" ", text)).casefold()
    found = _WORD.findall(plain)
    counting = [word for word in found if word not in _LITTLE] or found
    return tuple(sorted(_stem(word) for word in counting))


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class Labels:
    """The texts of a page that can be a label, found once, and what stands beside any label in it."""

    def __init__(self, tree: Tree) -> None:
        self._nodes: list[Text] = []
        pieces: list[str] = []
        for node in tree.texts():
            if node.parent.tag not in _HIDDEN:  # type: ignore[union-attr]
                data = node.data
                if not data.isspace():
                    self._nodes.append(node)
                    pieces.append(data.casefold())
        self._starts = list(accumulate((len(piece) + 1 for piece in pieces), initial=0))[:-1]
        self._all = "\n".join(pieces)

    def beside(self, label: str) -> list[str]:
        """The texts beside a label, collapsed, in the order of the page; each place once."""
        wanted = words(label)
        found: list[str] = []
        taken: set[Element] = set()
        for node in self._places(max(wanted, key=len, default="")) if wanted else ():
            around = node.parent
            if not isinstance(around, Element):
                continue
            inline = _inline(node.data, wanted)
            place = _whole(around, wanted)
            if inline:
                found.append(inline)
            elif place is not None and place not in taken:
                taken.add(place)
                found.extend(_beside(place))
            elif words(node.data[:MAX_LABEL]) == wanted:
                found.extend(_following(node))
        return [text for text in (_LEADING.sub("", collapse(each)) for each in found) if _WORD.search(text)]

    def _places(self, word: str) -> Iterator[Text]:
        """The texts that hold a word, a bounded number of them."""
        at = self._all.find(word)
        for _ in range(MAX_PLACES):
            if at < 0:
                return
            index = bisect_right(self._starts, at) - 1
            yield self._nodes[index]
            after = self._starts[index + 1] if index + 1 < len(self._starts) else len(self._all)
            at = self._all.find(word, after)


def _inline(text: str, wanted: tuple[str, ...]) -> str:
    """What follows the label in its own text: "Annual fee: $95", "Annual fee $95"."""
    text = text[: MAX_LABEL + MAX_VALUE]
    for pattern in (_SEPARATOR, _AMOUNT):
        match = pattern.search(text.lstrip())
        if match and match.start() <= MAX_LABEL and words(text.lstrip()[: match.start()]) == wanted:
            return text.lstrip()[match.end() :]
    return ""


def _short(element: Element, limit: int) -> str | None:
    """The text of an element; None where it is longer than the limit, without reading on."""
    size, pieces = 0, []
    for piece in element.strings:
        size += len(piece)
        pieces.append(piece)
        if size > limit * 8:  # white space may be most of it
            return None
    text = collapse("".join(pieces))
    return text if len(text) <= limit else None


def _whole(around: Element, wanted: tuple[str, ...]) -> Element | None:
    """The outermost element near a text that holds the label and nothing else."""
    whole: Element | None = None
    for _ in range(_CLIMB):
        text = None if around.tag in _SECTIONS else _short(around, MAX_LABEL)
        if text is None:
            break
        if words(text) == wanted:
            whole = around
        elif whole is not None:
            break
        if around.tag in (*_CELLS, "dt") or not isinstance(around.parent, Element):
            break
        around = around.parent
    return whole


def _beside(place: Element) -> list[str]:
    cell = _around(place, _CELLS)
    if cell is not None and _same(cell, place):
        return _in_table(cell)
    term = _around(place, ("dt",))
    if term is not None and _same(term, place):
        return _in_list(term)
    return _following(place)


def _around(element: Element, tags: tuple[str, ...]) -> Element | None:
    """The element itself or one close around it that has one of the tags."""
    node: object = element
    for _ in range(_CLIMB):
        if not isinstance(node, Element):
            return None
        if node.tag in tags:
            return node
        node = node.parent
    return None


def _same(outer: Element, inner: Element) -> bool:
    """Whether an element holds no text but that of another in it."""
    return outer is inner or _short(outer, MAX_LABEL) == _short(inner, MAX_LABEL)


def _siblings(node: Element | Text) -> Iterator[Element | Text]:
    following = node.next_sibling
    for _ in range(_MAX_CELLS):
        if following is None:
            return
        if isinstance(following, Element | Text):
            yield following
        following = following.next_sibling


def _elements(node: Element) -> Iterator[Element]:
    return (sibling for sibling in _siblings(node) if isinstance(sibling, Element))


def _in_table(cell: Element) -> list[str]:
    row = cell.parent
    if not isinstance(row, Element):
        return []
    cells = [child for child in row.children if isinstance(child, Element) and child.tag in _CELLS][
        :_MAX_CELLS
    ]
    heads = [each.tag == "th" for each in cells]
    in_head = isinstance(row.parent, Element) and row.parent.tag == "thead"
    if (len(cells) > 1 and all(heads)) or in_head:
        return _below(row, _column(cells, cell))
    across = [text for other in cells[cells.index(cell) + 1 :] if (text := _short(other, MAX_VALUE))]
    return across if across or cell.tag == "td" else _below(row, _column(cells, cell))


def _column(cells: list[Element], cell: Element) -> int:
    """Which column a cell begins in."""
    return sum(_span(each) for each in cells[: cells.index(cell)])


def _span(cell: Element) -> int:
    text = cell.attr("colspan") or ""
    return int(text) if re.fullmatch("[1-9][0-9]{0,2}", text) else 1


def _below(row: Element, column: int) -> list[str]:
    """The texts of a column in the rows after one, also where the head is a part of its own."""
    rows = [each for each in _elements(row) if each.tag == "tr"]
    section = row.parent
    if not rows and isinstance(section, Element) and section.tag in ("thead", "tbody"):
        bodies = [each for each in _elements(section) if each.tag in ("tbody", "tr")]
        rows = [
            child
            for body in bodies
            for child in ([body] if body.tag == "tr" else body.children)
            if isinstance(child, Element) and child.tag == "tr"
        ][:_MAX_CELLS]
    found: list[str] = []
    for each in rows:
        at = 0
        for cell in each.children:
            if not isinstance(cell, Element) or cell.tag not in _CELLS:
                continue
            if at <= column < at + _span(cell):
                text = _short(cell, MAX_VALUE)
                found += [text] if text else []
                break
            at += _span(cell)
    return found


def _in_list(term: Element) -> list[str]:
    """The definitions of a term, up to the next one; several terms may share them."""
    found: list[str] = []
    for sibling in _elements(term):
        if sibling.tag == "dd":
            text = _short(sibling, MAX_VALUE)
            found += [text] if text else []
        elif sibling.tag == "dt" and found:
            break
    return found


def _following(place: Element | Text) -> list[str]:
    """The first text after a label: beside it, or beside what holds nothing but it."""
    node: Element | Text = place
    for _ in range(_CLIMB):
        for sibling in _siblings(node):
            if isinstance(sibling, Element):
                text = None if sibling.tag in _HIDDEN else _short(sibling, MAX_VALUE)
                if text is None and sibling.tag not in _HIDDEN:
                    return []
            else:
                text = sibling.data.strip()[:MAX_VALUE]
            if text and _WORD.search(text):
                return [text]
        parent = node.parent
        if not isinstance(parent, Element) or parent.tag in (
            "body",
            "html",
            "main",
            "section",
            "article",
            "form",
        ):
            return []
        node = parent
    return []
