"""Dates as pages write them: day, month and year all written, in an order that is certain.

Where a text holds a date is found here. Which month a word names, in any of 200 languages, dateparser tells
by Unicode's CLDR; it is loaded with the first such word. Nothing asks for the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

_LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "nl", "pt", "ru")  # where the locale's does not know a word
_MONTH_FIRST = {"en-US", "en-PH", "en-PR", "en-GU", "en-VI", "es-PR", "es-PA", "fil", "fil-PH"}
# In English that may be American, and where the year comes first, 03/04/2024 can be meant either way.
_OPEN = re.compile("en|es-US|[a-z]+-(?:CA|ZA|SE)|(?:hu|ja|ko|lt|mn|sv|zh)(?:-.*)?")
_MAX_DATES = 6  # of a text that are looked at
_FIRST_YEAR = 1583  # of the calendar; 1403 and 1446 are years of other calendars, and so are Buddhist ones
_BUDDHIST = range(2400, 2700)

_YEAR = r"(?P<year>\d{4})(?!\d|[-/.]\d)"
_DAY = r"(?<!\d)(?<!\d[-–/.:,])(?P<day>\d{1,2})"
_MONTH = r"(?P<month>\d{1,2})"
_WORD = r"(?P<word>[^\W\d_][^\s\d.,;:/|()\[\]<>–—-]{1,19})"
_TIME = r"(?:\d\d:\d\d:\d\d\s(?:[A-Z]{3,4}\s)?)?"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?<!\w)(?<!\w[-/.])(?P<year>\d{{4}})([-/.]){_MONTH}\2(?P<day>\d{{1,2}})(?!\d|[-/.]\d)",
        rf"(?<!\d)(?P<year>\d{{4}})\s?[年년]\s?{_MONTH}\s?[月월]\s?(?P<day>\d{{1,2}})\s?[日일]",
        rf"(?<!\w){_DAY}\s?\.\s?{_MONTH}\s?(?P<mark>\.)\s?{_YEAR}",
        rf"(?<!\w){_DAY}(?P<mark>[-/]){_MONTH}(?P=mark){_YEAR}",
        rf"{_DAY}(?:st|nd|rd|th|er|[.ºª°])?[\s.,/-]{{0,3}}(?:(?:of|de|di)\s|d['’])?{_WORD}[\s.,/-]{{0,3}}"
        rf"(?:(?:of|de|del|do)\s)?{_YEAR}",
        rf"(?<!\w){_WORD}[\s./-]{{1,3}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:[/-]|,?\s{_TIME}|,){_YEAR}",
        rf"(?<!\d)(?<!\d[-–/.:,])(?P<year>\d{{4}})\.?\s(?:m\.\s)?{_WORD}\s(?P<day>\d{{1,2}})(?![\d:])",
    )
]
_RANGE = re.compile(
    r"\d(?:st|nd|rd|th|er|\.)?\s?(?:[-–—/&]|\b(?:to|and|bis|und|au|et|al|a|y|e|do|i))\s?$", re.IGNORECASE
)
_WHOLE = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?")


def read_date(text: str, locale: str | None) -> str | None:
    """The one date of a text as `YYYY-MM-DD`; None where it names several, or only a part of one.

    `03/04/2024` is read by the locale ("en" alone does not say); without one it is no date unless only one
    reading exists. A month's name is read in the locale's language, else in nine of Europe's. Of a time with
    its zone it is the date as written.
    """
    whole = _WHOLE.fullmatch(text)
    if whole:
        return _iso(int(whole[1]), int(whole[2]), int(whole[3]))
    dates = set(_dates(text, locale))
    return dates.pop() if len(dates) == 1 else None


def _dates(text: str, locale: str | None) -> Iterator[str | None]:
    """What each date of the text says; None for one that is impossible, open, or the end of a range."""
    matches = (match for form in _FORMS for match in form.finditer(text))
    for number, match in enumerate(matches):
        if number == _MAX_DATES:
            yield None
            return
        parts = match.groupdict()
        word = parts.get("word")
        month = int(parts["month"]) if word is None else month_named(word, locale)
        if month is None:
            continue
        year, day = int(parts["year"]), int(parts["day"])
        if _RANGE.search(text, max(0, match.start() - 12), match.start()):
            yield None
        elif parts.get("mark"):
            yield _either(year, day, month, _order(locale, parts["mark"]))
        else:
            yield _iso(year, month, day)


def _either(year: int, first: int, second: int, order: str | None) -> str | None:
    day_first, month_first = _iso(year, second, first), _iso(year, first, second)
    if day_first is None or month_first is None or day_first == month_first:
        return day_first or month_first
    return None if order is None else day_first if order == "day" else month_first


def _order(locale: str | None, mark: str) -> str | None:
    """What comes first where the year is last, "day" or "month"; None where that is open."""
    if locale is None:
        return "day" if mark == "." else None  # no country writes the month first with points
    language, _, region = locale.replace("_", "-").partition("-")
    name = f"{language.lower()}-{region.upper()}".rstrip("-")
    if name in _MONTH_FIRST:
        return "month"
    return None if _OPEN.fullmatch(name) else "day"


def _iso(year: int, month: int, day: int) -> str | None:
    if year < _FIRST_YEAR or year in _BUDDHIST:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def month_named(word: str, locale: str | None) -> int | None:
    """The month, 1 to 12, that a word or its abbreviation names; None where it names none."""
    language = (locale or "").replace("_", "-").partition("-")[0].lower()
    return _month(word.casefold(), "nb" if language == "no" else language)


@lru_cache(maxsize=1024)
def _month(word: str, language: str) -> int | None:
    for each in dict.fromkeys((language or "en", *_LANGUAGES)):
        try:
            found = _reader(each).get_date_data(f"1 {word} 2001").date_obj
        except ValueError:  # a language that dateparser does not know
            continue
        if found is not None and (found.year, found.day) == (2001, 1):
            return int(found.month)
    return None


@lru_cache(maxsize=64)
def _reader(language: str) -> Any:
    """dateparser for one language, told to add nothing to what is written."""
    from dateparser.date import DateDataParser

    settings = {
        "PARSERS": ["absolute-time"],
        "STRICT_PARSING": True,
        "REQUIRE_PARTS": ["day", "month", "year"],
        "DATE_ORDER": "DMY",
        "RELATIVE_BASE": datetime(2001, 1, 1, tzinfo=UTC),  # never the clock
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    return DateDataParser(languages=[language], settings=settings)
