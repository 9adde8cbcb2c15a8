"""Availability: schema.org's names, or plain words of six languages, as schema.org's names."""

from __future__ import annotations

import re

_NAMES = {
    name.lower(): name
    for name in (
        "InStock",
        "OutOfStock",
        "PreOrder",
        "PreSale",
        "BackOrder",
        "SoldOut",
        "Discontinued",
        "InStoreOnly",
        "OnlineOnly",
        "LimitedAvailability",
        "MadeToOrder",
        "Reserved",
    )
}
# In order: a denial holds the words of what it denies, so it is looked for first.
_PHRASES = {
    "Discontinued": "discontinued|no longer available|nicht mehr (?:lieferbar|erhältlich|verfügbar)|"
    "plus disponible|ya no disponible|non più disponibile|fuori produzione|wycofan[yae]",
    "SoldOut": "sold out|ausverkauft|épuisée?s?|agotad[oa]s?|esaurit[oaie]|wyprzedan[yae]|"
    "uitverkocht|udsolgt|utsolgt|slutsåld|esgotado",
    "OutOfStock": "out of stock|(?:not|no|0) (?:currently )?(?:in stock|available)|not currently available|"
    "unavailable|0 (?:auf lager|en stock)|nicht (?:auf lager|lieferbar|verfügbar|vorrätig|erhältlich)|"
    "(?:rupture|hors) (?:de )?stock|indisponible|(?:non|pas|no) (?:en stock|disponibles?)|"
    "sin (?:existencias|stock)|fuera de stock|"
    "non disponibil[ei]|non in magazzino|niedostępn[yae]|brak (?:w magazynie|towaru)|nie ?ma w magazynie|"
    "niet op voorraad|ej i lager|ikke på lager|inte i lager|není skladem",
    "PreOrder": "pre-?order|vorbestell(?:en|ung|bar)|précommande[r]?|preventa|reservar ya|preordin[ea]|"
    "preordine|przedsprzedaż",
    "BackOrder": "back-?order(?:ed)?|on back ?order",
    "LimitedAvailability": "limited (?:availability|stock)|low stock|begrenzt verfügbar|stock limité|"
    "últimas unidades|disponibilità limitata|ostatnie sztuki",
    "InStock": "in stock|available|(?:auf|an) lager|lieferbar|verfügbar|vorrätig|en stock|disponibles?|"
    "en existencias?|disponibil[ei]|in magazzino|dostępn[yae]|w magazynie|na stanie|"
    "op voorraad|i lager|på lager|skladem|em estoque",
}
_SEARCHES = [(name, re.compile(rf"(?<!\w)(?:{phrases})(?!\w)").search) for name, phrases in _PHRASES.items()]
_SCHEMA = re.compile(r"^(?:https?://)?(?:www\.)?schema\.org/", re.IGNORECASE)


def read_availability(text: str) -> str | None:
    """`InStock`, `OutOfStock`, `PreOrder`, ... or None where the text says none of them."""
    bare = _SCHEMA.sub("", text)
    known = _NAMES.get(re.sub(r"[\s_-]", "", bare).lower())
    if known is not None:
        return known
    words = bare.casefold().replace("_", " ").replace("’", "'")
    return next((name for name, search in _SEARCHES if search(words)), None)
