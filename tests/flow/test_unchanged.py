"""A page whose bytes are those of its last good reading is not read again, and nobody can tell."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canter import records
from canter.extraction import Extractor, Page
from canter.model import Record, Response
from canter.sites import AUTO, Field, Site
from canter.transports.replay import page
from tests.virtual import SHOP, House, Script, Web, title

URL = "http://shop.example/p"
PRICED = Site(
    "shop",
    hosts=["*"],
    fields={
        "title": Field(css="h1"),
        "price": Field(css=".p", type="money", currency="USD", required=False),
        "about": Field(css="p.about", required=False),
        "tags": Field(css="li", many=True, required=False),
        "link": Field(css="a", attr="href", type="url", required=False),
    },
)
FULL = b"<h1>Caf\xc3\xa9</h1><b class=p>$1,299.00</b><ul><li>b<li>a</ul><a href=/x>x</a>"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs of the pages that were read."""
    seen: list[str] = []
    read = Extractor.read

    def spy(self: Extractor, page: Page) -> Any:
        seen.append(page.url)
        return read(self, page)

    monkeypatch.setattr(Extractor, "read", spy)
    return seen


def crawls(tmp_path: Path, script: Script, times: int, *sites: Site) -> list[Record]:
    """The page's record of each of so many crawls."""
    house, web = House(tmp_path, *sites), Web({URL: script})
    return [house.crawl([URL], web).records[URL] for _ in range(times)]


def apart(record: Record) -> Record:
    """The record without what differs from crawl to crawl."""
    return replace(record, crawl=0, request_id="", fetched_at="")


def answer(body: bytes, kind: str = "text/html; charset=utf-8") -> Response:
    """A page to be scripted."""
    return page("", body, headers={"Content-Type": kind}, seconds=0.05)


@pytest.mark.parametrize("site", [SHOP, PRICED, AUTO], ids=lambda site: str(site.name))
def test_the_record_is_that_of_a_reading(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    """With the reading left out and without, record by record, stored and delivered."""
    sites = () if site is AUTO else (site,)
    short, long = tmp_path / "short", tmp_path / "long"
    short.mkdir()
    long.mkdir()
    scripts = [answer(FULL)] * 3 + [answer(FULL + b"<li>c")] * 2
    quick = crawls(short, scripts, 5, *sites)
    assert len(reads) == 2
    monkeypatch.setattr("canter.endings.is_unchanged", lambda *_: False)
    slow = crawls(long, scripts, 5, *sites)
    assert len(reads) == 2 + 5
    assert [apart(record) for record in quick] == [apart(record) for record in slow]
    assert [list(record.fields) for record in quick] == [list(record.fields) for record in slow]
    assert [record.changed for record in quick][:3] == [None, False, False]
    assert {record.outcome for record in quick} == {"ok"}


def test_other_rules_read_again(tmp_path: Path, reads: list[str]) -> None:
    """What was read by other rules is read by those of today."""
    crawls(tmp_path, answer(FULL), 1, SHOP)
    (record,) = crawls(tmp_path, answer(FULL), 1, PRICED)
    assert (len(reads), record.fields["tags"]) == (2, ["b", "a"])


def test_another_encoding_reads_again(tmp_path: Path, reads: list[str]) -> None:
    """The same bytes under another Content-Type are another page."""
    script = [answer(FULL), answer(FULL, "text/html; charset=latin1"), answer(FULL)]
    found = crawls(tmp_path, script, 3, SHOP)
    assert [record.fields["title"] for record in found] == ["Café", "CafÃ©", "Café"]
    assert len(reads) == 3


def test_another_address_reads_again(tmp_path: Path, reads: list[str]) -> None:
    """The same bytes where a redirect leads elsewhere: relative links start from there."""
    house = House(tmp_path, PRICED)
    moved = page("", b"", 301, {"Location": "http://other.example/q"}, seconds=0.05)
    web = Web({URL: [answer(FULL), moved], "http://other.example/q": answer(FULL)})
    found = [house.crawl([URL], web).records[URL] for _ in range(2)]
    links = [record.fields["link"] for record in found]
    assert links == ["http://shop.example/x", "http://other.example/x"]
    assert len(reads) == 2


def test_a_parse_function_always_reads(tmp_path: Path) -> None:
    """A function of one's own may look at more than the page."""
    calls: list[str] = []

    def parse(page: Page) -> dict[str, Any]:
        calls.append(page.url)
        return {"number": str(len(calls))}

    site = Site("own", hosts=["*"], fields={"title": Field(css="h1")}, parse=parse)
    found = crawls(tmp_path, answer(FULL), 3, site)
    assert [record.fields["number"] for record in found] == ["1", "2", "3"]


def test_a_failure_in_between(tmp_path: Path, reads: list[str]) -> None:
    """The last good reading counts, whatever came since."""
    script = [title("A"), title("A", {"Content-Type": "application/pdf"}), page("", b"", 404), title("A")]
    found = crawls(tmp_path, script, 4, SHOP)
    assert [record.outcome for record in found] == ["ok", "failed", "gone", "ok"]
    assert (found[3].fields, found[3].changed, len(reads)) == ({"title": "A"}, False, 1)


def test_forgotten_fields_are_read_again(tmp_path: Path, reads: list[str]) -> None:
    """Where the old fields are no longer in the store the page is read."""
    crawls(tmp_path, answer(FULL), 1, SHOP)
    with closing(sqlite3.connect(tmp_path / "canter.db")) as db, db:
        db.execute("DELETE FROM value")
    again = House(tmp_path, SHOP).crawl([URL], Web({URL: answer(FULL)}))
    assert (again.live[0].fields, len(reads)) == ({"title": "Café"}, 2)


def test_another_version_reads_again(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update of Canter may find more in the same page."""
    crawls(tmp_path, answer(FULL), 1, SHOP)
    monkeypatch.setattr(records, "__version__", "9.9.9")
    crawls(tmp_path, answer(FULL), 1, SHOP)
    assert len(reads) == 2
