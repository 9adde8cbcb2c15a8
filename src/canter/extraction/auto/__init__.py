"""The built-in site `auto`: what a product page says of its product, by general evidence, no site's rules.

structured data + the visible page -> Evidence per field -> what speaks for most, over a threshold
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from functools import cached_property

from canter.extraction.auto.embedded import FIELDS, Embedded, addressed
from canter.extraction.auto.evidence import DOUBT, THRESHOLD, Evidence, settle
from canter.extraction.auto.finance import financial
from canter.extraction.auto.forms import form_things, stray_things
from canter.extraction.auto.kind import A_LIST, no_product
from canter.extraction.auto.labelled import Labelled
from canter.extraction.auto.objects import thing
from canter.extraction.auto.place import place_of
from canter.extraction.auto.prices import price_evidence, shown_prices
from canter.extraction.auto.state import stated
from canter.extraction.auto.stock import has_buy_button, shown_stock
from canter.extraction.auto.told import amount, told
from canter.extraction.auto.view import View
from canter.extraction.auto.words import LABELS
from canter.extraction.fields import Origin, Reading
from canter.extraction.page import Page
from canter.extraction.values import Hints, collapse, convert
from canter.model import Value
from canter.sites.auto import AUTO
from canter.urls import PageUrl, parse_url

__all__ = ["THRESHOLD", "Evidence", "explain", "read"]

_META = {
    "name": {"og:title": 0.5},
    "description": {"og:description": 0.6, "description": 0.55},
    "image": {"og:image": 0.6, "twitter:image": 0.55},
}
_SETTLED = 0.75  # what is so sure needs no search in the scripts
_SCRIPTS = "script:not([src]):not([type*=ld i])"
_NO_DOUBT = frozenset({"name", "description", "image"})  # a page may say these in several ways


def explain(page: Page) -> dict[str, Evidence]:
    """For each field that anything speaks for: its value, where it came from and how sure it is.

    Those under THRESHOLD are among them; `read` gives none of those. Raises MemoryError where the page's
    tree does not fit.
    """
    return _Judge(Reading(page)).evidence


def read(reading: Reading) -> dict[str, Value]:
    """The fields of `AUTO`, None where nothing is sure enough; `reading.problems` says why."""
    judge = _Judge(reading)
    fields: dict[str, Value] = dict.fromkeys(AUTO.fields)
    if judge.kind:
        reading.problems.append(f"not a product page: {judge.kind}")
    for name, found in judge.evidence.items():
        if found.confidence >= THRESHOLD:
            fields[name] = found.value
            reading.origins[name] = Origin("evidence", found.source, confidence=found.confidence)
        else:
            reading.problems.append(
                f"{name}: {found.value!r:.80} is not sure enough ({found.confidence:.2f})"
            )
    return fields


class _Judge:
    """One page: its evidence, settled. `kind` says why it is no product page; then it gives nothing."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        tree = reading.page.tree
        url = parse_url(reading.page.url)
        place = place_of(tree, url.host if isinstance(url, PageUrl) else "")
        self._hints = Hints(place.locale, place.currency, reading.base)
        self._meta = reading.structured.meta
        self._view = View(tree, list(self._names()))
        self._prices = shown_prices(self._view, self._hints._replace(currency=None))
        self._labelled = Labelled(self._view)
        self._told_of = next(reading.structured.products, None) is not None
        self._button = self._view.buy_index is not None or has_buy_button(tree)
        self._sold = self._told_of or self._button
        self.evidence: dict[str, Evidence] = {}
        self.kind = no_product(reading.structured, self._view, self._prices, tree)
        if self.kind and not self._is_financial():
            return
        self.kind = None
        for name, field in AUTO.fields.items():
            doubt = 0 if name in _NO_DOUBT else DOUBT
            found = list(self._found(name, field.type))
            best = settle(found, _same, doubt)
            if name in FIELDS and (best is None or best.confidence < _SETTLED):
                found += self._embedded.evidence(name)
                found += addressed(found, reading.page.url) if name == "sku" else ()
                best = settle(found, _same, doubt)
            if best is not None:
                self.evidence[name] = best

    def _names(self) -> Iterator[str]:
        """What the page calls itself and its product elsewhere than in a heading."""
        for product in self._reading.structured.products:
            yield collapse(product.text("name") or "")
        yield from (collapse(text) for text in self._meta.get("og:title", []))
        yield collapse(self._reading.page.tree.first("title") or "")

    @cached_property
    def _embedded(self) -> Embedded:
        """What scripts, forms and stray microdata say; looked for only where the rest is not sure."""
        tree, url = self._reading.page.tree, self._reading.page.url
        names = [self._view.title or "", *self._names()]
        codes = self._labelled.texts("sku")[:2]
        scripts = [text or "" for text in tree.all(_SCRIPTS)]
        things = [(thing(each.object), each.where) for each in stated(scripts, names, codes)]
        things += form_things(self._view)
        if not self._told_of:
            things += stray_things(tree)
        return Embedded(things, url, self._prices)

    def _is_financial(self) -> bool:
        """Whether what looks like a list is a table of rates and fees."""
        found = (each for name in ("apr", "annual_fee") for each in self._financial(name))
        return self.kind == A_LIST and any(each.confidence >= THRESHOLD for each in found)

    def _financial(self, name: str) -> Iterator[Evidence]:
        priced = "price" in self.evidence
        return financial(name, self._reading, self._view, self._hints, self._currency, priced=priced)

    def _found(self, name: str, kind: str) -> Iterator[Evidence]:
        yield from told(self._reading.structured, name, kind, self._hints)
        if name == "price":
            sold = self._sold or (bool(self._prices) and self._embedded.sells)
            yield from price_evidence(self._prices, sold)
        elif name == "availability":
            if self._sells():
                yield from shown_stock(self._view, self._button)
        elif name in LABELS:
            yield from self._labelled.evidence(name, sold=self._sells())
        elif name in ("apr", "annual_fee"):
            yield from self._financial(name)
        else:
            yield from self._general(name, kind)

    @property
    def _currency(self) -> str | None:
        """What the page's amounts are in: of its place, or the one that all of them name."""
        named = {each.money["currency"] for each in self._prices}
        return named.pop() if len(named) == 1 else self._hints.currency

    def _sells(self) -> bool:
        """Whether anything says that the page sells what it is about."""
        return self._sold or "price" in self.evidence

    def _general(self, name: str, kind: str) -> Iterator[Evidence]:
        """Name, description and image as any page may tell them."""
        if name == "name" and self._view.title:
            yield Evidence(self._view.title, "page: heading", 0.7)
        if name == "name" and not self._view.title:
            title = collapse(self._reading.page.tree.first("title") or "")
            yield from [Evidence(title, "page: title", THRESHOLD)] if title else []
        for key, sure in _META.get(name, {}).items():
            for text in self._meta.get(key, [])[:1]:
                value = convert(kind, collapse(text), self._hints)
                if value is not None:
                    yield Evidence(value, f"meta {key}", sure)


def _same(value: Value) -> Hashable:
    """What makes two values one: the amount of money, the letters and digits of a text, zeros first."""
    if isinstance(value, dict):
        return amount(value)
    text = re.sub(r"[\W_]+", "", str(value).casefold())
    return (text.lstrip("0") if text.isdigit() else text) or str(value)
