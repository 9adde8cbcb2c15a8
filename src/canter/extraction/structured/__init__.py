"""Structured data: JSON-LD, microdata, RDFa Lite and OpenGraph, read into one kind of node.

StructuredData(tree, url) -> nodes of each syntax -> the page's one product -> the values of a path in it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from canter.extraction.html import Tree
from canter.extraction.scan import Wanted
from canter.extraction.structured.items import items
from canter.extraction.structured.jsonld import SCRIPTS, jsonld
from canter.extraction.structured.meta import meta, opengraph
from canter.extraction.structured.model import Item, Node, Scalar, Source, short, walk
from canter.extraction.structured.path import Found, Step, agreed, follow, parse_path
from canter.extraction.structured.product import main_product

__all__ = [
    "Found",
    "Item",
    "Node",
    "Scalar",
    "Source",
    "Step",
    "StructuredData",
    "agreed",
    "follow",
    "parse_path",
    "short",
    "walk",
]

SOURCES: tuple[Source, ...] = ("jsonld", "microdata", "rdfa", "opengraph")


class StructuredData:
    """The structured data of a parsed page; each syntax is read when first asked for."""

    def __init__(self, tree: Tree | Callable[[], Tree], url: str) -> None:
        """`tree`, or what makes it; `url`: the page's own, which says which of several products is meant."""
        self._given = tree
        self._url = url
        self._products: dict[Source, Node | None] = {}

    @cached_property
    def _tree(self) -> Tree:
        return self._given if isinstance(self._given, Tree) else self._given()

    def part(self, _: Wanted, /) -> Tree:
        """A tree with the page's scripts of JSON-LD, its `<meta>` or its `<base>`, if with nothing else."""
        return self._tree

    @cached_property
    def jsonld(self) -> list[Node]:
        """The nodes of the page's JSON-LD, in its order."""
        return jsonld(text for text in self.part("json").all(SCRIPTS) if text)

    @cached_property
    def _items(self) -> tuple[list[Node], list[Node]]:
        return items(self._tree)

    @property
    def microdata(self) -> list[Node]:
        """The items of microdata that stand in no other."""
        return self._items[0]

    @property
    def rdfa(self) -> list[Node]:
        """The things of RDFa Lite that stand in no other."""
        return self._items[1]

    @cached_property
    def meta(self) -> dict[str, list[str]]:
        """The contents of `<meta>` by property or name in lower case."""
        return meta(self.part("meta"))

    @cached_property
    def opengraph(self) -> list[Node]:
        """The product that OpenGraph names, if it does."""
        return opengraph(self.meta)

    def nodes(self, source: Source) -> list[Node]:
        """The nodes of one syntax."""
        found: list[Node] = getattr(self, source)
        return found

    def product(self, source: Source) -> Node | None:
        """The page's one product as a syntax tells it; None where it tells of none or of several."""
        if source not in self._products:
            roots = self.nodes(source)
            self._products[source] = main_product(roots, self._url, self._titles) if roots else None
        return self._products[source]

    @property
    def products(self) -> Iterator[Node]:
        """The page's one product in each syntax that has it, the most telling syntax first."""
        return (node for source in SOURCES if (node := self.product(source)) is not None)

    @property
    def _titles(self) -> Iterator[str]:
        yield from (text for text in self._tree.all("h1") if text)
        yield from self.meta.get("og:title", [])
