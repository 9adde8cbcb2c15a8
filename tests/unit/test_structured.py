"""Structured data: four syntaxes to one kind of node, one product of a page, values by path."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from canter.extraction import Extractor, Page
from canter.extraction.html import Tree
from canter.extraction.structured import Node, StructuredData, follow, parse_path, walk
from canter.extraction.structured.repair import read_json
from canter.sites import Site


def data(html: str, url: str = "https://shop.example/p") -> StructuredData:
    return StructuredData(Tree(html), url)


def ld(*values: Any) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(value)}</script>' for value in values)


def read(
    html: str, rule: dict[str, Any], locale: str | None = None, url: str = "https://shop.example/p"
) -> Any:
    site = Site("a", fields={"x": rule}, locale=locale)
    return Extractor(site).read(Page(url, 200, {}, html.encode("utf-8", "surrogatepass"))).fields["x"]


# --- JSON as pages write it ---

PLAIN = [
    '{"a": 1, /* comment */ "b": [1, 2,],}',
    '// <![CDATA[\n{"a": 1, "b": [1, 2]}\n// ]]>',
    '/*<![CDATA[*/{"a": 1, "b": [1, 2]}/*]]>*/',
    '<!-- {"a": 1, "b": [1, 2]} -->',
    "{&quot;a&quot;: 1, &quot;b&quot;: [1, 2]}",
    'window.data = {"a": 1, "b": [1, 2]};',
    '{"a": 1, "b": [1, 2]};',
    "{a: 1, 'b': [1, 2]}",
    '\ufeff  {"a": 1,\n // more\n "b": [1, 2]}',
    '{"a": 1,, "b": [1, 2]}',
    '{"a": 1, "b": [1, 2]} trailing words',
    '{"a": 1, "b": [1, /* , ] */ 2 /**/ , // last\n]}',
]


@pytest.mark.parametrize("text", PLAIN)
def test_json_whose_meaning_is_plain_is_read(text: str) -> None:
    """Comments, trailing commas, CDATA, entities, loose names and JavaScript around it do not hide it."""
    assert read_json(text) == [{"a": 1, "b": [1, 2]}]


TEXTS = [
    ('{"a": "line\nbreak\tand \x01"}', "line\nbreak\tand \x01"),
    ('{"a": "it\\\'s", }', "it's"),
    ('{"a": "19" screen, "b" or c", }', '19" screen, "b" or c'),
    ('{"a": "http://x.example/ // no comment",}', "http://x.example/ // no comment"),
    ('{"a": "1, ]", /**/}', "1, ]"),
    ("{'a': 'say \"hi\"'}", 'say "hi"'),
    ("{'a': 'it\\'s'}", "it's"),
    ('{"a": "\\x", }', "x"),
    ('{"a": "\\u00e9", }', "é"),
]


@pytest.mark.parametrize(("text", "value"), TEXTS)
def test_texts_keep_what_they_say(text: str, value: str) -> None:
    """What looks like a comment, a comma or an end within a text is the text's."""
    assert read_json(text) == [{"a": value}]


def test_several_values_in_one_script_and_nothing_in_others() -> None:
    """Objects side by side are all read; what is no JSON at all is nothing."""
    assert read_json('{"a": 1}\n{"b": 2};[3]') == [{"a": 1}, {"b": 2}, [3]]
    for text in ("", "  ", "null and void", "{", "{{{{", '{"a"', "<html>", '"', "\0"):
        assert read_json(text) in ([], [None]), text


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"a":' * 100_000, '{"a": "' + '"x' * 200_000, "/*" * 200_000, '{"a" ' + "," * 400_000,
     "'" * 300_000, "{" + "a " * 200_000, '{"a":1,' + " " * 400_000, "<!--" * 100_000 + "{",
     '{"a": "' + "\\" * 300_001, "&quot;" * 99_999, '{"a": "' + '" ' * 200_000, "{}" * 200_000,
     '[{"a":1},' * 40_000],
)  # fmt: skip
def test_hostile_json_takes_linear_time(text: str) -> None:
    """Half a megabyte of what looks like a beginning of JSON is read, or not, within a second."""
    began = time.process_time()
    data(f'<script type="application/ld+json">{text}</script>').product("jsonld")
    assert time.process_time() - began < 1


