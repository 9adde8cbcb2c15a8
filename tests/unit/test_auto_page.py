"""What else `auto` reads on a page, and what it makes of pages that are no product's or hardly pages."""

from __future__ import annotations

import time
import tracemalloc

import pytest

import canter
from canter.extraction import Extractor, Page
from canter.extraction.auto.evidence import Evidence, settle
from canter.extraction.auto.place import place_of
from canter.extraction.auto.told import is_gtin
from canter.extraction.html import Tree
from canter.sites import AUTO

URL = "https://shop.example/lamp"
OFFER = "<h1>Brass lamp</h1><p class=price>£19.99</p>"
BUY = "<button>Add to cart</button>"


def read(html: str) -> dict[str, object]:
    return canter.extract(html, url=URL)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (f"{OFFER}{BUY}", "InStock"),
        (f"{OFFER}<p class=stock>In stock</p>{BUY}", "InStock"),
        (f"{OFFER}<p class=stock>Out of stock</p>", "OutOfStock"),
        (f"{OFFER}<p>Ausverkauft</p>", "SoldOut"),
        (f"{OFFER}<p>Auf Lager</p><button>In den Warenkorb</button>", "InStock"),
        (f"{OFFER}<p>En stock</p><button>Ajouter au panier</button>", "InStock"),
        (f"{OFFER}<p>Agotado</p>", "SoldOut"),
        (f"{OFFER}<p>Non disponibile</p>", "OutOfStock"),
        (f"{OFFER}<p>Produkt niedostępny</p>", "OutOfStock"),
        (f"{OFFER}<button disabled>Add to cart</button>", None),
        (f"{OFFER}<p>Sold out</p><button disabled>Add to cart</button>", "SoldOut"),
        (f'{OFFER}<form><input type=submit value="Add to cart"></form>', "InStock"),
        (f'{OFFER}<form><button type=submit class="add-to-cart">Köp</button></form>', "InStock"),
        (f"{OFFER}<button>Notify me</button>", "OutOfStock"),
        (f"{OFFER}<label>Out of stock</label>{BUY}", "InStock"),
        (f"{OFFER}<p class=stock>Out of stock</p>{BUY}", None),
        ("<h1>About us</h1><p>Available</p>", None),
    ],
)
def test_availability_by_words_and_buttons(body: str, value: str | None) -> None:
    """Short texts near the title and the state of the buy button; where they contradict it is missing."""
    assert read(body)["availability"] == value


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ("<p>SKU: <b>L-100</b></p>", "sku", "L-100"),
        ("<table><tr><th>Artikelnummer</th><td>4711-2</td></tr></table>", "sku", "4711-2"),
        ("<dl><dt>Référence</dt><dd>AB 12</dd></dl>", "sku", "AB 12"),
        ("<p>SKU: see the box</p>", "sku", None),
        ("<ul><li>Model number: BL/7</li></ul>", "mpn", "BL/7"),
        ("<p><span>EAN</span><span>4006381333931</span></p>", "gtin", "4006381333931"),
        ("<p><span>EAN</span><span>4006381333932</span></p>", "gtin", None),
        ("<dl><dt>Marke</dt><dd>Leuchtwerk</dd></dl>", "brand", "Leuchtwerk"),
    ],
)
def test_codes_and_brand_by_label(body: str, field: str, value: str | None) -> None:
    """A code has a digit, a GTIN its check digit."""
    assert read(f"{OFFER}{BUY}{body}")[field] == value


def test_name_description_and_image() -> None:
    """The heading, and what the page says of itself in its head; the image absolute."""
    found = read(
        '<title>Brass lamp | Shop</title><meta name=description content="A lamp.">'
        f'<meta property="og:image" content="/lamp.jpg">{OFFER}{BUY}'
    )
    assert (found["name"], found["description"], found["image"]) == (
        "Brass lamp", "A lamp.", "https://shop.example/lamp.jpg",
    )  # fmt: skip


def test_apr_and_annual_fee_by_label() -> None:
    """As pricing tables write them; "None" is no fee; a number without currency is no fee either."""
    row = "<tr><th>{}</th><td>{}</td></tr>"
    table = "<html lang=en-US><h1>Gold card</h1><table>{}{}</table>"
    apr = row.format("Purchase APR", "19.24% to 27.49%, by creditworthiness")
    found = read(table.format(apr, row.format("Annual fee", "$95")))
    assert (found["apr"], found["annual_fee"]) == (["19.24", "27.49"], {"amount": "95", "currency": "USD"})
    found = read(table.format(row.format("APR", "24.9%"), row.format("Annual Membership Fee", "None")))
    assert (found["apr"], found["annual_fee"]) == (["24.9", "24.9"], {"amount": "0", "currency": "USD"})
    assert read(table.format("", row.format("Annual fee", "1")))["annual_fee"] is None


