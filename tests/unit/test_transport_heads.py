"""Heads and chunks as servers write them, and what a strict parser is given in their place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.transports.chunks import LineEnds
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
    """Whatever ends the lines, and wherever packets end: sizes, chunks and trailer as they should be."""
    line = end.rpartition(b"a=b")[2].removeprefix(b";x")
    sent = b"".join(b"%X%b%b%b" % (len(chunk), end, chunk, line) for chunk in chunks)
    sent += b"0" + line + b"X-Sum: 1" + line + line
    wanted = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    wanted += b"0\r\nX-Sum: 1\r\n\r\n"
    places = [0, *sorted(cuts), len(sent)]
    pieces = [sent[a:b] for a, b in pairwise(places)]
    mending = LineEnds()
    assert b"".join(map(mending.feed, pieces)) == wanted


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_what_is_no_chunks_never_fails(pieces: list[bytes]) -> None:
    """It goes on to the parser, which refuses it."""
    mending = LineEnds()
    b"".join(map(mending.feed, pieces))


def test_a_line_without_end_is_not_held_back() -> None:
    """However much comes: the parser sees it and its bounds hold."""
    mending = LineEnds()
    assert sum(len(mending.feed(b"f" * 1000)) for _ in range(100)) > 90_000


@pytest.mark.parametrize(
    ("first", "needed"),
    [(b"5\r\nhello", False), (b"FF\r\n", False), (b"5\nhello", True), (b"5 \r\nhello", True), (b"5", True)],
)
def test_ordinary_chunks_cost_nothing(first: bytes, needed: bool) -> None:
    """They go straight to the parser."""
    assert (LineEnds.needed(first) is not None) is needed
