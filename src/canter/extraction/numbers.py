"""Numbers as pages write them, to exact decimal texts. Texts come with white space collapsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

# Digits and marks of other scripts, full-width forms and fractions, as plain ones.
WESTERN: dict[int, int | str] = {0xFF01 + n: 0x21 + n for n in range(94)}
WESTERN |= {zero + n: 0x30 + n for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50) for n in range(10)}
WESTERN |= {ord(mark): text for mark, text in {"٫": ".", "٬": ",", "½": ".5", "¼": ".25", "¾": ".75"}.items()}

MAX_DIGITS = 40  # no price, rate or count has more

# Bounded everywhere, so that no text makes the search take the square of its length.
NUMERAL = (
    r"(?:\d{1,3}(?:[ '’]\d{3}){1,13}(?!\d)(?:[.,]\d{1,41})?|\d{1,41}(?:[.,]\d{1,41}){0,13}|[.,]\d{1,41})"
)
_SIGN = r"(?:(?<![\w.,)%])(?P<sign>[-−+])\s?)?"
_ALONE = r"(?<![\d.,])(?<!\d[eE])(?<!\d[eE][-+])"  # not within another number, nor its exponent
_SIGNED = re.compile(rf"{_SIGN}(?P<token>{_ALONE}{NUMERAL})(?!\d|[eE][-+]?\d)")
_UNIT = r"(?:%|٪|percent\b|per cent\b|pct\b|prozent\b|pour cent\b|por ciento\b|per cento\b|procent\b)"
_PERCENT = re.compile(rf"{_SIGNED.pattern}\s?{_UNIT}", re.IGNORECASE)
_RANGE = re.compile(
    rf"(?<![\d.,])(?P<low>{NUMERAL})\s?{_UNIT}?\s?(?:-|–|—|−|to\b|bis\b|à|a\b|al\b|do\b|and\b|und\b|hasta\b)"
    rf"\s?(?P<high>{NUMERAL})\s?{_UNIT}",
    re.IGNORECASE,
)

_MARGIN = re.compile(
    r"[^\W\d_]\s?\+\s?$|\b(?:prime|rate|euribor|libor|sofr|wibor|saron)\s(?:plus|\+)\s?$", re.IGNORECASE
)

_COMMA_LANGUAGES = re.compile(
    "bg|ca|cs|da|de|el|es|et|eu|fi|fr|gl|hr|hu|id|is|it|lt|lv|nb|nl|nn|no|pl|pt|ro|ru|sk|sl|sr|sv|tr|uk|vi"
)
_POINT_REGIONS = frozenset({"CH", "LI", "MX", "US", "PR", "GT", "HN", "NI", "PA", "SV", "DO"})


def decimal_mark(locale: str | None) -> str | None:
    """The decimal mark of a locale such as "de" or "de-CH"; None without locale."""
    if locale is None:
        return None
    language, _, region = locale.replace("_", "-").partition("-")
    return "," if _COMMA_LANGUAGES.fullmatch(language) and region.upper() not in _POINT_REGIONS else "."


def exact(token: str, mark: str | None, grouping: str) -> str | None:
    """The number that a token writes, without exponent; None where it is none (a date, a version).

    A single mark before three digits can be either: then `mark` decides, and without it `grouping`, the
    marks that group thousands.
    """
    digits = re.sub(r"[\s'’]", "", token)
    found = re.sub(r"\d", "", digits)
    if len(digits) - len(found) > MAX_DIGITS:
        return None
    if not found:
        return _plain(digits)
    last = found[-1]
    whole, _, fraction = digits.rpartition(last)
    if found == last:
        either = len(fraction) == 3 and re.fullmatch(r"[1-9]\d{0,2}", whole)
        groups = last in grouping if mark is None else last != mark
        return _plain(whole + fraction) if either and groups else _plain(f"{whole or 0}.{fraction}")
    pieces = re.split("[.,]", digits)
    if len(set(found)) == 1:  # 1.234.567
        return _plain("".join(pieces)) if _grouped(pieces) else None
    if found.count(last) > 1 or not _grouped(pieces[:-1]) or len(set(found[:-1])) > 1:
        return None
    return _plain(f"{''.join(pieces[:-1])}.{fraction}")


def _grouped(pieces: list[str]) -> bool:
    """Whether the pieces are groups of thousands, as in 1,234,567 or the Indian 12,34,567."""
    if not 1 <= len(pieces[0]) <= 3 or len(pieces[-1]) != 3:
        return False
    return all(len(piece) in (2, 3) for piece in pieces[1:-1])


def _plain(text: str) -> str:
    return format(Decimal(text), "f")


def plain_number(value: float) -> str | None:
    """A number of JSON as decimal text; None for one that is not finite or absurdly long."""
    number = Decimal(repr(value)) if not isinstance(value, int) else Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        return None
    return format(number, "f")


def read_number(text: str, mark: str | None) -> str | None:
    """The first number of a text."""
    match = _SIGNED.search(text)
    return _signed(match, mark, ",") if match else None


def read_integer(text: str, mark: str | None) -> int | None:
    """The first number of a text where it is whole and fits in 64 bits."""
    match = _SIGNED.search(text)
    number = _signed(match, mark, ".," if mark is None else ",") if match else None
    value = Decimal(number) if number is not None else None
    if value is None or value != value.to_integral_value() or not -(2**63) <= value < 2**63:
        return None
    return int(value)


def read_percent(text: str, mark: str | None) -> str | None:
    """The first number with a percent sign, or the number that is the whole text; as printed.

    What is added to a rate ("Prime + 5.99%") is none itself.
    """
    span = _RANGE.search(text)
    match = next(_percentages(text), None) or _SIGNED.fullmatch(text.strip())
    if span and (match is None or span.start() <= match.start()):
        return exact(span["low"], mark, "")
    return _signed(match, mark, "") if match else None


def read_percent_range(text: str, mark: str | None) -> list[str] | None:
    """The two ends of the first range, the lower first; one percentage alone is both. Several without a
    range are none."""
    span = _RANGE.search(text)
    if span:
        low, high = exact(span["low"], mark, ""), exact(span["high"], mark, "")
        return None if low is None or high is None else sorted((low, high), key=Decimal)
    singles = {_signed(match, mark, "") for match in _percentages(text)}
    single = singles.pop() if len(singles) == 1 else None
    return None if single is None else [single, single]


def _percentages(text: str) -> Iterator[re.Match[str]]:
    for match in _PERCENT.finditer(text):
        start = match.start("token")
        if not _MARGIN.search(text, max(0, start - 20), start):
            yield match


def _signed(match: re.Match[str], mark: str | None, grouping: str) -> str | None:
    number = exact(match["token"], mark, grouping)
    if number is None or match["sign"] in (None, "+"):
        return number
    return f"-{number}"
