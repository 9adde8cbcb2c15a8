"""What `auto` reads in scripts and in the attributes of forms: the product's own objects, and no others."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

import canter
from canter.extraction import Extractor, Page
from canter.extraction.auto.objects import thing
from canter.extraction.auto.state import MAX_OBJECT, MAX_OBJECTS, stated
from canter.sites import AUTO

URL = "https://shop.example/p/lamp"
SEEN = "<h1>Brass lamp</h1><p class=price>£19.99</p><button>Add to cart</button>"
UNSEEN = "<h1>Brass lamp</h1><button>Add to cart</button>"


def read(script: str, body: str = SEEN, url: str = URL) -> dict[str, Any]:
    return canter.extract(f"<html lang=en-GB><body>{body}<script>{script}</script>", url=url)


def objects(script: str, *names: str) -> list[dict[str, Any]]:
    return [each.object for each in stated([script], names or ["Brass lamp"], [])]


@pytest.mark.parametrize(
    "script",
    [
        '{"title": "Brass lamp", "sku": "L-1"}',
        'window.state = {"page": {"product": {"sku": "L-1", "name": "Brass lamp"}}, "other": 1};',
        "push({'item_name': 'Brass lamp', sku: 'L-1'})",
        '{name: "Brass lamp", /* ours */ sku: "L-1", on: function(), }'.replace("function()", "true"),
        '{"a": "} {", "b": {"c": "\\\\"}, "name": "Brass lamp", "sku": "L-1"}',
        'f("[{\\"name\\":\\"Brass lamp\\",\\"sku\\":\\"L-1\\"}]")',
        '{"productName": "Brass\\u0020lamp", "sku": "L-1", "name": "Brass lamp"}',
        '{"sku": "L-1", "description": {"title": "Brass lamp"}}',
    ],
    ids=["json", "nested", "single quotes", "literal", "braces in texts", "in a string", "escapes", "around"],
)
def test_the_object_around_a_name(script: str) -> None:
    """JSON, JavaScript's own notation and JSON within a string; a name alone tells by what is around it."""
    assert [each["sku"] for each in objects(script)] == ["L-1"]


@pytest.mark.parametrize(
    "script",
    [
        '{"name": "Brass lamp shade", "sku": "L-1"}',
        '{"category_name": "Brass lamp", "sku": "L-1"}',
        '{"alt": "Brass lamp", "sku": "L-1"}',
        '{"name": "Brass lamp"}',
        '["Brass lamp", "L-1"]',
        "if (x) { name: 'Brass lamp' + y, sku: (1",
        "Brass lamp",
    ],
    ids=["another name", "a category", "an image", "a name alone", "no object", "a program", "prose"],
)
def test_what_is_not_the_product(script: str) -> None:
    """Objects of other things, and scripts that hold no object."""
    assert objects(script) == []


def test_a_name_with_signs_and_letters_of_its_own() -> None:
    """As JSON escapes them, and as HTML does."""
    name = 'Lámpara 24" «Sol» & Cía'
    assert objects(json.dumps({"name": name, "sku": "L-1"}), name)
    assert objects('{"name": "L&aacute;mpara 24&quot; «Sol» &amp; Cía", "sku": "L-1"}', name)


def test_a_code_finds_what_no_name_does() -> None:
    """Only where no object holds a name."""
    script = '{"sku": "LAMP-100", "price": 19.99}'
    assert [each.object["price"] for each in stated([script], ["Brass lamp"], ["LAMP-100"])] == [19.99]


PRICES = {
    "in units, as shown": ('{"name": "Brass lamp", "price": 19.99}', SEEN, "19.99"),
    "in cents, as shown": ('{"name": "Brass lamp", "price": 1999}', SEEN, "19.99"),
    "of what is shown, the one meant": (
        '{"name": "Brass lamp", "price": 19.99}',
        "<h1>Brass lamp</h1><p><b>£19.99</b></p><p><b>£24.99</b></p><button>Add to cart</button>",
        "19.99",
    ),
    "not shown, with its currency": (
        '{"name": "Brass lamp", "price": "19.99", "currency": "GBP"}',
        UNSEEN,
        "19.99",
    ),
    "not shown, further in": (
        '{"name": "Brass lamp", "price": {"current": {"value": 19.99, "currency": "GBP"}, "old": 29.99}}',
        UNSEEN,
        "19.99",
    ),
    "the sale's": (
        '{"name": "Brass lamp", "price": 29.99, "salePrice": 19.99, "currency": "GBP"}',
        UNSEEN,
        "19.99",
    ),
    "of all variants": (
        '{"name": "Brass lamp", "currency": "GBP", "variants": [{"price": 1999}, {"price": 1999}]}',
        SEEN,
        "19.99",
    ),
    "not shown, without currency": ('{"name": "Brass lamp", "price": 19.99}', UNSEEN, None),
    "not shown, units or cents": ('{"name": "Brass lamp", "price": 1999, "currency": "GBP"}', UNSEEN, None),
    "of different variants": (
        '{"name": "Brass lamp", "variants": [{"price": 19.99}, {"price": 29.99}], "currency": "GBP"}',
        UNSEEN,
        None,
    ),
    "0.00": ('{"name": "Brass lamp", "price": 0.00, "currency": "GBP"}', UNSEEN, None),
    "of two objects that differ": (
        '[{"name": "Brass lamp", "price": 19.99, "currency": "GBP"},'
        ' {"name": "Brass lamp", "price": 24.99, "currency": "GBP"}]',
        UNSEEN,
        None,
    ),
    "of another product": ('{"name": "Oak lamp", "price": 9.99, "currency": "GBP"}', UNSEEN, None),
    "from": (
        '{"name": "Brass lamp", "price": 19.99, "currency": "GBP"}',
        "<h1>Brass lamp</h1><p class=price>From £19.99</p><button>Add to cart</button>",
        None,
    ),
    "old ones only": (
        '{"name": "Brass lamp", "listPrice": 29.99, "compare_at_price": 29.99, "currency": "GBP"}',
        UNSEEN,
        None,
    ),
    "a text": ('{"name": "Brass lamp", "price": "call us", "currency": "GBP"}', UNSEEN, None),
}


