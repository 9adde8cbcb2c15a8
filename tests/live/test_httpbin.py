"""httpbin, a server that others made: codings, statuses, redirects, cookies, conditions, kinds of content."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

import canter
from canter.model import Record
from tests.live.servers import READY, free_port

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where httpbin listens; ended by its process id."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "httpbin.core", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 3 * READY
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(READY)


async def crawl(folder: Path, origin: str, paths: list[str], **site: Any) -> dict[str, Record]:
    """The records of paths by path, read by a site without required fields."""
    rules = {"fields": {"x": canter.Field(css="h1", required=False)}, **site}
    bin_site = canter.Site("bin", hosts=[origin.removeprefix("http://")], pace="off", **rules)
    networks = [str(ip_network("127.0.0.0/8"))]
    async with canter.Crawler(
        sites=[bin_site], store=folder / "bin.db", allow_network=networks, attempts=1
    ) as crawler:
        found = {}
        async for record in crawler.crawl([origin + path for path in paths]):
            found[record.url.removeprefix(origin)] = record
    return found


ENDS = [
    ("/html", 200, "ok", None),
    ("/encoding/utf8", 200, "ok", None),
    ("/gzip", 200, "ok", None),
    ("/deflate", 200, "ok", None),
    ("/brotli", 200, "ok", None),
    ("/stream/3", 200, "ok", None),
    ("/xml", 200, "ok", None),
    ("/bytes/64?seed=1", 200, "failed", "unsupported"),
    ("/image/png", 200, "failed", "unsupported"),
    ("/image/svg", 200, "failed", "unsupported"),
    ("/deny", None, "failed", "blocked"),
    ("/status/204", 204, "ok", None),
    ("/status/400", 400, "failed", "permanent"),
    ("/status/401", 401, "failed", "permanent"),
    ("/status/403", 403, "failed", "blocked"),
    ("/status/404", 404, "gone", None),
    ("/status/410", 410, "gone", None),
    ("/status/418", 418, "failed", "permanent"),
    ("/status/500", 500, "failed", "transient"),
    ("/status/502", 502, "failed", "transient"),
    ("/basic-auth/user/word", 401, "failed", "permanent"),
    ("/redirect/3", 200, "ok", None),
    ("/relative-redirect/2", 200, "ok", None),
    ("/absolute-redirect/2", 200, "ok", None),
    ("/redirect/11", 302, "failed", "malformed"),
    ("/redirect-to?url=ftp%3A%2F%2Fa.example%2F", 302, "failed", "malformed"),
    ("/drip?numbytes=5&duration=0&code=200", 200, "ok", None),
    ("/links/5/0", 200, "ok", None),
]


async def test_every_page_ends_by_the_table(tmp_path: Path, origin: str) -> None:
    """Status, outcome and error type of each, in one crawl."""
    found = await crawl(tmp_path, origin, [path for path, *_ in ENDS])
    ends = {path: (record.status, record.outcome, record.error_type) for path, record in found.items()}
    wanted = {path: tuple(end) for path, *end in ENDS}
    assert {path: end for path, end in ends.items() if end != wanted[path]} == {}
    assert ends.keys() == wanted.keys()
    assert len(found["/redirect/3"].redirects) == 3
    assert found["/html"].fields["x"] == "Herman Melville - Moby-Dick"


async def test_json_answers_and_the_headers_that_were_sent(tmp_path: Path, origin: str) -> None:
    """httpbin tells what it was sent: our name, the site's headers, no cookie."""
    fields = {
        "agent": canter.Field(json='headers."User-Agent"'),
        "club": canter.Field(json='headers."X-Club"'),
        "cookie": canter.Field(json="headers.Cookie", required=False),
    }
    found = await crawl(tmp_path, origin, ["/headers"], fields=fields, headers={"X-Club": "7"})
    fetched = found["/headers"].fields
    assert str(fetched["agent"]).startswith("Canter/")
    assert (fetched["club"], fetched["cookie"]) == ("7", None)


@pytest.mark.parametrize(("kept", "seen"), [(False, None), (True, "blue")])
async def test_cookies_only_on_request(tmp_path: Path, origin: str, kept: bool, seen: str | None) -> None:
    """A cookie that a redirecting answer sets comes back where the site asked for cookies."""
    fields = {"colour": canter.Field(json="cookies.colour", required=False)}
    found = await crawl(tmp_path, origin, ["/cookies/set?colour=blue"], fields=fields, cookies=kept)
    assert found["/cookies/set?colour=blue"].fields["colour"] == seen


async def test_conditions_save_the_second_fetch(tmp_path: Path, origin: str) -> None:
    """An ETag and a date are sent back, and 304 is `not_modified`."""
    fields = {"asked": canter.Field(json="url", required=False)}
    for outcome in ("ok", "not_modified"):
        found = await crawl(tmp_path, origin, ["/etag/abc", "/cache"], fields=fields)
        assert {path: record.outcome for path, record in found.items()} == {
            "/etag/abc": outcome,
            "/cache": outcome,
        }
