"""`canter run --workers`: the same records, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.command import LOCAL, Command
from tests.live.processes import children_of, is_worker, wait_until, workers_of
from tests.live.shop import SITE, Shop

ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6")


@pytest.fixture
def shops() -> Iterator[list[Shop]]:
    """Five shops, each a host of a shard of its own."""
    with ExitStack() as stack:
        yield [stack.enter_context(Shop(address)) for address in ADDRESSES]


def prepare(canter: Command, shops: list[Shop], pages: int, more: str = "") -> list[str]:
    """A site file that claims all shops, and `urls.txt` with so many pages of each, by turns."""
    hosts = ", ".join(f'"{shop.host}"' for shop in shops)
    canter.write("sites.toml", SITE.format(robots="true").replace('"127.0.0.0"', hosts) + more)
    urls = [url for several in zip(*(shop.urls(pages) for shop in shops), strict=True) for url in several]
    canter.write("urls.txt", "\n".join(urls) + "\n")
    return urls


def lasting(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records in the order of their URLs, without what differs from run to run."""
    passing = ("crawl", "request_id", "fetched_at", "response_time")
    kept = [{name: value for name, value in record.items() if name not in passing} for record in records]
    return sorted(kept, key=lambda record: str(record["url"]))


def test_two_workers_give_what_one_gives(canter: Command, shops: list[Shop]) -> None:
    """Every record is the same but for times and ids, no page is asked for twice, no second counted twice."""
    prepare(canter, shops, 60)
    one = canter.crawl("urls.txt", "--workers", "1")
    first = lasting(canter.records())
    began = time.monotonic()
    two = canter.crawl("urls.txt", "--workers", "2", "--store", "two.db")
    assert 0 < two["seconds"] < time.monotonic() - began
    assert lasting(canter.records("--store", "two.db")) == first
    for key in ("pages", "ok", "failed", "errors", "requests", "rejected", "bytes"):
        assert one[key] == two[key], key
    assert {count for shop in shops for count in shop.seen.values()} == {2}


def test_each_host_has_one_worker(canter: Command, shops: list[Shop]) -> None:
    """Two processes ask, and no host is asked by both; nothing else runs beside them."""
    ports: dict[str, set[int]] = {}
    prepare(canter, shops, 60)
    for shop in shops:
        shop.delay = 0.01
    process = canter.start("run", "urls.txt", *LOCAL, "--workers", "2")
    wait_until(lambda: all(len(shop.seen) > 30 for shop in shops))
    workers = workers_of(process.pid)
    assert children_of(process.pid) == workers
    for worker in workers:
        ports[str(worker)] = _remote_hosts(worker)
    process.communicate(timeout=60)
    assert len(workers) == 2
    first, second = ports.values()
    assert not first & second


def _remote_hosts(pid: int) -> set[int]:
    """The ports that a process is connected to."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(fd.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(line[2].rpartition(":")[2], 16) for line in lines if line[9] in inodes and line[3] == "01"}


def test_one_host_needs_one_worker(canter: Command, shop: Shop) -> None:
    """A second worker would have nothing to do: it is not started."""
    prepare(canter, [shop], 40)
    shop.delay = 0.05
    process = canter.start("run", "urls.txt", *LOCAL, "--workers", "4", "--max-concurrent", "4")
    wait_until(lambda: len(shop.seen) > 20)
    workers = workers_of(process.pid)
    process.communicate(timeout=60)
    assert len(workers) == 1


def test_a_killed_worker_is_replaced(canter: Command, shops: list[Shop]) -> None:
    """kill -9 of a worker in the middle: another goes on, the run ends well, each URL has one record."""
    urls = prepare(canter, shops, 200)
    for shop in shops:
        shop.delay = 0.02
    process = canter.start("run", "urls.txt", *LOCAL, "--workers", "2", "--max-concurrent", "20")
    wait_until(lambda: sum(len(shop.seen) for shop in shops) > 200)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert b"a worker died" in err
    records = canter.records()
    assert Counter(record["url"] for record in records) == Counter(urls)
    assert {record["outcome"] for record in records} == {"ok"}
    assert sum(count for shop in shops for count in shop.seen.values()) <= len(urls) + 5 + 500 + 20


DEADLY = """
import os

def parse(page):
    if page.url.endswith("/p/7"):
        os._exit(9)
    return {}
"""


def test_a_page_that_kills_its_worker_twice_ends_alone(canter: Command, shops: list[Shop]) -> None:
    """It is `malformed` and says so; the others are as they should be."""
    canter.write("deadly.py", DEADLY)
    urls = prepare(canter, shops[:2], 40)
    text = (canter.folder / "sites.toml").read_text()
    canter.write("sites.toml", text.replace("robots = true", 'robots = true\nparse = "deadly:parse"'))
    summary = canter.crawl("urls.txt", "--workers", "2")
    assert (summary["ok"], summary["errors"]) == (len(urls) - 2, {"malformed": 2})
    for record in canter.records("--outcome", "failed"):
        assert record["url"].endswith("/p/7")
        assert "twice ended the process" in record["error"]
    assert [shop.seen["/p/7"] for shop in shops[:2]] == [2, 2]


def test_kill_9_of_the_parent_ends_every_worker(canter: Command, shops: list[Shop]) -> None:
    """Within 2 s none is left, and the next run goes on."""
    urls = prepare(canter, shops, 200)
    for shop in shops:
        shop.delay = 0.05
    process = canter.start("run", "urls.txt", *LOCAL, "--workers", "2", "--max-concurrent", "10")
    wait_until(lambda: sum(len(shop.seen) for shop in shops) > 100)
    workers = workers_of(process.pid)
    assert len(workers) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    wait_until(lambda: not any(is_worker(worker) for worker in workers), seconds=2)
    for shop in shops:
        shop.delay = 0.0
    summary = canter.crawl("urls.txt", "--workers", "2")
    assert summary["resumed"] is True
    assert (summary["pages"], summary["ok"]) == (len(urls), len(urls))


def test_a_redirect_to_another_worker_s_host_is_followed(canter: Command, shops: list[Shop]) -> None:
    """Pages that lead from host to host end well, whichever worker has the last one."""
    from aiohttp import web

    prepare(canter, shops, 10)
    for shop, next_one in zip(shops, [*shops[1:], shops[0]], strict=True):

        async def lead(request: web.Request, to: Shop = next_one) -> web.Response | None:
            if request.path.startswith("/p/"):
                raise web.HTTPFound(to.url(f"/q/{request.path.rpartition('/')[2]}"))
            return None

        shop.answer = lead
    summary = canter.crawl("urls.txt", "--workers", "2")
    assert (summary["pages"], summary["ok"]) == (50, 50)
    for record in canter.records():
        assert len(record["redirects"]) == 1
