"""`auto` on real pages, held a little under what was measured. Skipped where the corpus is absent."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bench.auto import Case, cases, evaluate, read
from bench.corpus import CORPUS
from canter.extraction import Extractor, Page
from canter.sites import AUTO

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")


def load(name: str) -> Any:
    return json.loads((CORPUS / name).read_text("utf-8"))


def fields(name: str, url: str = "https://page.example/") -> dict[str, Any]:
    return Extractor(AUTO).read(Page(url, 200, {}, read(name))).fields


@pytest.mark.parametrize("held_out", [False, True], ids=["dev", "held out"])
def test_f1_is_above_the_commercial_services(held_out: bool) -> None:
    """Price, sku and availability by the benchmark's rules, on each half of the shops."""
    pages: list[Case] = [case for case in cases() if case.held_out is held_out]
    scores = evaluate(pages)
    assert scores["price"].f1 > 0.92
    assert scores["sku"].f1 > 0.85
    assert scores["availability"].f1 > 0.957


def test_prices_that_structured_data_tells() -> None:
    """Of the pages with one product in one syntax, the price that another reader found.

    On one of them the page shows its readers another, with tax, and that one is given.
    """
    checked, others = 0, []
    for name, row in load("expected/structured_derived.json").items():
        single = row.get("single_product") or {}
        if (
            not single.get("price")
            or single.get("price_ambiguous")
            or single.get("price_matches_human") is False
        ):
            continue
        found = fields(name, row.get("url") or "https://page.example/")["price"]
        assert found is not None, name
        if Decimal(found["amount"]) != Decimal(str(single["price"])):
            others.append(name)
        checked += 1
    assert checked >= 15
    assert len(others) <= 1, others


def test_pages_that_sell_nothing_have_no_price() -> None:
    """Of the articles, forums, lists and documents, at most one in fifty."""
    pages = [
        page
        for page in load("MANIFEST.json")["pages"]
        if page["set"] in ("trafilatura", "wcxb-dev") and page.get("page_type") != "product"
    ]
    wrong = [page["file"] for page in pages if fields(page["file"], page.get("url") or "")["price"]]
    assert len(pages) > 100
    assert len(wrong) <= len(pages) / 50, wrong


def test_rates_and_fees_of_a_credit_card() -> None:
    """The purchase APR and the annual fee of pages of pricing and terms; what scripts fill in is missing."""
    chase = fields("pages/cardmon/chase.html")
    assert (chase["apr"], chase["annual_fee"]) == (["19.24", "27.49"], {"amount": "95", "currency": "USD"})
    found = fields("pages/cardmon/jetblue.html")
    assert found["apr"] == ["19.49", "29.49"]
    assert found["annual_fee"] == {"amount": "0", "currency": "USD"}
    citi = fields("pages/cardmon/citi.html")
    assert (citi["apr"], citi["annual_fee"]) == (None, None)
