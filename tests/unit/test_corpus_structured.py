"""Structured data on the corpus, held to its expectations; every deviation is listed with its reason."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from canter.extraction import Extractor, Page
from canter.extraction.html import Tree
from canter.extraction.structured import Node, Source, StructuredData, short, walk
from canter.extraction.structured.jsonld import jsonld
from canter.sites import Site

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
EXTRUCT = CORPUS / "pages" / "extruct"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")


def load(name: str) -> Any:
    return json.loads((CORPUS / name).read_text("utf-8"))


@cache
def content(name: str) -> bytes:
    body = (CORPUS / name).read_bytes()
    return gzip.decompress(body) if name.endswith(".gz") else body


DERIVED = load("expected/structured_derived.json") if CORPUS.is_dir() else {}


def data(name: str) -> StructuredData:
    return StructuredData(Page("", 200, {}, content(name)).tree, DERIVED[name]["url"])


def plain(value: Any) -> Any:
    """Numbers and texts alike, 20.00 as 20."""
    text = " ".join(str(value).split())
    return re.sub(r"\.0+$", "", text) if re.fullmatch(r"\d+\.\d+", text) else text


def test_products_are_those_that_extruct_finds() -> None:
    """Every product node of 65 pages, in JSON-LD and microdata, with name, sku and its first offer."""
    checked = 0
    for name, expected in DERIVED.items():
        syntaxes: tuple[Source, ...] = ("jsonld", "microdata")
        for source in syntaxes:
            nodes = [node for node in walk(data(name).nodes(source)) if "Product" in node.types]
            found = [(plain(node.text("name")), plain(node.text("sku"))) for node in nodes]
            for row in expected.get(source, []):
                assert (plain(row["name"]), plain(row["sku"])) in found, name
                checked += 1
    assert checked == 149


def test_opengraph_is_what_extruct_finds() -> None:
    """Each word's content; of two contents for a word extruct keeps the last, we keep both."""
    for name, expected in DERIVED.items():
        words = data(name).meta
        for word, text in expected.get("opengraph", {}).items():
            assert " ".join(text.split()) in [" ".join(each.split()) for each in words[word.lower()]], (
                name,
                word,
            )


# The lowest and the highest price are the same here: there is one price, which the derivation leaves out.
EQUAL_BOUNDS = {"a900a39efa1ce181"}


def test_single_products_by_path() -> None:
    """41 pages of one product: name, price, currency and availability through fields, as derived."""
    rules = {
        "name": {"structured": "name"},
        "price": {"structured": "price", "type": "money"},
        "availability": {"structured": "availability", "type": "availability"},
    }
    extractor = Extractor(Site("a", fields=rules))
    checked = 0
    for name, expected in DERIVED.items():
        single = expected.get("single_product")
        if single is None:
            continue
        got = extractor.read(Page(expected["url"], 200, {}, content(name))).fields
        price = got["price"] or {"amount": None, "currency": None}
        assert got["name"] == " ".join(single["name"].split()), name
        assert got["availability"] == single["availability"], name
        if not any(part in name for part in EQUAL_BOUNDS):
            assert plain(price["amount"]) == plain(single["price"]), name
        if single["price"] is not None:
            assert price["currency"] == single["currency"], name
        checked += 1
    assert checked == 41


def test_list_pages_are_no_products() -> None:
    """Five pages with twenty products each in their JSON-LD have no product of their own."""
    lists = [name for name, row in DERIVED.items() if row.get("jsonld_product_count", 0) > 1]
    assert len(lists) == 5
    for name in lists:
        assert data(name).product("jsonld") is None, name


# --- schema.org's own examples ---

COMPARED = {
    "name", "price", "priceCurrency", "availability", "annualPercentageRate", "interestRate", "lowPrice",
    "highPrice", "sku", "gtin13", "ratingValue",
}  # fmt: skip
# Examples whose authors wrote other words, or other parts, in one syntax than in the next.
WRITTEN_OTHERWISE = {
    "eg-0010": {"price"}, "eg-0172": {"name"}, "eg-0175": {"ratingValue"}, "eg-0350": {"name"},
    "eg-0208": {"name", "priceCurrency"}, "eg-0351": {"name"}, "eg-0352": {"name"}, "eg-0353": {"name"},
    "eg-0354": {"name"}, "eg-0393": {"name", "availability"}, "eg-0396": {"name"}, "eg-0462": {"ratingValue"},
}  # fmt: skip


