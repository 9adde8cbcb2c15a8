"""The demo's judgement: what it holds against the market's books, and how it shows scraped text."""

from __future__ import annotations

from typing import Any

from canter.apps.demo import Day, missed_changes, mistakes, printable, show, verdict
from canter.apps.market import Expected
from canter.model import Fields, Outcome, Record

URL = "http://127.0.0.11:1/harbor/1"


def record(url: str = URL, outcome: str = "ok", changed: bool | None = None, **fields: Any) -> Record:
    """A record as an export gives it."""
    made = Record.of_bad_line(1, url, "refused", None, None, "2026-11-23T00:00:00.000Z")
    made.outcome, made.fields, made.changed, made.error_type = outcome, fields, changed, "blocked"
    return made


def day(*records: Record, expected: dict[str, Expected]) -> Day:
    """A day with these records and books."""
    return Day(1, {found.url: found for found in records}, expected, {})


def good(**fields: Any) -> Expected:
    """A page that must be read."""
    return Expected(Outcome.OK, Fields(fields))


def test_a_right_day_has_no_mistakes() -> None:
    """Records that are as the books say, gone and closed pages among them, are not complained of."""
    closed, gone = "http://127.0.0.18:1/members/1", "http://127.0.0.11:1/harbor/2"
    books = {
        URL: good(title="Lamp"),
        closed: Expected(Outcome.FAILED, None),
        gone: Expected(Outcome.GONE, None),
    }
    right = day(record(title="Lamp"), record(closed, "failed"), record(gone, "gone"), expected=books)
    assert list(mistakes(right)) == []
    assert "Every field of 2 pages is right, as are 2 gone and 2 closed ones (6 records)" in verdict(
        right, right, []
    )


def test_every_kind_of_mistake_is_told() -> None:
    """A wrong field, a wrong outcome, a page without a record and a record without a page: a line each."""
    others = [f"http://127.0.0.11:1/harbor/{number}" for number in (2, 3, 4)]
    books = {URL: good(title="Lamp"), others[0]: good(title="Desk"), others[1]: good(title="Chair")}
    wrong = day(
        record(title="Lamb"), record(others[0], "failed"), record(others[2], title="Bed"), expected=books
    )
    told = list(mistakes(wrong))
    assert [line.split(": ")[0] for line in told] == [URL, *others]
    assert "Lamb" in told[0]
    assert "failed (refused), not ok" in told[1]
    assert "4 things are wrong in 6 pages" in verdict(wrong, wrong, told)


def test_a_closed_page_must_fail_for_that_reason() -> None:
    """A page that robots.txt closes and that failed because its server broke is no success."""
    broken = record(outcome="failed")
    broken.error_type = "transient"
    told = list(mistakes(day(broken, expected={URL: Expected(Outcome.FAILED, None)})))
    assert told == [f"{URL}: failed as transient, where robots.txt closes it"]


def test_a_change_that_was_missed_or_made_up_is_told() -> None:
    """`changed` must be true for the pages whose books differ between the days, and for no others."""
    other = "http://127.0.0.11:1/harbor/2"
    first = day(expected={URL: good(price="1"), other: good(price="5")})
    books = {URL: good(price="2"), other: good(price="5")}
    right = day(record(changed=True), record(other, changed=False), expected=books)
    assert list(missed_changes(first, right)) == []
    missed = day(record(changed=False), record(other, changed=False), expected=books)
    assert list(missed_changes(first, missed)) == [f"{URL}: changed is False"]
    made_up = day(record(changed=True), record(other, changed=True), expected=books)
    assert list(missed_changes(first, made_up)) == [f"{other}: changed is True"]


def test_scraped_text_cannot_write_on_the_terminal() -> None:
    """Escapes and line breaks are replaced, long texts end in an ellipsis."""
    assert printable("a\x1b[2Jb\nc") == "a�[2Jb�c"
    assert show("x" * 500) == "x" * 59 + "…"
    assert show({"amount": "19.99", "currency": "USD"}) == "19.99 USD"
    assert show(["17.54", "27.54"]) == "17.54, 27.54"
