"""Availability: schema.org's names, or plain words of a dozen languages, as schema.org's names."""

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
    "plus disponible|ya no disponible|non più disponibile|fuori produzione|wycofan[yae]|"
    "снят[оаы]? с (?:производства|продажи)",
    "SoldOut": "sold out|ausverkauft|épuisée?s?|agotad[oa]s?|esaurit[oaie]|wyprzedan[yae]|uitverkocht|"
    "esgotad[oa]s?|udsolgt|utsolgt|slutsåld|vyprodáno|распродан[оаы]?",
    "OutOfStock": "out of stock|(?:not|no|0) (?:currently )?(?:in stock|available)|not currently available|"
    "unavailable|0 (?:auf lager|en stock)|nicht (?:auf lager|lieferbar|verfügbar|vorrätig|erhältlich)|"
    "(?:rupture|hors) (?:de )?stock|en rupture|indisponible|(?:non|pas|no) (?:en stock|disponibles?)|"
    "sin (?:existencias|stock)|fuera de stock|"
    "non disponibil[ei]|non in magazzino|niedostępn[yae]|brak (?:w magazynie|towaru)|nie ?ma w magazynie|"
    "ej i lager|ikke på lager|inte i lager|není skladem|niet (?:op voorraad|leverbaar|beschikbaar)|"
    "(?:sem|fora de) (?:estoque|stock)|indisponíve(?:l|is)|"
    "нет (?:в наличии|на складе)|отсутствует|недоступ(?:ен|на|но|ны)|"
    # a stock of none, what will only come, and an offer to say when it does
    "(?:in stock|stock|auf lager|lagerbestand|en stock|magazzino|magazynie|на складе) ?: ?0(?![.,]?\\d)|"
    "coming soon|available soon|back soon|bald (?:verfügbar|lieferbar)|(?:bientôt|prochainement) disponible|"
    "disponible (?:bientôt|prochainement|pronto|próximamente)|próximamente|prossimamente|presto disponibile|"
    "(?:wkrótce|niedługo) dostępn[yae]|(?:notify|e-?mail|alert|tell|let) me|benachrichtig\\w*|prévenez|"
    "av[ií]same|avvisami|powiadom",
    "PreOrder": "pre-?order|vorbestell(?:en|ung|bar)|précommande[r]?|preventa|prevendita|reservar ya|"
    "preordin[ea]|preordine|przedsprzedaż|pré-venda|предзаказ",
    "BackOrder": "back-?order(?:ed)?|on back ?order",
    "MadeToOrder": "made to order|auf bestellung|sur commande|bajo pedido|su ordinazione|na zamówienie|"
    "op bestelling|sob encomenda|под заказ",
    "LimitedAvailability": "limited (?:availability|stock)|low stock|begrenzt verfügbar|stock limité|"
    "últimas unidades|disponibilità limitata|ostatnie sztuki",
    "InStock": "in stock|available|(?:auf|an) lager|lieferbar|verfügbar|vorrätig|en stock|disponibles?|"
    "en existencias?|disponibil[ei]|disponibilità immediata|pronta consegna|in magazzino|dostępn[yae]|"
    "w magazynie|na stanie|(?:op|in) voorraad|leverbaar|(?:i|på) lager|skladem|em (?:estoque|stock)|"
    "disponíve(?:l|is)|в наличии|на складе|stock ?: ?[1-9]\\d*|only [1-9]\\d* left|nur noch [1-9]\\d*|"
    "plus que [1-9]\\d*|quedan [1-9]\\d*|solo [1-9]\\d* rimast[ei]|tylko [1-9]\\d* szt",
}
_SEARCHES = [(name, re.compile(rf"(?<!\w)(?:{phrases})(?!\w)").search) for name, phrases in _PHRASES.items()]
_SCHEMA = re.compile(r"^(?:schema:|(?:(?:https?:)?//)?(?:www\.)?schema\.org/)", re.IGNORECASE)


def read_availability(text: str) -> str | None:
    """`InStock`, `OutOfStock`, `PreOrder`, ... or None where the text says none of them."""
    bare = _SCHEMA.sub("", text)
    known = _NAMES.get(re.sub(r"[\s_-]", "", bare).lower())
    if known is not None:
        return known
    words = bare.casefold().replace("_", " ").replace("’", "'")
    return next((name for name, search in _SEARCHES if search(words)), None)
