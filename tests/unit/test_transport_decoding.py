"""Content codings: whole streams only, a step at a time."""

import contextlib
import gzip
import random
import zlib
from collections.abc import Callable, Iterable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.transports.decoding import STEP, DecodingError, decoder
from tests.scenarios.parts import zstd, zstd_wide

TEXT = b"a page of text, " * 5000


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def br(data: bytes) -> bytes:
    packed: bytes = brotli.compress(data, quality=4)
    return packed


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
    ("none", bytes),
    ("UTF-8", bytes),
    ("gzip", gzip.compress),
    ("X-GZIP", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw),
    ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ("deflate ,gzip,", lambda data: gzip.compress(zlib.compress(data))),
    ("gzip, identity, deflate", lambda data: raw(gzip.compress(data))),
    ("br", br),
    ("zstd", zstd.compress),
    ("zstd, br", lambda data: br(zstd.compress(data))),
    ("br, gzip, zstd", lambda data: zstd.compress(gzip.compress(br(data)))),
]


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_codings_are_undone_however_the_bytes_arrive(
    coding: str, encode: Callable[[bytes], bytes], size: int
) -> None:
    """Each coding and each stack of codings gives the text back, whatever the chunks."""
    assert decoded(coding, slices(encode(TEXT), size)) == TEXT


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
@pytest.mark.parametrize("size", [16_384, 1 << 22])
def test_large_bodies_survive(coding: str, encode: Callable[[bytes], bytes], size: int) -> None:
    """Many steps of output from one chunk of input, of a body that repeats itself now and then."""
    chance = random.Random(1)
    words = [chance.randbytes(chance.randint(1, 12)) for _ in range(2000)]
    body = b" ".join(chance.choices(words, k=120_000))
    assert decoded(coding, slices(encode(body), size)) == body


@given(data=st.binary(max_size=2000), size=st.integers(1, 40), case=st.sampled_from(CODINGS))
def test_any_bytes_survive(data: bytes, size: int, case: tuple[str, Callable[[bytes], bytes]]) -> None:
    """No content is mistaken for a header, a trailer or padding."""
    coding, encode = case
    assert decoded(coding, slices(encode(data), size)) == data


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", br), ("zstd", zstd.compress)],
)
def test_every_truncated_stream_is_found_out(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """A stream that lacks any number of its last bytes is never taken for whole."""
    whole = encode(b"short")
    for length in range(1, len(whole)):
        with pytest.raises(DecodingError, match="ends before its end"):
            decoded(coding, [whole[:length]])


def test_an_empty_body_needs_no_stream() -> None:
    """A redirect or 304 that declares a coding and has no body is whole."""
    assert decoded("gzip", []) == b""
    assert decoded("deflate, gzip", []) == b""
    assert decoded("br", []) == decoded("zstd", []) == b""


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


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_zstd_frames_are_joined_and_nothing_else(size: int) -> None:
    """A body of several frames is all of them; what follows them and is none is not passed over."""
    frames = zstd.compress(b"one ") + zstd.compress(b"") + zstd.compress(b"two")
    assert decoded("zstd", slices(frames, size)) == b"one two"
    with pytest.raises(DecodingError, match="zstd stream is broken"):
        decoded("zstd", slices(frames + b"tail of no kind", size))


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_bytes_after_brotli_are_an_error(size: int) -> None:
    """However they arrive: the end of the stream is the end of the body."""
    with pytest.raises(DecodingError, match="br stream is broken"):
        decoded("br", slices(brotli.compress(TEXT) + b"tail", size))


def test_a_window_that_is_too_wide_is_refused() -> None:
    """A zstd frame may not ask for more memory than RFC 9659 lets it."""
    with pytest.raises(DecodingError, match="too much memory"):
        decoded("zstd", [zstd_wide(TEXT)])


def test_windows_are_known_beforehand() -> None:
    """What a stack of codings takes beside the body can be counted before it is taken."""
    assert decoder(["gzip, deflate"]).window == decoder([]).window == 0
    assert decoder(["br"]).window == 1 << 24
    assert decoder(["zstd, gzip, br"]).window == (1 << 24) + (1 << 23)


@pytest.mark.parametrize("coding", ["compress", "exi", "gzip, dcb", "aes128gcm"])
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


@pytest.mark.parametrize(
    ("coding", "broken"),
    [
        ("gzip", TEXT),
        ("gzip", gzip.compress(TEXT)[:-8] + bytes(8)),
        ("br", TEXT),
        ("zstd", TEXT),
        ("zstd", gzip.compress(TEXT)),
        ("gzip", zstd.compress(TEXT)),
    ],
)
def test_what_is_not_coded_so_is_said(coding: str, broken: bytes) -> None:
    """Plain text, another coding and a wrong checksum are broken streams."""
    with pytest.raises(DecodingError, match=f"{coding} stream is broken"):
        decoded(coding, [broken])


@given(data=st.binary(min_size=1, max_size=3000), coding=st.sampled_from(["gzip", "deflate", "br", "zstd"]))
def test_any_bytes_at_all_are_an_end_or_an_error(data: bytes, coding: str) -> None:
    """Nothing that a server sends gets another exception out of a decoder, and no piece is too large."""
    stream = decoder([coding])
    with contextlib.suppress(DecodingError):
        for piece in stream.feed(data):
            assert len(piece) <= 2 * STEP
        stream.finish()


STACKS = [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "gzip"], ["br", "zstd"]]
BOMBERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=3),
    "zstd": zstd.compress,
}


@pytest.mark.parametrize(
    "codings", [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "gzip"], ["br", "zstd"]]
)
def test_a_bomb_grows_by_steps(codings: list[str]) -> None:
    """Decoding hands out about a step at a time, so that a caller's cap stops it there."""
    bomb = bytes(32 << 20)
    for coding in codings:
        bomb = BOMBERS[coding](bomb)
    stream = decoder([", ".join(codings)])
    pieces = stream.feed(bomb)
    assert all(0 < len(next(pieces)) <= 2 * STEP for _ in range(50))
