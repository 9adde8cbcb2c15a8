"""The built-in site `auto` among the others: its name, its fields, and what asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import canter
from canter.errors import ConfigError
from canter.extraction import Extractor, Page
from canter.sites import AUTO, Field, Site, SiteBook, load_site_file

OFFER = """<script type="application/ld+json">{"@type": "Product", "name": "Lamp", "sku": "L-1",
"offers": {"price": "19.99", "priceCurrency": "EUR"}}</script>"""


def test_its_fields_are_those_of_the_contract() -> None:
    """Eleven, none required but `name`, typed for tables."""
    assert list(AUTO.fields) == [
        "name", "price", "availability", "brand", "sku", "gtin", "mpn", "description", "image", "apr",
        "annual_fee",
    ]  # fmt: skip
    assert [name for name, field in AUTO.fields.items() if field.required] == ["name"]
    assert (AUTO.declared["price"], AUTO.declared["image"]) == ("money", "url")


def test_the_library_reads_a_page_by_auto() -> None:
    """`canter.extract(html)` is `canter.extract(html, site="auto")`; there is no other site by name."""
    found = canter.extract(OFFER, url="https://shop.example/lamp")
    assert found == canter.extract(OFFER, site="auto", url="https://shop.example/lamp")
    assert found["price"] == {"amount": "19.99", "currency": "EUR"}
    with pytest.raises(ConfigError, match="'auto' for the built-in one, not 'acme'"):
        canter.extract(OFFER, site="acme")


def test_a_page_without_a_product_misses_its_name() -> None:
    """So that it is told as a failed extraction."""
    extraction = Extractor(AUTO).read(Page("https://shop.example/", 200, {}, b""))
    assert extraction.missing == ["name"]
    assert set(extraction.fields.values()) == {None}


def test_no_other_site_may_have_its_name(tmp_path: Path) -> None:
    """Neither in a site file nor in the library."""
    path = tmp_path / "sites.toml"
    path.write_text("[sites.auto]\nfields.x = 'h1'\n")
    with pytest.raises(ConfigError, match=r"sites.auto: expected another name; auto is the built-in site"):
        load_site_file(path, Extractor)
    with pytest.raises(ConfigError, match="auto is the built-in site"):
        SiteBook([Site("auto", fields={"x": Field(css="h1")})])


def test_the_site_of_another_revision_reads_anew() -> None:
    """What is remembered of a page holds for one revision of the reading only."""
    plain = Site("auto", fields=AUTO.fields)
    assert AUTO.fingerprint != plain.fingerprint
