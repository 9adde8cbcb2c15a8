"""Every scenario of the fault server through a whole crawl: one record each, by the contract's table."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import canter
from canter.model import ErrorType, FaultKind, Record
from canter.stores.warc import KeptPages
from tests import scenarios
from tests.faultserver import FaultServer
from tests.live.command import Command
from tests.live.servers import toml
from tests.scenarios import Scenario

pytestmark = pytest.mark.live

SITE = canter.Site("all", hosts=["*"], fields={"title": canter.Field(css="h1")})
SETTINGS = {
    "allow_network": ["127.0.0.0/8"], "pace": "off", "max_body": scenarios.CAP,
    "timeout": 5.0, "read_timeout": 1.5, "first_byte_timeout": 1.2,
}  # fmt: skip
HOSTS = tuple(f"127.0.0.{n}" for n in range(1, 9))
PLAYED: Mapping[str, Scenario] = {
    **scenarios.WHOLE, **scenarios.NO_PAGES, **scenarios.FAULTS, **scenarios.SLOW,
}  # fmt: skip

# Where no answer begins on a kept connection a request goes out once more, and counts as the same.
STALE = {"cut_before_head", "reset_before_head"} | {
    name
    for name, end in PLAYED.items()
    if end.kind is FaultKind.GARBLED and isinstance(end.steps[0], bytes) and end.steps[0][:5] != b"HTTP/"
}


async def crawled(
    server: FaultServer, names: Iterable[str], folder: Path, **settings: Any
) -> tuple[dict[str, Record], set[str]]:
    """The records by scenario, and the scenarios whose pages were kept. Every socket is closed after it."""
    places = {server.url(name, HOSTS[n % len(HOSTS)]): name for n, name in enumerate(names)}
    pages = folder / "pages"
    settings = {**SETTINGS, **settings, "keep_pages": str(pages)}
    async with canter.Crawler(sites=[SITE], store=folder / "s.db", **settings) as crawler:
        records = {places[record.url]: record async for record in crawler.crawl(list(places))}
    async with asyncio.timeout(5):
        while server.open:
            await asyncio.sleep(0.001)
    return records, {places[page.task.url] for page in KeptPages(pages)}


async def test_every_scenario_ends_by_the_contracts_table(tmp_path: Path) -> None:
    """Outcome, error type, status and a message that says what broke; only whole answers are kept."""
    async with FaultServer(*HOSTS) as server:
        records, kept = await crawled(server, PLAYED, tmp_path, attempts=1)
        asked = Counter(server.requests) - Counter({"/robots.txt": len(HOSTS)}) - Counter(list(PLAYED))
        # The late bytes of one scenario may have spoilt a connection that is used again already.
        assert len(asked.keys() - STALE) <= 1
    assert sorted(records) == sorted(PLAYED)
    for name, scenario in PLAYED.items():
        record = records[name]
        assert (record.outcome, record.error_type) == expected(scenario), (name, record)
        assert (record.status, record.attempts) == (scenario.status, 1), name
        assert scenario.words in (record.error or ""), name
        if scenario.kind:
            assert record.fields == {"title": None}, name
    assert {name for name in kept if PLAYED[name].kind} == set()
    assert {name for name, end in PLAYED.items() if b"<h1>" in end.body} <= kept


async def test_what_was_broken_once_is_fetched_again(tmp_path: Path) -> None:
    """Every fault that may pass costs one request more, and the page is the whole one."""
    passing = [name for name, end in PLAYED.items() if end.error_type is ErrorType.TRANSIENT]
    async with FaultServer(*HOSTS) as server:
        records, kept = await crawled(server, [f"{name}+page" for name in passing], tmp_path)
        assert server.requests.count("page") == len(passing) > 40
    for name, record in records.items():
        assert (record.outcome, record.fields) == ("ok", {"title": "A page"}), name
        assert record.attempts == 2 or name.partition("+")[0] in STALE
    assert kept == set(records)


async def test_a_redirect_is_followed_whatever_its_body(tmp_path: Path) -> None:
    """Cut, wrongly coded or too large: its head says where the page is."""
    names = ["redirect", "redirect_cut", "redirect_that_is_not_gzip", "redirect_too_large"]
    async with FaultServer(*HOSTS) as server:
        records, _ = await crawled(server, names, tmp_path, attempts=1)
    for record in records.values():
        assert (record.outcome, record.fields) == ("ok", {"title": "A page"})
        assert [url.rpartition("/")[2] for url in record.redirects] == ["plain"]


async def test_every_limit_of_time_and_size_is_an_option(tmp_path: Path) -> None:
    """`canter run` ends each slow or large answer by its own limit, and the record names it."""
    command = Command(tmp_path)
    async with FaultServer() as server:
        ends = {
            server.url("hang"): "no answer began within 0.4 s (first_byte_timeout)",
            server.url("hang_after_head"): "no byte for 0.5 s (read_timeout)",
            server.url("drip"): "not whole within 1.5 s (timeout)",
            server.url("page").replace("http:", "https:"): (
                "connected, and no TLS handshake within 0.3 s (tls_timeout)"
            ),
            server.url("endless"): "the body is over 2,097,152 bytes (max_body raises the cap)",
        }
        command.write("urls.txt", "\n".join(ends))
        site = {"hosts": list(server.hosts), "robots": False}  # which no TLS handshake could fetch
        command.write("sites.toml", toml({"sites.shop": site, "sites.shop.fields": {"title": "h1"}}))
        options = {
            "tls-timeout": "300ms", "first-byte-timeout": "0.4", "read-timeout": "0.5s", "timeout": "1.5",
            "max-body": "2MiB", "attempts": "1",
        }  # fmt: skip
        given = [word for name, value in options.items() for word in (f"--{name}", value)]
        summary = await asyncio.to_thread(command.crawl, "urls.txt", *given)
    assert (summary["pages"], summary["errors"]) == (5, {"transient": 4, "too_large": 1})
    assert {record["url"]: record["error"] for record in command.records()} == ends


def expected(scenario: Scenario) -> tuple[str, str | None]:
    """Outcome and error type."""
    if scenario.error_type:
        return "failed", scenario.error_type.value
    if scenario.status == 404:
        return "gone", None
    if scenario.status == 200 and b"<h1>" not in scenario.body:
        return "failed", ErrorType.EXTRACTION.value
    return "ok", None
