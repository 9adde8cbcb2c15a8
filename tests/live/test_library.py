"""The library as a user writes it: `Crawler`, `crawl`, `fetch`, `extract`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import canter
from tests.live.shop import Shop

OWN = {"allow_network": ["127.0.0.0/8"], "pace": "off"}


def site(shop: Shop, **more: Any) -> canter.Site:
    fields = {"title": canter.Field(css="h1"), "price": canter.Field(css=".price", type="money")}
    return canter.Site("shop", hosts=[shop.host], fields=fields, **more)


async def test_crawl_yields_a_record_a_url(shop: Shop, tmp_path: Path) -> None:
    """Failures and lines that are no URL among them; a crawl never raises for a page."""
    urls = [*shop.urls(30), "nonsense", shop.url("/p/1")]
    async with canter.Crawler(sites=[site(shop)], store=tmp_path / "s.db", **OWN) as crawler:
        records = [record async for record in crawler.crawl(urls)]
        assert sorted(record.url for record in records) == sorted([*shop.urls(30), "nonsense"])
        good = [record for record in records if record.outcome == "ok"]
        assert len(good) == 30
        assert good[0].fields["price"] == {"amount": "19.99", "currency": "USD"}
        again = [record async for record in crawler.crawl(iter(urls[:5]))]
        assert [record.changed for record in again] == [False] * 5


async def test_crawl_takes_an_async_iterable(shop: Shop, tmp_path: Path) -> None:
    """URLs may come one at a time; fetching begins with the first."""
    first_seen = asyncio.Event()

    async def urls() -> AsyncIterator[str]:
        yield shop.url("/p/1")
        await first_seen.wait()
        yield shop.url("/p/2")

    async with canter.Crawler(sites=[site(shop)], store=tmp_path / "s.db", **OWN) as crawler:
        seen = []
        async for record in crawler.crawl(urls()):
            seen.append(record.url)
            first_seen.set()
    assert seen == [shop.url("/p/1"), shop.url("/p/2")]


async def test_leaving_early_keeps_what_ended(shop: Shop, tmp_path: Path) -> None:
    """After a break the Crawler closes cleanly, and the next crawl begins anew."""
    async with canter.Crawler(sites=[site(shop)], store=tmp_path / "s.db", **OWN) as crawler:
        async for record in crawler.crawl(shop.urls(200)):
            assert record.outcome == "ok"
            break
    async with canter.Crawler(sites=[site(shop)], store=tmp_path / "s.db", **OWN) as crawler:
        assert len([record async for record in crawler.crawl(shop.urls(200))]) == 200


async def test_an_error_of_the_urls_reaches_the_caller(shop: Shop, tmp_path: Path) -> None:
    """An iterable that raises ends the crawl with its exception, after what it gave."""

    def urls() -> Iterator[str]:
        yield shop.url("/p/1")
        raise LookupError("the database is away")

    async with canter.Crawler(sites=[site(shop)], store=tmp_path / "s.db", **OWN) as crawler:
        with pytest.raises(LookupError, match="away"):
            async for _ in crawler.crawl(urls()):
                pass


async def test_fetch_gives_a_page(shop: Shop, tmp_path: Path) -> None:
    """Content, status, headers, response time, error; robots.txt is asked for first and obeyed."""

    async def rules(request: web.Request) -> web.Response | None:
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nDisallow: /private/\n")
        return web.Response(status=404) if request.path == "/gone" else None

    shop.answer = rules
    async with canter.Crawler(sites=[], store=tmp_path / "s.db", **OWN) as crawler:
        page = await crawler.fetch(shop.url("/p/5"))
        assert (page.status, page.error) == (200, None)
        assert page.css("h1") == ["Product 5"]
        assert page.headers["content-type"].startswith("text/html")
        assert page.response_time is not None
        forbidden = await crawler.fetch(shop.url("/private/x"))
        assert forbidden.status is None
        assert "robots.txt" in (forbidden.error or "")
        gone = await crawler.fetch(shop.url("/gone"))
        assert gone.status == 404
        assert "not a URL" in ((await crawler.fetch("nonsense")).error or "")
    assert shop.seen == {"/robots.txt": 1, "/p/5": 1, "/gone": 1}


async def test_fetch_of_a_dead_host_tells_at_once(tmp_path: Path) -> None:
    """A single fetch waits for nobody's patience: no robots.txt, no page, a reason."""
    with Shop() as shop:
        dead = shop.url("/p/1")
    async with canter.Crawler(sites=[], store=tmp_path / "s.db", **OWN) as crawler:
        page = await asyncio.wait_for(crawler.fetch(dead), 10)
    assert page.status is None
    assert "robots.txt cannot be had" in (page.error or "")


async def test_a_parse_function_of_ones_own(shop: Shop, tmp_path: Path) -> None:
    """`Site(parse=function)` gives the fields; they come out in the export too."""
    own = canter.Site("own", hosts=[shop.host], parse=lambda page: {"words": len(page.text.split())})
    async with canter.Crawler(sites=[own], store=tmp_path / "s.db", **OWN) as crawler:
        records = [record async for record in crawler.crawl(shop.urls(3))]
    assert all(record.fields["words"] > 1 for record in records)


async def test_mistakes_are_told_before_anything_is_fetched(tmp_path: Path) -> None:
    """Unknown settings, bad values and bad selectors; a Crawler not entered."""
    with pytest.raises(TypeError, match="max_speed"):
        canter.Crawler(sites=[], max_speed=1)
    with pytest.raises(canter.CanterError, match="timeout"):
        canter.Crawler(sites=[], timeout="soon")
    bad = canter.Site("s", hosts=["a.example"], fields={"title": "h1["})
    with pytest.raises(canter.CanterError, match="title"):
        canter.Crawler(sites=[bad])
    with pytest.raises(RuntimeError, match="async with"):
        await canter.Crawler(sites=[], store=tmp_path / "s.db").fetch("http://a.example/")


def test_extract_needs_no_network() -> None:
    """One page's fields by a site's rules."""
    rules = canter.Site("s", fields={"title": canter.Field(css="h1"), "rate": "b"})
    assert canter.extract("<h1> A  page </h1>", site=rules) == {"title": "A page", "rate": None}
