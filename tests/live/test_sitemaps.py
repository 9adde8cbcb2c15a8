"""Sitemaps as sources of `canter run`, from real servers: fetched by the rules that pages are fetched by."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import threading
import time
from itertools import pairwise

from aiohttp import web

from tests.live.command import LOCAL, Command
from tests.live.shop import Shop

XML = '<?xml version="1.0" encoding="UTF-8"?>'


def urlset(*locs: str) -> str:
    return f"{XML}<urlset>{''.join(f'<url><loc>{loc}</loc></url>' for loc in locs)}</urlset>"


def index(*locs: str) -> str:
    return (
        f"{XML}<sitemapindex>{''.join(f'<sitemap><loc>{loc}</loc></sitemap>' for loc in locs)}</sitemapindex>"
    )


def serve(shop: Shop, files: dict[str, str | bytes | web.Response]) -> None:
    """Have the shop answer these paths, and pages for all others."""

    async def answer(request: web.Request) -> web.Response | None:
        content = files.get(request.path)
        if isinstance(content, web.Response):
            return web.Response(status=content.status, headers=dict(content.headers), body=content.body)
        if isinstance(content, str):
            return web.Response(text=content, content_type="application/xml")
        return web.Response(body=content, content_type="application/x-gzip") if content else None

    shop.answer = answer


def failure(canter: Command, *arguments: str) -> str:
    """The last line of a run that cannot be run."""
    done = canter.run("run", *arguments, *LOCAL)
    assert done.returncode == 1, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stderr.decode().splitlines()[-1]


def test_a_sitemap_by_its_url(canter: Command, shop: Shop) -> None:
    """An index, a packed sitemap, a redirect, a failure that passes: every page once, by one command."""
    tries = {"/flaky.xml": 2}
    files: dict[str, str | bytes | web.Response] = {
        "/sitemap.xml": index("/a.xml", "/b.xml.gz", "/moved.xml", "/flaky.xml", "/sitemap.xml"),
        "/a.xml": urlset(*shop.urls(10)),
        "/b.xml.gz": gzip.compress(urlset(*shop.urls(20)).encode()),
        "/moved.xml": web.Response(status=301, headers={"Location": "/there/c.xml"}),
        "/there/c.xml": urlset("21"),
        "/flaky.xml": urlset("/p/22"),
    }
    serve(shop, files)
    of_files = shop.answer

    async def answer(request: web.Request) -> web.StreamResponse | None:
        tries[request.path] = tries.get(request.path, 0) - 1
        if tries[request.path] >= 0:
            return web.Response(status=500)
        assert of_files is not None
        return await of_files(request)

    shop.answer = answer
    canter.write("sites.toml", shop.site_file())
    summary = canter.crawl(shop.url("/sitemap.xml"))
    assert (summary["pages"], summary["ok"]) == (22, 22)
    records = {record["url"]: record for record in canter.records()}
    assert set(records) == {*shop.urls(20), shop.url("/there/21"), shop.url("/p/22")}
    assert records[shop.url("/p/15")]["source"] == {"sitemap": shop.url("/b.xml.gz")}
    assert shop.seen["/flaky.xml"] == 3
    assert {shop.seen[path] for path in ("/sitemap.xml", "/a.xml", "/there/c.xml", "/p/3")} == {1}


def test_a_sitemap_in_a_file(canter: Command, shop: Shop) -> None:
    """A packed file; a broken one gives what stands before the break, and a record of it."""
    canter.write("sites.toml", shop.site_file())
    canter.write("sitemap.xml.gz", gzip.compress(urlset(*shop.urls(5)).encode()))
    assert canter.crawl("sitemap.xml.gz")["ok"] == 5
    canter.write("broken.xml", urlset(*shop.urls(7)).replace("</urlset>", "<url>"))
    summary = canter.crawl("broken.xml")
    assert (summary["ok"], summary["errors"]) == (7, {"malformed": 1})
    (bad,) = canter.records("--outcome", "failed")
    assert (bad["url"], bad["line"]) == ("broken.xml", 8)
    assert "not well-formed" in bad["error"]


def test_what_is_no_sitemap_ends_in_one_line(canter: Command, shop: Shop) -> None:
    """A missing one, a web page, an entity bomb, an address that is not allowed: exit 1, the URL named."""
    bomb = '<!DOCTYPE u [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
    serve(shop, {"/missing.xml": web.Response(status=404), "/bomb.xml": bomb})
    for path, reason in ("/missing.xml", "404"), ("/page", "a web page"), ("/bomb.xml", "an entity"):
        line = failure(canter, shop.url(path))
        assert shop.url(path) in line
        assert reason in line
    canter.write("bomb.xml", bomb)
    assert "bomb.xml" in failure(canter, "bomb.xml")
    done = canter.run("run", shop.url("/sitemap.xml"))
    assert done.returncode == 1
    assert "--allow-network" in done.stderr.decode().splitlines()[-1]


def test_robots_txt_and_crawl_delay_hold_for_sitemaps(canter: Command, shop: Shop) -> None:
    """One pace for a host's sitemaps and pages; a sitemap that robots.txt forbids is not fetched."""
    times: list[float] = []
    listed = {"/sitemap.xml": index("/a.xml", "/private/b.xml"), "/a.xml": urlset(*shop.urls(2))}

    async def answer(request: web.Request) -> web.Response | None:
        times.append(time.monotonic())
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nCrawl-delay: 1\nDisallow: /private/\n")
        text = listed.get(request.path)
        return web.Response(text=text, content_type="text/xml") if text else None

    shop.answer = answer
    canter.write("sites.toml", shop.site_file(robots=True))
    done = canter.run("run", shop.url("/sitemap.xml"), "--allow-network", "127.0.0.0/8", "--json")
    summary = json.loads(done.stdout)
    assert (summary["ok"], summary["errors"]) == (2, {"malformed": 1})
    assert "robots.txt" in canter.records("--outcome", "failed")[0]["error"]
    assert not shop.seen["/private/b.xml"]
    assert len(times) == 5
    assert all(later - earlier > 0.9 for earlier, later in pairwise(times[1:]))


