"""Dates: read whole and certain, in the languages that pages are written in; anything less is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from canter.extraction.dates import read_date

DATES: list[tuple[str, str | None, str]] = [
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
    ("03/12/2025", "en-US", "2025-03-12"),
    ("03/12/2025", "en-GB", "2025-12-03"),
    ("03/12/2025", "fr", "2025-12-03"),
    ("31/12/2025", None, "2025-12-31"),
    ("12 mars 2025", None, "2025-03-12"),
    ("12 mars 2025", "fr", "2025-03-12"),
    ("15. März 2025", "de", "2025-03-15"),
    ("1er mai 2025", "fr", "2025-05-01"),
    ("3 de mayo de 2025", None, "2025-05-03"),
    ("7 listopada 2023 r.", None, "2023-11-07"),
    ("7. listopada 2023.", "hr", "2023-10-07"),
    ("1 września 2024", "pl", "2024-09-01"),
    ("Sept. 5, 2025", None, "2025-09-05"),
    ("Updated: March 5, 2025", None, "2025-03-05"),
    ("Updated March 5th, 2025 at 10:30", None, "2025-03-05"),
    ("5 March 2025 (2025-03-05)", None, "2025-03-05"),
    ("version 1.2.2025", None, "2025-02-01"),
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
    ("5 mars 2025", "sv", "2025-03-05"),
    ("5. mars 2025", "no", "2025-03-05"),
    ("15 sept. 2025", "es", "2025-09-15"),
    ("15 août 2025", "fr", "2025-08-15"),
    ("Stand: 15.03.2025, 10 Uhr", "de", "2025-03-15"),
    ("31.12.9999", None, "9999-12-31"),
    ("5/Mar/2025:10:00:00", None, "2025-03-05"),
    ("5-Mar-2025", None, "2025-03-05"),
    ("Mar-05-2025", None, "2025-03-05"),
    ("mercredi 5 mars 2025 à 10h30", "fr", "2025-03-05"),
    ("5 March, 2025", None, "2025-03-05"),
    ("1º de maio de 2025", "pt", "2025-05-01"),
    ("3 de març del 2025", "ca", "2025-03-03"),
    ("2025-3-5", None, "2025-03-05"),
    ("24.12. 2025", "cs", "2025-12-24"),
    ("2025/03/05", None, "2025-03-05"),
]

NO_DATES: list[tuple[str, str | None]] = [
    ("03/12/2025", None),
    ("03/12/2025", "en"),
    ("03/12/2025", "sv"),
    ("03/12/2025", "en-CA"),
    ("03-12-2025", None),
    ("15. Maerz 2025", "de"),
    ("1er mai", "fr"),
    ("2025-02-30", None),
    ("30 février 2025", "fr"),
    ("31 October", None),
    ("March 2025", None),
    ("31/10/23", "fr"),
    ("5 Mar 25", None),
    ("'25-03-05", None),
    ("yesterday", None),
    ("3 days ago", None),
    ("vor 3 Tagen", "de"),
    ("1741132800", None),
    ("1741132800000", None),
    ("March 5, 2025 and April 6, 2025", None),
    ("3-5 March 2025", None),
    ("vom 3. bis 5. März 2025", "de"),
    ("March 5-8, 2025", None),
    ("du 3 au 5 mars 2025", "fr"),
    ("10:30 May 2025", None),
    ("v1.2.2025", None),
    ("10.12.03.2025", None),
    ("2025-03-05-1234", None),
    ("SKU-2025-03-05", None),
    ("3 มีนาคม 2568", "th"),
    ("1403/01/05", "fa"),
    ("0001-01-01T00:00:00", None),
    ("5 monday 2025", None),
    ("5 pm 2025", None),
    ("March 5, 20255", None),
    ("März 2025", "de"),
    ("1.234 May 2025", None),
    ("5.III.2025", None),
    ("12 March 2025 to 3 April 2025", None),
    ("Q1 2025", None),
    ("2025-W10-3", None),
]


@pytest.mark.parametrize(("text", "locale", "found"), DATES)
def test_dates(text: str, locale: str | None, found: str) -> None:
    """Numbers by the locale's order, months by their names in the locale's language or a large one."""
    assert read_date(text, locale) == found


@pytest.mark.parametrize(("text", "locale"), NO_DATES)
def test_what_is_no_certain_date_is_missing(text: str, locale: str | None) -> None:
    """A part of a date, one that does not exist, one of two readings, several, or one that needs a clock."""
    assert read_date(text, locale) is None


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
