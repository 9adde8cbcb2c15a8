"""A kill -9 leaves what was learned in the store, and the next run starts from it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

import pytest

from tests.live.command import Command
from tests.live.shop import Shop

pytestmark = pytest.mark.live

DEADLINE = 30.0  # seconds
CRAWL = """
import asyncio, sys
import canter
from canter import hosts

hosts.REMEMBER = 0.5

async def main():
    async with canter.Crawler([], "canter.db", allow_network=["127.0.0.0/8"]) as crawler:
        async for record in crawler.crawl(open("urls.txt").read().split()):
            pass

asyncio.run(main())
"""


def learned(canter: Command, host: str) -> dict[str, Any]:
    """What `canter hosts` tells of a host."""
    [found] = json.loads(canter.run("hosts", host, "--json").stdout)
    return dict(found)


def noted(canter: Command) -> bool:
    """Whether the store holds a rate."""
    if not canter.store.exists():
        return False
    with closing(sqlite3.connect(canter.store)) as store:
        if not store.execute("SELECT 1 FROM sqlite_master WHERE name='pace'").fetchone():
            return False
        row = store.execute("SELECT json_extract(memory, '$.rate') FROM pace").fetchone()
    return bool(row and row[0])


def test_a_kill_leaves_what_was_learned(canter: Command, shop: Shop) -> None:
    """Rate and counts are there after a kill -9 in the middle of a run, and the next run counts on."""
    canter.write("urls.txt", "\n".join(shop.urls(5_000)))
    canter.write("crawl.py", CRAWL)
    crawl = subprocess.Popen([sys.executable, "crawl.py"], cwd=canter.folder)
    try:
        deadline = time.monotonic() + DEADLINE
        while not noted(canter):
            assert crawl.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        crawl.kill()
        crawl.wait()
    left = learned(canter, shop.host)
    assert left["rate"] > 0
    assert 0 < left["requests"] <= shop.seen.total()
    canter.write("few.txt", "\n".join(shop.urls(5)))
    done = canter.run("run", "few.txt", "--allow-network", "127.0.0.0/8")
    assert done.returncode == 0, done.stderr.decode()
    assert b"pace_memory" not in done.stderr
    assert learned(canter, shop.host)["requests"] == left["requests"] + 6  # robots.txt, too
