"""The price that `auto` gives: synthetic pages, one rule each."""

from __future__ import annotations

from typing import Any

import pytest

import canter
from canter.extraction import Page
from canter.extraction.auto import THRESHOLD, explain

BUY = "<button>Add to cart</button>"
TITLE = "<h1>Brass lamp</h1>"


def shop(body: str, head: str = "", lang: str = "en") -> str:
    return f"<html lang={lang}><head><title>Brass lamp</title>{head}</head><body>{body}</body></html>"


def told(price: str, currency: str = "GBP") -> str:
    """A product in JSON-LD."""
    return (
        '<script type="application/ld+json">{"@type": "Product", "name": "Brass lamp", "offers": '
        f'{{"@type": "Offer", "price": "{price}", "priceCurrency": "{currency}"}}}}</script>'
    )


def meta(price: str, currency: str = "GBP") -> str:
    """A product in OpenGraph."""
    return (
        f'<meta property="og:type" content="product"><meta property="product:price:amount" content="{price}">'
        f'<meta property="product:price:currency" content="{currency}">'
    )


def price(html: str, url: str = "https://shop.example/lamp") -> Any:
    return canter.extract(html, url=url)["price"]


def pounds(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "GBP"}


GIVEN = {
    "beside the title": f"<h1>Brass lamp</h1><span class=price>£19.99</span>{BUY}",
    "before the title": f"<span class=price>£19.99</span>{BUY}<h1>Brass lamp</h1>",
    "in parts": f"<h1>Brass lamp</h1><p class=price><b>£</b><b>19</b><sup>99</sup></p>{BUY}",
    "not the crossed-out one": f"<h1>Brass lamp</h1><del>£29.99</del><ins class=price>£19.99</ins>{BUY}",
    "not the old one by class": f"<h1>Brass lamp</h1><p class=price><i class=priceOld>£29.99</i>"
    f"<i>£19.99</i></p>{BUY}",
    "not the old one by words": f"<h1>Brass lamp</h1><p>Was £29.99</p><p class=price>£19.99</p>{BUY}",
    "not what is saved": f"<h1>Brass lamp</h1><p class=price>£19.99</p><p>You save £10.00</p>{BUY}",
    "not shipping": f"<h1>Brass lamp</h1><p>Delivery £4.99</p><p class=price>£19.99</p>{BUY}",
    "not an instalment": f"<h1>Brass lamp</h1><p>£3.33 per month</p><p class=price>£19.99</p>{BUY}",
    "not the unit's": f"<h1>Brass lamp</h1><p class=price>£19.99</p><p>£39.98 / kg</p>{BUY}",
    "not a related product's": f"<h1>Brass lamp</h1><p class=price>£19.99</p>{BUY}"
    "<div class=related-products><a href=/b>Oak lamp</a><span class=price>£9.99</span></div>",
    "not a menu's": f"<nav>Gifts under £5.00</nav><h1>Brass lamp</h1><p class=price>£19.99</p>{BUY}",
    "not the old one around it": f"{TITLE}<div class=old-price><p><b><span>£29.99</span></b></p></div>"
    f"<div class=price>£19.99</div>{BUY}",
    "reduced from and to": f"{TITLE}<p class=price><del>reduced from £29.99 to</del> <b>£19.99</b></p>{BUY}",
    "now and before in a phrase": f"{TITLE}<p>Now £19.99, was £29.99</p>{BUY}",
    "the usual one, for nothing is reduced": f"{TITLE}<p class=price>Regular price £19.99</p>{BUY}",
    "the sale's, not the usual one": f"{TITLE}<p class=price>Regular price <b>£29.99</b></p>"
    f"<p class=price>Sale price <b>£19.99</b></p>{BUY}",
    "not the old one written twice": f"{TITLE}<p class=price>£19.99</p>"
    f"<p class=price>List price: <i>£29.99</i><i aria-hidden=true>£29.99</i></p>{BUY}",
    "not the total": f"{TITLE}<p class=price>£19.99</p><p class=price>Total <b>£199.90</b></p>{BUY}",
    "written twice, for screen readers too": f"{TITLE}<p><span class=visually-hidden>Current price "
    f"£19.99</span><span aria-hidden=true>£19<sup>99</sup></span></p>{BUY}",
    "point and cents apart": f"{TITLE}<p class=price><b>£</b><b>19</b><b>.</b><b>99</b></p>{BUY}",
    "the amount in its data": f"{TITLE}<p><b>£24.99</b></p><p><b data-price=19.99>£19.99</b></p>{BUY}",
    "in a page that skips its menu": f"<div class=skip-nav>{TITLE}<p class=price>£19.99</p>{BUY}</div>",
    "where a word ends in x": f"<h1>Brass lamp box</h1><p class=price>£19.99</p>{BUY}",
}


@pytest.mark.parametrize("body", GIVEN.values(), ids=list(GIVEN))
def test_the_price_a_reader_sees(body: str) -> None:
    """The one near the title and the buy button, whatever other amounts stand around it."""
    assert price(shop(body)) == pounds("19.99")


MISSING = {
    "call us": f"<h1>Brass lamp</h1><p class=price>Call us for a price</p>{BUY}",
    "0.00": f"<h1>Brass lamp</h1><p class=price>£0.00</p>{BUY}",
    "a range": f"<h1>Brass lamp</h1><p class=price>£19.99 - £29.99</p>{BUY}",
    "from": f"<h1>Brass lamp</h1><p class=price>From £19.99</p>{BUY}",
    "per month alone": f"<h1>Brass lamp</h1><p class=price>£19.99 per month</p>{BUY}",
    "per unit alone": f"<h1>Brass lamp</h1><p class=price>£19.99 / kg</p>{BUY}",
    "per month in parts": f"<h1>Brass lamp</h1><p class=price><b>£</b><b>19</b><b>99</b>/mo</p>{BUY}",
    "one of a list": "<h1>Lamps</h1>" + "".join(f"<p class=price>£{n}.99</p>" for n in range(19, 23)) + BUY,
    "two that stand alike": f"<h1>Brass lamp</h1><p><b>£19.99</b></p><p><b>£24.99</b></p>{BUY}",
    "in a sentence of an article": "<h1>Brass lamps</h1><p>In 1924 such a lamp cost £19.99 in London.</p>",
}