def said(nodes: list[Node]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in walk(nodes):
        for name in COMPARED & node.properties.keys():
            for item in node.get(name):
                if not isinstance(item, Node):
                    found.setdefault(name, set()).add(short(plain(item)))
    return found


def test_schema_org_examples_say_the_same_in_each_syntax() -> None:
    """46 examples give the same values as JSON-LD, microdata and RDFa Lite, where written in all."""
    checked, otherwise = 0, dict[str, set[str]]()
    for case in load("tables/schemaorg_examples.json")["cases"]:
        expected = said(jsonld([json.dumps(case["jsonld"])]))
        syntaxes: tuple[tuple[Source, str], ...] = (("microdata", "microdata"), ("rdfa", "rdfa"))
        for source, key in (*syntaxes, ("jsonld", "jsonld_html")):
            html = case.get(key) or ""
            if source != "jsonld" and not re.search("itemscope|typeof", html):
                continue  # "This example is JSON only"
            found = said(StructuredData(Tree(html), "").nodes(source))
            for name in expected.keys() | found.keys():
                if found.get(name) != expected.get(name):
                    otherwise.setdefault(case["id"], set()).add(name)
            checked += 1
    assert otherwise == WRITTEN_OTHERWISE
    assert checked > 100


# --- extruct's own pages ---


def count(value: Any) -> int:
    """The objects in JSON-LD that become nodes."""
    if isinstance(value, dict):
        inner = (item for key, item in value.items() if not key.startswith("@") or key == "@graph")
        return ("@graph" not in value) + sum(map(count, inner))
    return sum(map(count, value)) if isinstance(value, list) else 0


def test_every_json_ld_page_of_extruct() -> None:
    """Thirteen pages, six of them malformed, hold as many nodes as extruct finds."""
    checked = 0
    for path in sorted(EXTRUCT.rglob("*.jsonld")):
        page = StructuredData(Tree(path.with_suffix(".html").read_bytes(), "utf-8"), "")
        expected = json.loads(path.read_text("utf-8"))
        if isinstance(expected, dict) and not any(key.startswith("@") for key in expected):
            (expected,) = expected.values()  # extruct's whole answer
        assert len(list(walk(page.jsonld))) == count(expected), path.name
        checked += 1
    assert checked == 13


# What we give as the standard says and extruct otherwise.
MICRODATA_DEVIATIONS = {
    "SearchAction.001",  # what an input asks for is a rule of schema.org's actions, not of microdata
    "product-ref",  # an item that itemref names keeps its content to itself
    "microdata.7.1",  # addresses are left relative until a field of type url asks for them
    "microdata.object",  # the same
}


def item(node: Node) -> Any:
    properties = {
        name: [item(each) if isinstance(each, Node) else " ".join(str(each).split()) for each in items]
        for name, items in node.properties.items()
    }
    return {"types": sorted(node.types), "properties": properties}


def expected_item(value: Any) -> Any:
    if not isinstance(value, dict):
        return " ".join(str(value).split())
    types = value.get("type", [])
    properties = {
        short(name): [expected_item(each) for each in (items if isinstance(items, list) else [items])]
        for name, items in value.get("properties", {}).items()
    }
    return {
        "types": sorted(map(short, [types] if isinstance(types, str) else types)),
        "properties": properties,
    }


def test_every_microdata_page_of_extruct() -> None:
    """The items of extruct's pages, whole, but for the deviations listed above."""
    same, deviating = 0, set()
    for path in sorted([*(EXTRUCT / "schema.org").glob("*.json"), *(EXTRUCT / "w3c").glob("*.json")]):
        html = path.with_suffix(".html")
        expected = json.loads(path.read_text("utf-8"))
        if not html.exists() or not isinstance(expected, list):
            continue
        found = StructuredData(Tree(html.read_bytes(), "utf-8"), "").microdata
        if [item(node) for node in found] == [expected_item(value) for value in expected]:
            same += 1
        else:
            deviating.add(path.stem)
    assert (same, deviating) == (17, MICRODATA_DEVIATIONS)


# Without a single `typeof` there is no thing whose type is known; such pages are not read.
UNTYPED = {f"w3c.rdfaprimer.example{number:03}" for number in (5, 6, 7, 8, 9, 10, 11)} | {"xhtml+rdfa"}


def test_every_rdfa_page_of_extruct() -> None:
    """The texts of extruct's RDFa under their full names, on every page that says what type anything has."""
    read = 0
    for path in sorted(EXTRUCT.rglob("*rdf*.expanded.json")):
        stem = path.name.removesuffix(".expanded.json")
        page = StructuredData(Tree(path.with_name(f"{stem}.html").read_bytes(), "utf-8"), "")
        if stem in UNTYPED:
            assert page.rdfa == [], stem
            continue
        nodes = list(walk(page.rdfa))
        for thing in json.loads(path.read_text("utf-8")):
            for name, values in thing.items():
                texts = [value["@value"] for value in values if isinstance(value, dict) and "@value" in value]
                for text in texts:
                    assert any(text in map(str, node.get(short(name))) for node in nodes), (stem, name, text)
                    read += 1
    assert read == 10
