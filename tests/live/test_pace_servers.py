"""Real servers that limit: every page comes, few requests are refused, the counts are those of their logs.

Each crawl begins with the memory of a host that bore more than this one does, so that the limit is met within
seconds. How near to a limit the pace comes is measured by `bench.pace_servers`, not asserted here.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from canter.pace import HostPace, Sample
from canter.protocols import Batch
from canter.stores.sqlite import SqliteCrawls, SqliteWork
from canter.urls import shard_of
from tests.live.command import Command
from tests.live.limits import (
    REFUSALS,
    Limited,
    before,
    haproxy_limit,
    limited_by,
    need_haproxy,
    nginx_limit,
    zone,
)
from tests.live.servers import need_nginx, toml
from tests.live.shop import Shop

pytestmark = pytest.mark.live

LIMIT = 30  # requests/s
PAGES = 100


class Kind(NamedTuple):
    """How a server limits; `burst`: requests that it takes at once beyond the rate."""

    address: str
    rules: str
    status: int
    remembered: float  # requests/s
    most_refused: int


NGINX = {
    "nodelay": Kind("127.0.22.1", "limit_req zone=rate burst=10 nodelay;", 429, 45.0, 8),
    "nodelay 503": Kind("127.0.22.2", "limit_req zone=rate burst=10 nodelay;", 503, 45.0, 8),
    "queued": Kind("127.0.22.3", "limit_req zone=rate burst=10;", 503, 45.0, 12),
    "no burst": Kind("127.0.22.4", "limit_req zone=rate;", 429, 45.0, 12),
    "connections": Kind("127.0.22.5", "limit_conn connections 3;", 503, 45.0, 12),
}


@pytest.fixture
def shop() -> Iterator[Shop]:
    """What stands behind the servers; it answers after a tenth of a second."""
    with Shop("127.0.22.100", delay=0.1) as running:
        yield running


def remembered(rate: float) -> dict[str, Any]:
    """What a pace remembers of a host that refused more than `rate` requests/s for ten minutes."""
    pace = HostPace(clock_offset=time.time() - 600.0)
    now, tokens, at = 0.0, 1.0, 0.0
    while (now := pace.ready_at(now)) < 600.0:
        tokens, at = min(rate, tokens + (now - at) * rate), now
        good = tokens >= 1.0
        tokens -= good
        pace.on_send(now)
        pace.on_response(now + 0.001, Sample(sent_at=now, status=200 if good else 429, latency=0.001))
    return pace.memory(600.0)


def begin(folder: Path, host: str, rate: float) -> Command:
    """A folder with a store that remembers `host`, a site file and the URLs of its pages."""
    command = Command(folder)
    command.write("urls.txt", "\n".join(f"http://{host}/p/{n}" for n in range(PAGES)))
    fields = {"title": "h1"}
    command.write("sites.toml", toml({"sites.shop": {"hosts": [host]}, "sites.shop.fields": fields}))
    SqliteCrawls(command.store, create=True).close()
    work = SqliteWork(command.store, shard_of)
    work.commit(Batch(0, paces={host: remembered(rate)}))
    work.close()
    return command


ARGUMENTS = ("run", "urls.txt", "--allow-network", "127.0.0.0/8", "--max-rate", "0", "--json")


def check(command: Command, summary: dict[str, Any], server: Limited, most_refused: int) -> int:
    """Every page is `ok` and was answered once; requests and refusals are those of the server's log."""
    log = server.log()
    refused = [line for line in log if line.status in REFUSALS]
    answered = Counter(line.path for line in log if line.status == 200)
    assert (summary["pages"], summary["ok"]) == (PAGES, PAGES)
    assert answered == Counter(f"/p/{n}" for n in range(PAGES))
    assert summary["requests"] == len(log)
    assert summary["rejected"] == len(refused) <= most_refused
    [host] = json.loads(command.run("hosts", server.host, "--json").stdout)
    assert (host["requests"], host["rejections"]) == (len(log), len(refused))
    if refused:
        assert str(refused[-1].status) in host["pause"]["reason"]
    return len(refused)


def limited(kind: Kind, folder: Path, shop: Shop) -> AbstractContextManager[Limited]:
    """A server of that kind in front of the shop."""
    return nginx_limit(folder, kind.address, shop.host, kind.rules, rate=LIMIT, status=kind.status)


@pytest.mark.parametrize("name", NGINX)
def test_nginx(name: str, tmp_path: Path, shop: Shop) -> None:
    """limit_req, refused at once or queued, with a burst and without, by 429 and 503; limit_conn."""
    need_nginx()
    kind = NGINX[name]
    with limited(kind, tmp_path / "nginx", shop) as server:
        command = begin(tmp_path, server.host, kind.remembered)
        done = command.run(*ARGUMENTS)
        assert done.returncode == 0, done.stderr.decode()
        assert check(command, json.loads(done.stdout), server, kind.most_refused) > 0


def test_haproxy(tmp_path: Path, shop: Shop) -> None:
    """A stick table that counts requests, refused ones too, in a sliding window: 429 without Retry-After."""
    need_haproxy()
    with haproxy_limit(tmp_path / "haproxy", "127.0.22.6", shop.host, LIMIT, "1s") as server:
        command = begin(tmp_path, server.host, 45.0)
        done = command.run(*ARGUMENTS)
        assert done.returncode == 0, done.stderr.decode()
        assert check(command, json.loads(done.stdout), server, 12) > 0


def test_a_limit_that_changes(tmp_path: Path, shop: Shop) -> None:
    """An operator halves the limit while a crawl runs: the crawl slows down, and loses nothing."""
    need_nginx()
    # Without keep-alive: a connection that an ending worker closes may have a request under way.
    rules = "keepalive_timeout 0; limit_req zone=rate burst=5 nodelay;"
    with nginx_limit(tmp_path / "nginx", "127.0.22.7", shop.host, rules, rate=60, reloads=True) as server:
        assert server.nginx is not None
        command = begin(tmp_path, server.host, 25.0)
        running = command.start(*ARGUMENTS)
        deadline = time.monotonic() + 30
        while sum(line.status == 200 for line in server.log()) < 50:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.nginx.reload(http=before(shop.host) + zone(12), server=limited_by(rules, 429))
        out, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors.decode()
        assert check(command, json.loads(out), server, 12) > 0
