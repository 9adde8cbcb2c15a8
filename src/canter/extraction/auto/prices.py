"""The price that a page shows for its product: near the title and the buy button, and no other price.

Each price of the page is weighed by what stands around it. Crossed-out, saved, shipping, instalment,
per-unit and other products' prices weigh less than nothing; "from" and ranges are no price.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import NamedTuple

from canter.extraction.auto import words
from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.told import amount, is_price
from canter.extraction.auto.view import View, around, brief
from canter.extraction.html import Element, Text
from canter.extraction.values import Hints, collapse, convert

MAX_PRICES = 150  # of a page
_FAR = 48  # texts from the title or the buy button
_ALIKE = 3
_CHARS = r"(?:\b(?:US|CA?|AU?|NZ|HK|NT|S|R|MX) ?)?\$|[€£¥₹₽₺₪₩฿₫₱₴]"
_SHORT = ("zł", "Kč", "Ft", "lei", "kr", "SFr", "Fr")
_CODES = (
    "CHF", "EUR", "USD", "GBP", "PLN", "SEK", "NOK", "DKK", "CAD", "AUD", "NZD", "CZK", "HUF", "RON", "JPY",
    "INR", "TWD", "CLP", "MXN", "BRL", "RM", "Rp",
)  # fmt: skip
_SIGN = rf"(?:{_CHARS}|(?<![^\W\d_])(?:{'|'.join(_SHORT)})(?!\w)\.?|\b(?:{'|'.join(_CODES)})\b)"
_CHAR = re.compile("[$€£¥₹₽₺₪₩฿₫₱₴]")
_WORD = re.compile("|".join((*_SHORT, *_CODES)))
_DIGIT = re.compile(r"\d")
_SIGN_FIRST = re.compile(rf"{_SIGN}\s{{0,3}}\d[\d.,'’]{{0,14}}")
_SIGN_LAST = re.compile(rf"(?<!\d)\d[\d.,'’]{{0,14}}[-–]{{0,2}}\s{{0,3}}{_SIGN}\Z")
_HAS_SIGN = re.compile(_SIGN)
_RANGE_AFTER = re.compile(rf"\s*(?:-|–|—|to|bis|à|hasta)\s*(?:{_SIGN})?\s*\d")
_RANGE_BEFORE = re.compile(r"(?:\d|[€£$])\s*(?:-|–|—|to|bis|à|hasta)\s*$")
_CENTS = re.compile(r"(?<=\d)\n(?=\d\d(?!\d))")
_POINT_BY_NODES = re.compile(r"(?<=\d)\n(?=[.,]\d)|(?<=[.,])\n(?=\d)")
_NUMBER = re.compile(r"\d[\d.,]*")
_CENT_MARK = re.compile("cent|decimal|fraction|minor|sup|kop", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_MAX_OWN = 40  # characters of an element that holds a price and nothing else
_STRUCK_TAGS = frozenset({"del", "s", "strike"})
_OTHER_TAGS = frozenset({"nav", "footer", "aside"})


class Shown(NamedTuple):
    """A price of the page. `score`: what speaks for it; `open`: "from" or a range, which is no price.

    `repeated`: it stands where several others stand alike; `marked`: the page calls it a price.
    """

    money: dict[str, str | None]
    score: float
    open: bool
    repeated: bool
    marked: bool


def shown_prices(view: View, hints: Hints) -> list[Shown]:
    """The prices near the title, the likeliest first."""
    matches = _matches(view)
    places = [_signature(view, match) for match in matches]
    seen = Counter(places)
    found = []
    for number, (match, signature) in enumerate(zip(matches, places, strict=True)):
        index = view.index_at(match.start())
        distance = view.distance(index)
        if distance is not None and distance > _FAR:
            continue
        whole = _whole(view.nodes[index])
        money = convert("money", _text(whole, match), hints)
        if not isinstance(money, dict) or not is_price(money):
            continue
        before_end = matches[number - 1].end() if number else 0
        after_end = matches[number + 1].start() if number + 1 < len(matches) else len(view.text)
        before = view.folded[max(before_end, match.start() - 40) : match.start()]
        if number and "\n" in before:  # what stands on the line of the price before is said of that one
            before = before.partition("\n")[2] if before_end >= match.start() - 40 else before
        before = _DIGIT.split(before)[-1]
        after = view.folded[match.end() : min(after_end, match.end() + 30)]
        near = 0.0 if distance is None else max(-1.0, 3.0 - distance / 12)
        repeated = seen[signature] >= _ALIKE
        score = near + _in_words(before, after) + _in_place(whole) - (3 if repeated else 0)
        found.append(Shown(money, score, _opens(view, before, match), repeated, _is_marked(whole)))
    return sorted(found, key=lambda each: -each.score)


def _matches(view: View) -> list[re.Match[str]]:
    """The prices as the page writes them: the sign before the number or after it, never both ways.

    Signs of one character are found at once; the slow search is for pages that spell one beside a digit.
    """
    text, (start, end) = view.text, view.window
    first, last = [], []
    spelt = any(
        _DIGIT.search(text, max(0, word.start() - 4), word.end() + 4)
        for word in _WORD.finditer(text, start, end)
    )
    signs = (_HAS_SIGN if spelt else _CHAR).finditer(text, start, end)
    for sign in islice(signs, MAX_PRICES):
        after = _SIGN_FIRST.match(text, sign.start())
        before = _SIGN_LAST.search(text, max(0, sign.start() - 20), sign.end())
        first += [after] if after else []
        last += [before] if before else []
    whole = [sum("\n" not in match[0] for match in found) for found in (first, last)]
    if whole[0] != whole[1]:
        return first if whole[0] > whole[1] else last
    return first if len(first) >= len(last) else last


def price_evidence(found: list[Shown], sold: bool) -> list[Evidence]:
    """What the prices shown say: the best one, less sure the nearer another amount comes to it.

    `sold`: whether anything else says that the page sells something; without, only a price that the page's
    own marks call one counts.
    """
    if not found or found[0].score < _ENOUGH or found[0].open or not (sold or found[0].marked):
        return []
    best = found[0]
    sure = min(0.8, 0.5 + 0.06 * (best.score - _ENOUGH))
    other = next((each for each in found if amount(each.money) != amount(best.money)), None)
    if other is not None and best.score - other.score < 1:
        sure -= 0.2
    evidence = [Evidence(best.money, "page: near the title", sure)]
    if other is not None and other.score >= _ENOUGH and not other.open:
        evidence.append(Evidence(other.money, "page: near the title", min(sure, 0.3)))
    return evidence


_ENOUGH = 2.0


def _signature(view: View, match: re.Match[str]) -> tuple[str, ...]:
    """How the page marks a price's place: prices of one kind, such as those of a list, share it."""
    node = view.nodes[view.index_at(match.start())]
    return tuple(f"{each.tag} {(each.attr('class') or '').partition(' ')[0]}" for each in around(node, 5))


