"""The raw answers of curl's own tests: whole where curl has them whole, else a fault; none hangs."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from canter.model import Fault, FaultKind, Limits, Request, Response
from canter.transports.aiohttp import AiohttpTransport
from tests.faultserver import FaultServer

TABLE = Path(__file__).parents[3] / "shared" / "corpus" / "tables" / "http_raw_responses_curl.json"

pytestmark = pytest.mark.skipif(not TABLE.is_file(), reason=f"the corpus is not at {TABLE}")

# Rows on which we differ, and why.
DEVIATIONS = {
    # curl fails for a reason of its command line, the answer is whole
    152: "--fail makes an error of status 401",
    361: "--fail-with-body makes an error of status 404",
    1425: "curl refuses to write zero bytes to a terminal",
    1460: "curl does not overwrite a file",
    1683: "curl does not overwrite a file",
    3009: "curl's output folder does not exist",
    393: "--max-filesize counts a length beyond 64 bits as too large; without it (395) curl reads on",
    1618: "--max-filesize=1000; the brotli stream holds 102,400 bytes",
    # curl was told to take more than a browser does
    1123: "--tr-encoding asks for deflate as a transfer coding, we ask for none",
}
NOT_TRIED = {704: "a proxy that does not listen; there is no answer"}


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(TABLE.read_text("utf-8"))["cases"]
    return [row for row in found if row["test"] not in NOT_TRIED]


def content(row: dict[str, Any]) -> bytes:
    raw = row["response"]
    data: str = raw["__bytes_latin1__"] if isinstance(raw, dict) else raw
    return data.encode("latin-1")


@pytest.fixture(scope="module")
def ends() -> dict[int, Response | Fault]:
    """How each row ends, all asked at once."""

    async def ask() -> dict[int, Response | Fault]:
        answers = {str(row["test"]): [content(row)] for row in rows()}
        limits = Limits(timeout=10, max_body=1 << 20)
        async with FaultServer(answers=answers) as server:
            transport = AiohttpTransport(user_agent="Canter/test", allow_networks=[ip_network("127.0.0.0/8")])
            requests = [Request(server.url(name), {}, limits) for name in answers]
            found = await asyncio.gather(*map(transport.send, requests))
            await transport.close()
        return dict(zip(map(int, answers), found, strict=True))

    return asyncio.run(ask())


def test_the_rows_are_those_that_were_looked_at(ends: dict[int, Response | Fault]) -> None:
    """90 of the 91 rows are answers; 17 of them are plain."""
    assert len(ends) == 90
    assert sum(row["plain"] for row in rows()) == 17


def test_curls_verdict_holds(ends: dict[int, Response | Fault]) -> None:
    """An answer that curl takes is whole, one that it does not is a fault, but for the rows listed."""
    differing = {
        row["test"] for row in rows() if isinstance(ends[row["test"]], Response) != (not row["curl_exit"])
    }
    assert differing == set(DEVIATIONS)
    plain = {row["test"] for row in rows() if row["plain"]}
    assert differing & plain == {1425}


def test_none_takes_until_a_time_limit(ends: dict[int, Response | Fault]) -> None:
    """The end of a connection ends the answer; every fault says what broke in one line."""
    for test, end in ends.items():
        if isinstance(end, Fault):
            assert end.kind is not FaultKind.TIMEOUT, (test, end)
            assert end.message
            assert "\n" not in end.message


def test_bodies_are_curls(ends: dict[int, Response | Fault]) -> None:
    """Some whose body is not simply what follows the head."""
    bodies = {test: end.body for test, end in ends.items() if isinstance(end, Response)}
    assert bodies[34] == b"a" * 64 + b"b" * 48 + b"c" * 32 + b"\n"  # chunks
    assert bodies[341] == bodies[1417] == b"a" * 64 + b"b" * 48 + b"c" * 32 + b"\n"  # lines without CR
    assert bodies[365] == b"chunked data fun"  # a Content-Length beside the chunks
    assert bodies[767] == bodies[395] == bodies[1473] == b"-foo-\n"  # strange lengths, a header too far right
    assert bodies[1115] == b""  # after an answer 104
    assert bodies[222] == bodies[396]  # deflate, zstd
    assert (len(bodies[222]), bodies[222][:5]) == (5041, b"<?xml")
    assert bodies[1618] == bytes([bodies[1618][0]]) * 102_400  # 14 bytes of brotli
    assert bodies[224] == b"uncompressed gzip data with long gzip header\n"
    assert bodies[397].startswith(b"0123456789ABCDEF")
    assert len(bodies[397]) == 16_512
