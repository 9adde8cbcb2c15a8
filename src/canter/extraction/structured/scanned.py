"""Structured data of a page that is parsed only where something is asked that its bytes do not tell.

JSON-LD, `<meta>` and `<base>` are found by a scan. Microdata, RDFa and headings need the tree.
"""

from __future__ import annotations

from functools import cached_property

from canter.extraction.charset import CUT_ANYWHERE, stays_utf8, strip_bom
from canter.extraction.html import Tree
from canter.extraction.page import Page
from canter.extraction.scan import Scan, Wanted
from canter.extraction.structured import StructuredData
from canter.extraction.structured.absent import product_in_json, product_in_meta, products_in_attributes
from canter.extraction.structured.model import Node, Source

# Bytes of a page that it pays to scan: a smaller one is parsed as quickly, a larger one's marks take memory.
SMALLEST, LARGEST = 16 * 1024, 2 * 1024 * 1024


def pays_off(page: Page) -> bool:
    """Whether a page is neither too small nor too large to be scanned."""
    return SMALLEST <= len(page.content) <= LARGEST


def structured_data(page: Page, *, by_scan: bool) -> StructuredData:
    """A page's structured data, without a parse where that is asked for and can be."""
    if by_scan:
        charset = page.early_charset()
        if charset is None or charset in CUT_ANYWHERE:
            return ScannedData(page, charset)
    return StructuredData(page.tree, page.url)


class ScannedData(StructuredData):
    """The same as of a parsed page."""

    def __init__(self, page: Page, charset: str | None) -> None:
        """`charset`: one of CUT_ANYWHERE, or None where the page does not say it early."""
        super().__init__(lambda: page.tree, page.url)
        self._content = strip_bom(page.content)
        self._charset = charset

    @cached_property
    def _scan(self) -> Scan:
        return Scan(self._content)

    @cached_property
    def _in_attributes(self) -> set[Source]:
        return products_in_attributes(self._content)

    def product(self, source: Source) -> Node | None:
        """The page's one product as a syntax tells it; None where it tells of none or of several."""
        if source not in self._products and not self._may_tell(source):
            self._products[source] = None
        return super().product(source)

    def _may_tell(self, source: Source) -> bool:
        """Whether a syntax may tell of a product; where it does not, nothing has to be walked or parsed."""
        if source == "jsonld":
            return product_in_json(self._scan.json_texts())
        if source == "opengraph":
            return product_in_meta(self._scan.metas)
        return source in self._in_attributes

    def part(self, wanted: Wanted, /) -> Tree:
        """A tree of nothing but these elements, or of the page."""
        found = self._scan.elements(wanted)
        if found is None:
            return self._tree
        charset = self._charset
        if charset is None and stays_utf8(self._content, self._scan.metas, found):
            charset = "utf-8"
        return self._tree if charset is None else Tree(found, charset)
