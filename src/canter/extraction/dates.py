"""Dates as pages write them. A date without its year, or one that can be read in two ways, is none."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = (
    "january jan januar jänner janvier janv enero ene gennaio gen stycznia styczeń",
    "february feb februar février févr fév febrero febbraio lutego luty",
    "march mar märz mrz mars marzo marca marzec",
    "april apr avril avr abril abr aprile kwietnia kwiecień",
    "may mai mayo maggio mag maja maj",
    "june jun juni juin junio giugno giu czerwca czerwiec",
    "july jul juli juillet juil julio luglio lug lipca lipiec",
    "august aug août agosto ago sierpnia sierpień",
    "september sep sept septembre septiembre settembre set września wrzesień",
    "october oct oktober okt octobre octubre ottobre ott października październik",
    "november nov novembre noviembre listopada listopad",
    "december dec dezember dez décembre déc diciembre dic dicembre grudnia grudzień",
)
_NUMBER = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAME = "(?P<name>" + "|".join(sorted(_NUMBER, key=len, reverse=True)) + r")\b\.?"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_DAY = r"(?<!\d)(?P<day>\d{1,2})"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<!\d)(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<year>\d{4})年\s?(?P<month>\d{1,2})月\s?(?P<day>\d{1,2})日",
        rf"{_DAY}\s?\.\s?(?P<month>\d{{1,2}})\s?\.\s?{_YEAR}",
        rf"{_DAY}(?P<mark>[-/])(?P<month>\d{{1,2}})[-/]{_YEAR}",
        rf"{_DAY}(?:st|nd|rd|th|er|º|°)?[\s.,/-]*(?:(?:of|de|del)\s)?{_NAME}[\s,/-]*(?:(?:de|del)\s)?{_YEAR}",
        rf"\b{_NAME}[\s/-]*{_DAY}(?:st|nd|rd|th)?[\s,/-]+{_YEAR}",
    )
]
_MONTH_FIRST = ("en-us", "en-ph", "es-us")
_WHOLE = re.compile(r"(\d{4})(\d{2})(\d{2})")


def read_date(text: str, locale: str | None) -> str | None:
    """The first date of a text as `YYYY-MM-DD`.

    `03/04/2024` is read by the locale ("en" alone does not say); without one it is no date unless only
    one reading exists.
    """
    whole = _WHOLE.fullmatch(text)
    if whole:
        return _iso(int(whole[1]), int(whole[2]), int(whole[3]))
    matches = [match for form in _FORMS if (match := form.search(text))]
    if not matches:
        return None
    parts = min(matches, key=lambda match: match.start()).groupdict()
    year, day = int(parts["year"]), int(parts["day"])
    month = _NUMBER[parts["name"].lower()] if parts.get("name") else int(parts["month"])
    return _either(year, day, month, locale) if parts.get("mark") else _iso(year, month, day)


def _either(year: int, first: int, second: int, locale: str | None) -> str | None:
    day_first, month_first = _iso(year, second, first), _iso(year, first, second)
    if day_first is None or month_first is None or day_first == month_first:
        return day_first or month_first
    if locale is None or locale.lower() == "en":
        return None
    return month_first if locale.replace("_", "-").lower() in _MONTH_FIRST else day_first


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
