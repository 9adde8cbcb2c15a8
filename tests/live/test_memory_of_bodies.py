"""What bodies cost in memory, in a process of their own: crowds of large ones, and bombs."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import brotli
import pytest

from tests.faultserver import FaultServer
from tests.live.command import LOCAL, Command
from tests.scenarios import answer
from tests.scenarios.parts import zstd

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
ROBOTS = len(b"User-agent: *\nAllow: /\n")
CROWD = tuple(f"127.0.0.{n}" for n in range(1, 65))


async def hoard(
    urls: Sequence[str], max_body: int, body_budget: int = 64 * MIB, *, sink: bool = False
) -> dict[str, Any]:
    """What `tests.live.hoard` measured."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.live.hoard", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    order = {"urls": urls, "max_body": max_body, "body_budget": body_budget, "sink": sink}
    output, _ = await child.communicate(json.dumps(order).encode())
    assert child.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.live
async def test_64_hosts_that_send_15_mib_at_once() -> None:
    """Every body ends whole, and the process stays under 250 MB."""
    async with FaultServer(*CROWD) as server:
        found = await hoard([server.url("large_page", host) for host in CROWD], 16 * MIB)
    assert found["ends"] == [15 * MIB] * 64
    assert found["peak"] < 250e6


def shares(process: int) -> int:
    """What a process and those it started take together, in bytes; pages that they share count once."""
    taken = 0
    for part in [process, *started_by(process)]:
        rows = Path(f"/proc/{part}/smaps_rollup").read_text().splitlines()
        taken += next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))
    return taken


def started_by(process: int) -> list[int]:
    found = [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [*found, *(other for one in found for other in started_by(one))]


@pytest.mark.live
async def test_the_command_takes_250_mb_for_them_in_all(canter: Command) -> None:
    """Parent and worker together, while 64 pages of 15 MiB are read and their fields extracted."""
    canter.write("sites.toml", '[sites.s]\nhosts = ["*"]\n[sites.s.fields]\ntitle = "h1"\n')
    taken: list[int] = []
    async with FaultServer(*CROWD) as server:
        canter.write("urls.txt", "\n".join(server.url("large_page", host) for host in CROWD))
        limits = ("--workers", "1", "--timeout", "10m", "--read-timeout", "5m")
        running = canter.start("run", "urls.txt", *LOCAL, *limits, "--json")
        ending = asyncio.create_task(asyncio.to_thread(running.communicate))
        while not ending.done():
            with contextlib.suppress(OSError):  # a process that has just ended
                taken.append(shares(running.pid))
            await asyncio.wait([ending], timeout=0.05)
    summary = json.loads((await ending)[0])
    assert (summary["ok"], summary["bytes"]) == (64, 64 * 15 * MIB + 64 * ROBOTS)
    assert max(taken) < 250e6


@pytest.mark.live
async def test_what_goes_into_a_sink_is_not_held() -> None:
    """A sitemap of 45 MiB, packed or plain, takes a few MiB, whatever the body budget."""
    body = bytes(45 * MIB)
    answers = {"plain": [answer(body)], "packed": [answer(gzip.compress(body), "Content-Encoding: gzip")]}
    async with FaultServer(answers=answers) as server:
        found = await hoard([server.url(name) for name in answers], 50 * MIB, 1 * MIB, sink=True)
    assert found["ends"] == [45 * MIB] * 2
    assert found["peak"] - found["before"] < 8 * MIB


def by_gzip_twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data))


def by_brotli(data: bytes) -> bytes:
    packed: bytes = brotli.compress(data, quality=3)
    return packed


BOMBS: list[tuple[str, Callable[[bytes], bytes], int]] = [
    ("gzip", gzip.compress, 0),
    ("gzip, gzip", by_gzip_twice, 0),
    ("deflate", zlib.compress, 0),
    ("br", by_brotli, 16),  # MiB of its window
    ("zstd", zstd.compress, 8),
]


@pytest.mark.live
@pytest.mark.parametrize(("coding", "pack", "window"), BOMBS)
async def test_a_bomb_costs_the_cap(coding: str, pack: Callable[[bytes], bytes], window: int) -> None:
    """512 MiB in a small body take the cap, the codec's own window and the socket's buffer at most."""
    bomb = pack(bytes(512 * MIB))
    async with FaultServer(answers={"bomb": [answer(bomb, f"Content-Encoding: {coding}")]}) as server:
        found = await hoard([server.url("bomb")], 4 * MIB)
    assert found["ends"] == ["too_large"]
    assert found["peak"] - found["before"] < (4 + window + 8) * MIB
