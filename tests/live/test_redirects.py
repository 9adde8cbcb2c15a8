"""Redirects, cookies and robots.txt over real sockets: what servers send, and what they are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import canter
from tests.live.command import LOCAL, Command
from tests.live.shop import Shop

OWN: dict[str, Any] = {"allow_network": ["127.0.0.0/8"], "pace": "off"}
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>There</h1"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def moved(*lines: bytes) -> bytes:
    """A redirect with these header lines."""
    return b"\r\n".join([b"HTTP/1.1 302 Found", b"Content-Length: 0", *lines, b"", b""])


class RawServer:
    """Answers bytes by path, a page where it has none; `seen` has the headers of each request by path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {"/robots.txt": GONE}
        self.seen: dict[str, dict[str, str]] = {}
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = first.split(" ")[1]
                self.seen[path] = dict(line.split(": ", 1) for line in lines if line)
                writer.write(self.answers.get(path, PAGE))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[RawServer, RawServer]]:
    """Two servers: two origins on one address."""
    one, two = RawServer(), RawServer()
    async with await one.serve(), await two.serve():
        yield one, two


def site(one: RawServer, **more: Any) -> canter.Site:
    return canter.Site("own", hosts=[one.host], fields={"title": "h1"}, **more)


async def crawl(folder: Path, made: canter.Site, *urls: str) -> dict[str, canter.Record]:
    async with canter.Crawler(sites=[made], store=folder / "s.db", **OWN) as crawler:
        return {record.url: record async for record in crawler.crawl(urls)}


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        ([b"Location: /to/there"], "/to/there"),
        ([b"location:there?a=b#c"], "/from/there?a=b"),
        ([b"Location: \t/caf\xe9 au lait\t"], "/caf%E9%20au%20lait"),
        ([b"Location: /caf\xc3\xa9"], "/caf%C3%A9"),
        ([b"Location: /same", b"Location: /same"], "/same"),
    ],
)
async def test_locations_as_they_come(
    pair: tuple[RawServer, RawServer], tmp_path: Path, lines: list[bytes], asked: str
) -> None:
    """The bytes of a Location reach the server that it names as a browser would send them."""
    one, _ = pair
    one.answers["/from/page"] = moved(*lines)
    url = f"http://{one.host}/from/page"
    record = (await crawl(tmp_path, site(one), url))[url]
    assert (record.outcome, record.final_url) == ("ok", f"http://{one.host}{asked}")
    assert asked in one.seen


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"Location:"], "without a Location"),
        ([], "without a Location"),
        ([b"Location: /a", b"Location: /b"], "different places"),
        ([b"Location: gopher://127.0.0.1/"], "the scheme gopher: is not http: or https:"),
        ([b"Location: http://"], "names no host"),
        ([b"Location: /from/page"], "loop"),
    ],
)
async def test_locations_that_lead_nowhere(
    pair: tuple[RawServer, RawServer], tmp_path: Path, lines: list[bytes], why: str
) -> None:
    """`malformed`, and the message names what is wrong; the crawl goes on."""
    one, _ = pair
    one.answers["/from/page"] = moved(*lines)
    bad, good = f"http://{one.host}/from/page", f"http://{one.host}/good"
    records = await crawl(tmp_path, site(one), bad, good)
    assert records[bad].error_type == "malformed"
    assert why in (records[bad].error or "")
    assert records[good].outcome == "ok"


async def test_no_secret_reaches_another_origin(pair: tuple[RawServer, RawServer], tmp_path: Path) -> None:
    """Neither site headers, nor cookies, nor what a Location carries; back at home they are there again."""
    one, two = pair
    one.answers["/p"] = moved(
        b"Location: http://me:secret@127.0.0.1:%d/x" % two.port, b"Set-Cookie: id=7; Path=/"
    )
    two.answers["/x"] = moved(
        b"Location: http://%b/home" % one.host.encode(), b"Set-Cookie: theirs=1; Path=/"
    )
    headers = {"Authorization": "Bearer secret", "X-Key": "secret"}
    url = f"http://{one.host}/p"
    record = (await crawl(tmp_path, site(one, headers=headers, cookies=True), url))[url]
    assert record.redirects == [f"http://{two.host}/x", f"http://{one.host}/home"]
    assert "secret" not in str(two.seen) + str(record)
    assert not {"Authorization", "X-Key", "Cookie"} & two.seen["/x"].keys()
    assert headers.items() <= one.seen["/home"].items()
    assert one.seen["/home"]["Cookie"] == "id=7"
    assert not {"Authorization", "X-Key", "Cookie"} & one.seen["/robots.txt"].keys()


