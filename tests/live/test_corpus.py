"""Real pages from a real server: nginx serves the corpus, the command crawls it, the export is right."""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from canter.extract.values import collapse
from tests.live.command import Command
from tests.live.servers import CORPUS, need_nginx, nginx, toml

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}"),
]

GZIP = "gzip on; gzip_types text/plain; gzip_min_length 0;"


@cache
def load(name: str) -> Any:
    return json.loads((CORPUS / name).read_text("utf-8"))


class Crawled(NamedTuple):
    """What the crawl gave: its summary, its exit status, and each corpus page's record."""

    summary: dict[str, Any]
    status: int
    pages: dict[str, dict[str, Any]]

    def fields(self, name: str) -> dict[str, Any]:
        """The fields of a corpus page."""
        found: dict[str, Any] = self.pages[name]["fields"]
        return found


def addresses() -> Iterator[str]:
    """Loopback addresses, one after another."""
    return (f"127.0.{number // 200 + 1}.{number % 200 + 1}" for number in count())


def css_rows(name: str) -> list[dict[str, Any]]:
    """The expected first matches of a page, without those on which parsers differ."""
    rows = load("expected/css_first_match.json").get(name, [])
    return [row for row in rows if not row.get("parser_divergent")]


def finance_rows(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load("expected/finance.json")["pages"].get(name, {}).get("fields", [])
    return found


def rules_of(name: str) -> dict[str, Any]:
    """The fields of a page's own site: a title, each expected row, each price as money."""
    rules: dict[str, Any] = {"page_title": {"css": "title", "required": False}}
    for n, row in enumerate(css_rows(name)):
        found = {"css": row["css"]} | ({"attr": row["attr"]} if row["attr"] else {})
        rules[f"css_{n}"] = found | {"required": row.get("first", "-") not in (None, "")}
        if row.get("field") == "price":
            rules[f"price_{n}"] = found | {"type": "money"}
    for row in finance_rows(name):
        rules |= finance_rules(row)
    return rules


def finance_rules(row: dict[str, Any]) -> dict[str, Any]:
    """One field; for a value that is not on the page, a required one of each type for each match."""
    found, kind = {"css": row["css"], "index": row.get("index", 0)}, row["type"]
    if kind == "absent":
        return {
            f"absent_{index}_{typed}": found | {"index": index, "type": typed}
            for index in range(row["matches"])
            for typed in ("percent", "percent_range", "money")
        }
    if kind.startswith("jsonld:"):
        return {row["name"]: found | {"json": kind.partition(".")[2]}}
    return {row["name"]: found | {"type": kind}}


def lay_out(root: Path) -> dict[str, str]:
    """Unpack the pages under `root`/ADDRESS, an address a site; the address and path of each page."""
    fresh = addresses()
    homes: dict[str, str] = {}
    places: dict[str, str] = {}
    for page in load("MANIFEST.json")["pages"]:
        name = page["file"]
        site = page["site"] or urlsplit(page["url"] or "").hostname or name.rpartition("/")[0]
        home = homes.setdefault(site, next(fresh))
        content = (CORPUS / name).read_bytes()
        path = root / home / name.removesuffix(".gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress(content) if name.endswith(".gz") else content)
        places[name] = f"{home} /{quote(name.removesuffix('.gz'))}"
    return places


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """One crawl of the whole corpus by the command, exported as JSON lines."""
    need_nginx()
    folder = tmp_path_factory.mktemp("corpus")
    places = {name: place.split(" ") for name, place in lay_out(folder / "www").items()}
    homes = sorted({address for address, _ in places.values()})
    with nginx(folder / "nginx", f"{folder}/www/$server_addr", homes, http=GZIP) as server:
        urls = {name: server.origin(address) + path for name, (address, path) in places.items()}
        tables: dict[str, dict[str, Any]] = {}
        for n, (name, (address, path)) in enumerate(places.items()):
            tables[f"sites.page{n}"] = {"hosts": [f"{address}:{server.port}"], "paths": [path]}
            tables[f"sites.page{n}.fields"] = rules_of(name)
        command = Command(folder)
        command.write("sites.toml", toml(tables))
        command.write("urls.txt", "\n".join(urls.values()))
        done = command.run(
            "run", "urls.txt", "--allow-network", "127.0.0.0/8", "--pace", "off", "--json", "-o", "out.jsonl"
        )
        assert done.returncode in (0, 3), done.stderr.decode()
        seen = server.seen()
    assert not any(status >= 500 for _, status, _ in seen)
    found = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    by_url = {record["url"]: record for record in found}
    assert len(by_url) == len(found) == len(urls)
    return Crawled(json.loads(done.stdout), done.returncode, {n: by_url[url] for n, url in urls.items()})


def test_every_page_is_read_but_the_one_that_lacks_its_numbers(crawled: Crawled) -> None:
    """246 real pages end `ok`, but the one whose rates only a script fills in; few failures exit 0."""
    failed = {name for name, record in crawled.pages.items() if record["outcome"] != "ok"}
    without = {name for name in crawled.pages if any(row["type"] == "absent" for row in finance_rows(name))}
    assert len(crawled.pages) == 246
    assert failed == without
    assert crawled.status == 0
    assert (crawled.summary["pages"], crawled.summary["failed"]) == (246, len(without))
    assert {record["attempts"] for record in crawled.pages.values()} == {1}


def test_every_first_match_is_in_the_export(crawled: Crawled) -> None:
    """587 selectors: the text or attribute two parsers agree on; "" and null are missing."""
    checked = 0
    for name in crawled.pages:
        fields = crawled.fields(name)
        for n, row in enumerate(css_rows(name)):
            found = fields[f"css_{n}"]
            if "first_prefix" in row:
                assert found.startswith(row["first_prefix"]), (name, row)
                assert len(found) == row["first_len"], (name, row)
            else:
                assert found == (row["first"] or None), (name, row)
            checked += 1
    assert checked == 587


def test_prices_are_what_a_person_read(crawled: Crawled) -> None:
    """28 prices as money equal the price a person wrote down, or, where that misread it, the page's."""
    people = load("expected/peb_human.json")
    checked = 0
    for name in crawled.pages:
        for n, row in enumerate(css_rows(name)):
            if row.get("field") != "price":
                continue
            human = people[name]
            prices = [human["price_on_page"]] if human.get("price_suspect") else human["price"]
            money = crawled.fields(name)[f"price_{n}"]
            assert Decimal(money["amount"]) in map(Decimal, prices), (name, row, money)
            assert money["currency"], (name, row)
            checked += 1
    assert checked == 28


def test_rates_and_fees_are_exact(crawled: Crawled) -> None:
    """Percentages, ranges, fees and texts of card pages as printed."""
    checked = 0
    for name in crawled.pages:
        for row in finance_rows(name):
            if row["type"] == "absent":
                continue
            found = crawled.fields(name)[row["name"]]
            assert (found["amount"] if isinstance(found, dict) else found) == row["value"], (name, row)
            checked += 1
    assert checked == 10


def test_numbers_that_are_not_on_a_page_are_missing(crawled: Crawled) -> None:
    """What a script would fill in is null, named in `missing`, and the page fails; the rest is kept."""
    (name,) = (name for name in crawled.pages if any(r["type"] == "absent" for r in finance_rows(name)))
    record = crawled.pages[name]
    absent = {field for field in record["fields"] if field.startswith("absent_")}
    assert len(absent) == 6
    assert {field: record["fields"][field] for field in absent} == dict.fromkeys(absent)
    assert set(record["missing"]) == absent
    assert (record["outcome"], record["error_type"]) == ("failed", "extraction")
    assert record["fields"]["jsonld_name"] is not None


def test_pages_in_other_encodings_are_read_right(crawled: Crawled) -> None:
    """A page's own charset holds where the server names none: its title has no wrong character."""
    checked = 0
    for name, row in load("expected/charset.json").items():
        if row.get("title_under_declared"):
            expected = collapse(html.unescape(row["title_under_declared"]))
            assert crawled.fields(name)["page_title"] == expected, name
            checked += 1
    assert checked >= 10
