"""`canter check`: what the rules find in a page, where, and what is missing."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canter.apps import fetching
from canter.extraction import Page
from tests.live.command import CANTER, Command
from tests.live.shop import Shop

pytestmark = pytest.mark.live

ALLOW = ("--allow-network", "127.0.0.0/8")
SITES = """
[sites.acme]
hosts = ["shop.acme.example"]
parse = "own:parse"
[sites.acme.fields]
title = { css = ["h2", "h1"], pattern = "A.*" }
price = { css = ".price", type = "money", currency = "USD" }
stock = { json = "offers[0].stock", css = "script", type = "integer", required = false }
tags = { css = ".tag", many = true, required = false }
brand = {}
sku = { css = "#sku" }
"""
PARSE = "def parse(page):\n    return {'brand': 'Acme', 'sku': '77', 'extra': [1]}\n"
PAGE = '<h1>An Alder lamp</h1><p class=price>$19.99</p><script>{"offers": [{"stock": 3}]}</script><i id=sku>1'
EVIL = "A\x1b]0;owned&#7;\x1b[31m[red]A[/red]\x9b2J\u202e"


@pytest.fixture
def canter(tmp_path: Path) -> Command:
    command = Command(tmp_path)
    command.write("sites.toml", SITES)
    command.write("own.py", PARSE)
    command.write("page.html", PAGE)
    return command


def findings(canter: Command, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """What `canter check --json` says."""
    done = canter.run("check", *arguments, "--json")
    assert done.returncode == status, done.stderr.decode()
    assert done.stdout.isascii()
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_each_fields_value_type_and_source(canter: Command) -> None:
    """The selector that matched, not those before it; `parse` where it gave the value."""
    (found,) = findings(canter, "page.html", "--url", "https://shop.acme.example/p/1")
    assert (found["site"], found["good"], found["missing"], found["error"]) == ("acme", True, [], None)
    by_name = {field.pop("name"): field for field in found["fields"]}
    values = {name: (field["value"], field["type"], field["source"]) for name, field in by_name.items()}
    assert values == {
        "title": ("An Alder lamp", "text", "css h1, pattern A.*"),
        "price": ({"amount": "19.99", "currency": "USD"}, "money", "css .price"),
        "stock": (3, "integer", "css script, json offers[0].stock"),
        "tags": (None, "text[]", "css .tag, many"),
        "brand": ("Acme", "any", "parse"),
        "sku": ("77", "text", "parse"),
        "extra": ([1], "any", "parse"),
    }


def test_a_missing_required_field_says_why_and_exits_3(canter: Command) -> None:
    """What was there and does not fit stands beside the field."""
    canter.write("bad.html", "<h1>An Alder lamp</h1><p class=price>call us</p>")
    (found,) = findings(canter, "bad.html", "--site", "acme", status=3)
    assert found["missing"] == ["price"]
    problem = next(field["problem"] for field in found["fields"] if field["name"] == "price")
    assert problem == "'call us' is not money"
    done = canter.run("check", "bad.html", "page.html", "--site", "acme")
    assert done.returncode == 3
    lines = done.stdout.decode().splitlines()
    assert "  price: missing (money; css .price) -- required; 'call us' is not money" in lines
    assert "  tags: missing (text[]; css .tag, many) -- optional" in lines
    assert '  price: {"amount":"19.99","currency":"USD"} (money; css .price)' in lines


def test_parse_that_fails_is_told(canter: Command) -> None:
    """An error of one's own function is no traceback but a line, and its fields are missing."""
    canter.write("own.py", "def parse(page):\n    return 1 / 0\n")
    (found,) = findings(canter, "page.html", "--site", "acme", status=3)
    assert found["problems"] == ["parse: ZeroDivisionError: division by zero"]
    assert found["missing"] == ["brand"]


def test_a_url_is_fetched_politely(canter: Command, shop: Shop) -> None:
    """robots.txt is heeded, headers of the site go along, a refused address sees no request."""
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response | None:
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nDisallow: /private")
        seen.append(request.headers.get("X-Club"))
        return None

    shop.answer = answer
    canter.write(
        "sites.toml", shop.site_file(robots=True).replace("robots", 'headers = { X-Club = "7" }\nrobots')
    )
    (found,) = findings(canter, shop.url("/p/1"), *ALLOW)
    assert (found["good"], found["fields"][0]["value"], seen) == (True, "Product 1", ["7"])
    (found,) = findings(canter, shop.url("/private/1"), *ALLOW, status=3)
    assert "robots.txt" in found["error"]
    asked = sum(shop.seen.values())
    (found,) = findings(canter, shop.url("/p/1"), status=3)
    assert "loopback" in found["error"]
    assert sum(shop.seen.values()) == asked
    assert not canter.store.exists()


def test_an_empty_204_is_good(canter: Command, shop: Shop) -> None:
    """As in a run: it has no fields, and needs none."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=204)

    shop.answer = answer
    canter.write("sites.toml", shop.site_file())
    (found,) = findings(canter, shop.url("/p/1"), *ALLOW)
    assert (found["good"], found["missing"]) == (True, [])


async def test_a_host_that_keeps_one_waiting_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line each while, so that nobody takes a host that asks to wait for a command that hangs."""
    told = asyncio.Event()

    async def fetch() -> Page:
        await told.wait()
        return Page("http://a.example/", 200)

    def say(text: str) -> None:
        lines.append(text)
        told.set()

    lines: list[str] = []
    monkeypatch.setattr(fetching, "_PATIENCE", 0.0)
    monkeypatch.setattr(fetching, "say", say)
    page = await fetching._patiently("http://a.example/", fetch())
    assert page.status == 200
    assert lines[0] == "http://a.example/: still waiting for its host, at its pace; Ctrl-C gives up"


