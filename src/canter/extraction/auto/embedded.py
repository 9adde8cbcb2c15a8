"""What scripts, the product's own form and stray `itemprop` say of the product, as evidence.

Each is an object of keys and values (`objects.py`). A price of a script counts where the page shows it too,
in units or in cents, or where it has decimals and a currency; a whole number alone may be either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.objects import Amount, Thing
from canter.extraction.auto.prices import Shown
from canter.extraction.auto.told import amount, is_gtin, usable
from canter.extraction.auto.words import NOTHING
from canter.extraction.values import collapse
from canter.model import Value

_TRUST = {"price": 0.6, "availability": 0.6, "sku": 0.6, "gtin": 0.65, "mpn": 0.55, "brand": 0.6}
FIELDS = frozenset(_TRUST)
_OF_SEVERAL = 0.35  # where objects of the same product say different things
_ALONE = 0.55  # a price that the page does not show
_ID = 0.3  # a number of the product that may be the shop's own, never shown to anybody
_ID_IN_URL = 0.6
_ADDRESSED = 0.5
_LONG = 4  # characters of a number that stands in an address by no chance
_SHOWN = -1.5  # the score of a shown price that may be the one meant
_DIGIT = re.compile(r"\d")
_BUYABLE = "InStock"


def in_address(text: str, url: str) -> bool:
    """Whether a number or code of some length stands in an address, as a whole."""
    if len(text) < _LONG or text not in url:
        return False
    return re.search(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])", url) is not None


def addressed(found: Sequence[Evidence], url: str) -> Iterator[Evidence]:
    """More evidence for those of some codes that the page's own address holds."""
    for value in dict.fromkeys(str(each.value) for each in found):
        if _DIGIT.search(value) and in_address(value, url):
            yield Evidence(value, "address", _ADDRESSED)


class Embedded:
    """The things that a page's scripts and forms tell of its product."""

    def __init__(self, things: Iterable[tuple[Thing, str]], url: str, shown: Sequence[Shown]) -> None:
        """`url` is the page's own: it may name a variant, and holds the numbers that the shop shows."""
        self._url = url
        self._things = [self._chosen(thing, where) for thing, where in things]
        self._shown = {amount(each.money): each for each in reversed(shown) if each.score > _SHOWN}

    @property
    def sells(self) -> bool:
        """Whether any of them has a price."""
        return any(thing.prices or any(each.prices for each in thing.variants) for thing, _ in self._things)

    def evidence(self, name: str) -> Iterator[Evidence]:
        """The evidence for one of FIELDS; different values are each less sure."""
        read: Callable[[Thing], list[Value]] = {
            "price": self._prices,
            "availability": _availability,
        }.get(name, lambda thing: _codes(thing, name))
        found: dict[str, tuple[Value, float, str]] = {}
        for thing, where in self._things:
            for value in read(thing):
                sure = _TRUST[name] if name != "price" or self._is_shown(value) else _ALONE
                found.setdefault(str(value), (value, sure, where))
        for value, sure, where in found.values():
            yield Evidence(value, where, sure if len(found) == 1 else min(sure, _OF_SEVERAL))
        if name == "sku" and not found:
            yield from self._ids()

    def _chosen(self, thing: Thing, where: str) -> tuple[Thing, str]:
        """A thing with what its variants say, where there is one of them or the address names one."""
        named = [each for each in thing.variants if self._in_url(each)]
        variants = named if len(named) == 1 else thing.variants
        if len(variants) == 1:
            one = variants[0]
            texts = {**thing.texts, **{key: each for key, each in one.texts.items() if key != "id"}}
            return Thing(texts, one.prices or thing.prices, one.availability or thing.availability, []), where
        return thing, where

    def _in_url(self, thing: Thing) -> bool:
        return any(
            len(text) > 3 and text in self._url
            for name in ("id", "sku")
            for text in thing.texts.get(name, ())
        )

    def _prices(self, thing: Thing) -> list[Value]:
        """The one price of a thing, or of all its variants."""
        told = thing.prices or [each for variant in thing.variants for each in variant.prices]
        if thing.variants:
            of_variants = {each.amount for variant in thing.variants for each in variant.prices}
            if len(of_variants) > 1:
                return []
        if len({each.amount for each in told}) != 1:
            return []
        money = self._money(told[0])
        return [] if money is None else [money]

    def _money(self, told: Amount) -> Value:
        for number in (told.amount, told.amount / 100) if told.whole else (told.amount,):
            shown = self._shown.get(number)
            if shown is not None:
                return None if shown.open else shown.money
        if told.whole or told.currency is None:
            return None
        return {"amount": format(told.amount, "f"), "currency": told.currency}

    def _is_shown(self, value: Value) -> bool:
        return amount(value) in self._shown

    def _ids(self) -> Iterator[Evidence]:
        """Numbers that may be the sku: surer where the page's address has them too."""
        seen: set[str] = set()
        for thing, where in self._things:
            for text in thing.texts.get("id", ()):
                if text not in seen and _DIGIT.search(text) and usable("sku", text):
                    seen.add(text)
                    yield Evidence(text, where, _ID_IN_URL if in_address(text, self._url) else _ID)


def _codes(thing: Thing, name: str) -> list[Value]:
    texts = [collapse(text) for text in thing.texts.get(name, ())]
    return [
        text
        for text in texts
        if text and text.lower() not in NOTHING and usable(name, text)
        and (name != "brand" or not text.isdigit())
        and (name != "gtin" or is_gtin(text))
        and (name != "mpn" or _DIGIT.search(text))
    ]  # fmt: skip


def _availability(thing: Thing) -> list[Value]:
    """What a thing says of itself, else whether any of its variants can be bought."""
    told = thing.availability or [each for variant in thing.variants for each in variant.availability]
    if not told:
        return []
    if len(set(told)) == 1:
        return [told[0]]
    return [_BUYABLE] if not thing.availability and _BUYABLE in told else []
