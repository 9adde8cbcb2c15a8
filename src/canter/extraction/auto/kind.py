"""Pages that are no product's: empty ones, login walls, lists, and pages of several products."""

from __future__ import annotations

from canter.extraction.auto import words
from canter.extraction.auto.prices import Shown, several_alike
from canter.extraction.auto.view import View
from canter.extraction.html import Tree
from canter.extraction.structured import SOURCES, StructuredData
from canter.extraction.structured.model import Source
from canter.extraction.structured.product import PRODUCTS

A_LIST = "it is a list"
_WALL = 3_000  # characters of a page that holds little else than a form


def no_product(structured: StructuredData, view: View, prices: list[Shown], tree: Tree) -> str | None:
    """Why a page is no product's; None where it may be one. A product told by structured data settles it."""
    if next(structured.products, None) is not None:
        return None
    if not view.pieces:
        return "it is empty"
    if _is_wall(view, prices, tree):
        return "it asks to log in"
    if any(_products(structured, source) > 1 for source in SOURCES):
        return "it tells of several products"
    if several_alike(prices):
        return A_LIST
    return None


def _products(structured: StructuredData, source: Source) -> int:
    """How many products a syntax has at the top of the page."""
    return sum(bool(PRODUCTS.intersection(node.types)) for node in structured.nodes(source))


def _is_wall(view: View, prices: list[Shown], tree: Tree) -> bool:
    if view.buy_index is not None or prices or len(view.text) > _WALL:
        return False
    asked = tree.first('input[type="password" i]', "type") is not None
    return asked and any(word in view.folded for word in words.LOGIN)