def test_a_url_by_the_rules_of_another_site(canter: Command, shop: Shop) -> None:
    """--site names the rules for a URL that no site claims; without it the built-in site reads it."""
    arguments = ["check", shop.url("/p/1"), *ALLOW]
    (found,) = findings(canter, *arguments[1:])
    assert (found["site"], found["fields"][0]["name"], found["fields"][0]["value"]) == (
        "auto", "name", "Product 1",
    )  # fmt: skip
    canter.write("own.py", "def parse(page):\n    return {'brand': 'Acme'}\n")
    (found,) = findings(canter, *arguments[1:], "--site", "acme", status=3)
    assert (found["error"], found["missing"]) == (None, ["title", "sku"])


def test_pages_that_cannot_be_read(canter: Command) -> None:
    """An image, and a page whose tree takes gigabytes: an error each, and the process lives."""
    canter.write("image.html", b"\x89PNG\r\n\x1a\n")
    canter.write("large.html", "".join(f"<p><font color={n}>x" for n in range(12_000)))
    one, other = findings(canter, "image.html", "large.html", "--site", "acme", status=3)
    assert "not a text" in one["error"]
    assert "does not fit in memory" in other["error"]
    assert one["missing"] == ["title", "price", "brand", "sku"]


def test_a_json_page(canter: Command) -> None:
    """A saved JSON answer is read by JMESPath."""
    canter.write("sites.toml", '[sites.api]\nhosts = ["a.example"]\nfields.name = { json = "item.name" }\n')
    canter.write("item.json", '{"item": {"name": "Lamp"}}')
    (found,) = findings(canter, "item.json", "--url", "https://a.example/item")
    assert found["fields"][0]["value"] == "Lamp"
    assert found["fields"][0]["source"] == "json item.name"


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_on_a_page_reaches_the_terminal_as_a_command(canter: Command, terminal: bool) -> None:
    """Escape sequences, bidirectional marks and markup come out as plain text, in a table and in lines."""
    canter.write("evil.html", f"<h1>{EVIL}</h1><p class=price>$1</p>")
    arguments = [*CANTER, "check", "evil.html", "--site", "acme"]
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "200"}
    if terminal:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(arguments, cwd=canter.folder, env=environment, stdout=theirs)
        os.close(theirs)
        text = _read_all(ours)
        assert process.wait(30) == 0
        assert "\x1b[1m" in text  # the table's own style is there
    else:
        done = subprocess.run(arguments, cwd=canter.folder, env=environment, capture_output=True, check=False)
        text = done.stdout.decode()
        assert "\x1b" not in text
    assert "[red]A[/red]" in text
    assert "\\x1b]0;owned" in text
    for command in ("\x1b]0", "\x1b[31m[", "\x9b", "\u202e", "\x07"):
        assert command not in text


def test_whose_rules_a_saved_page_is_tried_by(canter: Command) -> None:
    """The only site's; one of several must be named; without a site file the built-in one's."""
    (found,) = findings(canter, "page.html")
    assert (found["site"], found["good"]) == ("acme", True)
    site = '[sites.{0}]\nhosts = ["{0}.example"]\nfields.x = "h1"\n'
    canter.write("sites.toml", site.format("a") + site.format("b"))
    done = canter.run("check", "page.html")
    assert done.returncode == 1
    assert "page.html: a saved page does not tell its site" in done.stderr.decode()
    assert "a, b, auto" in done.stderr.decode()
    (canter.folder / "sites.toml").unlink()
    (found,) = findings(canter, "page.html")
    assert found["site"] == "auto"


def test_which_of_several_rules_found_a_value(canter: Command) -> None:
    """The rule, with the structured data's place; for what auto weighed the evidence and how sure it is."""
    rules = 'fields.name = { css = ".none", structured = ["gtin", "name"], label = "Name" }'
    canter.write("sites.toml", f'[sites.a]\nhosts = ["a.example"]\n{rules}\n')
    told = '{"@context": "https://schema.org", "@graph": [{"@type": "Product", "name": "A lamp"}]}'
    canter.write("told.html", f"<script type=application/ld+json>{told}</script><h1>A lamp</h1>")
    (found,) = findings(canter, "told.html")
    field = found["fields"][0]
    assert (field["source"], field["confidence"]) == ("structured name, jsonld[0].@graph[0]", None)
    (found,) = findings(canter, "told.html", "--site", "auto")
    name, price = found["fields"][:2]
    assert name["source"] == "jsonld[0].@graph[0], page: heading"
    assert 0.8 < name["confidence"] < 1
    assert (price["value"], price["source"], price["confidence"]) == (None, "evidence", None)


def _read_all(terminal: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    ("arguments", "status", "names"),
    [
        (["none.html"], 1, "none.html: cannot be read"),
        (["none.html", "--site", "acme"], 1, "none.html: cannot be read"),
        ([".", "--site", "acme"], 1, "directory"),
        (["page.html", "--site", "other"], 1, "--site other: there are acme, auto"),
        (["page.html", "--url", "nonsense"], 1, "nonsense: not a URL"),
        ([], 2, "PAGE_OR_URL"),
        (["page.html", "--site", "acme", "--sites", "none.toml"], 1, "none.toml"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    canter: Command, arguments: list[str], status: int, names: str
) -> None:
    """Exit 1 or 2 with what to do; never a traceback."""
    done = canter.run("check", *arguments)
    assert done.returncode == status, done.stderr.decode()
    assert names in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
