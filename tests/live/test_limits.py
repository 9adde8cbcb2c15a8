"""A real rate limit: nginx refuses what comes too fast, the crawl adapts, and the counts agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.servers import Nginx, need_nginx, nginx, toml

pytestmark = pytest.mark.live

PAGES = 150
ADDRESSES = {429: "127.0.9.1", 503: "127.0.9.2"}  # by the status of a refusal
ZONE = "limit_req_zone $server_addr zone=host:1m rate=10r/s;"


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[dict[int, Nginx]]:
    """Two servers of the same pages at 10 requests/s with a burst of 5, by the status of a refusal."""
    need_nginx()
    (tmp_path / "www").mkdir()
    for n in range(PAGES):
        (tmp_path / "www" / f"{n}.html").write_text(f"<h1>Page {n}</h1>")
    with ExitStack() as servers:
        yield {
            refusal: servers.enter_context(
                nginx(
                    tmp_path / f"nginx-{refusal}", f"{tmp_path}/www", [address], http=ZONE,
                    server=f"limit_req zone=host burst=5 nodelay; limit_req_status {refusal};",
                )
            )
            for refusal, address in ADDRESSES.items()
        }  # fmt: skip


def test_limited_hosts_give_every_page(tmp_path: Path, limited: dict[int, Nginx]) -> None:
    """Every page ends `ok`, and the refusals reported are those of the servers' own logs.

    A page is answered once, and asked for once more for each time it was refused: nothing is fetched
    more often than its attempts explain.
    """
    urls = [f"{limited[s].origin(ADDRESSES[s])}/{n}.html" for s in limited for n in range(PAGES)]
    command = Command(tmp_path)
    command.write("urls.txt", "\n".join(urls))
    site = {"hosts": list(ADDRESSES.values())}
    command.write("sites.toml", toml({"sites.shop": site, "sites.shop.fields": {"title": "h1"}}))
    done = command.run("run", "urls.txt", "--allow-network", "127.0.0.0/8", "--json")
    assert done.returncode == 0, done.stderr.decode()

    summary = json.loads(done.stdout)
    requests = [
        (server.origin(address) + path, status)
        for server in limited.values()
        for address, status, path in server.seen()
    ]
    refused = Counter(url for url, status in requests if status in ADDRESSES)
    answered = Counter(url for url, status in requests if status == 200)
    assert (summary["pages"], summary["ok"]) == (len(urls), len(urls))
    assert summary["requests"] == len(requests)
    assert summary["rejected"] == refused.total()
    assert answered == Counter(urls)
    for refusal, server in limited.items():  # else a limit was never met, and nothing is shown
        assert any(status == refusal for _, status, _ in server.seen())
    for record in command.records():
        is_attempt = ADDRESSES[503] in record["url"]  # a 429 is no attempt of the page
        assert record["attempts"] == 1 + (refused[record["url"]] if is_attempt else 0), record
