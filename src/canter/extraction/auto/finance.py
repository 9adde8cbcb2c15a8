"""APR and annual fee of a financial product: beside their labels, else in the page's phrases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.view import View, around
from canter.extraction.fields import Reading
from canter.extraction.values import Hints, convert
from canter.model import Value

APR = (
    "Representative APR", "Purchase APR", "APR for Purchases", "Annual Percentage Rate (APR) for Purchases",
    "Purchase Annual Percentage Rate (APR)", "Purchase Annual Percentage Rate", "Regular APR",
    "Variable APR", "Representative APR (variable)", "APR (variable)", "APRC", "APR",
    "Annual percentage rate", "Annual percentage rate (APR)", "effektiver Jahreszins",
    "effektiver Jahreszins p.a.", "eff. Jahreszins", "Effektivzins", "TAEG", "TAEG fixe", "TAE", "T.A.E.",
    "RRSO", "JKP", "ÅOP", "Effektiv ränta", "RPSN", "THM", "DAE",
)  # fmt: skip
ANNUAL_FEE = (
    "Annual fee", "Annual membership fee", "Yearly fee", "Annual card fee", "Jahresgebühr", "Jahrespreis",
    "Cotisation annuelle", "Cuota anual", "Canone annuo", "Quota annuale", "Opłata roczna", "Årsavgift",
    "Jaarlijkse bijdrage",
)  # fmt: skip
# One of these is in every label and every phrase.
_WORDS = {
    "apr": (
        "apr", "annual percentage", "jahreszins", "effektiv", "taeg", "tae", "t.a.e.", "rrso", "rpsn", "åop",
        "jkp", "thm", "dae", "eff.",
    ),
    "annual_fee": ("fee", "jahres", "annuelle", "anual", "annu", "roczn", "årsavgift", "jaarlijkse"),
}  # fmt: skip
_LABELLED, _PHRASE, _OF_SEVERAL = 0.8, 0.6, 0.3
_MAX_TEXTS = 5  # beside a label
_NONE = re.compile(
    r"(?:none|no annual fee|no fee|keine|aucune|ninguna|nessuno|brak|free|kostenlos|gratis|gratuite?)\b",
    re.IGNORECASE,
)
_FOR_A_TIME = re.compile(
    r"\b(?:intro\w*|first year|1st year|then|thereafter|erste[sn]? jahr|première année|primer año|primo anno|"
    r"pierwszy rok)\b",
    re.IGNORECASE,
)
_RATE = r"\d{1,3}(?:[.,]\d{1,3})?\s?%?(?:\s?(?:-|–|—|to|bis|à|a)\s?\d{1,3}(?:[.,]\d{1,3})?)?\s?%"
_NAMES = (
    r"(?:APRC?|annual percentage rate|effektiver Jahreszins|eff\. Jahreszins|effektiver Zins|TAEG|TAE|RRSO|"
    r"RPSN|ÅOP|JKP)"
)
_RATES = re.compile(
    rf"(?<![\d.,])(?P<before>{_RATE})\s(?:\(?(?:variable|fixed|representative)\)?,?\s){{0,2}}\b{_NAMES}(?!\w)"
    rf"|\b{_NAMES}"
    r"(?:\s\(?(?:variable|fixed|representative|fixe|p\.\s?a\.|fijo|fisso|for purchases)\)?){0,2}"
    rf"\s?(?:[:=]|of|is|von|de|del|wynosi|ab|from)?\s?(?P<after>{_RATE})",
    re.IGNORECASE,
)
_FEE_NAMES = (
    r"(?:annual (?:membership |card )?fee|jahresgebühr|cotisation annuelle|cuota anual|canone annuo|"
    r"opłat[ay] roczn[aey]j?)"
)
_AMOUNT = r"(?:[A-Z]{0,3}[$€£]\s?\d[\d.,]{0,9}|\d[\d.,]{0,9}\s?(?:€|£|zł|EUR|CHF|PLN|USD|GBP)(?!\w))"
_FEES = re.compile(
    rf"(?P<before>{_AMOUNT})\s{_FEE_NAMES}(?!\w)"
    rf"|\b{_FEE_NAMES}\s?(?:[:=]|of|is|von|de|wynosi|beträgt)?\s?(?P<after>{_AMOUNT})"
    rf"|\b(?P<none>(?:no|zero|without an?|keine|ohne|sans|sin|senza|bez))\s{_FEE_NAMES}(?!\w)",
    re.IGNORECASE,
)
_OTHER_RATE = re.compile(
    r"\b(?:cash|advance|balance|transfer|penalty|intro\w*|promotional|up to|maximum|default|late|savings?)\b",
    re.IGNORECASE,
)
_OTHER_FEE = re.compile(
    r"\b(?:authorized|additional|supplementary|users?|intro\w*|first year|partner\w*|cards|valued)\b",
    re.IGNORECASE,
)
# One of these, at the beginning of a word, is in everything that the patterns find: they take a millisecond.
_PHRASED = {
    "apr": (
        "apr", "annual percentage rate", "effektiver jahreszins", "eff. jahreszins", "effektiver zins", "tae",
        "rrso", "rpsn", "åop", "jkp",
    ),
    "annual_fee": (
        "annual fee", "annual membership fee", "annual card fee", "jahresgebühr", "cotisation annuelle",
        "cuota anual", "canone annuo", "opłat",
    ),
}  # fmt: skip
_AROUND = 32  # characters beside a phrase that tell which rate or fee it speaks of
MAX_PHRASES = 60


def financial(
    name: str, reading: Reading, view: View, hints: Hints, currency: str | None, *, priced: bool
) -> Iterator[Evidence]:
    """The evidence for `apr` or `annual_fee`.

    `currency` is the page's own, of a fee that is told as none. `priced`: the page has a price, so that its
    sentences speak of ways to pay it.
    """
    present = [word for word in _WORDS[name] if word in view.folded]
    for label in (APR if name == "apr" else ANNUAL_FEE) if present else ():
        lower = label.lower()
        if lower not in view.folded or not re.search(rf"(?<!\w){re.escape(lower)}(?!\w)", view.folded):
            continue
        for text in reading.labels.beside(label)[:_MAX_TEXTS]:
            value = _rate(text, hints) if name == "apr" else _fee(text, hints, currency)
            if value is not None:
                yield Evidence(value, f"label: {label}", _LABELLED)
                return
    if present and not priced and may_speak(name, view.text):
        yield from _in_phrases(name, view, hints, currency)


def may_speak(field: str, text: str) -> bool:
    """Whether a phrase about the field can be in the text: a name of it begins a word; April is no rate."""
    folded = text.casefold().replace("\n", " ")
    for name in _PHRASED[field]:
        at = folded.find(name)
        while at >= 0:
            inner = at > 0 and (folded[at - 1].isalnum() or folded[at - 1] == "_")
            if not inner and not folded.startswith("il", at + len(name)):
                return True
            at = folded.find(name, at + 1)
    return False


def _rate(text: str, hints: Hints) -> Value:
    return convert("percent_range", text, hints)


def _fee(text: str, hints: Hints, currency: str | None) -> Value:
    """A fee that holds for good and names its currency; a number without one is a footnote's, as a rule."""
    if _FOR_A_TIME.search(text):
        return None
    if _NONE.match(text):
        return _no_fee(currency)
    value = convert("money", text, hints._replace(currency=None))
    if isinstance(value, dict) and value["currency"] is None:
        return None
    return value


