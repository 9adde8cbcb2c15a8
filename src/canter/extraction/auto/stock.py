"""Whether the page says that its product can be bought: by short texts near the title, and by its buttons."""

from __future__ import annotations

from collections.abc import Iterator

from canter.extraction.auto import words
from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.view import View, around
from canter.extraction.availability import read_availability
from canter.extraction.html import Element, Text

_MAX_TEXT = 48  # characters of a text that says nothing else
_FAR = 60  # texts from the title or the buy button
_HINTS = (
    "stock", "availab", "sold out", "lager", "lieferbar", "verfügbar", "vorrätig", "erhältlich",
    "ausverkauft",
    "disponib", "épuisé", "rupture", "agotad", "existencias", "esaurit", "magazzin", "dostępn", "magazyn",
    "wyprzedan", "pre-order", "preorder", "vorbestell", "précommande", "discontinued",
)  # fmt: skip


def shown_stock(view: View) -> Iterator[Evidence]:
    """The evidence of the visible page."""
    told: set[str] = set()
    for index, _ in view.places(_HINTS):
        piece, distance = view.pieces[index], view.distance(index)
        if len(piece) > _MAX_TEXT or distance is None or distance > _FAR or piece.endswith("?"):
            continue
        value = read_availability(piece)
        if value is None or value in told or _elsewhere(view.nodes[index]):
            continue
        told.add(value)
        marked = any(words.STOCK.search(_marks(each)) for each in around(view.nodes[index], 3))
        yield Evidence(value, "page: words", 0.75 if marked else 0.6)
    if view.buy_index is not None and (view.distance(view.buy_index) is not None):
        if _disabled(view.nodes[view.buy_index]):
            yield Evidence("OutOfStock", "page: a dead buy button", 0.5)
        else:
            yield Evidence("InStock", "page: a buy button", 0.65)
    elif any(len(view.pieces[index]) <= _MAX_TEXT for index, _ in view.places(words.NOTIFY)):
        yield Evidence("OutOfStock", "page: notify me", 0.55)


def _marks(element: Element) -> str:
    return words.camel(f"{element.attr('class') or ''} {element.attr('id') or ''}")


def _elsewhere(node: Text) -> bool:
    """Whether a text is of a choice, of another product or of a menu."""
    for element in around(node):
        if element.tag in ("label", "select", "nav", "footer", "header") or words.is_others(_marks(element)):
            return True
        if element.tag == "a" and (element.attr("href") or "#")[:1] != "#":
            return True
    return False


def _disabled(node: Text) -> bool:
    return any(
        element.attr("disabled") is not None
        or element.attr("aria-disabled") == "true"
        or "disabled" in _marks(element).split()
        for element in around(node, 4)
    )
