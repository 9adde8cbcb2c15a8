"""APR and annual fee that `auto` reads: beside labels and in phrases of several languages."""

from __future__ import annotations

import random
from typing import Any

import pytest

import canter
from canter.extraction.auto import finance


def read(body: str, lang: str = "en-US", url: str = "https://bank.example.com/gold") -> dict[str, Any]:
    return canter.extract(f"<html lang={lang}><title>Gold card</title><h1>Gold card</h1>{body}", url=url)


def row(label: str, value: str) -> str:
    return f"<table><tr><th>{label}</th><td>{value}</td></tr></table>"


RATES = {
    "a range beside its label": (
        "en-US",
        row("Purchase APR", "19.24% to 27.49% variable"),
        ["19.24", "27.49"],
    ),
    "the purchase rate of several": (
        "en-US",
        row("Cash advance APR", "29.99%") + row("Purchase APR", "19.24%"),
        ["19.24", "19.24"],
    ),
    "representative": ("en-GB", "<p>Representative 24.9% APR (variable)</p>", ["24.9", "24.9"]),
    "after its name": ("en-GB", "<p>The APR is 24.9% from May.</p>", ["24.9", "24.9"]),
    "after an introduction": (
        "en-US",
        "<p>0% intro APR for 15 months from account opening, after that 18.24% - 28.24% variable APR.</p>",
        ["18.24", "28.24"],
    ),
    "in parts": (
        "en-US",
        "<p><b>18.24%</b> <span>to</span> <b>28.24%</b> variable APR</p>",
        ["18.24", "28.24"],
    ),
    "French": ("fr", "<p>TAEG fixe de 3,90 %</p>", ["3.90", "3.90"]),
    "German": ("de", "<p>effektiver Jahreszins 5,99 %</p>", ["5.99", "5.99"]),
    "Spanish": ("es", "<dl><dt>TAE</dt><dd>12,68%</dd></dl>", ["12.68", "12.68"]),
    "Italian": ("it", "<p>TAEG: 7,21%</p>", ["7.21", "7.21"]),
    "Polish": ("pl", "<p>RRSO wynosi 9,54%</p>", ["9.54", "9.54"]),
    "two that differ": ("en-US", "<p>4.5% APR for some, and 6.5% APR for others</p>", None),
    "a cash advance's": ("en-US", "<p>Cash advances: 29.99% APR</p>", None),
    "a penalty's": ("en-US", "<p>Penalty APR of 29.99%</p>", None),
    "filled in by scripts": ("en-US", "<p>The variable APR is % - %</p>", None),
    "a menu's": ("en-US", "<nav><a href=/x>Cards with 0% APR</a></nav>", None),
}


@pytest.mark.parametrize(("lang", "body", "rate"), RATES.values(), ids=list(RATES))
def test_apr(lang: str, body: str, rate: list[str] | None) -> None:
    """The rate for purchases, and no other rate of the page."""
    assert read(body, lang)["apr"] == rate


FEES = {
    "beside its label": ("en-US", row("Annual fee", "$95"), "95"),
    "nothing": ("en-US", row("Annual fee", "$0"), "0"),
    "none": ("en-US", row("Annual Membership Fee", "None"), "0"),
    "none, in a phrase": ("en-US", "<p>No annual fee. 0% intro APR for 15 months.</p>", "0"),
    "in a phrase": ("en-US", "<p>All that for a $95 annual fee.</p>", "95"),
    "after its name": ("en-US", "<p>The annual fee is $95 a card.</p>", "95"),
    "not known in what": ("en", "<p>No annual fee</p>", None),
    "another later": ("en-US", row("Annual fee", "$0 intro annual fee for the first year, then $95"), None),
    "of another user": ("en-US", "<p>$0 annual fee for authorized users</p>", None),
    "a footnote's number": ("en-US", row("Annual fee", "1"), None),
    "a menu's": ("en-US", "<nav><a href=/x>No annual fee cards (19)</a></nav>", None),
    "of several": ("en-US", "<p>a $95 annual fee or a $195 annual fee</p>", None),
}


@pytest.mark.parametrize(("lang", "body", "fee"), FEES.values(), ids=list(FEES))
def test_annual_fee(lang: str, body: str, fee: str | None) -> None:
    """Nothing is a fee too, where its currency is known; one that changes is not told."""
    assert read(body, lang)["annual_fee"] == (None if fee is None else {"amount": fee, "currency": "USD"})


def test_annual_fees_of_other_countries() -> None:
    """Their words and their currencies."""
    assert read("<p>keine Jahresgebühr</p>", "de", "https://bank.example.de/")["annual_fee"] == {
        "amount": "0",
        "currency": "EUR",
    }
    assert read("<p>Opłata roczna: 49 zł</p>", "pl")["annual_fee"] == {"amount": "49", "currency": "PLN"}
    assert read("<p>Cotisation annuelle : 45 €</p>", "fr")["annual_fee"] == {
        "amount": "45",
        "currency": "EUR",
    }


def test_a_table_of_fees_is_no_list_of_products() -> None:
    """Its amounts stand alike, as those of a list do."""
    fees = "".join(row(f"Fee {n}", f"<p class=fee>${n}</p>") for n in range(3, 9))
    found = read(row("Purchase APR", "19.24%") + fees)
    assert (found["name"], found["apr"], found["price"]) == ("Gold card", ["19.24", "19.24"], None)


def test_a_page_without_a_heading_has_its_title_for_a_name() -> None:
    """As pages of prices and terms have none."""
    html = f"<html lang=en-US><title>Pricing and terms</title>{row('Purchase APR', '19.24%')}"
    assert canter.extract(html, url="https://bank.example.com/")["name"] == "Pricing and terms"


def test_ways_to_pay_a_product_are_no_rates_of_it() -> None:
    """A product that has a price is no loan."""
    body = (
        "<p class=price>$199.00</p><button>Add to cart</button><p>As low as 0% APR with monthly payments</p>"
    )
    found = read(body)
    assert (found["price"], found["apr"]) == ({"amount": "199.00", "currency": "USD"}, None)


WORDS = (
    "APR", "APRC", "annual percentage rate", "effektiver Jahreszins", "eff. Jahreszins", "TAEG", "RRSO",
    "ÅOP", "April", "coffee", "annual fee", "Annual Card Fee", "Jahresgebühr", "opłata roczna", "cuota anual",
    "x_apr", "annual\nfee", "24.9%", "19,9 %", "$95", "95 EUR", "no", "of", "is", ":", "(variable)", "ſ", "İ",
)  # fmt: skip


def test_no_phrase_is_passed_over() -> None:
    """Where the look at names finds none, the patterns find nothing either."""
    draw, found = random.Random(5), 0
    for _ in range(20_000):
        text = "".join(draw.choice(WORDS) + draw.choice((" ", "", "\n")) for _ in range(draw.randrange(1, 7)))
        for field, pattern in (("apr", finance._RATES), ("annual_fee", finance._FEES)):
            if pattern.search(text.replace("\n", " ")):
                found += 1
                assert finance.may_speak(field, text), text
    assert found > 500