CARD = f"<li class=card><a href=/{{0}}>Lamp {{0}}</a><span class=price>£{{0}}.99</span>{BUY}</li>"
PRODUCT = '{{"@type": "Product", "name": "Lamp {0}", "offers": {{"price": "{0}", "priceCurrency": "GBP"}}}}'
NO_PRODUCT = {
    "a list": ("<h1>Lamps</h1><ul>" + "".join(CARD.format(n) for n in range(10, 16)) + "</ul>", "a list"),
    "several products": (
        '<h1>Lamps</h1><script type="application/ld+json">'
        f"[{PRODUCT.format(1)}, {PRODUCT.format(2)}]</script>",
        "several products",
    ),
    "a login wall": (
        "<h1>Welcome</h1><form>Log in to see prices <input name=u><input type=password></form>",
        "log in",
    ),
    "empty": ("", "empty"),
    "nothing to see": ("<script>var a = 1</script><style>p {}</style>", "empty"),
}


@pytest.mark.parametrize(("html", "why"), NO_PRODUCT.values(), ids=list(NO_PRODUCT))
def test_what_is_no_product(html: str, why: str) -> None:
    """Nothing is given, and a line says why."""
    extraction = Extractor(AUTO).read(Page(URL, 200, {}, html.encode()))
    assert set(extraction.fields.values()) == {None}
    assert extraction.missing == ["name"]
    assert why in extraction.problems[0]


def test_a_form_to_log_in_is_no_wall_on_a_product_page() -> None:
    """Most shops have one in the head of every page."""
    html = f"<form>Log in <input type=password></form>{OFFER}{BUY}"
    assert read(html)["price"] == {"amount": "19.99", "currency": "GBP"}


def test_broken_characters() -> None:
    """NUL bytes and lone surrogates are no part of a value, and break none."""
    html = f"<h1>Bra\0ss \ud800lamp</h1><p class=price>£19\0.99</p><p>SKU: L\0-1\udfff</p>{BUY}"
    found = read(html)
    assert found["price"] == {"amount": "19.99", "currency": "GBP"}
    for value in found.values():
        assert "\0" not in str(value)
        str(value).encode()


@pytest.mark.parametrize("tag", ["div", "b", "span class=price", "table><tr><td", "a href=/x"])
def test_five_megabytes_of_nested_tags(tag: str) -> None:
    """Read in well under the time of its parse, whatever they hold."""
    size = 5_000_000 // (len(tag) + 12)
    page = Page(URL, 200, {}, (f"{OFFER}{BUY}" + f"<{tag}>£1 SKU" * size).encode())
    assert page.tree
    began = time.process_time()
    Extractor(AUTO).read(page)
    assert time.process_time() - began < 2


def test_time_grows_with_the_page_and_no_faster() -> None:
    """Eight times the page takes no more than sixteen times the time."""

    def seconds(times: int) -> float:
        page = Page(URL, 200, {}, (f"{OFFER}{BUY}" + CARD.format(1) * times).encode())
        assert page.tree
        began = time.process_time()
        Extractor(AUTO).read(page)
        return time.process_time() - began

    small = min(seconds(2_000) for _ in range(5))
    assert min(seconds(16_000) for _ in range(3)) < 16 * small


def test_evidence_is_weighed() -> None:
    """Sources that agree support each other, one source no more for saying it twice; a rival takes away."""
    one, two = Evidence("a", "x", 0.6), Evidence("A", "y", 0.5)
    key = str.casefold
    assert settle([], str) is None
    assert settle([one, one], str) == one
    assert settle([one, two], lambda value: key(str(value))) == Evidence("a", "x, y", 0.8)
    assert settle([one, two], str) == Evidence("a", "x", round(0.6 * (1 - 0.6 * 0.5), 3))
    assert settle([one, two], str, doubt=0) == one
    seen = Evidence("a", "page: here", 0.6)
    assert settle([seen, two], str) == Evidence("a", "page: here", round(0.6 * (1 - 0.3 * 0.5), 3))


@pytest.mark.parametrize(
    ("html", "host", "locale", "currency"),
    [
        ("<html lang=de>", "laden.example.ch", "de-CH", "CHF"),
        ("<html lang=en-GB>", "shop.example.com", "en-GB", "GBP"),
        ("<html>", "shop.example.co.uk", "en-GB", "GBP"),
        ("<html lang=fr>", "shop.example.com:8080", "fr", None),
        ("<meta property=og:locale content=it_IT>", "shop.example.io", "it-IT", "EUR"),
        ("<html lang=x>", "127.0.0.1", None, None),
    ],
)
def test_where_a_page_is_from(html: str, host: str, locale: str | None, currency: str | None) -> None:
    """The domain tells the country, the page its language; a domain that is sold to anyone tells nothing."""
    assert place_of(Tree(html), host) == (locale, currency)


@pytest.mark.parametrize(
    ("text", "good"),
    [("4006381333931", True), ("96385074", True), ("036000291452", True), ("10614141000415", True),
     ("4006381333930", False), ("0000000000000", False), ("123", False)],
)  # fmt: skip
def test_gtin(text: str, good: bool) -> None:
    """8, 12, 13 or 14 digits with their check digit."""
    assert is_gtin(text) is good


def test_long_class_names_are_not_remembered() -> None:
    """A hostile page's classes of 100 KB leave nothing behind: 300 pages of them would be 60 MB."""
    tracemalloc.start()
    try:
        for number in range(300):
            name = f"{number} " + "x" * 100_000
            read(f'<h1>Brass lamp</h1><p class="{name}">$19.99</p><p class="{name}">In stock</p>{BUY}')
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10_000_000
