"""Paths into a node: `offers[0].price`. What several offers disagree on has no value."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from canter.extraction.structured.model import Item, Node, Scalar, Source

MAX_FOUND = 1000  # values that one path may find
_STEP = re.compile(r"([A-Za-z_@][\w:@/#-]*)(?:\[(-?\d{1,6})\])?")
_OF_OFFERS = frozenset(
    {"price", "lowPrice", "highPrice", "priceCurrency", "availability", "itemCondition", "priceValidUntil"}
)
_OTHER_NAMES = {
    "gtin": ("gtin13", "gtin12", "gtin14", "gtin8", "isbn"),
    "offers": ("offer",),
    "image": ("images", "photo"),
}
_TELLING = ("name", "url", "contentUrl")  # what a node is in one text
_LISTED = re.compile("ListPrice|SRP|MSRP|StrikethroughPrice|RegularPrice", re.IGNORECASE)


class Step(NamedTuple):
    """A property's name, and which of its values where one is named."""

    name: str
    number: int | None


class Found(NamedTuple):
    """A value and where it came from. currency: the one that goes with it, as written."""

    value: Scalar
    source: Source
    where: str
    currency: str | None


@lru_cache(maxsize=1024)
def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path such as "offers[0].price". Raises ValueError for what is none."""
    matches = [_STEP.fullmatch(part) for part in text.split(".")]
    steps = tuple(Step(match[1], int(match[2]) if match[2] else None) for match in matches if match)
    if len(steps) < len(matches):
        raise ValueError(f"expected a path such as sku, offers.price or offers[0].price, not {text!r}")
    return steps


def follow(root: Node, path: tuple[Step, ...]) -> list[Found]:
    """The values at the end of a path, in the page's order.

    A step without index goes through all values. `price`, `availability` and the like of a thing that has
    none itself are those of its offers; `gtin` is any of gtin13, gtin12, gtin14 and gtin8. The end of a path
    that is a node gives its name, else its URL.
    """
    steps = path
    if len(path) == 1 and path[0].name in _OF_OFFERS and not root.get(path[0].name):
        steps = (Step("offers", None), *path)
    level: list[tuple[Item, tuple[Node, ...]]] = [(root, ())]
    for step in steps:
        level = [reached for item, around in level for reached in _stepped(item, around, step)][:MAX_FOUND]
    return [found for item, around in level if (found := _found(item, around)) is not None]


def agreed(found: list[Found], path: tuple[Step, ...]) -> bool:
    """Whether one value can stand for all: not where several offers say different things."""
    through = (
        any(step.name == "offers" and step.number is None for step in path) or path[0].name in _OF_OFFERS
    )
    return not through or len({(_plain(each.value), each.currency) for each in found}) < 2


def _plain(value: Scalar) -> str:
    text = re.sub(r"^https?://schema\.org/", "", str(value).strip())
    return re.sub(r"(\.\d*?)0+$", r"\1", text).rstrip(".") if re.fullmatch(r"\d+(\.\d+)?", text) else text


def _stepped(item: Item, around: tuple[Node, ...], step: Step) -> Iterable[tuple[Item, tuple[Node, ...]]]:
    if not isinstance(item, Node):
        return []
    values = item.get(step.name) or _otherwise(item, step.name)
    if step.number is not None:
        values = [values[step.number]] if -len(values) <= step.number < len(values) else []
    return [(value, (*around, item)) for value in values]


def _otherwise(node: Node, name: str) -> list[Item]:
    """What a node says in other words: a price in its specification, two equal bounds, offers in an offer."""
    if name == "price":
        specified = [each for each in node.nodes("priceSpecification") if not _unusual(each)]
        inner = [value for each in [*specified, *node.nodes("offers")] for value in each.get("price")]
        low, high = node.get("lowPrice"), node.get("highPrice")
        return inner or (low if low and _plain_all(low) == _plain_all(high) else [])
    if name in ("availability", "priceCurrency", "itemCondition"):
        specified = node.nodes("priceSpecification") if name == "priceCurrency" else []
        return [value for each in [*specified, *node.nodes("offers")] for value in each.get(name)]
    return next((values for other in _OTHER_NAMES.get(name, ()) if (values := node.get(other))), [])


def _plain_all(items: list[Item]) -> list[str]:
    return [_plain(item) for item in items if not isinstance(item, Node)]


def _unusual(specification: Node) -> bool:
    """A crossed-out price, or one for a unit."""
    kind = " ".join(str(item) for item in specification.get("priceType"))
    return bool(_LISTED.search(kind)) or bool(specification.get("referenceQuantity"))


def _found(item: Item, around: tuple[Node, ...]) -> Found | None:
    owner = around[-1]
    if isinstance(item, Node):
        owner = item
        texts = (text for name in _TELLING if (text := item.text(name)))
        item = next(texts, None) or item.id or ""
    if isinstance(item, str):
        item = html.unescape(item) if "&" in item else item
        if not item.strip():
            return None
    return Found(item, owner.source, owner.where, _currency((*around, owner)))


def _currency(around: tuple[Node, ...]) -> str | None:
    """The currency that stands nearest to a price."""
    for node in reversed(around):
        for name in ("priceCurrency", "currency"):
            said = node.get(name) or _otherwise(node, name)
            text = next((item for item in said if isinstance(item, str) and item.strip()), None)
            if text is not None:
                return text.strip()
    return None
