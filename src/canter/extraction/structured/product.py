"""Which of a page's nodes is the product it is about. A page of several products has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from canter.extraction.structured.model import Node

_NAMES = re.compile(r"\w+")
PRODUCTS = frozenset(
    _NAMES.findall(
        "Product IndividualProduct ProductModel ProductGroup SomeProducts ProductCollection Vehicle Car "
        "Motorcycle MotorizedBicycle BusOrCoach Drug DietarySupplement FinancialProduct BankAccount "
        "DepositAccount CurrencyConversionService InvestmentOrDeposit InvestmentFund BrokerageAccount "
        "LoanOrCredit CreditCard MortgageLoan PaymentCard PaymentService"
    )
)
# Things that are sold and described for themselves too: products only where an offer stands in them.
_SOLD = frozenset(
    _NAMES.findall(
        "Book Audiobook Movie MusicAlbum MusicRecording VideoGame SoftwareApplication MobileApplication "
        "WebApplication Course Event Service Accommodation Apartment House Trip TouristTrip CreativeWork "
        "MediaObject Menu MenuItem RealEstateListing"
    )
)
TYPES = PRODUCTS | _SOLD  # a product has one of these
_LEADING = ("mainEntity", "itemOffered", "about")  # what may lead from a page or an offer to its product
MAX_CANDIDATES = 2000


def main_product(roots: Iterable[Node], url: str, titles: Iterable[str]) -> Node | None:
    """The one product of a page; None where there is none or one of several cannot be told to be it.

    `roots`: the nodes of one syntax at the top of the page. `url`: the page's own. `titles`: its headings.
    Candidates stand at the top or under mainEntity, about or an offer's itemOffered; products in a list,
    among variants, related ones and reviewed ones are none. Candidates with the same @id, sku, url or name
    are one. Of several that differ it is the group they are variants of, else the one whose address is the
    page's, else the one that has an offer with a price, else the one whose name is a heading of the page.
    """
    candidates = _merged(_candidates(roots))
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    here = _address(url)
    names = cache(lambda: {_words(title) for title in titles} - {""})  # looked for only where they decide
    tests: tuple[Callable[[Node], bool], ...] = (
        lambda node: "ProductGroup" in node.types,
        lambda node: here != "" and here in _addresses(node),
        lambda node: any(offer.get("price") or offer.get("lowPrice") for offer in node.nodes("offers")),
        lambda node: _words(node.text("name") or "") in names(),
    )
    for test in tests:
        passed = [node for node in candidates if test(node)]
        if len(passed) == 1:
            return passed[0]
        candidates = passed or candidates
    return None


def _candidates(roots: Iterable[Node]) -> list[Node]:
    found: list[Node] = []
    queue, seen = list(roots), set[int]()
    for node in queue:
        if id(node) in seen or len(found) >= MAX_CANDIDATES:
            continue
        seen.add(id(node))
        if PRODUCTS.intersection(node.types) or (_SOLD.intersection(node.types) and node.nodes("offers")):
            found.append(node)
            continue
        for name in _LEADING:
            for led in node.nodes(name):
                if name == "itemOffered" and not led.get("offers"):
                    led.add("offers", node)
                queue.append(led)
    certain = [node for node in found if PRODUCTS.intersection(node.types)]
    return certain or found


def _merged(candidates: list[Node]) -> list[Node]:
    """One node for each product; what the first does not say is taken from those that are the same."""
    if len(candidates) < 2:
        return candidates
    known: dict[tuple[str, str], Node] = {}
    merged: list[Node] = []
    for node in candidates:
        marks = [("id", node.id or ""), *((name, (node.text(name) or "").strip()) for name in ("sku", "url"))]
        marks.append(("name", _words(node.text("name") or "")))
        marks = [mark for mark in marks if mark[1]]
        same = next((known[mark] for mark in marks if mark in known and _agree(known[mark], node)), None)
        if same is None:
            merged.append(same := Node(node.source, node.where, node.types, node.id, dict(node.properties)))
        else:
            for name, items in node.properties.items():
                same.properties.setdefault(name, items)
        for mark in marks:
            known.setdefault(mark, same)
    return merged


def _agree(one: Node, other: Node) -> bool:
    """Whether two nodes can be one product: neither's number contradicts the other's."""
    pairs = ((one.text(name), other.text(name)) for name in ("sku", "gtin13", "mpn", "productID"))
    return not any(a and b and a.strip() != b.strip() for a, b in pairs)


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()


def _address(url: str) -> str:
    return re.sub(r"^https?://(?:www\.)?|#.*$", "", url.strip()).rstrip("/").lower()


def _addresses(node: Node) -> set[str]:
    texts = [node.id or "", node.text("url") or "", node.text("mainEntityOfPage") or ""]
    for inner in (*node.nodes("offers"), *node.nodes("mainEntityOfPage")):
        texts += [inner.text("url") or "", inner.id or ""]
    return {_address(text) for text in texts} - {""}
