"""OpenGraph and its product words, from `<meta>`: raw as written, and as a node like those of schema.org."""

from __future__ import annotations

from canter.extraction.html import Tree
from canter.extraction.structured.model import Node

# In order: of several words for a property the first that the page has counts.
_PRODUCT = {
    "name": ("og:title",),
    "description": ("og:description",),
    "image": ("og:image", "og:image:url", "og:image:secure_url"),
    "url": ("og:url",),
    "brand": ("product:brand", "og:brand"),
    "sku": ("product:retailer_item_id",),
    "mpn": ("product:mfr_part_no", "product:retailer_part_no"),
    "gtin": ("product:gtin", "product:ean", "product:upc", "product:isbn", "og:upc", "og:ean"),
    "category": ("product:category",),
    "color": ("product:color",),
    "size": ("product:size",),
    "material": ("product:material",),
}
_OFFER = {
    "price": ("product:sale_price:amount", "product:price:amount", "og:price:amount", "product:price"),
    "priceCurrency": (
        "product:sale_price:currency", "product:price:currency", "og:price:currency", "product:currency",
    ),
    "availability": ("product:availability", "og:availability"),
    "itemCondition": ("product:condition", "og:condition"),
}  # fmt: skip
_TYPES = ("product", "og:product", "product.item", "product:item")


def meta(tree: Tree) -> dict[str, list[str]]:
    """The contents of `<meta>` by their property or name, in lower case, in the order of the page."""
    found: dict[str, list[str]] = {}
    for element in tree.elements("meta[content]"):
        names = element.attr("property") or element.attr("name") or ""
        for name in names.lower().split():
            found.setdefault(name, []).append(element.attr("content") or "")
    return found


def opengraph(words: dict[str, list[str]]) -> list[Node]:
    """The node of a page whose OpenGraph calls it a product; none elsewhere."""
    kind = next(iter(words.get("og:type", [])), "").strip().lower()
    offer = _node("opengraph.offer", "Offer", _OFFER, words)
    if kind not in _TYPES and not offer.get("price"):
        return []
    node = _node("opengraph", "Product", _PRODUCT, words)
    if offer.properties:
        node.add("offers", offer)
    return [node]


def _node(where: str, kind: str, table: dict[str, tuple[str, ...]], words: dict[str, list[str]]) -> Node:
    node = Node("opengraph", where, (kind,))
    for name, candidates in table.items():
        given = next((words[word] for word in candidates if any(words.get(word, []))), [])
        for text in given:
            node.add(name, text)
    return node
