"""The types: texts of pages to exact values, and nothing where a text does not fit."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canter.extraction.values import MAX_TEXT, Hints, collapse, convert, convert_number
from canter.sites import Kind

KINDS = get_args(Kind)

MONEY = [
    ("$19.99", {}, "19.99", "USD"),
    ("£450", {}, "450", "GBP"),
    ("20,00€", {}, "20.00", "EUR"),
    ("$0", {}, "0", "USD"),
    ("$.75", {}, "0.75", "USD"),
    ("1,299.00 USD", {}, "1299.00", "USD"),
    ("1.299,00 €", {}, "1299.00", "EUR"),
    ("1 299,50 zł", {}, "1299.50", "PLN"),
    ("CHF 1’299.00", {}, "1299.00", "CHF"),
    ("₹12,34,567.89", {}, "1234567.89", "INR"),
    ("35€99", {}, "35.99", "EUR"),
    ("19.– Fr.", {}, "19", "CHF"),
    ("5,- €", {}, "5", "EUR"),
    ("0.299 €", {}, "0.299", "EUR"),
    # One mark before three digits: thousands, unless the locale says that it is the decimal mark.
    ("1.299", {}, "1299", None),
    ("1,299", {}, "1299", None),
    ("1.299 €", {"locale": "de"}, "1299", "EUR"),
    ("1,299 €", {"locale": "de"}, "1.299", "EUR"),
    ("$1,299", {"locale": "en-US"}, "1299", "USD"),
    ("12.50", {"locale": "de"}, "12.50", None),
    ("CHF 1.299", {"locale": "de-CH"}, "1.299", "CHF"),
    # The amount beside the currency, before or after it, and the first of several.
    ("iPhone 15 £799", {}, "799", "GBP"),
    ("74,95 €99,95 €sis. 24% alv", {}, "74.95", "EUR"),
    ("16% off€41.30€49.10VAT included", {}, "41.30", "EUR"),
    ("From 26 to 50 €", {}, "26", "EUR"),
    ("$10-$20", {}, "10", "USD"),
    ("£3/ 3 pack(17)", {}, "3", "GBP"),
    ("£3 2 for 1", {}, "3", "GBP"),
    ("Our Price 344.99 - 444.99", {}, "344.99", None),
    ("-$5.00", {}, "-5.00", "USD"),
    ("−5,00 €", {}, "-5.00", "EUR"),
    ("-$0.00", {}, "0.00", "USD"),
    # Words that hold the letters of a currency name none.
    ("leider nur 19 €", {}, "19", "EUR"),
    ("SALL 5", {}, "5", None),
    ("TOP PREIS 19,99 €", {}, "19.99", "EUR"),
    ("Free!", {"currency": "USD"}, "0", "USD"),
    # The default currency holds only where the text names none, but says which dollar a $ is.
    ("19.99", {"currency": "EUR"}, "19.99", "EUR"),
    ("€19.99", {"currency": "USD"}, "19.99", "EUR"),
    ("$19.99", {"currency": "CAD"}, "19.99", "CAD"),
    ("$19.99", {"locale": "en-AU"}, "19.99", "AUD"),
    ("$19.99", {"currency": "EUR"}, "19.99", "USD"),
    ("US$11.99", {"currency": "CAD"}, "11.99", "USD"),
    ("NZD $123", {}, "123", "NZD"),
    ("$12 CAD", {}, "12", "CAD"),
    ("100 kr", {"locale": "sv"}, "100", "SEK"),
    ("100 kr", {}, "100", None),
    ("¥1000", {"currency": "CNY"}, "1000", "CNY"),
]


@pytest.mark.parametrize(("text", "hints", "amount", "currency"), MONEY)
def test_money(text: str, hints: dict[str, Any], amount: str, currency: str | None) -> None:
    """Amounts are exact and as printed; the currency is the one that is certain."""
    assert convert("money", text, Hints(**hints)) == {"amount": amount, "currency": currency}


VALUES = [
    ("percent", "28.49%", None, "28.49"),
    ("percent", "28.49%. This APR will vary with the market based on the Prime Rate.b", None, "28.49"),
    ("percent", "28,49 %", None, "28.49"),
    ("percent", "28.49", None, "28.49"),
    ("percent", "6.125%", None, "6.125"),
    ("percent", "6,125 %", "de", "6.125"),
    ("percent", "7 day notice, 5 percent", None, "5"),
    ("percent", "-0.25%", None, "-0.25"),
    ("percent", "19.24% to 27.49%", None, "19.24"),
    ("percent", "19.24 - 27.49%", None, "19.24"),
    ("percent_range", "19.24% to 27.49%, based on your creditworthiness", None, ["19.24", "27.49"]),
    ("percent_range", "19.24%-27.49%", None, ["19.24", "27.49"]),
    ("percent_range", "19.24 – 27.49 %", None, ["19.24", "27.49"]),
    ("percent_range", "von 4,9 % bis 11,9 %", "de", ["4.9", "11.9"]),
    ("percent_range", "0% for 12 months, then 18.99% to 28.99%", None, ["18.99", "28.99"]),
    ("percent_range", "24.99%", None, ["24.99", "24.99"]),
    ("number", "4.5 out of 5", None, "4.5"),
    ("number", "1,234 reviews", None, "1234"),
    ("number", "1.234 kg", None, "1.234"),
    ("number", "1.234 Stück", "de", "1234"),
    ("number", "1.234.567,5", None, "1234567.5"),
    ("number", "-3", None, "-3"),
    ("number", "range -3 to 5", None, "-3"),
    ("number", "٣", None, "3"),
    ("integer", "(1,234)", None, 1234),
    ("integer", "1.234 Bewertungen", None, 1234),
    ("integer", "12.00", None, 12),
    ("integer", "9223372036854775807", None, 2**63 - 1),
    ("percent", "５½％", None, "5.5"),
    ("percent_range", "27.49% - 19.24%", None, ["19.24", "27.49"]),
    ("number", "１２٣", None, "123"),
    ("date", "2023-10-31", None, "2023-10-31"),
    ("date", "2023-10-31T10:00:00Z", None, "2023-10-31"),
    ("date", "20231031", None, "2023-10-31"),
    ("date", "31.10.2023, 10.19 Uhr", None, "2023-10-31"),
    ("date", "Tue, 31 Oct 2023 10:00:00 GMT", None, "2023-10-31"),
    ("date", "Oct. 31st, 2023", None, "2023-10-31"),
    ("date", "31. Dezember 2023", None, "2023-12-31"),
    ("date", "le 1er août 2023", None, "2023-08-01"),
    ("date", "31 de octubre de 2023", None, "2023-10-31"),
    ("date", "7 listopada 2023 r.", None, "2023-11-07"),
    ("date", "2023年10月31日", None, "2023-10-31"),
    ("date", "03/04/2024", "en-GB", "2024-04-03"),
    ("date", "03/04/2024", "en-US", "2024-03-04"),
    ("date", "13/04/2024", None, "2024-04-13"),
    ("date", "04/13/2024", None, "2024-04-13"),
    ("availability", "https://schema.org/InStock", None, "InStock"),
    ("availability", "http://schema.org/OutOfStock", None, "OutOfStock"),
    ("availability", "in_stock", None, "InStock"),
    ("availability", "PreOrder", None, "PreOrder"),
    ("availability", "Only 3 left in stock", None, "InStock"),
    ("availability", "10 in stock", None, "InStock"),
    ("availability", "0 in stock", None, "OutOfStock"),
    ("availability", "Currently unavailable.", None, "OutOfStock"),
    ("availability", "No longer available", None, "Discontinued"),
    ("availability", "Sofort lieferbar", None, "InStock"),
    ("availability", "Derzeit nicht auf Lager", None, "OutOfStock"),
    ("availability", "En rupture de stock", None, "OutOfStock"),
    ("availability", "Agotado", None, "SoldOut"),
    ("availability", "Non disponibile", None, "OutOfStock"),
    ("availability", "Produkt niedostępny", None, "OutOfStock"),
    ("availability", "Produkt dostępny", None, "InStock"),
    ("text", "None", None, "None"),
]


@pytest.mark.parametrize(("kind", "text", "locale", "value"), VALUES)
def test_values(kind: str, text: str, locale: str | None, value: object) -> None:
    """Each type reads what pages write."""
    assert convert(kind, text, Hints(locale)) == value


MISFITS = [
    ("money", "call us"),
    ("money", "None"),
    ("money", "call 555-1234"),
    ("money", "50%"),
    ("money", "sugar-free"),
    ("money", "$"),
    ("money", "$" + "9" * 41),
    ("percent", "is % - %"),
    ("percent", "5 of 10"),
    ("percent_range", "The variable APR is % - %"),
    ("percent_range", "19.24%, 23.24% or 27.49%"),
    ("percent_range", "based on 2 of 3"),
    ("percent", "Prime + 5.99%"),
    ("percent_range", "Prime plus 5.99% to prime plus 9.99%"),
    ("number", "12e5"),
    ("number", "none"),
    ("number", "31.10.2023"),
    ("number", "1" * 1000),
    ("integer", "4.5"),
    ("integer", "9223372036854775808"),
    ("date", "31 October"),
    ("date", "31/10/23"),
    ("date", "2023-02-30"),
    ("date", "yesterday"),
    ("date", "03/04/2024"),
    ("availability", "Add to basket"),
    ("availability", "Only 0 left"),
    ("availability", "unavailability"),
    ("url", "javascript:void(0)"),
    ("url", "mailto:a@b.example"),
    ("url", "data:image/png;base64,xx"),
    ("url", "/relative/without/base"),
    ("url", "http://["),
    ("text", ""),
]


@pytest.mark.parametrize(("kind", "text"), MISFITS)
def test_what_does_not_fit_is_missing(kind: str, text: str) -> None:
    """A text that does not fit gives no value; nothing is guessed."""
    assert convert(kind, text) is None


def test_an_ambiguous_date_needs_a_locale_that_decides() -> None:
    """ "en" alone is British or American; no locale at all decides nothing."""
    assert convert("date", "03/04/2024", Hints("en")) is None
    assert convert("date", "04/04/2024", Hints("en")) == "2024-04-04"


def test_urls_are_absolute_and_keep_their_fragment() -> None:
    """Links start from the page, as in a browser."""
    hints = Hints(base="https://shop.example/a/b.html")
    assert convert("url", "../c d.png", hints) == "https://shop.example/c%20d.png"
    assert convert("url", "//cdn.example/x", hints) == "https://cdn.example/x"
    assert convert("url", "#reviews", hints) == "https://shop.example/a/b.html#reviews"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("money", 1.299, {"amount": "1.299", "currency": None}),
        ("money", 1299, {"amount": "1299", "currency": None}),
        ("number", 1e-7, "0.0000001"),
        ("number", 1234.567, "1234.567"),
        ("integer", 3.0, 3),
        ("integer", -3, -3),
        ("text", 19.9, "19.9"),
        ("percent", 28.49, "28.49"),
        ("number", float("nan"), None),
        ("number", float("inf"), None),
        ("number", 1e300, None),
        ("integer", 10**30, None),
    ],
)
def test_numbers_of_json_are_not_read_by_the_locale(kind: str, value: float, expected: object) -> None:
    """The decimal mark of JSON is known, whatever the site's locale is."""
    assert convert_number(kind, value, Hints("de")) == expected


