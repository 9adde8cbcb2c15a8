"""The built-in site `auto`: what a product page says of its product, by general evidence, no site's rules.

structured data + the visible page -> Evidence per field -> what speaks for most, over a threshold
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator

from canter.extract.auto.evidence import THRESHOLD, Evidence, settle
from canter.extract.auto.place import place_of
from canter.extract.auto.told import amount, told
from canter.extract.fields import Reading
from canter.extract.page import Page
from canter.extract.values import Hints
from canter.model import Value
from canter.sites.auto import AUTO
from canter.urls import PageUrl, parse_url

__all__ = ["THRESHOLD", "Evidence", "explain", "read"]

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
    for name, found in judge.evidence.items():
        if found.confidence >= THRESHOLD:
            fields[name] = found.value
        else:
            reading.problems.append(
                f"{name}: {found.value!r:.80} is not sure enough ({found.confidence:.2f})"
            )
    return fields


class _Judge:
    """One page: its evidence, settled."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        url = parse_url(reading.page.url)
        place = place_of(reading.page.tree, url.host if isinstance(url, PageUrl) else "")
        self._hints = Hints(place.locale, place.currency, reading.base)
        self.evidence: dict[str, Evidence] = {}
        for name, field in AUTO.fields.items():
            best = settle(self._found(name, field.type), _same, 0 if name in _NO_DOUBT else 0.5)
            if best is not None:
                self.evidence[name] = best

    def _found(self, name: str, kind: str) -> Iterator[Evidence]:
        yield from told(self._reading.structured, name, kind, self._hints)


def _same(value: Value) -> Hashable:
    """What makes two values one: the amount of money, the letters and digits of a text."""
    if isinstance(value, dict):
        return amount(value)
    return re.sub(r"[\W_]+", "", str(value).casefold()) or str(value)
