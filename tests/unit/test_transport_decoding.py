"""Content codings: whole streams only, a step at a time."""

import gzip
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.transports.decoding import STEP, DecodingError, decoder

TEXT = b"a page of text, " * 5000


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def decoded(coding: str, chunks: Iterable[bytes]) -> bytes:
    stream = decoder([coding])
    body = b"".join(piece for chunk in chunks for piece in stream.feed(chunk))
    stream.finish()
    return body


def slices(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("", bytes),
    ("identity", bytes),
    ("gzip", gzip.compress),
    ("X-GZIP", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw),
    ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ("deflate ,gzip,", lambda data: gzip.compress(zlib.compress(data))),
    ("gzip, identity, deflate", lambda data: raw(gzip.compress(data))),
]


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_codings_are_undone_however_the_bytes_arrive(
    coding: str, encode: Callable[[bytes], bytes], size: int
) -> None:
    """Each coding and each stack of codings gives the text back, whatever the chunks."""
    assert decoded(coding, slices(encode(TEXT), size)) == TEXT


@given(data=st.binary(max_size=2000), size=st.integers(1, 40), case=st.sampled_from(CODINGS))
def test_any_bytes_survive(data: bytes, size: int, case: tuple[str, Callable[[bytes], bytes]]) -> None:
    """No content is mistaken for a header, a trailer or padding."""
    coding, encode = case
    assert decoded(coding, slices(encode(data), size)) == data


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_every_truncated_stream_is_found_out(coding: str) -> None:
    """A stream that lacks any number of its last bytes is never taken for whole."""
    whole = gzip.compress(b"short") if coding == "gzip" else zlib.compress(b"short")
    for length in range(1, len(whole)):
        with pytest.raises(DecodingError, match="ends before its end"):
            decoded(coding, [whole[:length]])


def test_an_empty_body_needs_no_stream() -> None:
    """A redirect or 304 that declares a coding and has no body is whole."""
    assert decoded("gzip", []) == b""
    assert decoded("deflate, gzip", []) == b""


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 600, b"\x1f", b"\x1f\x8b", b"<!-- cached -->"])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_bytes_after_gzip_are_ignored(tail: bytes, size: int) -> None:
    """Padding and comments after the end do no harm."""
    assert decoded("gzip", slices(gzip.compress(TEXT) + tail, size)) == TEXT


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_gzip_members_are_joined(size: int) -> None:
    """A body of several gzip members is all of them."""
    body = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + b"\0\0\0"
    assert decoded("gzip", slices(body, size)) == b"one two"


def test_a_second_member_must_be_whole_too() -> None:
    """The end of the first member is not the end of the body when another begins."""
    with pytest.raises(DecodingError, match="ends before its end"):
        decoded("gzip", [gzip.compress(b"one ") + gzip.compress(b"two")[:-4]])


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br"])
def test_unknown_codings_are_named(coding: str) -> None:
    """What cannot be undone is refused before a byte is read."""
    with pytest.raises(DecodingError, match=coding.rpartition(" ")[2]):
        decoder([coding])


def test_absurd_stacks_are_refused() -> None:
    """A header cannot ask for thousands of decoders."""
    with pytest.raises(DecodingError, match="5000 content codings"):
        decoder([", ".join(["gzip"] * 5000)])


def test_several_headers_count_as_one() -> None:
    """Codings on header lines of their own stack in order."""
    stream = decoder(["deflate", "gzip"])
    assert b"".join(stream.feed(gzip.compress(zlib.compress(TEXT)))) == TEXT


@pytest.mark.parametrize("broken", [TEXT, gzip.compress(TEXT)[:-8] + bytes(8)])
def test_what_is_not_gzip_is_said(broken: bytes) -> None:
    """Plain text and a wrong checksum are both broken streams."""
    with pytest.raises(DecodingError, match="gzip stream is broken"):
        decoded("gzip", [broken])


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_grows_by_steps(times: int) -> None:
    """Decoding hands out at most a step at a time, so that a caller's cap stops it there."""
    bomb = bytes(32 << 20)
    for _ in range(times):
        bomb = gzip.compress(bomb)
    stream = decoder([", ".join(["gzip"] * times)])
    pieces = stream.feed(bomb)
    assert all(0 < len(next(pieces)) <= STEP for _ in range(50))