numerals = st.text(st.sampled_from("0123456789٣.,'’ -−€$£%()to/:US D年月"), max_size=60)


@given(
    st.sampled_from(KINDS), st.text(max_size=300) | numerals, st.sampled_from([None, "de", "en-US", "fr-CH"])
)
@example("money", "\ud800 5", None)
@example("url", "http://\ud800", None)
def test_types_never_raise_and_give_what_json_and_utf8_hold(kind: str, text: str, locale: str | None) -> None:
    """Whatever a page holds, a type gives a JSON-able value or None."""
    value = convert(kind, collapse(text), Hints(locale, base="https://a.example/"))
    json.dumps(value, ensure_ascii=False).encode()


@given(st.sampled_from(["money", "percent", "number"]), numerals, st.sampled_from([None, "de", "en-US"]))
def test_what_was_read_reads_as_itself(kind: str, text: str, locale: str | None) -> None:
    """A value is plain decimal text: no exponent, few digits, and read as a number of JSON it stays so."""
    value = convert(kind, collapse(text), Hints(locale))
    plain = value["amount"] if isinstance(value, dict) else value
    if plain is not None:
        assert isinstance(plain, str)
        assert re.fullmatch(r"-?\d{1,40}(\.\d{1,40})?", plain)
        again = convert(kind, plain, Hints("en-US"))
        assert (again["amount"] if isinstance(again, dict) else again) == plain