# --- nodes ---


def test_json_ld_in_all_its_shapes() -> None:
    """Graphs, lists, nesting, several blocks, lists of types, values with a language, references."""
    page = data(
        ld(
            {"@context": "https://schema.org", "@graph": [
                {"@type": ["Product", "Vehicle"], "@id": "#p", "name": {"@value": "Car", "@language": "en"},
                 "offers": {"@id": "#o"}, "http://schema.org/sku": "S"},
                {"@type": "http://schema.org/Offer", "@id": "#o", "price": 5, "seller": {"@id": "#nobody"}},
            ]},
            [{"@type": "schema:Brand", "name": ["A", ["B"]]}, 7, None, "text"],
        )
    )  # fmt: skip
    product, offer, brand = page.jsonld
    assert (product.types, product.text("name"), product.text("sku")) == (("Product", "Vehicle"), "Car", "S")
    assert product.nodes("offers") == [offer]
    assert (offer.types, offer.get("price"), offer.where) == (("Offer",), [5], "jsonld[0].@graph[1]")
    assert (brand.types, brand.get("name"), brand.where) == (("Brand",), ["A", "B"], "jsonld[1][0]")
    assert offer.nodes("seller")[0].id == "#nobody"


def test_circles_of_references_end() -> None:
    """Things that refer to each other are each visited once, and a path through them ends."""
    pair = [{"@id": one, "@type": "Product", "isRelatedTo": {"@id": other}} for one, other in ("ab", "ba")]
    page = data(ld({"@graph": pair}))
    assert len(list(walk(page.jsonld))) == 2
    assert follow(page.jsonld[0], parse_path(".".join(["isRelatedTo"] * 50))) != []


MICRODATA = """
<div itemscope itemtype="https://schema.org/Product" itemref="extra none">
  <h1 itemprop="name">Kettle</h1><meta itemprop="sku" content="K1">
  <div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
    <span itemprop="price" content="19.99">only 19,99</span>
    <link itemprop="availability" href="https://schema.org/InStock">
  </div>
  <div itemscope itemtype="https://schema.org/BreadcrumbList"><b itemprop="name">Crumb</b></div>
</div>
<p id="extra"><span itemprop="color size">red<script>no()</script></span><img itemprop="image" src="a.jpg">
  <time itemprop="releaseDate" datetime="2024-01-02">yesterday</time></p>
"""


def test_microdata_nests_and_refers() -> None:
    """Items within items, properties elsewhere by itemref, what each element's value is."""
    product, crumbs = data(MICRODATA).microdata
    offer = product.nodes("offers")[0]
    assert product.types == ("Product",)
    expected = {"name": "Kettle", "sku": "K1", "color": "red", "size": "red", "image": "a.jpg"}
    assert {name: product.text(name) for name in expected} == expected
    assert product.text("releaseDate") == "2024-01-02"
    assert (offer.text("price"), offer.text("availability")) == ("19.99", "https://schema.org/InStock")
    assert (crumbs.types, crumbs.text("name")) == (("BreadcrumbList",), "Crumb")


HOSTILE = [
    "<div id=a itemscope itemref=b><p itemprop=x itemscope itemref=a></p></div>"
    '<div id=b itemprop=y itemscope itemref="a b">',
    "<div id=a itemscope itemprop=x itemref=a>" * 2000,
    "<div itemscope itemprop=x>" * 50_000,
    "<div typeof=x property=y>" * 50_000,
    "<div vocab=x prefix='a: b'>" * 20_000 + "<b typeof=x>",
    "".join(f"<div itemscope itemref='{' '.join(f'i{n}' for n in range(500))}'></div>" for _ in range(500))
    + "".join(f"<b id=i{n} itemprop=x>y</b>" for n in range(500)),
    "<div>" * 50_000 + "<b itemscope><b itemprop=x>",
    "\0<div itemscope\0 itemprop=\0>\0</div>" * 1000,
]


