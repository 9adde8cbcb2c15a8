"""Connections of a crawl: kept while their host has pages, closed after, bounded by the files allowed."""

from __future__ import annotations

import resource
from functools import partial
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.servers import need_nginx, nginx, toml

pytestmark = pytest.mark.live

HOSTS = [f"127.0.{20 + n // 100}.{1 + n % 100}" for n in range(400)]
FILES = 160


def test_many_hosts_with_few_files(tmp_path: Path) -> None:
    """400 hosts in a process that may have 160 files open: every page is read, at the first attempt.

    Each host keeps its connection alive for longer than the crawl takes, so the crawl has to close them.
    """
    need_nginx()
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "p.html").write_text("<h1>A page</h1>")
    command = Command(tmp_path)
    command.write("sites.toml", toml({"sites.shop": {"hosts": ["*"]}, "sites.shop.fields": {"title": "h1"}}))
    with nginx(tmp_path / "nginx", f"{tmp_path}/www", HOSTS, http="keepalive_timeout 300s;") as server:
        command.write("urls.txt", "\n".join(f"{server.origin(host)}/p.html" for host in HOSTS))
        few = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (FILES, FILES))
        summary = command.crawl("urls.txt", "--max-concurrent", "50", preexec_fn=few)
    assert (summary["pages"], summary["ok"]) == (len(HOSTS), len(HOSTS))
    assert summary["requests"] == 2 * len(HOSTS)  # robots.txt and the page: no second attempt
