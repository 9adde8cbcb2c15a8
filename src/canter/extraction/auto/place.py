"""Where a page is from: its locale by language and host, and the currency that goes with it."""

from __future__ import annotations

import re
from typing import NamedTuple

from canter.extraction.html import Tree
from canter.urls import host_name

# Country -> language of its numbers, currency.
_COUNTRIES = {
    "US": ("en", "USD"), "GB": ("en", "GBP"), "IE": ("en", "EUR"), "CA": ("en", "CAD"), "AU": ("en", "AUD"),
    "NZ": ("en", "NZD"), "ZA": ("en", "ZAR"), "IN": ("en", "INR"), "SG": ("en", "SGD"), "HK": ("en", "HKD"),
    "DE": ("de", "EUR"), "AT": ("de", "EUR"), "CH": ("de", "CHF"), "LI": ("de", "CHF"), "LU": ("fr", "EUR"),
    "FR": ("fr", "EUR"), "BE": ("nl", "EUR"), "NL": ("nl", "EUR"), "ES": ("es", "EUR"), "PT": ("pt", "EUR"),
    "IT": ("it", "EUR"), "FI": ("fi", "EUR"), "EE": ("et", "EUR"), "LV": ("lv", "EUR"), "LT": ("lt", "EUR"),
    "GR": ("el", "EUR"), "SK": ("sk", "EUR"), "SI": ("sl", "EUR"), "HR": ("hr", "EUR"), "PL": ("pl", "PLN"),
    "CZ": ("cs", "CZK"), "HU": ("hu", "HUF"), "RO": ("ro", "RON"), "DK": ("da", "DKK"), "SE": ("sv", "SEK"),
    "NO": ("nb", "NOK"), "IS": ("is", "ISK"), "UA": ("uk", "UAH"), "RU": ("ru", "RUB"), "TR": ("tr", "TRY"),
    "MX": ("es", "MXN"), "AR": ("es", "ARS"), "CL": ("es", "CLP"), "CO": ("es", "COP"), "PE": ("es", "PEN"),
    "BR": ("pt", "BRL"), "JP": ("ja", "JPY"), "CN": ("zh", "CNY"), "TW": ("zh", "TWD"), "KR": ("ko", "KRW"),
    "TH": ("th", "THB"), "VN": ("vi", "VND"), "ID": ("id", "IDR"), "IL": ("he", "ILS"), "AE": ("en", "AED"),
}  # fmt: skip
_SECOND_LEVEL = {"uk": "GB"}
_GENERIC = frozenset({"co", "me", "io", "tv", "ai", "cc"})  # sold to anyone
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3})(?:[-_](?:[A-Za-z]{4}[-_])?([A-Za-z]{2}))?\b")


class Place(NamedTuple):
    """`locale`: such as "de-CH", None where nothing tells; `currency`: of the country, None without one."""

    locale: str | None
    currency: str | None


def place_of(tree: Tree, host: str) -> Place:
    """The place that a page's language and its host's top-level domain tell; the domain names the country."""
    said = tree.first("html[lang]", "lang") or tree.first('meta[property="og:locale"]', "content") or ""
    match = _LANGUAGE.match(said)
    language = match[1].lower() if match else None
    country = _country(host) or (match[2].upper() if match and match[2] else None)
    if country not in _COUNTRIES:
        return Place(language, None)
    usual, currency = _COUNTRIES[country]
    return Place(f"{language or usual}-{country}", currency)


def _country(host: str) -> str | None:
    last = host_name(host).rpartition(".")[2].lower()
    if last in _GENERIC:
        return None
    code = _SECOND_LEVEL.get(last, last.upper())
    return code if code in _COUNTRIES else None
