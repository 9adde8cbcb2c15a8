"""Dates: what is written in full and in a certain order, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.extraction.dates import month_named, read_date

# Text, locale, the date that is certain from them. bench/dates.py holds libraries against the same rows.
DATES: list[tuple[str, str | None, str | None]] = [
    ("2025-03-05", None, "2025-03-05"),
    ("2025-03-05T10:00:00Z", None, "2025-03-05"),
    ("2025-03-05T23:30:00-08:00", None, "2025-03-05"),
    ("2025-03-05 10:00:00.123+0100", None, "2025-03-05"),
    ("20250305", None, "2025-03-05"),
    ("20250305T100000Z", None, "2025-03-05"),
    ("Tue, 31 Oct 2023 10:00:00 GMT", None, "2023-10-31"),
    ("Tue, 31 Oct 2023 10:00:00 GMT", "de", "2023-10-31"),
    ("Tue Oct 31 10:00:00 2023", None, "2023-10-31"),
    ("12.03.2025", "de", "2025-03-12"),
    ("12.03.2025", None, "2025-03-12"),
    ("03/12/2025", None, None),
    ("03/12/2025", "en", None),
    ("03/12/2025", "en-US", "2025-03-12"),
    ("03/12/2025", "en-GB", "2025-12-03"),
    ("03/12/2025", "fr", "2025-12-03"),
    ("03/12/2025", "sv", None),
    ("03/12/2025", "en-CA", None),
    ("03-12-2025", None, None),
    ("31/12/2025", None, "2025-12-31"),
    ("12 mars 2025", None, "2025-03-12"),
    ("12 mars 2025", "fr", "2025-03-12"),
    ("15. März 2025", "de", "2025-03-15"),
    ("1er mai", "fr", None),
    ("1er mai 2025", "fr", "2025-05-01"),
    ("3 de mayo de 2025", None, "2025-05-03"),
    ("7 listopada 2023 r.", None, "2023-11-07"),
    ("7. listopada 2023.", "hr", "2023-10-07"),
    ("1 września 2024", "pl", "2024-09-01"),
    ("Sept. 5, 2025", None, "2025-09-05"),
    ("Updated: March 5, 2025", None, "2025-03-05"),
    ("Updated March 5th, 2025 at 10:30", None, "2025-03-05"),
    ("2025-02-30", None, None),
    ("30 février 2025", "fr", None),
    ("31 October", None, None),
    ("March 2025", None, None),
    ("31/10/23", "fr", None),
    ("5 Mar 25", None, None),
    ("'25-03-05", None, None),
    ("yesterday", None, None),
    ("3 days ago", None, None),
    ("vor 3 Tagen", "de", None),
    ("1741132800", None, None),
    ("1741132800000", None, None),
    ("March 5, 2025 and April 6, 2025", None, None),
    ("5 March 2025 (2025-03-05)", None, "2025-03-05"),
    ("3-5 March 2025", None, None),
    ("vom 3. bis 5. März 2025", "de", None),
    ("March 5-8, 2025", None, None),
    ("du 3 au 5 mars 2025", "fr", None),
    ("10:30 May 2025", None, None),
    ("v1.2.2025", None, None),
    ("10.12.03.2025", None, None),
    ("2025-03-05-1234", None, None),
    ("SKU-2025-03-05", None, None),
    ("2025年3月5日", None, "2025-03-05"),
    ("2025년 3월 5일", "ko", "2025-03-05"),
    ("5 мая 2025 г.", None, "2025-05-05"),
    ("15 maart 2025", None, "2025-03-15"),
    ("5 de março de 2025", None, "2025-03-05"),
    ("5. maaliskuuta 2025", "fi", "2025-03-05"),
    ("2025. március 5.", "hu", "2025-03-05"),
    ("2025 m. kovo 5 d.", "lt", "2025-03-05"),
    ("5 Μαρτίου 2025", "el", "2025-03-05"),
    ("5 березня 2025 р.", "uk", "2025-03-05"),
    ("5. března 2025", "cs", "2025-03-05"),
    ("5 Mart 2025", "tr", "2025-03-05"),
    ("5 d'abril de 2025", "ca", "2025-04-05"),
    ("٣ مارس ٢٠٢٥", "ar", "2025-03-03"),
    ("5 मार्च 2025", "hi", "2025-03-05"),
    ("3 มีนาคม 2568", "th", None),
    ("1403/01/05", "fa", None),
    ("5 mars 2025", "sv", "2025-03-05"),
    ("5. mars 2025", "no", "2025-03-05"),
    ("15 sept. 2025", "es", "2025-09-15"),
    ("15 août 2025", "fr", "2025-08-15"),
    ("Stand: 15.03.2025, 10 Uhr", "de", "2025-03-15"),
    ("31.12.9999", None, "9999-12-31"),
    ("0001-01-01T00:00:00", None, None),
    ("5 monday 2025", None, None),
    ("5 pm 2025", None, None),
    ("March 5, 20255", None, None),
    ("5/Mar/2025:10:00:00", None, "2025-03-05"),
    ("5-Mar-2025", None, "2025-03-05"),
    ("Mar-05-2025", None, "2025-03-05"),
    ("März 2025", "de", None),
    ("1.234 May 2025", None, None),
    ("mercredi 5 mars 2025 à 10h30", "fr", "2025-03-05"),
    ("5.III.2025", None, None),
    ("5 March, 2025", None, "2025-03-05"),
    ("1º de maio de 2025", "pt", "2025-05-01"),
    ("3 de març del 2025", "ca", "2025-03-03"),
    ("2025-3-5", None, "2025-03-05"),
    ("24.12. 2025", "cs", "2025-12-24"),
    ("2025/03/05", None, "2025-03-05"),
    ("12 March 2025 to 3 April 2025", None, None),
    ("Q1 2025", None, None),
    ("2025-W10-3", None, None),
]


@pytest.mark.parametrize(("text", "locale", "value"), DATES)
def test_dates(text: str, locale: str | None, value: str | None) -> None:
    """A date that is written in full is read, in the languages of the world; any other is missing."""
    assert read_date(text, locale) == value


_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada "
    "grudnia",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "hr": "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
}
_WITHOUT_LOCALE = ("en", "de", "fr", "es", "it", "pl", "nl", "pt", "ru")
days = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@pytest.mark.parametrize("language", _MONTHS)
def test_months_are_read_in_the_locale_and_the_large_languages_without(language: str) -> None:
    """Every month of the language by its name; without a locale too where its language is a large one."""
    names = _MONTHS[language].split()
    assert [month_named(name, language) for name in names] == list(range(1, 13))
    if language in _WITHOUT_LOCALE:
        assert [month_named(name.upper(), None) for name in names] == list(range(1, 13))
        assert [month_named(name, "ja-JP") for name in names] == list(range(1, 13))


@given(
    days,
    st.sampled_from(sorted(_MONTHS)),
    st.sampled_from(["{d} {m} {y}", "({d:02}. {m} {y})", "{m} {d}, {y}"]),
)
def test_a_day_of_any_language_comes_back(day: date, language: str, form: str) -> None:
    """What is written with its month's name reads back to the same day."""
    month = _MONTHS[language].split()[day.month - 1]
    assert read_date(form.format(d=day.day, m=month, y=day.year), language) == day.isoformat()


