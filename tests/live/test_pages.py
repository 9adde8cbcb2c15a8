"""`canter run --keep-pages` and `canter extract`: the record it would have been, without a second fetch."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import canter as library
from tests.live.command import LOCAL, Command
from tests.live.shop import Shop

pytestmark = pytest.mark.live
KEEP = ("--keep-pages", "pages")


def extracted(canter: Command, *arguments: str) -> dict[str, dict[str, Any]]:
    """The records that `canter extract` gives, by URL; each URL once."""
    done = canter.run("extract", "--pages", "pages", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    records = [json.loads(line) for line in done.stdout.splitlines()]
    by_url = {record["url"]: record for record in records}
    assert len(by_url) == len(records)
    return by_url


def exported(canter: Command) -> dict[str, dict[str, Any]]:
    """The records that `canter export` gives, by URL."""
    return {record["url"]: record for record in canter.records()}


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it holds; the test fails when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


HOSTILE = "".join(f"<p><font color={n}>x" for n in range(12_000))  # its tree takes gigabytes


def answers_of_every_kind(shop: Shop) -> Callable[[web.Request], Any]:
    """By path: gone, broken, an image, a redirect, no price, Latin-1, a tree of gigabytes; else a page."""

    latin = {"Content-Type": "text/html; charset=iso-8859-1"}
    answers: dict[str, Callable[[], web.Response]] = {
        "/p/1": lambda: web.Response(status=404),
        "/p/2": lambda: web.Response(status=400),
        "/p/3": lambda: web.Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png"),
        "/p/4": lambda: web.Response(status=302, headers={"Location": "/q/4"}),
        "/p/5": lambda: web.Response(text="<h1>No price</h1>", content_type="text/html"),
        "/p/6": lambda: web.Response(body="<h1>Café</h1><p class=price>5".encode("latin-1"), headers=latin),
        "/p/7": lambda: web.Response(text=HOSTILE, content_type="text/html"),
    }

    async def answer(request: web.Request) -> web.Response | None:
        return answers[request.path]() if request.path in answers else None

    return answer


def test_the_record_it_would_have_been(canter: Command, shop: Shop) -> None:
    """Records of kept pages equal those of the crawl, key by key; what was not read is not there."""
    shop.answer = answers_of_every_kind(shop)
    canter.write("sites.toml", shop.site_file())
    rows = [f"{url},Bank {n}" for n, url in enumerate(shop.urls(40))]
    canter.write("urls.csv", "url,name\n" + "\n".join(rows) + "\n")
    canter.crawl("urls.csv", *KEEP)
    asked = dict(shop.seen)
    wanted = exported(canter)
    for number in (1, 2, 3):
        del wanted[shop.url(f"/p/{number}")]
    found = extracted(canter)
    assert found == wanted
    assert dict(shop.seen) == asked
    outcomes = {n: found[shop.url(f"/p/{n}")]["error_type"] for n in (4, 5, 6, 7)}
    assert outcomes == {4: None, 5: "extraction", 6: None, 7: "too_large"}
    assert found[shop.url("/p/4")]["redirects"] == [shop.url("/q/4")]
    assert found[shop.url("/p/6")]["fields"]["title"] == "Café"


def test_a_mended_selector_needs_no_second_fetch(canter: Command, shop: Shop) -> None:
    """A crawl that failed for a wrong selector is put right by the site file alone."""
    urls = shop.urls(20)
    canter.write("urls.txt", "\n".join(urls))
    canter.write("sites.toml", shop.site_file().replace(".price", ".cost"))
    assert canter.crawl("urls.txt", *KEEP)["errors"] == {"extraction": 20}
    asked = dict(shop.seen)
    canter.write("sites.toml", shop.site_file())
    found = extracted(canter)
    assert dict(shop.seen) == asked
    assert found.keys() == set(urls)
    for record in found.values():
        assert (record["outcome"], record["error"], record["missing"]) == ("ok", None, [])
        assert record["fields"]["price"] == {"amount": "19.99", "currency": "USD"}
        assert (record["changed"], record["previous"]) == (None, {})
    fetched_again = canter.crawl("urls.txt")
    assert fetched_again["ok"] == 20
    same = [(record["url"], record["fields"]) for record in canter.records()]
    assert sorted(same, key=str) == sorted(((u, r["fields"]) for u, r in found.items()), key=str)


def test_tables_have_the_columns_of_all_records(canter: Command, shop: Shop) -> None:
    """CSV and Parquet: declared fields, those that only `parse` gives, and source columns."""
    canter.write("own.py", "def parse(page):\n    return {'words': len(page.text.split())}\n")
    canter.write("sites.toml", shop.site_file().replace("robots", 'parse = "own:parse"\nrobots'))
    canter.write("urls.csv", f"url,name\n{shop.url('/p/1')},Bank 1\n")
    canter.crawl("urls.csv", *KEEP)
    assert canter.run("extract", "--pages", "pages", "-o", "out.csv").returncode == 0
    (row,) = csv.DictReader((canter.folder / "out.csv").read_text().splitlines())
    assert (row["source_name"], row["price"], row["price_currency"]) == ("Bank 1", "19.99", "USD")
    assert row["words"] == "3"
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    assert canter.run("extract", "--pages", "pages", "-o", "out.parquet").returncode == 0
    table = parquet.read_table(canter.folder / "out.parquet")
    assert str(table.column("price")[0].as_py()) == "19.990000000"


def test_kill_9_loses_no_kept_page(canter: Command) -> None:
    """After kills at random moments each committed record has its page, and each page is read."""
    pages, kills = 3_000, 8
    chance = random.Random(11)
    with Shop(delay=0.05) as shop:
        canter.write("sites.toml", shop.site_file())
        canter.write("urls.txt", "\n".join(shop.urls(pages)))
        for _ in range(kills):
            before = sum(shop.seen.values())
            process = canter.start("run", "urls.txt", *LOCAL, *KEEP, "--max-concurrent", "20")
            wait_until(lambda b=before: sum(shop.seen.values()) > b)  # type: ignore[misc]
            time.sleep(chance.uniform(0.0, 1.5))
            assert process.poll() is None, "the crawl ended before it was killed"
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=20)
            committed = exported(canter)
            kept = extracted(canter) if committed else {}
            assert committed.keys() <= kept.keys()
            assert all(kept[url] == record for url, record in committed.items())
        shop.delay = 0.0
        assert canter.crawl("urls.txt", *KEEP)["pages"] == pages
    assert extracted(canter) == exported(canter)


def test_a_full_disk_is_one_line_and_loses_nothing(canter: Command, shop: Shop) -> None:
    """Exit 1 that names the folder; with room again the same command finishes, every page kept."""
    noise = random.Random(5)

    async def large(request: web.Request) -> web.Response:
        body = f"<h1>{request.path}</h1><p class=price>$1</p>" + noise.randbytes(20_000).hex()
        return web.Response(text=body, content_type="text/html")

    shop.answer = large
    canter.write("sites.toml", shop.site_file())
    canter.write("urls.txt", "\n".join(shop.urls(1_000)))

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (14_000_000, 14_000_000))

    done = canter.run("run", "urls.txt", *LOCAL, *KEEP, preexec_fn=small_disk)
    assert done.returncode == 1, done.stderr.decode()
    last = done.stderr.decode().strip().splitlines()[-1]
    assert "canter: pages: pages cannot be kept" in last
    assert "disk" in last
    assert b"Traceback" not in done.stderr
    summary = canter.crawl("urls.txt", *KEEP)
    assert (summary["resumed"], summary["ok"]) == (True, 1_000)
    assert extracted(canter) == exported(canter)


def test_each_crawls_pages_stand_by_themselves(canter: Command, shop: Shop) -> None:
    """While pages are kept they are asked for whole, so that a 304 leaves no gap."""

    async def tagged(request: web.Request) -> web.Response | None:
        if request.headers.get("If-None-Match"):
            return web.Response(status=304)
        page = web.Response(text="<h1>A</h1><p class=price>$1</p>", content_type="text/html")
        page.headers["ETag"] = '"v1"'
        return page

    shop.answer = tagged
    canter.write("sites.toml", shop.site_file())
    canter.write("urls.txt", "\n".join(shop.urls(5)))
    assert canter.crawl("urls.txt", *KEEP)["ok"] == 5
    assert canter.crawl("urls.txt")["not_modified"] == 5
    assert canter.crawl("urls.txt", *KEEP)["ok"] == 5
    assert {record["crawl"] for record in extracted(canter).values()} == {3}
    assert {record["crawl"] for record in extracted(canter, "--crawl", "1").values()} == {1}
    assert canter.run("extract", "--pages", "pages", "--crawl", "2").returncode == 1


async def test_the_library_keeps_pages_too(shop: Shop, tmp_path: Path) -> None:
    """`Crawler(keep_pages=...)`: those of a crawl, not those of single fetches."""
    site = library.Site("shop", hosts=[shop.host], fields={"title": "h1"})
    own = {"allow_network": ["127.0.0.0/8"], "pace": "off", "keep_pages": str(tmp_path / "pages")}
    async with library.Crawler([site], tmp_path / "s.db", **own) as crawler:
        await crawler.fetch(shop.url("/p/9"))
        assert not (tmp_path / "pages").exists()
        records = {record.url: record.to_dict() async for record in crawler.crawl(shop.urls(3))}
    command = Command(tmp_path)
    command.write("sites.toml", f'[sites.shop]\nhosts = ["{shop.host}"]\nfields.title = "h1"\n')
    assert extracted(command) == records


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["run", "urls.txt", "--keep-pages", "sites.toml"], "sites.toml: pages cannot be kept here"),
        (["extract", "--pages", "none"], "none"),
        (["extract", "--pages", "."], "holds no kept pages"),
        (["extract", "--pages", ".", "--sites", "none.toml"], "none.toml"),
        (["extract", "--pages", ".", "-o", "out.xls"], "out.xls"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    canter: Command, shop: Shop, arguments: list[str], names: str
) -> None:
    """Exit 1 before the first request."""
    canter.write("sites.toml", shop.site_file())
    canter.write("urls.txt", shop.url("/p/1"))
    done = canter.run(*arguments)
    assert done.returncode == 1, done.stderr.decode()
    assert names in done.stderr.decode()
    assert done.stderr.decode().strip().count("\n") == 0
    assert not shop.seen
