"""Fetches URLs all at once through the transport, and measures what memory that took.

Reads `{"urls": [...], "max_body": BYTES, "body_budget": BYTES, "sink": true}` as JSON on standard input;
writes `{"ends": [...], "before": BYTES, "peak": BYTES}`: sizes of bodies or kinds of faults, and resident
memory before the first request and at its highest. With `sink` the bodies are counted and not kept.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from canter.model import Limits, Request, Response
from canter.transports.aiohttp import AiohttpTransport


def resident(row: str) -> int:
    """VmRSS or VmHWM of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(row))


class Counted:
    """A sink that keeps nothing."""

    def __init__(self) -> None:
        self.size = 0

    def begin(self) -> None:
        self.size = 0

    def write(self, piece: bytes) -> None:
        self.size += len(piece)


async def fetch(order: dict[str, Any]) -> dict[str, Any]:
    """Fetch everything; bodies are dropped as soon as they are measured, as the engine does."""
    transport = AiohttpTransport(
        user_agent="Canter/test", allow_networks=[ip_network("127.0.0.0/8")], body_budget=order["body_budget"]
    )
    limits = Limits(timeout=120, read_timeout=60, max_body=order["max_body"])

    async def end(url: str) -> int | str:
        sink = Counted() if order["sink"] else None
        answer = await transport.send(Request(url, {}, limits, sink=sink))
        if isinstance(answer, Response):
            return sink.size if sink else len(answer.body)
        return answer.kind.value

    gc.collect()
    before = resident("VmRSS")
    ends = await asyncio.gather(*(end(url) for url in order["urls"]))
    await transport.close()
    return {"ends": ends, "before": before, "peak": resident("VmHWM")}


if __name__ == "__main__":
    json.dump(asyncio.run(fetch(json.load(sys.stdin))), sys.stdout)