@pytest.mark.parametrize("html", HOSTILE)
def test_hostile_items_take_bounded_time(html: str) -> None:
    """Circles, deep nesting and items that all refer to all end soon."""
    began = time.process_time()
    page = data(html)
    assert len(list(walk([*page.microdata, *page.rdfa]))) <= 50_001
    assert list(page.products) == []
    assert time.process_time() - began < 3


def test_rdfa_lite() -> None:
    """vocab, typeof, property, resource and prefix; names of other vocabularies in full."""
    html = """<div vocab="https://schema.org" typeof="Product" resource="#p" prefix="ex: http://ex.example/ns#">
      <span property="name">Kettle</span><b property="ex:grade schema:sku" content="A">first</b>
      <div property="offers" typeof="Offer"><a property="url" href="/buy">x</a>
        <i property="price">5.00</i></div>
      <p vocab=""><i property="free">x</i></p><link property="dc:rights" href="/r"></div>"""
    (product,) = data(html).rdfa
    assert (product.types, product.id) == (("Product",), "#p")
    assert {name: product.text(name) for name in product.properties if name != "offers"} == {
        "name": "Kettle", "http://ex.example/ns#grade": "A", "sku": "A", "free": "x",
        "http://purl.org/dc/terms/rights": "/r",
    }  # fmt: skip
    assert (product.nodes("offers")[0].text("url"), product.nodes("offers")[0].text("price")) == (
        "/buy",
        "5.00",
    )


def test_opengraph_names_a_product_only_where_it_says_so() -> None:
    """Product words become those of schema.org, a sale price before the price; an article is no product."""
    html = """<meta property="og:type" content="product"><meta property="og:title" content="Kettle">
      <meta property="product:price:amount" content="20">
      <meta property="product:sale_price:amount" content="15">
      <meta property="product:price:currency" content="EUR">
      <meta name="product:availability" content="instock">
      <meta property="product:retailer_item_id" content="K1">"""
    assert read(html, {"structured": "sku"}) == "K1"
    assert read(html, {"structured": "offers.price", "type": "money"}) == {"amount": "15", "currency": "EUR"}
    assert read(html, {"structured": "availability", "type": "availability"}) == "InStock"
    assert (
        data('<meta property="og:type" content="article"><meta property="og:title" content="x">').opengraph
        == []
    )


# --- which product ---

ONE = {"@type": "Product", "name": "One", "sku": "1", "url": "https://www.shop.example/p"}
TWO = {"@type": "Product", "name": "Two", "sku": "2"}
OFFER = {"@type": "Offer", "price": "5", "priceCurrency": "USD"}

WHICH = [
    ("the only one", [TWO], "2"),
    ("in a page", [{"@type": "WebPage", "mainEntity": TWO}], "2"),
    ("offered", [{"@type": "Offer", "price": "5", "itemOffered": TWO}], "2"),
    ("a list page", [{"@type": "ItemList", "itemListElement": [{"item": ONE}, {"item": TWO}]}], None),
    ("a list page without a list", [{**TWO, "name": n, "sku": n} for n in "abc"], None),
    ("a list and one that is not in it", [{"@type": "ItemList", "itemListElement": [TWO]}, ONE], "1"),
    ("the one at the page's address", [TWO, ONE], "1"),
    ("the one with a price", [{"@type": "Product", "name": "x"}, {**TWO, "offers": OFFER}], "2"),
    (
        "the group",
        [{**TWO, "isVariantOf": {"@id": "#g"}}, {"@type": "ProductGroup", "sku": "g", "name": "G"}],
        "g",
    ),
    ("the one in the heading", [{**TWO, "name": "b", "sku": "b"}, {**TWO, "name": " heading "}], "2"),
    (
        "the same twice",
        [{"@type": "Product", "name": "Two"}, {"@type": "Product", "name": "TWO", "sku": "2"}],
        "2",
    ),
    ("related and reviewed ones", [{**TWO, "isRelatedTo": ONE, "review": {"itemReviewed": ONE}}], "2"),
    ("a book that is sold", [{"@type": "Book", "sku": "b", "offers": OFFER}], "b"),
    ("a book that is not", [{"@type": "Book", "sku": "b"}], None),
    ("a credit card", [{"@type": "CreditCard", "sku": "c"}], "c"),
    ("no thing that is sold", [{"@type": "Organization", "sku": "o"}], None),
]