@given(
    days,
    st.sampled_from(
        [
            ("de", "%d.%m.%Y"),
            ("en-GB", "%d/%m/%Y"),
            ("en-US", "%m/%d/%Y"),
            ("nl-NL", "%d-%m-%Y"),
            ("sv", "%Y-%m-%d"),
        ]
    ),
)
def test_a_day_in_numbers_comes_back_in_its_locale(day: date, written: tuple[str, str]) -> None:
    """What a locale writes in numbers reads back in it; without the locale it is the same day or none."""
    locale, form = written
    text = day.strftime(form)
    assert read_date(text, locale) == day.isoformat()
    assert read_date(text, None) in (day.isoformat(), None)


@given(st.integers(1, 12), st.integers(1, 12))
def test_without_a_locale_a_slash_tells_only_what_has_one_reading(one: int, other: int) -> None:
    """Two numbers that can both be the month are a date only where they are the same."""
    expected = f"2025-{one:02}-{one:02}" if one == other else None
    assert read_date(f"{one}/{other}/2025", None) == expected
    assert read_date(f"{one}/{other}/2025", "en") == expected


@pytest.mark.parametrize(
    "text", ["31 de " * 1600, "1 a 2000 " * 1000, "2025 " * 2000, "March 5, " * 1000, "1 " + "x" * 9000]
)
def test_long_texts_hold_no_date_and_do_no_harm(text: str) -> None:
    """What looks like the beginning of a date a thousand times is looked at a few times."""
    assert read_date(text, None) is None


def test_the_names_of_months_are_loaded_when_a_date_needs_them() -> None:
    """A crawl without such dates does without the library and its ten megabytes."""
    code = (
        "import sys, canter; from canter.extraction.dates import read_date; read_date('12.03.2025', 'de');"
        "assert 'dateparser' not in sys.modules; read_date('5 March 2025', None);"
        "assert 'dateparser' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
