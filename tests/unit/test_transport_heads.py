"""Heads and chunks as servers write them, and what a strict parser is given in their place."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import pairwise

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpResponseParser
from hypothesis import given
from hypothesis import strategies as st

from canter.transports.chunks import BadChunk, Chunks
from canter.transports.heads import BadHead, usable

STATUS = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\n",
        b"",
        b"X-Empty:\r\nx_under.score: caf\xe9\r\n",
        b"Transfer-Encoding: chunked\r\n",
    ],
)
def test_a_good_head_is_left_alone(lines: bytes) -> None:
    """Not a byte of it is changed."""
    assert usable(STATUS + lines + b"\r\n").data == STATUS + lines + b"\r\n"


@pytest.mark.parametrize(
    ("lines", "meant"),
    [
        (b"junk\r\nA: 1\r\n", b"A: 1\r\n"),
        (b"A: 1\r\nHTTP/1.1 200 OK\r\nB: 2\r\n", b"A: 1\r\nB: 2\r\n"),
        (b"A B: 1\r\n  folded\r\nC: 2\r\n\tfolded\r\n", b"C: 2\r\n\tfolded\r\n"),
        (b" folded at once\r\nA: 1\r\n", b"A: 1\r\n"),
        (b"A \t: 1\r\n", b"A: 1\r\n"),
        (b"caf\xe9: 1\r\n(A): 2\r\n: 3\r\n", b""),
        (b"A: one\rB: two\r\n", b"A: one B: two\r\n"),
        (b"A: 1\r\r\nB: 2\njunk\n", b"A: 1\r\nB: 2\r\n"),
    ],
)
def test_lines_that_are_no_header_are_passed_over(lines: bytes, meant: bytes) -> None:
    """As browsers do, with what is folded under them; no CR within a line makes a header of its own."""
    assert usable(STATUS + lines + b"\r\n").data == STATUS + meant + b"\r\n"


def test_a_zero_byte_is_not_http() -> None:
    """Browsers refuse it, too."""
    with pytest.raises(BadHead, match="a zero byte"):
        usable(STATUS + b"A: \0\r\n\r\n")


def test_a_length_in_disguise_is_one() -> None:
    """White space before the colon hides neither a second length nor chunks."""
    with pytest.raises(BadHead, match="two different Content-Length headers, 5 and 6"):
        usable(STATUS + b"Content-Length: 5\r\nContent-Length : 6\r\n\r\n")
    assert usable(STATUS + b"Transfer-Encoding : chunked\r\n\r\n").chunked


SIZES = st.lists(st.binary(min_size=1, max_size=30), max_size=6)
ENDS = st.sampled_from([b"\r\n", b"\n", b" ; a=b\r\n", b";x\n"])


@given(SIZES, ENDS, st.lists(st.integers(0, 60), max_size=5))
def test_chunks_are_the_same_in_any_pieces(chunks: list[bytes], end: bytes, cuts: list[int]) -> None:
    """Whatever ends the lines, and wherever packets end."""
    line = end.rpartition(b"a=b")[2].removeprefix(b";x")
    sent = b"".join(b"%X%b%b%b" % (len(chunk), end, chunk, line) for chunk in chunks)
    sent += b"0" + line + b"X-Sum: 1" + line + line
    places = [0, *sorted(cuts), len(sent)]
    body = Chunks()
    assert b"".join(body.feed(sent[a:b]) for a, b in pairwise(places)) == b"".join(chunks)
    assert body.over
    assert not body.beyond


@given(SIZES, st.booleans(), st.integers(1, 40))
def test_chunks_are_what_aiohttp_reads(chunks: list[bytes], trailer: bool, step: int) -> None:
    """Well-formed ones: its parser and this one tell the same bytes."""
    sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    sent += b"0\r\n" + b"X-Sum: 1\r\n" * trailer + b"\r\n"
    body = Chunks()
    mine = b"".join(body.feed(sent[at : at + step]) for at in range(0, len(sent), step))
    assert (mine, body.over) == (by_aiohttp(sent), True)


def by_aiohttp(sent: bytes) -> bytes:
    """A chunked body as aiohttp reads it."""

    async def read() -> bytes:
        loop = asyncio.get_running_loop()
        parser = HttpResponseParser(BaseProtocol(loop), loop, 1 << 16)
        ((_, content),), _, _ = parser.feed_data(STATUS + b"Transfer-Encoding: chunked\r\n\r\n" + sent)
        return await content.read()

    return asyncio.run(read())


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_what_is_no_chunks_is_refused_or_read(pieces: list[bytes]) -> None:
    """Nothing else happens, whatever comes."""
    body = Chunks()
    with contextlib.suppress(BadChunk):
        b"".join(map(body.feed, pieces))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"zz\r\n", "Invalid character in chunk size"),
        (b"\r\n", "Invalid character in chunk size"),
        (b"-4\r\nhalf\r\n", "Invalid character in chunk size"),
        (b"0x4\r\nhalf\r\n", "Invalid character in chunk size"),
        (b"4_0\r\n", "Invalid character in chunk size"),
        (b"f" * 16 + b"\r\n", "chunk size"),
        (b"4\r\nhalf and more\r\n", "CR LF"),
        (b"f" * 5000, "line between chunks"),
        (b"1;" + b"x" * 5000 + b"\r\n", "line between chunks"),
        (b"0\r\n" + b"X: y\r\n" * 20_000, "trailer"),
    ],
)
def test_what_is_no_chunk(sent: bytes, reason: str) -> None:
    """It is told as it comes, and no line is held back without bound."""
    with pytest.raises(BadChunk, match=reason):
        Chunks().feed(sent)


def test_what_follows_the_last_chunk_is_told() -> None:
    """It is none of the body's."""
    body = Chunks()
    assert body.feed(b"004\r\nhalf\r\n0\r\n\r\nHTTP/1.1") == b"half"
    assert body.over
    assert body.beyond