def test_a_sitemap_waits_for_robots_txt(canter: Command, shop: Shop) -> None:
    """While robots.txt cannot be had the sitemap waits, as pages do; a host that stays down ends the run."""

    async def answer(request: web.Request) -> web.Response | None:
        if request.path == "/robots.txt":
            return web.Response(status=503 if shop.seen["/robots.txt"] == 1 else 404)
        return web.Response(text=urlset("/p/1")) if request.path == "/sitemap.xml" else None

    shop.answer = answer
    canter.write("sites.toml", shop.site_file(robots=True))
    assert canter.crawl(shop.url("/sitemap.xml"))["ok"] == 1
    assert shop.seen["/robots.txt"] >= 2
    shop.seen.clear()

    async def down(_: web.Request) -> web.Response | None:
        return web.Response(status=503)

    shop.answer = down
    said = failure(canter, shop.url("/sitemap.xml"), "--host-patience", "3", "--store", "other.db")
    assert shop.url("/sitemap.xml") in said
    assert "host down since" in said
    assert not shop.seen["/sitemap.xml"]


def test_a_stop_while_a_sitemap_is_fetched_can_be_resumed(canter: Command, shop: Shop) -> None:
    """What a stop cuts short is no failure: the same command reads on, and fetches no page twice."""
    slow = True

    async def answer(request: web.Request) -> web.Response | None:
        if request.path == "/sitemap.xml":
            return web.Response(text=index("/a.xml", "/b.xml"), content_type="text/xml")
        if request.path == "/b.xml" and slow:
            return web.Response(status=503, headers={"Retry-After": "20"})
        number = {"/a.xml": 0, "/b.xml": 5}.get(request.path)
        if number is None:
            return None
        return web.Response(text=urlset(*shop.urls(10)[number : number + 5]), content_type="text/xml")

    shop.answer = answer
    canter.write("sites.toml", shop.site_file())
    process = canter.start("run", shop.url("/sitemap.xml"), *LOCAL)
    deadline = time.monotonic() + 30
    while not shop.seen["/b.xml"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said.decode()
    slow = False
    assert canter.run("hosts", "--forget", shop.host).returncode == 0
    summary = canter.crawl(shop.url("/sitemap.xml"))
    assert (summary["resumed"], summary["pages"], summary["ok"]) == (True, 10, 10)
    assert {shop.seen[f"/p/{n}"] for n in range(10)} == {1}


def test_a_kill_leaves_no_sitemap_behind(canter: Command, shop: Shop) -> None:
    """What was being fetched lies beside the store; the next run takes it away and is whole."""
    whole = urlset(*shop.urls(5)).encode()
    killed = threading.Event()

    async def answer(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/sitemap.xml":
            return None
        response = web.StreamResponse(headers={"Content-Type": "text/xml"})
        await response.prepare(request)
        await response.write(whole[:100])
        await asyncio.to_thread(killed.wait, 30)
        await response.write(whole[100:])
        return response

    shop.answer = answer
    canter.write("sites.toml", shop.site_file())
    process = canter.start("run", shop.url("/sitemap.xml"), *LOCAL)
    deadline = time.monotonic() + 30
    while not list(canter.folder.glob("canter.db-sitemaps-*/1.sitemap")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    killed.set()
    assert list(canter.folder.glob("canter.db-sitemaps-*"))
    assert canter.crawl(shop.url("/sitemap.xml"))["ok"] == 5
    assert not list(canter.folder.glob("canter.db-sitemaps-*"))
