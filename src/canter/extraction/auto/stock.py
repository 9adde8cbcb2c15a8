"""Whether the page says that its product can be bought: by short texts near the title, and by its buttons."""

from __future__ import annotations

from collections.abc import Iterator

from canter.extraction.auto import words
from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.view import View, around, marks
from canter.extraction.auto.words import camel
from canter.extraction.availability import read_availability
from canter.extraction.html import Text, Tree

_MAX_TEXT = 48  # characters of a text that says nothing else
_DEAD = 0.25  # as many a page's until a size is chosen or its scripts have run
_FAR = 60  # texts from the title or the buy button
_BUTTONS = "input[type=submit], input[type=button], input[type=image], button[type=submit], button[name]"
_MAX_BUTTONS = 40
_ELSEWHERE = frozenset({"label", "select", "nav", "footer", "header"})
_HINTS = (
    "stock", "availab", "sold out", "lager", "lieferbar", "verfügbar", "vorrätig", "erhältlich",
    "ausverkauft",
    "disponib", "épuisé", "rupture", "agotad", "existencias", "esaurit", "magazzin", "dostępn", "magazyn",
    "wyprzedan", "voorraad", "uitverkocht", "i lager", "på lager", "skladem", "udsolgt", "utsolgt",
    "slutsåld",
    "estoque", "esgotado", "pre-order", "preorder", "vorbestell", "précommande", "discontinued",
)  # fmt: skip


def shown_stock(view: View, button: bool) -> Iterator[Evidence]:
    """The evidence of the visible page; `button`: whether it has a buy button, be it one without text."""
    told: set[str] = set()
    for index, _ in view.places(_HINTS):
        piece, distance = view.pieces[index], view.distance(index)
        if len(piece) > _MAX_TEXT or distance is None or distance > _FAR or piece.endswith("?"):
            continue
        value = read_availability(piece)
        if value is None or value in told or _elsewhere(view, view.nodes[index]):
            continue
        told.add(value)
        marked = any(words.is_of_stock(marks(each)) for each in around(view.nodes[index], 3))
        yield Evidence(value, "page: words", 0.75 if marked else 0.6)
    if view.buy_index is not None and (view.distance(view.buy_index) is not None):
        if _disabled(view.nodes[view.buy_index]):
            yield Evidence("OutOfStock", "page: a dead buy button", _DEAD)
        else:
            yield Evidence("InStock", "page: a buy button", 0.65)
    elif button:
        yield Evidence("InStock", "page: a buy button", 0.55)
    elif any(len(view.pieces[index]) <= _MAX_TEXT for index, _ in view.places(words.NOTIFY)):
        yield Evidence("OutOfStock", "page: notify me", 0.55)


def has_buy_button(tree: Tree) -> bool:
    """Whether the page has a button to buy whose words are in an attribute, or in a language unknown here."""
    for element in tree.elements(_BUTTONS)[:_MAX_BUTTONS]:
        said = element.attr("value") or element.attr("aria-label") or element.attr("title") or ""
        named = camel(" ".join(element.attr(key) or "" for key in ("name", "id", "class")))
        if any(phrase in said.lower() for phrase in words.BUY) or words.BUY_MARK.search(named):
            return element.attr("disabled") is None
    return False


def _elsewhere(view: View, node: Text) -> bool:
    """Whether a text is of a choice, of another product or of a menu."""
    for element in view.apart(around(node)):
        if element.tag in _ELSEWHERE or words.is_of_others(marks(element)):
            return True
        if element.tag == "a" and (element.attr("href") or "#")[:1] != "#":
            return True
    return False


def _disabled(node: Text) -> bool:
    return any(
        element.attr("disabled") is not None
        or element.attr("aria-disabled") == "true"
        or "disabled" in marks(element).split()
        for element in around(node, 4)
    )