@given(
    st.decimals(min_value=Decimal("0.01"), max_value=Decimal("9999999.99"), places=2), st.sampled_from("$€£")
)
def test_every_price_of_cents_comes_back_exact(amount: Decimal, sign: str) -> None:
    """However its thousands are grouped, an amount with cents needs no locale."""
    english = f"{amount:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    for text in (f"{sign}{english}", f"{english} {sign}", f"{continental} {sign}", f"{sign} {continental}"):
        money = convert("money", text)
        assert isinstance(money, dict)
        assert Decimal(money["amount"] or "") == amount


HOSTILE = [
    "1" * MAX_TEXT,
    "1" * MAX_TEXT + "%",
    "1 " * 5000 + "€",
    "1," * 5000 + "%",
    "123 456 " * 1200 + "€",
    "$" * MAX_TEXT,
    "1$" * 5000,
    "USD " * 2500,
    "- " * 5000,
    "1 to " * 2000,
    "not " * 2500,
    "31 de " * 1600,
    "1.1." * 2500,
    "1'" * 5000,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:6])
def test_hostile_texts_cost_little(kind: str, text: str) -> None:
    """No text holds a worker up: 10,000 characters take milliseconds, not seconds."""
    before = time.process_time()
    convert(kind, text)
    assert time.process_time() - before < 0.5


