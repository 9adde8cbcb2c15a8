"""The attributes of the elements around the buy button and the title, and what its form would send."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from canter.extraction.auto.objects import Thing, thing
from canter.extraction.auto.state import MAX_OBJECT
from canter.extraction.auto.view import View, around
from canter.extraction.html import Element, Tree
from canter.extraction.page import parse_json

_LEVELS = 8  # elements around the buy button in which its form is
_OWN = 3  # of them that are the button's own where there is no form
_MAX_NODES = 400  # of a form
_PROPERTIES = ("price", "priceCurrency", "sku", "mpn", "availability", "brand", "gtin13", "gtin")
_STRAY = ", ".join(f"[itemprop={name}]" for name in _PROPERTIES)


def form_things(view: View) -> Iterator[tuple[Thing, str]]:
    """What the data of the product's own form and of what holds its title say."""
    if view.buy_index is not None:
        chain = around(view.nodes[view.buy_index], _LEVELS)
        form = next((number for number, each in enumerate(chain) if each.tag == "form"), None)
        for found in _data(chain[: _OWN if form is None else form + 1]):
            yield thing(found), "form"
        if form is not None:
            yield thing(_sent(chain[form])), "form"
    if view.title_index is not None and view.nodes:
        for found in _data(around(view.nodes[view.title_index], _LEVELS)):
            yield thing(found), "data"


def _data(chain: list[Element]) -> Iterator[dict[str, Any]]:
    """The `data-` attributes of some elements, the innermost first, and the JSON in them."""
    plain: dict[str, Any] = {}
    for element in chain:
        for name, value in element.attrs.items():
            if not name.startswith("data-") or not isinstance(value, str):
                continue
            if value[:1] in ("{", "[") and len(value) <= MAX_OBJECT:
                yield from _json(value)
            else:
                plain.setdefault(name[5:], value)
    if plain:
        yield plain


def _json(value: str) -> Iterator[dict[str, Any]]:
    try:
        found = parse_json(value.encode("utf-8", "replace"))
    except ValueError:
        return
    if isinstance(found, dict):
        yield found
    elif isinstance(found, list):
        yield {"variants": found}


def _sent(form: Element) -> dict[str, str]:
    """The hidden values of a form."""
    inputs = (
        node
        for node in islice(form.descendants, _MAX_NODES)
        if isinstance(node, Element) and node.tag == "input" and node.attr("type") == "hidden"
    )
    found: dict[str, str] = {}
    for each in inputs:
        found.setdefault(each.attr("name") or "", each.attr("value") or "")
    return found


def stray_things(tree: Tree) -> Iterator[tuple[Thing, str]]:
    """Microdata's properties that stand in no item, where all that have one say the same."""
    found: dict[str, set[str]] = {}
    for element in tree.elements(_STRAY)[:100]:
        value = element.attr("content") or element.attr("href") or element.text[:200]
        found.setdefault((element.attr("itemprop") or "").lower(), set()).add(value.strip())
    once = {name: values.pop() for name, values in found.items() if len(values) == 1}
    if once:
        yield thing(once), "itemprop"