@pytest.mark.parametrize(("script", "body", "price"), PRICES.values(), ids=list(PRICES))
def test_prices_of_scripts(script: str, body: str, price: str | None) -> None:
    """They count where the page shows them, or where they cannot be anything else."""
    found = read(script, body)["price"]
    assert found == (None if price is None else {"amount": price, "currency": "GBP"})


def test_other_fields_of_scripts() -> None:
    """Codes, brand and availability, typed as elsewhere; what says nothing is nothing."""
    found = read(
        '{"name": "Brass lamp", "sku": "L-1", "brand": {"name": "Luxor"}, "ean": "4006381333931",'
        ' "mpn": "BL/7", "inStock": false, "vendor": "undefined"}',
        "<h1>Brass lamp</h1><p class=price>£19.99</p>",
    )
    assert (found["sku"], found["brand"], found["gtin"], found["mpn"], found["availability"]) == (
        "L-1", "Luxor", "4006381333931", "BL/7", "OutOfStock",
    )  # fmt: skip
    empty = read('{"name": "Brass lamp", "sku": "N/A", "brand": "", "ean": "4006381333932", "mpn": "none"}')
    assert (empty["sku"], empty["brand"], empty["gtin"], empty["mpn"]) == (None, None, None, None)


def test_the_variant_that_the_address_names() -> None:
    """Its code and price are the page's."""
    script = (
        '{"title": "Brass lamp", "variants": [{"id": 40011, "sku": "L-S", "price": 1999},'
        ' {"id": 40012, "sku": "L-M", "price": 2999}]}'
    )
    assert read(script, url=f"{URL}?variant=40011")["sku"] == "L-S"
    assert read(script)["sku"] is None


def test_a_number_is_a_code_where_the_address_has_it() -> None:
    """A number that a script gives may be the shop's own; one in the address is the product's."""
    script = '{"name": "Brass lamp", "productId": 88123, "price": 19.99}'
    assert read(script, url="https://shop.example/p/lamp-88123")["sku"] == "88123"
    assert read(script)["sku"] is None


def test_what_a_form_sends() -> None:
    """The data of the buy button's form, and its hidden values."""
    form = "<form data-product_sku=L-7><input type=hidden name=ean value=4006381333931>{}</form>"
    found = read("", f"<h1>Brass lamp</h1><p class=price>£19.99</p>{form.format('<button>Buy now</button>')}")
    assert (found["sku"], found["gtin"]) == ("L-7", "4006381333931")


def test_an_object_says_what_its_keys_name() -> None:
    """The outermost value of a field counts; a number is no text, a list no value."""
    found = thing({"sku": "A", "product": {"sku": "B", "price": 5}, "price": [1], "available": True})
    assert found.texts["sku"] == ["A"]
    assert [str(each.amount) for each in found.prices] == ["5"]
    assert found.availability == ["InStock"]


HOSTILE = {
    "openings": '{"name": "Brass lamp", "x": ' + "{" * 300_000,
    "quotes": '"' * 300_000 + '{"name": "Brass lamp"',
    "escapes": '{"name": "Brass lamp", "x": "' + '\\"' * 300_000,
    "the same again": '{"name": "Brass lamp", "sku": "L-1"},' * 30_000,
    "nested": '{"a":' * 50_000 + '{"name": "Brass lamp"' + "}" * 50_000,
    "escaped again and again": '\\"name\\":\\"Brass lamp\\",' * 30_000,
    "keys": "a:" * 300_000 + "'Brass lamp'",
    "a long literal": "{name: 'Brass lamp', " + "x: [1, 2,], " * 30_000 + "}",
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_scripts_are_read_in_bounded_time(script: str) -> None:
    """No more objects than a bound, no longer than a moment, and nothing raises."""
    page = Page(URL, 200, {}, f"{SEEN}<script>{script}</script>".encode())
    assert page.tree
    began = time.process_time()
    found = Extractor(AUTO).read(page)
    assert time.process_time() - began < 2
    assert found.fields["price"] == {"amount": "19.99", "currency": "GBP"}
    assert len(objects(script)) <= MAX_OBJECTS


def test_an_object_beyond_its_bound_is_not_read() -> None:
    """However good its JSON is."""
    assert objects(json.dumps({"name": "Brass lamp", "sku": "L-1", "text": "x" * MAX_OBJECT})) == []
