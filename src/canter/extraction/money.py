"""Money: an exact amount by price-parser and the site's locale, and an ISO 4217 code where it is certain."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from price_parser.parser import extract_price_text, parse_number

from canter.extraction.numbers import MAX_DIGITS, NUMERAL, exact
from canter.model import Money

_WINDOW = 200  # characters; price-parser's time grows with the square of what it is given

_PROSE = 60  # characters; a number in a longer text that names no currency is no price

_ISO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ "
    "GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR "
    "LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN "
    "PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"
)
_SYMBOLS = {
    "€": "EUR", "euros": "EUR", "euro": "EUR", "Euro": "EUR", "eur": "EUR", "US$": "USD", "U$S": "USD",
    "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "NT$": "TWD",
    "S$": "SGD", "R$": "BRL", "MX$": "MXN", "AR$": "ARS", "CL$": "CLP", "CO$": "COP", "元": "CNY",
    "CN¥": "CNY", "円": "JPY", "₹": "INR", "₽": "RUB", "руб": "RUB", "р.": "RUB", "₴": "UAH", "грн": "UAH",
    "zł": "PLN", "Zł": "PLN", "Kč": "CZK", "Ft": "HUF", "lei": "RON", "Lei": "RON", "лв": "BGN", "₺": "TRY",
    "TL": "TRY", "₪": "ILS", "₩": "KRW", "원": "KRW", "฿": "THB", "₫": "VND", "₱": "PHP", "₦": "NGN",
    "₸": "KZT", "₾": "GEL", "₡": "CRC", "₲": "PYG", "GH₵": "GHS", "SFr": "CHF", "Fr.": "CHF", "Rp": "IDR",
    "RM": "MYR",
}  # fmt: skip


class _Shared(NamedTuple):
    """A sign of several currencies: the usual one if there is one, all, and which is meant where."""

    usual: str | None
    all: frozenset[str]
    by_locale: dict[str, str]


_DOLLARS = {
    "US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "HK": "HKD", "SG": "SGD", "TW": "TWD", "MX": "MXN",
    "AR": "ARS", "CL": "CLP", "CO": "COP", "UY": "UYU",
}  # fmt: skip
_KRONER = _Shared(
    None,
    frozenset({"SEK", "NOK", "DKK", "ISK"}),
    {"sv": "SEK", "nb": "NOK", "nn": "NOK", "no": "NOK", "da": "DKK", "is": "ISK"},
)
_YEN = _Shared(None, frozenset({"JPY", "CNY"}), {"ja": "JPY", "zh": "CNY"})
_RUPEES = _Shared(None, frozenset({"INR", "PKR", "LKR", "NPR", "MUR"}), {"hi": "INR", "IN": "INR"})
_SHARED = {
    "$": _Shared(
        "USD", frozenset(_DOLLARS.values()) | {code for code in _ISO.split() if code[2] == "D"}, _DOLLARS
    ),
    "£": _Shared("GBP", frozenset({"GBP", "EGP", "FKP", "GIP", "LBP", "SHP", "SYP"}), {"EG": "EGP"}),
    "¥": _YEN,
    "￥": _YEN,
    "kr": _KRONER,
    "Kr": _KRONER,
    "Rs": _RUPEES,
    "₨": _RUPEES,
}


def _alternatives(names: list[str]) -> str:
    """Any of the names, the longest first; a letter at either end must not go on as a word."""
    choices = "|".join(
        ("(?<![^\\W\\d_])" if name[0].isalpha() else "")
        + re.escape(name)
        + ("(?![^\\W\\d_])" if name[-1].isalpha() else "")
        for name in sorted(names, key=len, reverse=True)
    )
    return f"(?=[{re.escape(''.join({name[0] for name in names}))}])(?:{choices})"


_CODE = rf"(?<![^\W\d_])(?=[A-Z]{{3}}(?![^\W\d_]))(?:{'|'.join(_ISO.split())})"
_SYMBOL = _alternatives([*_SYMBOLS, *_SHARED])
_ANY = re.compile(f"{_SYMBOL}|{_CODE}")
_CODE_BESIDE = re.compile(
    rf"(?:{_CODE})(?=\s?[$£¥]?\s?[.,]?\d|\s*$)|(?<=\d)\s?(?:{_CODE})|(?<=\d[$£¥])(?:{_CODE})"
)
_BEFORE = re.compile(rf"(?:{_SYMBOL}|{_CODE})(?:(?<=[a-z])\.)?\s?(?P<sign>[-−]\s?)?(?=[.,]?\d)")
_NEXT = re.compile(rf"\s?(?:[.,]?[-–—])?\s?(?:{_SYMBOL}|{_CODE})")
_AFTER = re.compile(
    rf"(?<![\d.,])(?:{NUMERAL}\s?(?:-|–|—|to|bis|à)\s?)?{NUMERAL}(?={_NEXT.pattern})"  # the lower of a range
)
_PARTED = re.compile(rf"(\d[.,]) (\d\d)(?={_NEXT.pattern})")  # 118, 99 TL
_SPACED = re.compile(rf"((?:{_SYMBOL}|{_CODE})?\s?\d+[.,]) (\d\d)")  # $ 8. 94, and nothing else in the text
_RAISED = re.compile("(?<![\\d.,])(\\d{1,6})([⁰¹²³⁴-⁹]{2})(?![⁰¹²³⁴-⁹])")  # 19⁹⁹
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_ROUNDED = re.compile(  # thousands and more, of which the text tells no exact amount
    r"(?:[km]|bn)\b|\s?(?:mn|mio|mrd|mln|mld|tsd|tys|thousand|[mb]illi?on\w*|milli?on\w*|milli?ard\w*|"
    r"mili[oa]\w+|lakhs?|crores?)\b", re.IGNORECASE,
)  # fmt: skip
_HUNDREDTHS = re.compile(r"\s?(?:¢|cts?\b|cents?\b)|(?P<pence>p\b)", re.IGNORECASE)
_PHONE_OR_DATE = re.compile(r"(?<![\d.,])\d+[-/]\d+(?![.,]?\d)")
_CENTS = re.compile(r"\d€ ?\d\d(?!\d)")  # 35€99


def read_money(text: str, mark: str | None, currency: str | None, locale: str | None) -> Money | None:
    """The first amount of a text, the one beside a currency where one is named.

    `mark`: the locale's decimal mark. `currency`: what an amount without one is in; it also says which
    dollar a bare `$` is, else the locale's region does, else it is read as USD. A number in prose, in a
    telephone number or in a date is no amount where no currency is named.
    """
    if text.strip(" .!").lower() == "free":
        return {"amount": "0", "currency": currency}
    spaced = _SPACED.fullmatch(text)
    text = spaced[1] + spaced[2] if spaced else _PARTED.sub(r"\1\2", text)
    text = _RAISED.sub(lambda raised: f"{raised[1]}.{raised[2].translate(_LOWERED)}", text)
    window, negative, named = _window(text)
    if not named and (len(text) > _PROSE or _PHONE_OR_DATE.search(text)):
        return None
    amount = _amount(window.replace("’", "'"), mark, currency == "GBP" or _is_british(locale))
    if amount is None:
        return None
    signed = f"-{amount}" if negative and amount.strip("0.") else amount
    return {"amount": signed, "currency": read_currency(text, currency, locale) or currency}


def _window(text: str) -> tuple[str, bool, bool]:
    """Where the amount stands, whether it is negative, and whether a currency is named."""
    marks = list(_ANY.finditer(text))
    before = _BEFORE.search(text) if marks else None
    # "74,95 €99,95 €" names its currency after the amount, "Table 15 £799" before it: the last one tells.
    if before and _BEFORE.match(text, marks[-1].start()) and not _cents(text):
        end = next((mark.start() for mark in marks if mark.start() > before.end()), len(text))
        window = text[before.end() : min(end, before.end() + _WINDOW)]
        return window, bool(before["sign"]) or _minus(text, before.start()), True
    first = _AFTER.search(text) if marks else None
    first = first or re.search(r"[.,]?\d", text)
    at = first.start() if first else 0
    return text[at : at + _WINDOW], _minus(text, at), bool(marks)


def _is_british(locale: str | None) -> bool:
    return (locale or "").replace("_", "-").lower() == "en-gb"


def _cents(text: str) -> bool:
    return text.count("€") == 1 and _CENTS.search(text) is not None


def _minus(text: str, at: int) -> bool:
    return bool(re.search(r"(?:^|\s)[-−]$", text[max(0, at - 2) : at]))


def _amount(window: str, mark: str | None, pence: bool) -> str | None:
    """The amount that a window begins with; `pence`: whether "50p" is half a pound."""
    numeral = extract_price_text(window) if any(map(str.isdigit, window)) else None
    if numeral is None:
        return None
    if "€" in numeral:
        number = parse_number(numeral)
        return None if number is None or number.adjusted() >= MAX_DIGITS else format(number, "f")
    first = re.match(NUMERAL, numeral)  # price-parser joins numbers that only a space parts
    if first is None:
        return None
    behind = window[window.find(first[0]) + len(first[0]) :]
    amount = exact(first[0], mark, ".,")
    if amount is None or _ROUNDED.match(behind):
        return None
    small = _HUNDREDTHS.match(behind) if amount.isdigit() else None
    if small is None:
        return amount
    return format(Decimal(amount).scaleb(-2), "f") if pence or not small["pence"] else None


def read_currency(text: str, currency: str | None, locale: str | None) -> str | None:
    """The ISO 4217 code that a text names; None where it names none or one of several."""
    symbol = re.search(_SYMBOL, text)
    if symbol and symbol[0] in _SYMBOLS:
        return _SYMBOLS[symbol[0]]
    code = _CODE_BESIDE.search(text)
    if code:
        return code[0].strip()
    return _which(_SHARED[symbol[0]], currency, locale) if symbol else None


def _which(shared: _Shared, currency: str | None, locale: str | None) -> str | None:
    if currency in shared.all:
        return currency
    language, _, region = (locale or "").replace("_", "-").partition("-")
    return shared.by_locale.get(region.upper()) or shared.by_locale.get(language) or shared.usual