@pytest.mark.parametrize(("why", "blocks", "sku"), WHICH)
def test_the_one_product_of_a_page(why: str, blocks: list[Any], sku: str | None) -> None:
    """A page has one product or none; a list page is not a product."""
    assert read(ld(*blocks) + "<h1>Heading</h1>", {"structured": "sku"}) == sku, why


def test_what_one_syntax_lacks_another_may_say() -> None:
    """JSON-LD comes first, then microdata, RDFa and OpenGraph, value by value."""
    html = ld({"@type": "Product", "name": "J"}) + MICRODATA
    assert (read(html, {"structured": "name"}), read(html, {"structured": "sku"})) == ("J", "K1")
    assert [node.source for node in data(html).products] == ["jsonld", "microdata"]


# --- values ---

PRODUCT = {
    "@type": "Product", "name": "Salt &amp; Pepper", "brand": {"@type": "Brand", "name": "Br"},
    "gtin13": "4006381333931", "image": [{"@type": "ImageObject", "url": "/a.jpg"}, "/b.jpg"],
    "aggregateRating": {"ratingValue": 4.5},
    "offers": [{"@type": "Offer", "price": "19.990", "priceCurrency": "EUR",
                "availability": "http://schema.org/SoldOut"}],
}  # fmt: skip
VALUES: list[tuple[dict[str, Any], Any]] = [
    ({"structured": "name"}, "Salt & Pepper"),
    ({"structured": "brand"}, "Br"),
    ({"structured": "brand.name", "pattern": "B(.)"}, "r"),
    ({"structured": "gtin"}, "4006381333931"),
    ({"structured": ["sku", "mpn", "gtin13"]}, "4006381333931"),
    ({"structured": "image", "type": "url"}, "https://shop.example/a.jpg"),
    ({"structured": "image[1]"}, "/b.jpg"),
    ({"structured": "image", "index": -1}, "/b.jpg"),
    ({"structured": "image", "many": True}, ["/a.jpg", "/b.jpg"]),
    ({"structured": "image[7]"}, None),
    ({"structured": "aggregateRating.ratingValue", "type": "number"}, "4.5"),
    ({"structured": "offers.price", "type": "money"}, {"amount": "19.990", "currency": "EUR"}),
    ({"structured": "offers[0].price", "type": "money"}, {"amount": "19.990", "currency": "EUR"}),
    ({"structured": "price", "type": "money", "currency": "USD"}, {"amount": "19.990", "currency": "EUR"}),
    ({"structured": "offers.availability", "type": "availability"}, "SoldOut"),
    ({"structured": "offers"}, None),
    ({"css": "h9", "structured": "nothing", "label": "nothing"}, None),
    ({"css": "h9", "structured": "brand"}, "Br"),
]


@pytest.mark.parametrize(("rule", "value"), VALUES)
def test_a_path_gives_a_value_of_its_type(rule: dict[str, Any], value: Any) -> None:
    """Dotted paths and indices, names of nodes, alternatives, pattern, index, many and types."""
    assert read(ld(PRODUCT), rule) == value


