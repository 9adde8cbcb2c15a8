"""Rules to fields: selectors, fallbacks, JSON, the site's own function, and pages that mean harm."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.errors import ConfigError
from canter.extraction import Extraction, Extractor, Page, extract
from canter.sites import Field, Site

URL = "https://shop.example/p/1"
HTML = """<!doctype html><base href="/static/"><title> A \n shop </title>
<h1 class="product-title">Blue&nbsp;<b>lamp</b></h1>
<p class="empty">  </p><p class="price">$19.99</p><p class="price">$24.99</p>
<img class="hero" src="lamp.jpg"><a class="tag">new</a><a class="tag"> </a><a class="tag">blue</a>
<p class="note">call us</p><p class="ref">Ref. 0042-A</p>
<script id="state">window.state = {"offers": [{"stock": 7, "price": "8.50"}]};</script>
<script type="application/ld+json">{"@type": "Thing", broken</script>
<script type="application/ld+json">{"@type": "Product", "sku": "X1", "tags": ["a", null, "b"]}</script>
"""


def read(fields: dict[str, Any], html: str = HTML, **settings: Any) -> Extraction:
    return Extractor(Site("shop", fields=fields, **settings)).read(Page(URL, 200, {}, html.encode()))


def one(rule: Any, html: str = HTML, **settings: Any) -> Any:
    return read({"x": rule}, html, **settings).fields["x"]


RULES: list[tuple[Any, Any]] = [
    ("title", "A shop"),
    ("h1.product-title", "Blue lamp"),
    (".empty", None),
    (".none", None),
    ({"css": [".none", ".empty", ".price"], "type": "money"}, {"amount": "19.99", "currency": "USD"}),
    ({"css": ".price", "index": 1, "type": "money"}, {"amount": "24.99", "currency": "USD"}),
    ({"css": ".price", "index": -1}, "$24.99"),
    ({"css": ".price", "index": 2}, None),
    ({"css": "img.hero", "attr": "src"}, "lamp.jpg"),
    ({"css": "img.hero", "attr": "SRC"}, "lamp.jpg"),
    ({"css": "img.hero", "attr": "src", "type": "url"}, "https://shop.example/static/lamp.jpg"),
    ({"css": "img.hero", "attr": "alt"}, None),
    ({"css": ".tag", "many": True}, ["new", "blue"]),
    ({"css": ".none", "many": True}, None),
    ({"css": ".price, p", "many": True}, ["$19.99", "$24.99", "call us", "Ref. 0042-A"]),
    ({"css": ".price", "many": True, "type": "number"}, ["19.99", "24.99"]),
    ({"css": ".ref", "pattern": r"\d+", "type": "text"}, "0042"),
    ({"css": ".ref", "pattern": r"Ref\. (\d+)-(\w)", "type": "integer"}, 42),
    ({"css": [".note", ".ref"], "pattern": r"\d+"}, "0042"),
    ({"css": "#state", "json": "offers[0].stock", "type": "integer"}, 7),
    (
        {"css": "#state", "json": "offers[0].price", "type": "money", "currency": "EUR"},
        {"amount": "8.50", "currency": "EUR"},
    ),
    ({"css": "script", "json": "sku"}, "X1"),
    ({"css": "script[type='application/ld+json']", "json": "tags", "many": True}, ["a", "b"]),
    ({"css": "script[type='application/ld+json']", "json": '"@type"', "index": 0}, None),
    ({"css": "script[type='application/ld+json']", "json": '"@type"', "index": 1}, "Product"),
    ({"css": "title", "json": "sku"}, None),
]


@pytest.mark.parametrize(("rule", "value"), RULES)
def test_rules(rule: Any, value: Any) -> None:
    """Each way of naming a value gives that value, or nothing."""
    assert one(rule) == value


ANSWER = (
    b'{"name": "Lamp", "price": 1.299, "offers": [{"stock": 3}], "on": true, "id": 123456789012345678901234}'
)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"json": "name"}, "Lamp"),
        ({"json": "price", "type": "money", "currency": "EUR"}, {"amount": "1.299", "currency": "EUR"}),
        ({"json": "offers[0].stock", "type": "integer"}, 3),
        ({"json": "offers[*].stock", "type": "integer", "many": True}, [3]),
        ({"json": "id"}, "123456789012345678901234"),
        ({"json": "on"}, "true"),
        ({"json": "none"}, None),
        ({"json": "offers[0]"}, None),
        ({"json": "sum(name)"}, None),
    ],
)
def test_json_answers(rule: Any, value: Any) -> None:
    """JMESPath reads an answer of JSON, numbers exactly and whatever the locale."""
    site = Site("api", fields={"x": rule}, locale="de")
    page = Page(URL, 200, {"Content-Type": "application/json"}, ANSWER)
    assert Extractor(site).read(page).fields["x"] == value


def test_json_that_does_not_fit_its_rule_is_told_in_words() -> None:
    """No exception's name: what was there in place of a value, or what the expression makes of it."""
    page = Page(URL, 200, {"Content-Type": "application/json"}, ANSWER)
    found = Extractor(Site("api", fields={"x": {"json": "offers[0]"}, "y": {"json": "sum(name)"}})).read(page)
    assert found.problems[0].startswith("x: expected a text or a number in the JSON, not {")
    assert found.problems[1].startswith("y: the JSON does not fit the expression: ")
    assert "Error" not in "".join(found.problems)


def test_every_declared_field_is_there_and_required_ones_are_missed() -> None:
    """`fields` has each declared field; `missing` those that are required and were not found."""
    found = read({"a": "h1", "b": ".none", "c": {"css": ".none", "required": False}})
    assert found.fields == {"a": "Blue lamp", "b": None, "c": None}
    assert found.missing == ["b"]
    assert found.problems == []


def test_a_misfit_is_missing_and_its_text_is_in_the_problem() -> None:
    """The message shows what the page said."""
    found = read({"price": {"css": ".note", "type": "money"}, "code": {"css": ".note", "pattern": r"\d+"}})
    assert found.missing == ["price", "code"]
    assert found.problems == ["price: 'call us' is not money", "code: the pattern is not in 'call us'"]


def test_a_page_that_is_not_json_says_so_once() -> None:
    """Two fields of one broken answer give one line."""
    found = read({"a": {"json": "a"}, "b": {"json": "b"}})
    assert found.missing == ["a", "b"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("the answer is not JSON: ")


def test_a_pattern_sees_ten_thousand_characters_and_says_so() -> None:
    """A long text cannot make a pattern run for ever; what was not searched is not hidden."""
    found = read({"a": {"css": "p", "pattern": "end"}}, f"<p>{'x' * 20_000} end")
    assert found.fields["a"] is None
    assert found.problems[0].endswith("(its first 10,000 characters)")


def test_own_values_win_none_does_not_and_types_hold() -> None:
    """What `parse` gives goes before the rules; for a typed field it is read as that type."""

    def parse(page: Page) -> dict[str, Any]:
        assert page.css(".tag") == ["new", "", "blue"]
        return {
            "title": "Mine",
            "kept": None,
            "price": 5.5,
            "fee": {"amount": "1.50", "currency": "EUR"},
            "apr": [19.24, "27.49%"],
            "tags": ["a", "b"],
            "stock": 3,
            "extra": {"when": datetime.date(2024, 1, 2), "exact": Decimal("1E+2"), "pair": (1, 2)},
        }

    fields = {
        "title": "h1",
        "kept": "h1",
        "price": {"css": ".price", "type": "money", "currency": "USD"},
        "fee": {"css": ".none", "type": "money"},
        "apr": {"css": ".none", "type": "percent_range"},
        "tags": {"css": ".tag", "many": True},
        "stock": {},
    }
    found = read(fields, parse=parse)
    assert found.problems == []
    assert found.missing == []
    assert found.fields == {
        "title": "Mine",
        "kept": "Blue lamp",
        "price": {"amount": "5.5", "currency": "USD"},
        "fee": {"amount": "1.50", "currency": "EUR"},
        "apr": ["19.24", "27.49"],
        "tags": ["a", "b"],
        "stock": 3,
        "extra": {"when": "2024-01-02", "exact": "100", "pair": [1, 2]},
    }


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def raiser(error: BaseException) -> Any:
    def parse(page: Page) -> dict[str, Any]:
        raise error

    return parse


@pytest.mark.parametrize("error", [ValueError("two\nlines"), Unspeakable(), RecursionError(), SystemExit(2)])
def test_an_exception_of_parse_is_a_problem(error: BaseException) -> None:
    """A parse function that fails loses its own fields, not the rules' and not the crawl."""
    found = read({"title": "h1", "stock": {}}, parse=raiser(error))
    assert found.fields == {"title": "Blue lamp", "stock": None}
    assert found.missing == ["stock"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("parse: ")
    assert type(error).__name__ in found.problems[0]
    assert "\n" not in found.problems[0]


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_memory_error_goes_through(error: BaseException) -> None:
    """A page that does not fit in memory is for the caller to judge; so is an interrupt."""
    with pytest.raises(type(error)):
        read({"title": "h1"}, parse=raiser(error))


circle: list[Any] = []
circle.append(circle)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a"}, 2**70, "\ud800", circle, Decimal("NaN")])
def test_what_json_cannot_hold_is_a_problem(value: Any) -> None:
    """A value no record can hold is missing, with a line that names its field."""
    found = read({"stock": {}}, parse=lambda page: {"stock": value, "fine": 1})
    assert found.fields == {"stock": None, "fine": 1}
    assert found.missing == ["stock"]
    assert found.problems[0].startswith("stock: parse gave what JSON cannot hold")


@pytest.mark.parametrize("given", [None, [], "text", {"url": "x"}, {3: "x"}, {"": "x"}])
def test_what_is_no_dict_of_fields_is_a_problem(given: Any) -> None:
    """`parse` gives a dict whose names are no record keys."""
    found = read({"title": "h1"}, parse=lambda page: given)
    assert found.fields == {"title": "Blue lamp"}
    assert found.problems[0].startswith("parse: ")


@pytest.mark.parametrize("value", ["call us", {"amount": "x", "currency": "EUR"}, {"amount": 5}, [1], True])
def test_a_value_of_parse_that_is_not_of_its_type_is_a_problem(value: Any) -> None:
    """The type of a field holds for `parse` too; the rules' value stays."""
    found = read({"price": {"css": ".price", "type": "money"}}, parse=lambda page: {"price": value})
    assert found.fields["price"] == {"amount": "19.99", "currency": "USD"}
    assert len(found.problems) == 1


def test_a_bad_selector_is_refused_when_compiled() -> None:
    """The library refuses a selector before any page is read."""
    with pytest.raises(ConfigError, match=r"fields\.x\.css: expected a CSS selector, not 'p\['"):
        Extractor(Site("a", fields={"x": "p["}))


def test_extract_is_one_page_without_network() -> None:
    """The library's function takes text or bytes and gives every declared field."""
    site = Site("a", fields={"t": Field(css="h1"), "u": {"css": "a", "attr": "href", "type": "url"}})
    html = '<meta charset="latin1"><h1>é\ud800</h1><a href="x">'
    assert extract(html, site, "https://a.example/b/") == {"t": "é?", "u": "https://a.example/b/x"}
    assert extract("<h1>é".encode("latin-1"), site) == {"t": "é", "u": None}


def test_hostile_pages_give_values_utf8_holds() -> None:
    """NUL bytes, lone surrogates in JSON and deep nesting do no harm."""
    page = b'<h1>a\0b</h1><script>{"n": "x\\ud800\\u0000y"}</script><p>' + b"<div>" * 3000 + b"deep"
    site = Site("a", fields={"t": "h1", "n": {"css": "script", "json": "n"}, "d": "p + div"})
    found = Extractor(site).read(Page(URL, 200, {}, page))
    assert found.fields == {"t": "ab", "n": "x\ufffdy", "d": "deep"}
    nested = Page(URL, 200, {}, b"[" * 100_000)
    assert Extractor(Site("a", fields={"n": {"json": "n"}})).read(nested).fields == {"n": None}


@given(st.binary(max_size=400) | st.text("<>&/=\"' abp\0!-[]{}:,", max_size=200).map(str.encode))
def test_no_page_makes_extraction_raise(body: bytes) -> None:
    """Whatever the bytes, the result is JSON of valid UTF-8 with every declared field."""
    fields = {
        "a": "*",
        "b": {"css": "p", "attr": "a", "type": "url"},
        "c": {"json": "a"},
        "d": {"css": "*", "json": "a", "many": True},
        "e": {"css": "*", "type": "money", "pattern": ".+"},
    }
    found = Extractor(Site("a", fields=fields)).read(Page(URL, 200, {}, body))
    assert list(found.fields) == list(fields)
    json.dumps(found, ensure_ascii=False).encode()
