"""The one place that knows the HTML parser: turbohtml. Why it and no other: docs/extraction.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import turbohtml
from turbohtml import Element, NodeFilter, NodeIterator, Text

from canter.extraction.bytewise import Bytewise, is_plain
from canter.extraction.charset import parsed

__all__ = ["Element", "Text", "Tree", "check_selector", "check_xpath", "elements_around"]


class Tree:
    """A parsed page. Texts are as the page has them: white space not collapsed, scripts included.

    What stands in a `<template>` is not in the document, as in browsers. Raises MemoryError when the page's
    tree does not fit (HTML itself has no errors), and ValueError for a selector that cannot be used.
    """

    __slots__ = ("_bytewise", "_document", "parsed_again")

    def __init__(self, html: str | bytes, charset: str | None = None) -> None:
        """`html` is text, or bytes in `charset` (by default that of the page's own words and bytes)."""
        self._bytewise: Bytewise | None = None
        self.parsed_again = False  # a tree by bytes could not tell something
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

    @property
    def is_by_bytes(self) -> bool:
        """Whether texts are still turned back from bytes."""
        return self._bytewise is not None

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
        """Have characters from now on."""
        if self._bytewise is not None:
            content, self._bytewise, self.parsed_again = self._bytewise.content, None, True
            self._parse(content, "utf-8")

    @property
    def charset(self) -> str:
        """The encoding that the bytes were read in, as WHATWG names it, in lower case."""
        return (self._document.encoding or "utf-8").lower()

    def first(self, selector: str, attr: str | None = None) -> str | None:
        """Text (or attribute) of the first match in document order; None without match or attribute."""
        if self._bytewise is not None and not is_plain(selector):
            self._settle()
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
        found = [_read(node, attr) for node in self._document.select(selector)]
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