SITES = """
[sites.shop]
hosts = ["{host}"]
cookies = true
follow_meta_refresh = true
[sites.shop.fields]
title = "h1"
"""


TWO_SITES = """
[sites.one]
hosts = ["{host}"]
paths = ["/p/1*"]
cookies = true
[sites.one.fields]
title = "h1"
[sites.two]
hosts = ["{host}"]
paths = ["/p/2*"]
cookies = true
[sites.two.fields]
title = "h1"
[sites.none]
hosts = ["{host}"]
[sites.none.fields]
title = "h1"
"""


def test_no_site_sees_anothers_cookies(shop: Shop, tmp_path: Path) -> None:
    """Three sites on one host: each has its own cookies or, by default, none; the next run begins without."""
    seen: dict[str, list[str]] = {}

    async def answer(request: web.Request) -> web.Response | None:
        site = request.path[:4]
        seen.setdefault(site, []).append(request.headers.get("Cookie", ""))
        page = web.Response(text="<h1>Tea</h1>", content_type="text/html")
        page.headers["Set-Cookie"] = f"of={site[-1]}; Path=/"
        return page

    shop.answer = answer
    command = Command(tmp_path)
    command.write("sites.toml", TWO_SITES.format(host=shop.host))
    command.write("urls.txt", "\n".join(shop.url(f"/p/{site}{n}") for n in range(5) for site in "123"))
    for _ in range(2):
        seen.clear()
        assert command.crawl("urls.txt", "--max-per-host", "1")["ok"] == 15
        assert seen.pop("/rob") == [""]
        assert seen == {"/p/1": ["", *["of=1"] * 4], "/p/2": ["", *["of=2"] * 4], "/p/3": [""] * 5}


def test_rules_are_kept_from_run_to_run(shop: Shop, tmp_path: Path) -> None:
    """A robots.txt that cannot be had today: yesterday's holds, and the log and `hosts` tell its age."""
    failing = False

    async def answer(request: web.Request) -> web.Response | None:
        if request.path != "/robots.txt":
            return None
        return web.Response(status=500) if failing else web.Response(text="User-agent: *\nDisallow: /p/1\n")

    shop.answer = answer
    command = Command(tmp_path)
    command.write("sites.toml", shop.site_file(robots=True))
    command.write("urls.txt", "\n".join(shop.urls(3)))
    command.crawl("urls.txt")
    [before] = json.loads(command.run("hosts", "--json").stdout)
    failing = True
    log = ("--log-level", "debug", "--log-format", "json")
    done = command.run(*log, "run", "urls.txt", *LOCAL)
    assert {record["error_type"] for record in command.records()} == {None, "blocked"}
    assert shop.seen["/p/1"] == 0
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
    [told] = [line for line in lines if line["event"] == "robots"]
    assert (told["status"], told["known"]) == (500, True)
    assert told["age"] >= 0
    [after] = json.loads(command.run("hosts", "--json").stdout)
    assert after["robots"] == before["robots"]


def test_the_command_does_it_too(shop: Shop, tmp_path: Path) -> None:
    """Site keys in a file: a page behind a cookie and a meta refresh; `hosts --json` tells the sitemaps."""

    async def answer(request: web.Request) -> web.Response | None:
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nDisallow: /x\nSitemap: https://cdn.example/s.xml\n")
        if "seen" in request.cookies:
            return None
        text = f'<meta http-equiv="refresh" content="0;url={request.path}?again">'
        page = web.Response(text=text, content_type="text/html")
        page.set_cookie("seen", "1")
        return page

    shop.answer = answer
    command = Command(tmp_path)
    command.write("sites.toml", SITES.format(host=shop.host))
    command.write("urls.txt", "\n".join(shop.urls(3)))
    assert command.crawl("urls.txt")["ok"] == 3
    [known] = json.loads(command.run("hosts", "--json").stdout)
    assert known["host"] == shop.host
    assert known["robots"]["http"]["status"] == 200
    assert known["robots"]["http"]["sitemaps"] == ["https://cdn.example/s.xml"]
    command.write("sites.toml", SITES.format(host=shop.host).replace("cookies = true", "cookies = 1"))
    refused = command.run("run", "urls.txt")
    assert refused.returncode == 1
    assert b"sites.shop.cookies: expected a valid boolean, not 1" in refused.stderr
