"""Values of structured data as the types of fields: schema.org writes numbers with a decimal point."""

from __future__ import annotations

import re

from canter.extraction.money import read_currency
from canter.extraction.numbers import decimal_mark
from canter.extraction.structured.path import Found
from canter.extraction.values import Hints, convert, convert_number
from canter.model import Value

_NUMERIC = ("money", "number", "integer", "percent", "percent_range")
_PLAIN = re.compile(r"[-+]?\d+(\.\d+)?")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
_POINT = "en-US"


def typed(kind: str, found: Found, hints: Hints) -> Value:
    """A value, its text collapsed, as `kind`; None where it does not fit.

    The currency is the one that goes with the price; `hints.currency` where none does. "19.99" is read with a
    point whatever the locale; only "1.299" is 1299 in a locale that groups thousands with points.
    """
    if kind == "money":
        hints = hints._replace(currency=_code(found.currency, hints) or hints.currency)
    value = found.value
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        return convert_number(kind, value, hints)
    if kind in _NUMERIC and _PLAIN.fullmatch(value):
        grouped = decimal_mark(hints.locale) == "," and _GROUPED.fullmatch(value)
        hints = hints if grouped else hints._replace(locale=_POINT)
    return convert(kind, value, hints)


def _code(currency: str | None, hints: Hints) -> str | None:
    """An ISO 4217 code of a code or a sign; None for neither."""
    if currency is None or re.fullmatch("[A-Za-z]{3}", currency):
        return currency.upper() if currency else None
    return read_currency(currency[:20], hints.currency, hints.locale)