def _whole(node: Text) -> Element | None:
    whole: Element | None = None
    numbers = 0
    for element in around(node, 5):
        text = brief(element, _MAX_OWN)
        if text is None or len(_HAS_SIGN.findall(text)) > 1:
            break
        more = len(_NUMBER.findall(text))
        if whole is not None and _LETTERS.search(_HAS_SIGN.sub("", text)):
            break
        if numbers and more > numbers and not _has_cents(element):
            break
        whole, numbers = element, more
    return whole


def _has_cents(element: Element) -> bool:
    """Whether a part of a price is marked as its cents."""
    parts = (part for part in islice(element.descendants, 60) if isinstance(part, Element))
    return any(part.tag in ("sup", "small") or _CENT_MARK.search(part.attr("class") or "") for part in parts)


def _text(whole: Element | None, match: re.Match[str]) -> str:
    """The price as one text: cents in an element of their own are cents."""
    text = (brief(whole, _MAX_OWN) if whole is not None else None) or match[0]
    return collapse(_CENTS.sub(".", _POINT_BY_NODES.sub("", text)))


def _opens(view: View, before: str, match: re.Match[str]) -> bool:
    tail = view.folded[match.end() : match.end() + 12]
    lead = view.folded[max(0, match.start() - 12) : match.start()]
    return bool(words.FROM.search(before[-14:]) or _RANGE_AFTER.match(tail) or _RANGE_BEFORE.search(lead))


def _is_marked(whole: Element | None) -> bool:
    chain = [] if whole is None else [whole, *around(whole, 2)]
    return any(each.attr("itemprop") == "price" or words.PRICE.search(_marks(each)) for each in chain)


def _marks(element: Element) -> str:
    return words.camel(f"{element.attr('class') or ''} {element.attr('id') or ''}")


def _in_words(before: str, after: str) -> float:
    score = 0.0
    close = before[-24:]
    if words.WAS.search(close):
        score -= 3
    if words.SAVE.search(close) or words.OFF.match(after.lstrip()):
        score -= 4
    if words.SHIPPING.search(close):
        score -= 3
    if words.BY_MONTH.search(close[-10:]) or words.PER_MONTH.match(after):
        score -= 4
    if words.PER_UNIT.match(after) or close.rstrip().endswith(("(", "=")):
        score -= 3
    return score


def _in_place(whole: Element | None) -> float:
    """What the elements around a price say, by their tags, classes and ids."""
    if whole is None:
        return -2.5  # within a sentence
    score = 0.0
    chain = [whole, *around(whole)]
    marks = [_marks(each) for each in chain]
    near = " ".join(marks[:3])
    if any(each.tag in _STRUCK_TAGS for each in chain[:4]) or words.STRUCK.search(near):
        score -= 4
    if words.PRICE.search(near):
        score += 1
    if words.CURRENT.search(near):
        score += 0.7
    if any(each.attr("itemprop") == "price" for each in chain[:3]):
        score += 1.5
    if any(each.tag in _OTHER_TAGS for each in chain) or any(map(words.is_others, marks[1:])):
        score -= 3.5
    elif any(map(words.is_perhaps_others, marks[1:7])):
        score -= 1
    if any(each.tag == "a" and (each.attr("href") or "#")[:1] != "#" for each in chain[:6]):
        score -= 2.5
    if any(each.tag in ("li", "option", "select") for each in chain[:3]):
        score -= 0.5
    if words.HIDDEN.search(near) or any(each.attr("hidden") is not None for each in chain[:4]):
        score -= 1
    return score


def several_alike(found: list[Shown]) -> bool:
    """Whether the page shows a list: prices in places of one kind, and none apart from them."""
    repeated = [each for each in found if each.repeated]
    return len(repeated) >= 3 and not any(each.score >= _ENOUGH and not each.repeated for each in found)