@pytest.mark.parametrize("body", MISSING.values(), ids=list(MISSING))
def test_what_is_no_price_is_missing(body: str) -> None:
    """What cannot be known is missing, never guessed."""
    assert price(shop(body)) is None


def test_a_structured_price_is_enough() -> None:
    """Without any visible one; 0.00 in it stands for a price that is not told."""
    assert price(shop("<h1>Brass lamp</h1>", told("19.99"))) == pounds("19.99")
    assert price(shop("<h1>Brass lamp</h1>", told("0.00"))) is None


def test_contradicting_prices() -> None:
    """What a reader sees decides between two syntaxes; without that neither is given."""
    head = told("19.99") + meta("24.99")
    assert price(shop("<h1>Brass lamp</h1>", head)) is None
    for right in ("19.99", "24.99"):
        assert price(shop(f"<h1>Brass lamp</h1><p class=price>£{right}</p>{BUY}", head)) == pounds(right)


def test_several_offers() -> None:
    """Equal ones are one; of different ones the page's own is given, or none."""

    def offers(*prices: str) -> str:
        each = ", ".join(f'{{"@type": "Offer", "price": "{p}", "priceCurrency": "GBP"}}' for p in prices)
        return (
            '<script type="application/ld+json">{"@type": "Product", "name": "Brass lamp", '
            f'"offers": [{each}]}}</script>'
        )

    title = "<h1>Brass lamp</h1>"
    assert price(shop(title, offers("19.99", "19.99"))) == pounds("19.99")
    assert price(shop(title, offers("19.99", "24.99"))) is None
    seen = f"{title}<p class=price>£24.99</p>{BUY}"
    assert price(shop(seen, offers("19.99", "24.99"))) == pounds("24.99")


def test_a_range_of_offers_is_no_price() -> None:
    """lowPrice and highPrice, unless they are the same."""
    head = told("x").replace('"price": "x"', '"@type": "AggregateOffer", "lowPrice": "10", "highPrice": "20"')
    assert price(shop("<h1>Brass lamp</h1>", head)) is None
    assert price(shop("<h1>Brass lamp</h1>", head.replace('"20"', '"10"'))) == pounds("10")


@pytest.mark.parametrize(
    ("url", "lang", "text", "amount", "currency"),
    [
        ("https://shop.example.ca/", "en", "$19.99", "19.99", "CAD"),
        ("https://shop.example.com/", "en-AU", "$19.99", "19.99", "AUD"),
        ("https://shop.example.com/", "en", "US$ 19.99", "19.99", "USD"),
        ("https://laden.example.de/", "de", "1.299 €", "1299", "EUR"),
        ("https://laden.example.ch/", "de", "CHF 1'299.-", "1299", "CHF"),
        ("https://sklep.example.pl/", "pl", "19,99 zł", "19.99", "PLN"),
        ("https://butik.example.se/", "sv", "199 kr", "199", "SEK"),
        ("https://loja.example.com.br/", "pt", "R$ 199,90", "199.90", "BRL"),
        ("https://mise.example.co.jp/", "ja", "2,980円", "2980", "JPY"),
        ("https://boutique.example.fr/", "fr", "<b>19</b><sup>€99</sup>", "19.99", "EUR"),
        ("https://boutique.example.fr/", "fr", "<b>19</b><i>,99</i><b>€</b>", "19.99", "EUR"),
        ("https://obchod.example.cz/", "cs", "<b>499</b> <i>Kč</i>", "499", "CZK"),
    ],
)
def test_currency_by_sign_language_and_host(
    url: str, lang: str, text: str, amount: str, currency: str
) -> None:
    """A sign that several currencies share is that of the host's country, then of the page's language."""
    html = shop(f"<h1>Brass lamp</h1><p class=price>{text}</p>{BUY}", lang=lang)
    assert price(html, url) == {"amount": amount, "currency": currency}


def test_itemprop_outside_of_any_item() -> None:
    """Its price and its currency are read; where several say different things, none is."""
    html = (
        '<h1>Lamp</h1><b itemprop=price content="19.99">19.99</b><i itemprop=priceCurrency content=GBP></i>'
    )
    assert price(shop(html)) == pounds("19.99")
    assert price(shop(html + '<b itemprop=price content="24.99">24.99</b>')) is None


def test_every_value_says_where_it_came_from() -> None:
    """Sources that agree are all named and surer together; what is not sure enough is still explained."""
    html = shop(f"<h1>Brass lamp</h1><p class=price>£19.99</p>{BUY}", told("19.99"))
    found = explain(Page("https://shop.example/lamp", 200, {}, html.encode()))["price"]
    assert found.value == pounds("19.99")
    assert found.source == "jsonld[0].offers[0], page: near the title"
    alone = shop("<h1>Brass lamp</h1>", told("19.99"))
    less = explain(Page("https://shop.example/lamp", 200, {}, alone.encode()))["price"]
    assert THRESHOLD < less.confidence < found.confidence <= 1
    doubtful = shop("<h1>Brass lamp</h1>", told("19.99") + meta("24.99"))
    unsure = explain(Page("https://shop.example/lamp", 200, {}, doubtful.encode()))["price"]
    assert 0 < unsure.confidence < THRESHOLD
