"""What structured data tells of the page's product, as evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from canter.extraction.auto.evidence import Evidence
from canter.extraction.structured import Found, Node, StructuredData, agreed, follow, parse_path
from canter.extraction.structured.typed import typed
from canter.extraction.values import Hints, collapse
from canter.model import Value

_TRUST = {"jsonld": 0.8, "microdata": 0.8, "rdfa": 0.75, "opengraph": 0.75}
_OF_SEVERAL = 0.35  # one of several prices: only the page itself can say which
_SOME_OFFER = 0.6
_BUYABLE = ("InStock", "LimitedAvailability", "OnlineOnly", "PreOrder", "BackOrder", "InStoreOnly")
MAX_CODE = 64  # characters of a sku, mpn or brand
_CODE = re.compile(r"(?=.*[^\W_])[^\s<>{}]+(?: [^\s<>{}]+){0,4}")


def told(structured: StructuredData, name: str, kind: str, hints: Hints) -> Iterator[Evidence]:
    """The evidence of each syntax for one of the product's properties, typed as `kind`."""
    for node in structured.products:
        trust = _TRUST[node.source]
        if name == "name" and node.source == "opengraph":
            trust = 0.55  # a title for sharing, often with the shop's name or a slogan
        if name == "price":
            yield from _prices(node, trust, hints)
        elif name == "availability":
            yield from _availability(node, trust, hints)
        else:
            for found in follow(node, parse_path(name))[:1]:
                value = typed(kind, _collapsed(found), hints)
                if value is not None and usable(name, value):
                    yield Evidence(value, found.where, trust)


def _collapsed(found: Found) -> Found:
    text = collapse(found.value) if isinstance(found.value, str) else found.value
    return found if text == found.value else found._replace(value=text)


def _prices(node: Node, trust: float, hints: Hints) -> Iterator[Evidence]:
    steps = parse_path("price")
    found = [_collapsed(each) for each in follow(node, steps)]
    one = agreed(found, steps)
    if not found:
        found = [
            _collapsed(each) for name in ("lowPrice", "highPrice") for each in follow(node, parse_path(name))
        ]
        one = False
    for each in found[:1] if one else found[:50]:
        money = typed("money", each, hints)
        if money is not None and is_price(money):
            yield Evidence(money, each.where, trust if one else _OF_SEVERAL)


def _availability(node: Node, trust: float, hints: Hints) -> Iterator[Evidence]:
    """That of all offers, or that some can be bought where they differ: sizes that are left."""
    found = follow(node, parse_path("availability"))
    values = [(typed("availability", _collapsed(each), hints), each.where) for each in found]
    known = {value for value, _ in values if value is not None}
    if len(known) == 1:
        yield next(Evidence(value, where, trust) for value, where in values if value is not None)
    elif known:
        best = next((value for value in _BUYABLE if value in known), None)
        yield from (Evidence(value, where, _SOME_OFFER) for value, where in values if value == best)


def is_price(value: Value) -> bool:
    """Whether money can be what a product costs: 0.00 and less stand for a price that is not told."""
    return isinstance(value, dict) and amount(value) > 0


def amount(value: Value) -> Decimal:
    """The amount of money, 0 for what is none."""
    try:
        return Decimal(str(value["amount"])) if isinstance(value, dict) else Decimal(0)
    except InvalidOperation:
        return Decimal(0)


def usable(name: str, value: Value) -> bool:
    """Whether a text can be that property: a code is short, a GTIN has its check digit."""
    if name == "gtin":
        return is_gtin(str(value))
    if name in ("sku", "mpn"):
        return len(str(value)) <= MAX_CODE and bool(_CODE.fullmatch(str(value))) and "://" not in str(value)
    return name != "brand" or (len(str(value)) <= MAX_CODE and "://" not in str(value))


def is_gtin(text: str) -> bool:
    """Whether a text is a GTIN of 8, 12, 13 or 14 digits whose check digit holds."""
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"\d{8}|\d{12,14}", digits) or not int(digits):
        return False
    total = sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(reversed(digits)))
    return total % 10 == 0