def _no_fee(currency: str | None) -> Value:
    return None if currency is None else {"amount": "0", "currency": currency}


def _in_phrases(name: str, view: View, hints: Hints, currency: str | None) -> Iterator[Evidence]:
    """What the page's sentences say, such as "Representative 24.9% APR"; less sure where they differ."""
    text = view.text.replace("\n", " ")
    found: dict[str, Value] = {}
    others = _OTHER_RATE if name == "apr" else _OTHER_FEE
    for number, match in enumerate((_RATES if name == "apr" else _FEES).finditer(text)):
        if number >= MAX_PHRASES:
            break
        before = text[max(0, match.start() - _AROUND) : match.start()].rpartition(". ")[2]
        after = text[match.end() : match.end() + _AROUND].partition(". ")[0]
        if others.search(f"{before}{match[0]}{after}") or _is_link(view, match.start()):
            continue
        if name == "apr":
            value = _rate(match["before"] or match["after"], hints)
        else:
            amount = match["before"] or match["after"]
            value = _fee(amount, hints, currency) if amount else _no_fee(currency)
        if value is not None:
            found.setdefault(str(value), value)
    for value in found.values():
        yield Evidence(value, "page: a phrase", _PHRASE if len(found) == 1 else _OF_SEVERAL)


def _is_link(view: View, offset: int) -> bool:
    """Whether the text at an offset leads elsewhere, as those of menus and of other products do."""
    return any(each.tag in ("a", "nav", "footer") for each in around(view.nodes[view.index_at(offset)], 6))
