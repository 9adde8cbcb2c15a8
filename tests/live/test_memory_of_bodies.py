"""What bodies cost in memory, in a process of their own: crowds of large ones, and bombs."""

from __future__ import annotations

import asyncio
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
from tests.scenarios import answer
from tests.scenarios.parts import zstd

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
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
