"""Answers that are none: cut, garbled, wrongly coded, too large, too slow."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping

import brotli

from tests.scenarios.parts import (
    BR,
    CAP,
    CHUNKED,
    CHUNKS,
    GZIP,
    LENGTH,
    PACKED,
    TEXT,
    ZEROS,
    ZSTD,
    Scenario,
    Step,
    answer,
    coded,
    cut,
    garbled,
    head,
    slow,
    too_large,
    zstd,
    zstd_wide,
)

OVER_CAP = f"the body is over {CAP:,} bytes (max_body raises the cap)"
CHUNK_SIZE = "Invalid character in chunk size"

CUT: Mapping[str, Scenario] = {
    "cut_before_head": cut("closed before an answer", "Closed at once.", status=None),
    "cut_within_head": cut(
        "closed within the head", "Closed within the head.", b"HTTP/1.1 200 OK\r\nContent-Ty", status=None
    ),
    "cut_after_hints": cut(
        "closed within the head",
        "Closed after an interim answer.",
        head(status="103 Early Hints"),
        status=None,
    ),
    "cut_within_body": cut(
        "received 50 of 6000 bytes", "Closed within the body.", head("Content-Length: 6000"), TEXT[:50]
    ),
    "cut_within_chunk": cut("body was cut", "Closed within a chunk.", head(CHUNKED), b"ff\r\nhalf"),
    "cut_between_chunks": cut("body was cut", "Closed between chunks.", head(CHUNKED), b"4\r\nhalf\r\n"),
    "reset_before_head": cut("Connection reset by peer before", "Reset at once.", Step.RESET, status=None),
    "reset_within_body": cut(
        "body was cut", "Reset within the body.", head("Content-Length: 6000"), TEXT[:50], Step.RESET
    ),
    "reset_without_length": cut(
        "reset after 50 bytes", "Reset within a body without length.", head(), TEXT[:50], Step.RESET
    ),
}

GARBLED: Mapping[str, Scenario] = {
    "bad_chunk": garbled(
        CHUNK_SIZE,
        "A chunk size that is none.",
        head(CHUNKED),
        b"4\r\nhalf\r\nzz\r\nhalf\r\n",
        Step.HANG,
        status=200,
    ),
    "bad_chunk_later": garbled(
        CHUNK_SIZE,
        "The same, in a packet of its own.",
        head(CHUNKED),
        b"4\r\nhalf\r\n",
        Step.LATER,
        b"zz\r\n",
        Step.HANG,
        status=200,
    ),
    "negative_chunk": garbled(
        CHUNK_SIZE, "A negative chunk size.", head(CHUNKED), b"-4\r\nhalf\r\n", Step.HANG, status=200
    ),
    "huge_chunk": garbled(
        "hunk size", "A chunk size over 64 bits.", head(CHUNKED), b"f" * 20 + b"\r\n", Step.HANG, status=200
    ),
    "chunk_without_end": garbled(
        "LF",
        "A chunk longer than its size.",
        head(CHUNKED),
        b"4\r\nhalf and more\r\n0\r\n\r\n",
        Step.HANG,
        status=200,
    ),
    "garbage": garbled("SSH-2.0", "Another protocol.", b"SSH-2.0-OpenSSH_9.6\r\n", Step.HANG),
    "http_0_9": garbled("<h1>", "A page without a head.", TEXT),
    "http_2": garbled("x00", "The frames of HTTP/2.", b"\0\0\x12\x04" + bytes(23), Step.HANG),
    "http_3": garbled("HTTP/3", "A version that does not exist here.", b"HTTP/3.0 200 OK\r\n\r\n", Step.HANG),
    "tls_alert": garbled("x15", "TLS on a plain port.", b"\x15\x03\x03\0\x02\x02\x46", Step.HANG),
    "status_of_letters": garbled("status", "A status that is no number.", b"HTTP/1.1 OK\r\n\r\n", Step.HANG),
    "status_of_four_digits": garbled(
        "status", "A status of four digits.", b"HTTP/1.1 2000 OK\r\n\r\n", Step.HANG
    ),
    "two_lengths": garbled(
        "headers, 5 and 6",
        "Content-Length twice, different.",
        head("Content-Length: 5", "Content-Length: 6"),
        b"whole and more",
    ),
    "negative_length": garbled(
        "Content-Length", "A negative Content-Length.", head("Content-Length: -5"), TEXT
    ),
    "length_of_letters": garbled(
        "Content-Length", "A Content-Length that is no number.", head("Content-Length: all"), TEXT
    ),
    "nul_in_header": garbled("zero byte", "A zero byte in a header.", head("X-Nul: a\0b", LENGTH) + TEXT),
    "chunked_not_last": garbled(
        "transfer coding 'chunked, gzip'",
        "A transfer coding after the chunks.",
        head("Transfer-Encoding: chunked, gzip") + CHUNKS,
        Step.HANG,
    ),
}

CODED: Mapping[str, Scenario] = {
    "gzip_cut": coded(
        "gzip stream ends before its end",
        "The gzip stream is cut, its length is right.",
        answer(PACKED[:-12], GZIP),
    ),
    "gzip_wrong_sum": coded(
        "gzip stream is broken", "A gzip stream with a wrong sum.", answer(PACKED[:-8] + b"\0" * 8, GZIP)
    ),
    "gzip_that_is_not": coded("gzip stream is broken", "Plain text declared as gzip.", answer(TEXT, GZIP)),
    "gzip_once_not_twice": coded(
        "gzip stream is broken", "gzip declared as gzip twice.", answer(PACKED, GZIP, GZIP)
    ),
    "br_cut": coded(
        "br stream ends before its end", "The br stream is cut.", answer(brotli.compress(TEXT)[:-3], BR)
    ),
    "br_that_is_not": coded("br stream is broken", "Plain text declared as br.", answer(TEXT, BR)),
    "zstd_cut": coded(
        "zstd stream ends before its end", "The zstd stream is cut.", answer(zstd.compress(TEXT)[:-3], ZSTD)
    ),
    "zstd_that_is_not": coded("zstd stream is broken", "Plain text declared as zstd.", answer(TEXT, ZSTD)),
    "zstd_wide": coded(
        "too much memory", "A zstd frame with a window of 128 MiB.", answer(zstd_wide(TEXT), ZSTD)
    ),
    "unknown_coding": coded(
        "'compress' is unknown",
        "A coding that nobody uses.",
        answer(TEXT, "Content-Encoding: gzip, compress"),
    ),
}

TOO_LARGE: Mapping[str, Scenario] = {
    "huge_length": too_large(OVER_CAP, "A length of 10 GB.", head("Content-Length: 10000000000"), Step.HANG),
    "endless": too_large(OVER_CAP, "250 MB without a length.", head(), *[bytes(1 << 16)] * 4000),
    "gzip_bomb": too_large(OVER_CAP, "A gzip bomb of 64 MiB.", answer(gzip.compress(ZEROS), GZIP)),
    "gzip_bomb_twice": too_large(
        OVER_CAP, "The same, compressed again.", answer(gzip.compress(gzip.compress(ZEROS)), GZIP, GZIP)
    ),
    "deflate_bomb": too_large(
        OVER_CAP, "A deflate bomb.", answer(zlib.compress(ZEROS), "Content-Encoding: deflate")
    ),
    "br_bomb": too_large(OVER_CAP, "A brotli bomb.", answer(brotli.compress(ZEROS, quality=4), BR)),
    "zstd_bomb": too_large(OVER_CAP, "A zstd bomb.", answer(zstd.compress(ZEROS), ZSTD)),
    "huge_header": too_large(
        "over 65,536 bytes", "A header of 70,000 bytes.", answer(TEXT, f"X-Huge: {'x' * 70_000}"), status=None
    ),
    "too_many_headers": too_large(
        "more than 256 headers",
        "5,000 headers.",
        answer(TEXT, *(f"X-{n}: y" for n in range(5000))),
        status=None,
    ),
    "huge_head": too_large(
        "head of the answer is over 262,144 bytes",
        "250 headers of 2,000 bytes.",
        answer(TEXT, *(f"X-{n}: {'y' * 2000}" for n in range(250))),
        status=None,
    ),
    "hints_without_end": too_large(
        "head of the answer is over 262,144 bytes",
        "Interim answers without end.",
        *[head("Link: </a.css>", status="103 Early Hints") * 100] * 100,
        status=None,
    ),
}

SLOW: Mapping[str, Scenario] = {
    "hang": slow("no answer began within", "Nothing comes.", Step.HANG),
    "hang_within_head": slow(
        "no byte for", "Nothing more comes within the head.", b"HTTP/1.1 200", Step.HANG
    ),
    "hang_after_hints": slow(
        "no byte for", "Nothing more after an interim answer.", head(status="103 Early Hints"), Step.HANG
    ),
    "hang_after_head": slow(
        "no byte for", "Nothing more comes after the head.", head(LENGTH), Step.HANG, status=200
    ),
    "hang_within_body": slow(
        "no byte for", "Nothing more comes within the body.", head(LENGTH), TEXT[:50], Step.HANG, status=200
    ),
    "drip": slow("not whole within", "A byte of the body at a time.", head(LENGTH), Step.DRIP, status=200),
    "drip_head": slow(
        "not whole within", "A byte of the head at a time.", b"HTTP/1.1 200 OK\r\nX-Drip: ", Step.DRIP
    ),
}
