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
from canter.extraction.auto.view import View, around, brief, marks
from canter.extraction.html import Element
from canter.extraction.money import read_currency
from canter.extraction.values import Hints, collapse, convert
from canter.model import Value

MAX_PRICES = 150  # of a page
_FAR = 48  # texts from the title or the buy button
_ALIKE = 3
_CHARS = r"(?:\b(?:US|CA?|AU?|NZ|HK|NT|S|R|MX) ?)?\$|[€£¥₹₽₺₪₩฿₫₱₴円元원]"
_SHORT = ("zł", "Kč", "Ft", "lei", "kr", "SFr", "Fr")
_CODES = (
    "CHF", "EUR", "USD", "GBP", "PLN", "SEK", "NOK", "DKK", "CAD", "AUD", "NZD", "CZK", "HUF", "RON", "JPY",
    "INR", "TWD", "CLP", "MXN", "BRL", "RM", "Rp",
)  # fmt: skip
_SIGN = rf"(?:{_CHARS}|(?<![^\W\d_])(?:{'|'.join(_SHORT)})(?!\w)\.?|\b(?:{'|'.join(_CODES)})\b)"
_CHAR = re.compile("[$€£¥₹₽₺₪₩฿₫₱₴円元원]")
_DOLLAR_OF = re.compile(r"\b(?:US|CA?|AU?|NZ|HK|NT|S|R|MX) ?\Z")
_WORD = re.compile("|".join((*_SHORT, *_CODES)))
_DIGIT = re.compile(r"\d")
_SIGN_FIRST = re.compile(rf"{_SIGN}\s{{0,3}}\d[\d.,'’]{{0,14}}")
_SIGN_LAST = re.compile(rf"(?<!\d)\d[\d.,'’]{{0,14}}[-–]{{0,2}}\s{{0,3}}{_SIGN}\Z")
_HAS_SIGN = re.compile(_SIGN)
_RANGE_AFTER = re.compile(rf"\s*(?:-|–|—|to|bis|à|hasta)\s*(?:{_SIGN})?\s*\d")
_RANGE_BEFORE = re.compile(r"(?:\d|[€£$])\s*(?:-|–|—|to|bis|à|hasta)\s*$")
_CENTS = re.compile(r"(?<=\d)\n(?=\d\d(?!\d))")
_POINT_BY_NODES = re.compile(r"(?<=\d)\n(?=[.,]\n?\d)|(?<=[.,])\n(?=\d)|(?<=\d)\n(?=€\d\d(?!\d))")
_PARTED_CENTS = re.compile(r"\n?[.,]?\n?\d\d(?=\n)")
_NUMBER = re.compile(r"\d[\d.,]*")
_CENT_MARK = re.compile("cent|decimal|fraction|minor|sup|kop", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_CLOSE = 24  # characters before a price that speak of it
_MAX_LINE = 80  # characters of an element that holds a price and what is said of it
_MAX_OWN = 40  # characters of an element that holds a price and nothing else
_STRUCK_TAGS = frozenset({"del", "s", "strike"})
_OTHER_TAGS = frozenset({"nav", "footer", "aside"})
_CHOICES = frozenset({"li", "option", "select"})
_AMOUNTS = ("content", "data-price", "data-price-amount", "data-product-price", "data-amount", "data-value")


class Shown(NamedTuple):
    """A price of the page. `score`: what speaks for it; `open`: "from" or a range, which is no price.

    `repeated`: it stands where several others stand alike; `marked`: the page calls it a price.
    """

    money: dict[str, str | None]
    score: float
    open: bool
    repeated: bool
    marked: bool


class _Weighed(NamedTuple):
    """A price with what is said of it: that it is an old one, or one that is beside the current one only."""

    shown: Shown
    old: bool
    usual: bool


def shown_prices(view: View, hints: Hints) -> list[Shown]:
    """The prices near the title, the likeliest first."""
    matches = _matches(view)
    repeated = _repeated(view, matches)
    found: list[_Weighed] = []
    before, old, after_old = "", False, False
    for number, match in enumerate(matches):
        last = matches[number - 1] if number else None
        # A price that is written twice, once for screen readers, is said to be what the first is.
        if last is None or view.text[last.end() : match.start()].strip() or not _twice(last, match):
            before, after_old = _words_before(view, last, match), old
        distance = view.distance(view.index_at(match.start()))
        if distance is not None and distance > _FAR:
            continue
        end = _end(view, match)
        stop = matches[number + 1].start() if number + 1 < len(matches) else len(view.text)
        after = view.folded[end : min(stop, end + 30)]
        one = _weighed(view, match, hints, before, after)
        if one is not None:
            near = 0.0 if distance is None else max(-1.0, 3.0 - distance / 12)
            score = near + one.shown.score - (_REPEATED if number in repeated else 0)
            opens = _opens(view, before, match.start(), end, after_old)
            old = one.old
            shown = one.shown._replace(score=score, open=opens, repeated=number in repeated)
            found.append(one._replace(shown=shown))
    if not any(each.shown.score >= _ENOUGH and not each.old for each in found):
        found = [each._replace(shown=_restored(each)) for each in found]
    return sorted((each.shown for each in found), key=lambda each: -each.score)


def _weighed(view: View, match: re.Match[str], hints: Hints, before: str, after: str) -> _Weighed | None:
    """A price and what the words, elements and data around it say; None for what is no price."""
    node = view.nodes[view.index_at(match.start())]
    chain = around(node)
    inside, text = _whole(chain)
    money = _money(text, match, hints)
    if money is None:
        return None
    close = before[-_CLOSE:]
    usual = bool(
        words.USUAL.search(close) or words.EX_TAX.search(close) or words.EX_TAX.match(after.lstrip())
    )
    old = usual or words.WAS.search(close) is not None or _is_struck(chain, inside)
    if inside is None:
        place = -1.2 if len(node.data) <= _MAX_OWN else -2.5  # in a phrase, or within a sentence
    else:
        place = _in_place(view, chain, inside, money)
    score = _in_words(before, after) + place - (_OLD if old else 0)
    marked = inside is not None and _is_marked(chain[inside : inside + 3])
    return _Weighed(Shown(money, score, False, False, marked), old, usual)


def _restored(weighed: _Weighed) -> Shown:
    """A price as the page's current one, where it has no other: "regular" ones are old beside others only."""
    shown = weighed.shown
    return shown._replace(score=shown.score + _OLD) if weighed.usual else shown


def _twice(one: re.Match[str], other: re.Match[str]) -> bool:
    return "".join(_DIGIT.findall(one[0])) == "".join(_DIGIT.findall(other[0]))


def _words_before(view: View, last: re.Match[str] | None, match: re.Match[str]) -> str:
    """What stands before a price, and after the one before it: that one's own line is said of that one."""
    start = max(last.end() if last else 0, match.start() - 40)
    before = view.folded[start : match.start()]
    if last is not None and start == last.end() and "\n" in before:
        before = before.partition("\n")[2]
    return _DIGIT.split(before)[-1]


def _money(whole: str | None, match: re.Match[str], hints: Hints) -> dict[str, str | None] | None:
    """The price in its element, or in its text alone; its sign may stand outside of its element."""
    money = convert("money", _text(whole, match), hints)
    if not isinstance(money, dict) or not is_price(money):
        return None
    if money["currency"] is None:
        money["currency"] = read_currency(match[0], hints.currency, hints.locale)
    return money


def _is_struck(chain: list[Element], inside: int | None) -> bool:
    """Whether a price is crossed out by the tags or classes of the elements that hold no other price."""
    if inside is None:
        return False
    for number, each in enumerate(chain[: min(inside + 5, 8)]):
        if (
            each.tag in _STRUCK_TAGS
            or words.is_struck(marks(each))
            or "line-through" in (each.attr("style") or "")
        ):
            text = brief(each, _MAX_LINE) if number > inside else ""
            return text is not None and len(_HAS_SIGN.findall(text)) < 2
    return False


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
        country = _DOLLAR_OF.search(text, max(0, sign.start() - 3), sign.start()) if sign[0] == "$" else None
        after = _SIGN_FIRST.match(text, country.start() if country else sign.start())
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
    sure = min(0.75, 0.5 + 0.05 * (best.score - _ENOUGH))
    other = next((each for each in found if amount(each.money) != amount(best.money)), None)
    gap = 9.0 if other is None else best.score - other.score
    sure -= 0.2 * max(0.0, 1 - gap)
    evidence = [Evidence(best.money, "page: near the title", sure)]
    if other is not None and other.score >= _ENOUGH and not other.open:
        evidence.append(Evidence(other.money, "page: near the title", min(sure, 0.3 if gap < 1 else 0.15)))
    return evidence


_ENOUGH = 2.0
_OLD = 4.0  # what being an old price takes away
_REPEATED = 4.0  # what being one of a list takes away: more than a price's marks give


def _repeated(view: View, matches: list[re.Match[str]]) -> set[int]:
    """Which prices stand where several others stand alike, as those of a list do."""
    nodes = [view.nodes[view.index_at(match.start())] for match in matches]
    own = [_mark(around(node, 1)[0]) for node in nodes]
    seen = Counter(own)
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, (node, mark) in enumerate(zip(nodes, own, strict=True)):
        if seen[mark] >= _ALIKE:
            alike.setdefault(tuple(map(_mark, around(node, 5))), []).append(number)
    return {number for numbers in alike.values() if len(numbers) >= _ALIKE for number in numbers}


def _mark(element: Element) -> str:
    return f"{element.tag} {(element.attr('class') or '').partition(' ')[0]}"


def _whole(chain: list[Element]) -> tuple[int | None, str | None]:
    """Which of the elements around a price is the outermost that holds it alone, and its text."""
    whole, own = None, None
    numbers = 0
    for number, element in enumerate(chain[:5]):
        text = brief(element, _MAX_OWN)
        if text is None or len(_HAS_SIGN.findall(text)) > 1:
            break
        more = len(_NUMBER.findall(_POINT_BY_NODES.sub("", text)))
        if whole is not None and _LETTERS.search(_HAS_SIGN.sub("", text)):
            break
        if numbers and more > numbers and not _has_cents(element):
            break
        whole, own, numbers = number, text, more
    return whole, own


def _has_cents(element: Element) -> bool:
    """Whether a part of a price is marked as its cents."""
    parts = (part for part in islice(element.descendants, 60) if isinstance(part, Element))
    return any(part.tag in ("sup", "small") or _CENT_MARK.search(part.attr("class") or "") for part in parts)


def _text(whole: str | None, match: re.Match[str]) -> str:
    """The price as one text: cents in an element of their own are cents."""
    return collapse(_CENTS.sub(".", _POINT_BY_NODES.sub("", whole or match[0])))


def _end(view: View, match: re.Match[str]) -> int:
    """Where a price ends, its cents in an element of their own included."""
    cents = _PARTED_CENTS.match(view.text, match.end())
    return cents.end() if cents else match.end()


def _opens(view: View, before: str, start: int, end: int, was: bool) -> bool:
    """Whether a price is one end of a range; `was`: the one before it is an old price, and no such end."""
    tail = view.folded[end : end + 12]
    lead = "" if was else view.folded[max(0, start - 12) : start]
    return bool(
        words.FROM.search(before, max(0, len(before) - 14))
        or _RANGE_AFTER.match(tail)
        or _RANGE_BEFORE.search(lead)
    )


def _is_marked(chain: list[Element]) -> bool:
    return any(each.attr("itemprop") == "price" or words.is_price(marks(each)) for each in chain)


def _in_words(before: str, after: str) -> float:
    score = 0.0
    close = before[-_CLOSE:]
    if words.SAVE.search(close) or words.OFF.match(after.lstrip()):
        score -= 4
    if words.SHIPPING.search(close):
        score -= 3
    if words.TOTAL.search(close) or words.IN_TOTAL.match(after.lstrip()):
        score -= 3
    if words.MANY.search(close):
        score -= 3
    if words.NOW.search(close):
        score += 0.7
    if words.BY_MONTH.search(close, max(0, len(close) - 16)) or words.PER_MONTH.match(after):
        score -= 4
    if words.PER_UNIT.match(after) or close.rstrip().endswith(("(", "=")):
        score -= 3
    return score


def _in_place(view: View, chain: list[Element], inside: int, money: Value) -> float:
    """What the elements around a price say, by their tags, classes, ids and data.

    `inside`: which of them is the outermost that holds this price alone.
    """
    score = 0.0
    close, apart = chain[: inside + 3], view.apart(chain)
    said = [marks(each) for each in chain[: max(len(close), len(apart))]]
    near, beyond = said[: inside + 3], said[inside + 1 : len(apart)]
    if any(map(words.is_price, near)):
        score += 1.5
    if any(map(words.is_current, near)) and not any(map(words.is_struck, near)):
        score += 0.7
    if any(_is_priced(each, money) for each in close):
        score += 1.5
    if any(each.tag in _OTHER_TAGS for each in apart) or any(map(words.is_of_others, beyond)):
        score -= 3.5
    elif any(map(words.is_perhaps_of_others, beyond[:6])):
        score -= 1
    if any(each.tag == "a" and (each.attr("href") or "#")[:1] != "#" for each in chain[: inside + 6]):
        score -= 2.5
    if any(each.tag in _CHOICES for each in close):
        score -= 0.5
    if any(each.attr("hidden") is not None for each in close) or (
        # Classes may hide from those alone who see.
        any(map(words.is_hidden, near)) and not any(map(words.is_for_readers, near))
    ):
        score -= 1
    return score


def _is_priced(element: Element, money: Value) -> bool:
    """Whether an element's data say that it holds a price: by name, or by the same amount in them."""
    if element.attr("itemprop") == "price":
        return True
    told = [value for name in _AMOUNTS if isinstance(value := element.attr(name), str)]
    return any(amount({"amount": value.strip()}) == amount(money) for value in told)


def several_alike(found: list[Shown]) -> bool:
    """Whether the page shows a list: prices in places of one kind, and none apart from them."""
    repeated = [each for each in found if each.repeated]
    return len(repeated) >= 3 and not any(each.score >= _ENOUGH and not each.repeated for each in found)
