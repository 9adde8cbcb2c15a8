"""Texts to typed values. Nothing here raises for what a page holds: a text that does not fit gives None."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import ada_url

from canter.extraction.availability import read_availability
from canter.extraction.dates import read_date
from canter.extraction.money import read_money
from canter.extraction.numbers import (
    WESTERN,
    decimal_mark,
    plain_number,
    read_integer,
    read_number,
    read_percent,
    read_percent_range,
)
from canter.model import Value

MAX_TEXT = 10_000  # characters of a text that a pattern or a type other than text looks at
_SPACE = re.compile("[ \\t\\n\\r\\f\\v\\xa0]+")
_NOT_TEXT = re.compile("[\ud800-\udfff]")


class Hints(NamedTuple):
    """What helps to read a text: the site's locale, the field's currency, the URL that links start from."""

    locale: str | None = None
    currency: str | None = None
    base: str = ""


NO_HINTS = Hints()
_POINT = "en-US"  # how numbers of JSON are written


def collapse(text: str) -> str:
    """White space collapsed, NUL dropped, lone surrogates replaced: always fit for UTF-8. "" is missing.

    White space is that of HTML and the no-break space; a thin space within a text is typography and stays.
    """
    text = text.replace("\0", "")
    if text.isascii():
        return " ".join(text.split())
    return _SPACE.sub(" ", _NOT_TEXT.sub("\ufffd", text)).strip()


def convert(kind: str, text: str, hints: Hints = NO_HINTS) -> Value:
    """The value of a collapsed text as `kind`, one of the site file's types; None where it does not fit."""
    if kind == "text":
        return text or None
    text = " ".join(text[:MAX_TEXT].split())
    if kind != "url" and not text.isascii():
        text = text.translate(WESTERN)
    return _KINDS[kind](text, hints)


def convert_number(kind: str, value: float, hints: Hints = NO_HINTS) -> Value:
    """The same for a number of JSON, whose decimal mark is known."""
    text = plain_number(value)
    return None if text is None else convert(kind, text, hints._replace(locale=_POINT))


def _url(text: str, hints: Hints) -> str | None:
    try:
        url = ada_url.URL(text, hints.base or None)
    except (ValueError, UnicodeError):
        return None
    return url.href if url.protocol in ("http:", "https:") else None


_KINDS: dict[str, Callable[[str, Hints], Value]] = {
    "money": lambda text, hints: read_money(text, decimal_mark(hints.locale), hints.currency, hints.locale),
    "percent": lambda text, hints: read_percent(text, decimal_mark(hints.locale)),
    "percent_range": lambda text, hints: read_percent_range(text, decimal_mark(hints.locale)),
    "number": lambda text, hints: read_number(text, decimal_mark(hints.locale)),
    "integer": lambda text, hints: read_integer(text, decimal_mark(hints.locale)),
    "date": lambda text, hints: read_date(text, hints.locale),
    "availability": lambda text, _: read_availability(text),
    "url": _url,
}
