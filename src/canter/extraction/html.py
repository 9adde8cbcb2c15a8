"""The one place that knows the HTML parser: turbohtml. Why it and no other: docs/extraction.md."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from itertools import islice

import turbohtml
from turbohtml import Document, Element, NodeFilter, NodeIterator, Text

from canter.extraction.bytewise import Bytewise, is_plain
from canter.extraction.charset import parsed
from canter.extraction.sightings import Sightings

__all__ = ["Element", "Text", "Tree", "check_selector", "check_xpath", "elements_around"]


_MARK = f"canter-{secrets.token_hex(8)}"  # an element that no page can foresee
_DEEPEST = 512  # elements around it

# What comes later in these may go elsewhere (before the table, into `<selectedcontent>`), or bring back
# formatting elements that our mark does not show. Within a template or a frameset it is no element at all.
_UNSETTLED = frozenset({"table", "select", "svg", "math"})
# These are cloned and moved about where end tags are out of order.
_FORMATTING = frozenset({
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
})  # fmt: skip


class Tree:
    """A parsed page. Texts are as the page has them: white space not collapsed, scripts included.

    What stands in a `<template>` is not in the document, as in browsers. Raises MemoryError when the page's
    tree does not fit (HTML itself has no errors), and ValueError for a selector that cannot be used.
    """

    __slots__ = ("_bytewise", "_document", "_open", "_seen", "parsed_again", "parsed_share")

    def __init__(self, html: str | bytes, charset: str | None = None) -> None:
        """`html` is text, or bytes in `charset` (by default that of the page's own words and bytes)."""
        self._bytewise: Bytewise | None = None
        self._seen: Sightings | None = None  # where this is the tree of a page's beginning
        self._open: list[Element] = []
        self.parsed_again = False  # a tree by bytes could not tell something
        self.parsed_share = 1.0  # of the page's bytes, over 1 where a beginning did not do
        self._parse(html, charset)

    @classmethod
    def by_bytes(cls, content: bytes) -> Tree:
        """The same tree of a page in UTF-8 without byte-order mark, made quicker for `first` and `all`.

        Where they cannot tell what a text is, and for whatever else is asked, the page is parsed again.
        """
        bytewise = Bytewise(content)
        tree = cls(bytewise.characters)
        tree._bytewise = bytewise
        return tree

    @classmethod
    def beginning(cls, content: bytes, charset: str, seen: Sightings) -> Tree:
        """The tree of a page's beginning, for as long as it is certain that the whole page's tells the same.

        In UTF-8 it is made by bytes. `charset`: one of `CUT_ANYWHERE`.
        """
        bytewise = Bytewise(content[: seen.cut]) if charset == "utf-8" else None
        if bytewise is not None:
            tree = cls(f"{bytewise.characters}<{_MARK}>")
        else:
            tree = cls(b"%b<%b>" % (content[: seen.cut], _MARK.encode()), charset)
        tree._bytewise, tree._seen, tree.parsed_share = bytewise, seen, seen.cut / len(content)
        tree._open = _open_at_end(tree._document) or []
        if not tree._open:
            tree._complete()
        return tree

    def _complete(self) -> None:
        """Have the whole page from now on."""
        if self._seen is not None:
            content, self._seen = self._seen.content, None
            self.parsed_share += 1
            if self._bytewise is not None:
                self._bytewise = Bytewise(content)
                self._parse(self._bytewise.characters, None)
            else:
                self._parse(content, self.charset)

    def _tells(self, selector: str, found: list[Element], *, every: bool = False) -> bool:
        """Whether the whole page's tree tells the same of a selector as this one, which found these."""
        seen = self._seen
        if seen is None:
            return True
        if selector not in seen.selectors or any(node in self._open for node in found):
            return False
        return bool(found and not every) or seen.nothing_after(selector)

    @property
    def is_by_bytes(self) -> bool:
        """Whether texts are still turned back from bytes."""
        return self._bytewise is not None

    @property
    def is_part(self) -> bool:
        """Whether only the page's beginning was parsed."""
        return self._seen is not None

    def _parse(self, html: str | bytes, charset: str | None) -> None:
        try:
            if charset is None and isinstance(html, bytes):
                self._document = parsed(html)
            else:
                self._document = turbohtml.parse(html, encoding=charset, positions=False)
        except MemoryError:
            raise MemoryError("the parse of the page does not fit in memory") from None
        for template in self._document.select("template"):
            template.clear()

    def _settle(self) -> None:
        """Have the whole page, and characters, from now on."""
        if self._bytewise is not None:
            content = self._bytewise.content if self._seen is None else self._seen.content
            self._bytewise, self._seen, self.parsed_again = None, None, True
            self._parse(content, "utf-8")
        else:
            self._complete()

    @property
    def charset(self) -> str:
        """The encoding that the bytes were read in, as WHATWG names it, in lower case."""
        return (self._document.encoding or "utf-8").lower()

    def first(self, selector: str, attr: str | None = None) -> str | None:
        """Text (or attribute) of the first match in document order; None without match or attribute."""
        if self._bytewise is not None and not is_plain(selector):
            self._settle()
        node = self._document.select_one(selector)
        if not self._tells(selector, [] if node is None else [node]):
            self._complete()
            node = self._document.select_one(selector)
        found = None if node is None else _read(node, attr)
        if self._bytewise is None or found is None:
            return found
        told = self._bytewise.text(found)
        if told is None:
            self._settle()
            return self.first(selector, attr)
        return told

    def all(self, selector: str, attr: str | None = None) -> list[str | None]:
        """Texts (or attributes) of all matches in document order."""
        if self._bytewise is not None and not is_plain(selector):
            self._settle()
        nodes = self._document.select(selector)
        if not self._tells(selector, nodes, every=True):
            self._complete()
            nodes = self._document.select(selector)
        found = [_read(node, attr) for node in nodes]
        if self._bytewise is None:
            return found
        told = [text if text is None else self._bytewise.text(text) for text in found]
        if told.count(None) > found.count(None):
            self._settle()
            return self.all(selector, attr)
        return told

    def xpath(self, expression: str, attr: str | None = None) -> list[str | None]:
        """Texts (or attributes) of what an XPath 1.0 expression finds, or the one text that it computes.

        Raises ValueError for an expression that the parser does not take.
        """
        self._settle()
        found = self._document.xpath(expression)
        if not isinstance(found, list):
            return [str(found)]
        return [_read(item, attr) if isinstance(item, Element) else _content(item) for item in found]

    def elements(self, selector: str) -> list[Element]:
        """The elements that match, in document order. Raises ValueError as above."""
        self._settle()
        return self._document.select(selector)

    def begin(self) -> Iterator[object]:
        """Every node of the document, in its order."""
        self._settle()
        return iter(self._document.descendants)

    def texts(self) -> Iterator[Text]:
        """Every text of the document, in its order."""
        self._settle()
        return NodeIterator(self._document, what_to_show=NodeFilter.SHOW_TEXT)  # type: ignore[return-value]


def _open_at_end(document: Document) -> list[Element] | None:
    """The elements that a page's beginning leaves open, our mark at its end the first.

    None where what comes after them might do more than be appended to them: the mark is no element (the
    beginning ends within a tag, a comment, a script, a template), or not the last; it stands within an
    element from which what follows may go elsewhere, or within a formatting element; or it has closed a
    `<noscript>` of the head.
    """
    mark = document.select_one(_MARK)
    if mark is None:
        return None
    found = [mark, *elements_around(mark, _DEEPEST)]
    if len(found) > _DEEPEST or any(
        node.next_sibling is not None or node.tag in _UNSETTLED or node.tag in _FORMATTING for node in found
    ):
        return None
    head = document.select_one("head")
    if head is not None and found[1].tag == "body" and mark.previous_sibling is None:
        found.append(head)  # which the mark may have ended
        if any(node.tag == "noscript" for node in list(head.children)[-1:] if isinstance(node, Element)):
            return None
    return found


def elements_around(node: Text | Element, levels: int) -> list[Element]:
    """The elements around a node, the innermost first, so many at most."""
    found = list(islice(node.ancestors, levels))
    if found and not isinstance(found[-1], Element):
        found.pop()  # the document
    return found  # type: ignore[return-value]


def _read(node: Element, attr: str | None) -> str | None:
    return node.text if attr is None else node.attr(attr)


def _content(item: object) -> str | None:
    """The text of an attribute, or of a text node; a comment has none that a reader sees."""
    if isinstance(item, str):
        return item
    return item.text if isinstance(item, Text) else None


_EMPTY = Tree("<p>")


def check_selector(selector: str) -> None:
    """Raises ValueError for a selector that the parser does not take."""
    _checked(selector, "a CSS selector", _EMPTY.first)


def check_xpath(expression: str) -> None:
    """Raises ValueError for an XPath expression that the parser does not take."""
    _checked(expression, "an XPath expression", _EMPTY.xpath)


def _checked(rule: str, kind: str, use: Callable[[str], object]) -> None:
    try:
        use(rule)
    except (ValueError, TypeError) as error:
        raise ValueError(f"expected {kind}, not {rule!r}") from error
