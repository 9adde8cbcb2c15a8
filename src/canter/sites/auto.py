"""The built-in site `auto`: what it gives. How it reads a page is `canter.extraction.auto`."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from canter.sites.site import Field, Site

REVISION = 2  # goes up whenever the same page would give other fields, so that no page is taken as unchanged


class _BuiltIn(Site):
    """A site whose pages are read by general evidence. Its fields' sources are only the first looked at."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name, **settings)

    @cached_property
    def fingerprint(self) -> int:
        """As of any site, other for each revision of the reading."""
        return super().fingerprint ^ REVISION


AUTO: Site = _BuiltIn(
    "auto",
    fields={
        "name": Field(structured="name"),
        "price": Field(structured="price", type="money", required=False),
        "availability": Field(structured="availability", type="availability", required=False),
        "brand": Field(structured="brand", required=False),
        "sku": Field(structured="sku", required=False),
        "gtin": Field(structured="gtin", required=False),
        "mpn": Field(structured="mpn", required=False),
        "description": Field(structured="description", required=False),
        "image": Field(structured="image", type="url", required=False),
        "apr": Field(label="APR", type="percent_range", required=False),
        "annual_fee": Field(label="Annual fee", type="money", required=False),
    },
)