def money(*offers: Any, locale: str | None = None, **field: Any) -> Any:
    rule = {"structured": "offers.price", "type": "money", **field}
    return read(ld({"@type": "Product", "name": "x", "offers": list(offers)}), rule, locale)


def test_money_takes_the_currency_of_the_same_offer() -> None:
    """The price and its currency stand together; without one the field's holds; signs are read."""
    usd, eur = {"price": "5", "priceCurrency": "USD"}, {"price": "5", "priceCurrency": "EUR"}
    assert money(usd, usd) == {"amount": "5", "currency": "USD"}
    assert money(usd, eur) is None
    assert money(usd, eur, structured="offers[1].price") == {"amount": "5", "currency": "EUR"}
    assert money(usd, eur, many=True) == [
        {"amount": "5", "currency": "USD"},
        {"amount": "5", "currency": "EUR"},
    ]
    assert money({"price": 5.5}) == {"amount": "5.5", "currency": None}
    assert money({"price": 5.5}, currency="CHF") == {"amount": "5.5", "currency": "CHF"}
    assert money({"price": "5", "priceCurrency": "€"}) == {"amount": "5", "currency": "EUR"}
    assert money({"price": "£5", "priceCurrency": "GBP"}) == {"amount": "5", "currency": "GBP"}


def test_a_price_is_in_its_specification_or_between_equal_bounds() -> None:
    """Other ways to state one price; a crossed-out one, a unit price and a real range are none."""
    unit = {"price": "9", "priceCurrency": "EUR", "referenceQuantity": {"value": 1}}
    listed = {"price": "8", "priceCurrency": "EUR", "priceType": "https://schema.org/ListPrice"}
    price = {"price": "5", "priceCurrency": "EUR"}
    expected = {"amount": "5", "currency": "EUR"}
    assert money({"@type": "Offer", "priceSpecification": [unit, listed, price]}) == expected
    assert (
        money({"@type": "AggregateOffer", "lowPrice": "5", "highPrice": "5.00", "priceCurrency": "EUR"})
        == expected
    )
    assert (
        money({"@type": "AggregateOffer", "lowPrice": "5", "highPrice": "6", "priceCurrency": "EUR"}) is None
    )
    assert money({"@type": "AggregateOffer", "priceCurrency": "EUR", "offers": [{"price": 5}]}) == expected
    assert money({"priceSpecification": [unit]}) is None


def test_offers_that_disagree_are_missing_and_said() -> None:
    """What cannot be known is missing, never guessed; the message names the values."""
    html = ld({"@type": "Product", "name": "x", "offers": [{"price": 5}, {"price": "6.0"}]})
    site = Site("a", fields={"x": {"structured": "price", "type": "money"}})
    got = Extractor(site).read(Page("https://shop.example/p", 200, {}, html.encode()))
    assert got.fields["x"] is None
    assert got.problems == ["x: the offers disagree on price: 5, '6.0'"]


def test_numbers_are_written_with_a_point_whatever_the_locale() -> None:
    """schema.org says so; only what can be nothing but a group of thousands is read by the locale."""
    euro = {"priceCurrency": "EUR"}
    assert money({"price": "19.99", **euro}, locale="de")["amount"] == "19.99"
    assert money({"price": "1.299", **euro}, locale="de")["amount"] == "1299"
    assert money({"price": "1.299", **euro})["amount"] == "1.299"
    assert money({"price": "1.299,00 €", **euro}, locale="de")["amount"] == "1299.00"
    assert money({"price": "1,299.00", **euro})["amount"] == "1299.00"


def test_a_node_knows_where_each_value_is_from() -> None:
    """Syntax and place travel with a value, so that sources can be weighed against each other."""
    product = data(ld(PRODUCT)).product("jsonld")
    assert isinstance(product, Node)
    (price,) = follow(product, parse_path("offers.price"))
    assert (price.value, price.source, price.where, price.currency) == (
        "19.990",
        "jsonld",
        "jsonld[0].offers[0]",
        "EUR",
    )
