"""The texts of a page that a reader may see, in order, and where its product's title and buy button are."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice

from canter.extraction.auto.words import BUY, camel, is_of_others
from canter.extraction.html import Element, Text, Tree, elements_around
from canter.extraction.values import collapse

MAX_LEVELS = 12  # elements around a text that are looked at
_ALL_LEVELS = 80  # elements around the title
MAX_BEFORE, MAX_AFTER = 1_000, 5_000  # nodes around the title that are looked at
_BEFORE, _AFTER = 2_000, 8_000  # characters around the title in which a page sells its product
_MAX_NODES = 60  # nodes in an element that is looked at as a whole
_UNSEEN = frozenset({"script", "style", "noscript", "title", "option", "textarea", "iframe", "svg"})
_TITLES = "h1, [itemprop~=name]"
MAX_TITLES = 200
MAX_TITLE = 300  # characters
_WORD = re.compile(r"\w+")
_BUTTONS = frozenset({"button", "a", "input"})


class View:
    """What stands around the title, or at the start of a page without one; however long the page, so much.

    `pieces`: the texts, collapsed; `text`: the same, a line each; `folded`: `text` in lower case.
    """

    def __init__(self, tree: Tree, names: Sequence[str]) -> None:
        """`names`: what else is known of the product's name; it tells the right title of several."""
        heading, self.title = _heading(tree, names)
        before: list[tuple[Text, str]] = []
        if heading is None:
            seen = _seen(islice(tree.begin(), MAX_BEFORE + MAX_AFTER))
        else:
            before = _seen(islice(heading.preceding, MAX_BEFORE))[::-1]
            inside = islice(heading.descendants, _MAX_NODES)
            seen = before + _seen(chain(inside, islice(heading.following, MAX_AFTER)))
        self.nodes = [node for node, _ in seen]
        self.pieces = [piece for _, piece in seen]
        self._starts = list(accumulate((len(piece) + 1 for piece in self.pieces), initial=0))[:-1]
        self.text = "\n".join(self.pieces)
        lower = self.text.lower()
        self.folded = lower if len(lower) == len(self.text) else self.text
        self.title_index = self._named(names) if heading is None else min(len(before), len(self.nodes) - 1)
        start = self._starts[self.title_index] if self.title_index is not None and self.pieces else 0
        self.window = (max(0, start - _BEFORE), start + _AFTER)
        title = self.nodes[self.title_index or 0] if self.title_index is not None and self.nodes else None
        self._common = frozenset(around(title, _ALL_LEVELS) if title is not None else ())
        self.buy_index = self._find_buy()

    def apart(self, chain: Iterable[Element]) -> list[Element]:
        """Of the elements around a text, the innermost first, those up to what holds the title too."""
        found = []
        for each in chain:
            if each in self._common:
                break
            found.append(each)
        return found

    def index_at(self, offset: int) -> int:
        """Which text stands at an offset of `text`."""
        return bisect_right(self._starts, offset) - 1

    def places(self, phrases: Sequence[str]) -> Iterator[tuple[int, str]]:
        """The texts near the title that hold one of some phrases: their index and the phrase."""
        start, end = self.window
        for phrase in phrases:
            at = self.folded.find(phrase, start, end)
            while at >= 0:
                index = self.index_at(at)
                yield index, phrase
                at = self.folded.find(phrase, max(at + 1, self._end(index)), end)

    def near(self) -> range:
        """The indices of the texts near the title."""
        if not self.pieces:
            return range(0)
        start, end = self.window
        return range(self.index_at(start), min(self.index_at(end) + 1, len(self.pieces)))

    def distance(self, index: int) -> int | None:
        """How many texts away the title or the buy button is, the nearer of both; None without either."""
        title, buy = self.title_index, self.buy_index
        if title is None or buy is None:
            mark = buy if title is None else title
            return None if mark is None else abs(index - mark)
        return min(abs(index - title), abs(index - buy))

    def _end(self, index: int) -> int:
        return self._starts[index] + len(self.pieces[index])

    def _named(self, names: Sequence[str]) -> int | None:
        """The text that is one of the names, or begins one: a title without heading."""
        for name in names:
            at = self.folded.find(name.lower()) if len(name) > 3 else -1
            if at >= 0:
                return self.index_at(at)
        return None

    def _find_buy(self) -> int | None:
        """The buy button nearest to the title, the first of the page without one."""
        around = self.title_index or 0
        places = sorted({(abs(index - around), index) for index, _ in self.places(BUY)})
        return next(
            (index for _, index in places if self._is_button(index) and not self._is_other(index)), None
        )

    def _is_other(self, index: int) -> bool:
        """Whether a text stands among other products, as the boxes around it are called."""
        return any(is_of_others(marks(each)) for each in self.apart(around(self.nodes[index])))

    def _is_button(self, index: int) -> bool:
        if len(self.pieces[index]) > 40:
            return False
        return any(
            element.tag in _BUTTONS
            or "button" in (element.attr("class") or "")
            or "btn" in (element.attr("class") or "")
            for element in around(self.nodes[index], 4)
        )


def _heading(tree: Tree, names: Sequence[str]) -> tuple[Element | None, str | None]:
    """The heading that shares most words with the other names of the page, or its only one."""
    heads = [head for head in tree.elements(_TITLES)[:MAX_TITLES] if head.tag != "meta"]
    alone = sum(head.tag == "h1" for head in heads) == 1
    known = {word for name in names for word in _WORD.findall(name.casefold())}
    best, best_text, best_score = None, None, -1.0
    for head in heads:
        text = collapse(brief(head, MAX_TITLE) or "")
        words = set(_WORD.findall(text.casefold()))
        shared = len(words & known) / len(words) if words else 0.0
        score = shared + (0.3 if head.tag == "h1" else 0)
        if words and score > best_score and (shared >= 0.5 or (alone and head.tag == "h1")):
            best, best_text, best_score = head, text, score
    return best, best_text


def _seen(nodes: Iterable[object]) -> list[tuple[Text, str]]:
    """The texts among some nodes that a reader may see, collapsed."""
    seen = []
    for node in nodes:
        if type(node) is Text and node.parent.tag not in _UNSEEN:  # type: ignore[union-attr]
            data = node.data
            if not data.isspace():
                seen.append((node, " ".join(data.split()) if data.isascii() else collapse(data)))
    return seen


def brief(element: Element, limit: int) -> str | None:
    """The texts of an element, a line each; None where it holds more characters, or many nodes."""
    size, pieces, count = 0, [], 0
    for count, node in enumerate(islice(element.descendants, _MAX_NODES + 1)):  # noqa: B007
        if type(node) is Text:
            piece = node.data.strip()
            size += len(piece)
            if size > limit:
                return None
            if piece:
                pieces.append(piece)
    return None if count >= _MAX_NODES else "\n".join(pieces)


def around(node: Text | Element, levels: int = MAX_LEVELS) -> list[Element]:
    """The elements around a text, the innermost first, so many at most."""
    return elements_around(node, levels)


def marks(element: Element) -> str:
    """What an element's class and id call it, as words."""
    return camel(f"{element.attr('class') or ''} {element.attr('id') or ''}")