@given(st.text())
def test_collapsed_text_stays_as_it_is(text: str) -> None:
    """Collapsing twice changes nothing; the result has no NUL, no lone surrogate, no double space."""
    once = collapse(text)
    assert collapse(once) == once
    assert "\0" not in once
    assert "  " not in once
    once.encode()


@pytest.mark.parametrize(
    ("text", "hints", "amount", "currency"),
    [
        ("１９．９９円", Hints(), "19.99", "JPY"),
        ("٣٤٫٥٠", Hints(currency="SAR"), "34.50", "SAR"),
        ("19⁹⁹ €", Hints("de"), "19.99", "EUR"),
        ("99¢", Hints(currency="USD"), "0.99", "USD"),
        ("99 Cent", Hints("de", "EUR"), "0.99", "EUR"),
        ("50p", Hints("en-GB", "GBP"), "0.50", "GBP"),
        ("$119. 95", Hints(), "119.95", "USD"),
        ("$19.99 Keurig K-Cups", Hints(), "19.99", "USD"),
    ],
)
def test_money_in_other_digits_and_in_hundredths(
    text: str, hints: Hints, amount: str, currency: str | None
) -> None:
    """Digits of other scripts, raised cents, a space within them, cents and pence."""
    assert convert("money", text, hints) == {"amount": amount, "currency": currency}


@pytest.mark.parametrize("text", ["$1.5 million", "$15K", "€2 Mio.", "50p"])
def test_an_amount_that_is_rounded_or_open_is_missing(text: str) -> None:
    """Thousands, millions and what may be pence are no exact amounts."""
    assert convert("money", text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("schema:InStock", "InStock"),
        ("//schema.org/OutOfStock", "OutOfStock"),
        ("Auf Lager: 0", "OutOfStock"),
        ("In stock: 10", "InStock"),
        ("Notify me when in stock", "OutOfStock"),
        ("Bald verfügbar", "OutOfStock"),
        ("Only 3 left!", "InStock"),
        ("en rupture", "OutOfStock"),
        ("na zamówienie", "MadeToOrder"),
        ("нет в наличии", "OutOfStock"),
        ("В наличии", "InStock"),
        ("niet op voorraad", "OutOfStock"),
        ("Disponível", "InStock"),
        ("Esgotado", "SoldOut"),
    ],
)
def test_availability_in_many_languages_and_what_only_sounds_like_it(text: str, name: str) -> None:
    """A stock of none, what will only come, and an offer to say when it does are not in stock."""
    assert convert("availability", text) == name
