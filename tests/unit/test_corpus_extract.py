"""Extraction on the real pages of the shared corpus, held to its expectations. Skipped where it is absent."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from canter.extraction import Extractor, Page
from canter.extraction.values import collapse, convert
from canter.sites import Site

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")


def load(name: str) -> Any:
    return json.loads((CORPUS / name).read_text("utf-8"))


@cache
def page(name: str) -> Page:
    content = (CORPUS / name).read_bytes()
    return Page(
        "https://page.example/", 200, {}, gzip.decompress(content) if name.endswith(".gz") else content
    )


def value(name: str, rule: dict[str, Any]) -> Any:
    return Extractor(Site("corpus", fields={"x": rule})).read(page(name)).fields["x"]


def css_rows() -> list[tuple[str, dict[str, Any]]]:
    rows = load("expected/css_first_match.json")
    return [(name, row) for name in rows for row in rows[name] if not row.get("parser_divergent")]


def test_every_first_match_is_what_two_parsers_agree_on() -> None:
    """587 selectors over 65 real pages: the first match's text or attribute, "" and null being missing."""
    checked = 0
    for name, row in css_rows():
        rule = {"css": row["css"]} | ({"attr": row["attr"]} if row["attr"] else {})
        found = value(name, rule)
        if "first_prefix" in row:
            assert found.startswith(row["first_prefix"]), (name, row)
            assert len(found) == row["first_len"], (name, row)
        else:
            assert found == (row["first"] or None), (name, row)
        checked += 1
    assert checked == 587


def test_every_match_is_counted_once() -> None:
    """The number of matches is that of two parsers, where all of them hold a text."""
    for name, row in css_rows():
        assert len(page(name).css(row["css"])) == row["count"], (name, row)


def test_prices_are_what_a_person_read() -> None:
    """28 price texts of real shops, as money, are the prices a person wrote down."""
    prices = [(name, row) for name, row in css_rows() if row.get("field") == "price"]
    assert len(prices) == 28
    for name, row in prices:
        rule = {"css": row["css"], "type": "money"} | ({"attr": row["attr"]} if row["attr"] else {})
        money = value(name, rule)
        assert money, (name, row)
        assert Decimal(money["amount"]) == Decimal(row["price"]), (name, row)
        assert money["currency"] is not None, (name, row)


def test_financial_values_are_exact_and_absent_ones_missing() -> None:
    """Rates and fees of card pages as printed; numbers that only a script would fill in are not invented."""
    checked = 0
    for name, expected in load("expected/finance.json")["pages"].items():
        for field in expected.get("fields", []):
            rule = {"css": field["css"], "index": field.get("index", 0)}
            kind = field["type"]
            if kind.startswith("jsonld:"):
                key = kind.partition(".")[2]
                found = value(name, {"css": field["css"], "json": key})
                assert isinstance(found, str), field
            elif kind == "absent":
                for index in range(field["matches"]):
                    for typed in ("percent", "percent_range", "money"):
                        absent = value(name, rule | {"index": index, "type": typed})
                        assert absent is None, (field, typed, absent)
            else:
                found = value(name, rule | {"type": kind})
                amount = found["amount"] if isinstance(found, dict) else found
                assert amount == field["value"], field
            checked += 1
    assert checked == 11


def test_price_parsers_own_table() -> None:
    """Of price-parser's examples without a separator given all that it reads are read as its authors expect.

    Of the 84 that price-parser itself fails at, 74 are right.
    """
    cases = [case for case in load("tables/price_parser.json")["cases"] if not case["decimal_separator"]]
    wrong: dict[bool, list[str]] = {True: [], False: []}
    for case in cases:
        money = convert("money", collapse(case["price_text"] or ""))
        amount = Decimal(money["amount"] or "") if isinstance(money, dict) else None
        if amount != (None if case["expect"]["amount"] is None else Decimal(case["expect"]["amount"])):
            wrong[case["xfail"]].append(case["price_text"])
    assert len(cases) == 651 + 84
    assert wrong[False] == []
    assert len(wrong[True]) == 10
