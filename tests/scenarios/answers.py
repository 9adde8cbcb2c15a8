"""Whole answers, strange as they may be, and those that are no pages."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping

import brotli

from canter.model import ErrorType, FaultKind
from tests.scenarios.parts import (
    BR,
    CHUNKED,
    CHUNKS,
    GZIP,
    HTML,
    LENGTH,
    PACKED,
    TEXT,
    ZSTD,
    Scenario,
    Step,
    answer,
    head,
    page,
    raw_deflate,
    told,
    zstd,
)

WHOLE: Mapping[str, Scenario] = {
    "page": page("A page; the connection is kept.", answer(TEXT, HTML), Step.KEEP),
    "plain": page("A page; the connection is closed.", answer(TEXT)),
    "no_length": page("The end of the connection ends the body.", head(), TEXT),
    "http_1_0": page("An old server.", b"HTTP/1.0 200 OK\r\n\r\n", TEXT),
    "chunked": page("A body in chunks.", head(CHUNKED), CHUNKS, Step.KEEP),
    "chunks_with_trailer": page(
        "Chunks with extensions and a trailer.",
        head(CHUNKED),
        b"%X;name=value\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(TEXT), TEXT),
    ),
    "chunks_without_cr": page(
        "Lines between chunks end without CR.",
        head(CHUNKED),
        CHUNKS.replace(b"\r", b""),
        Step.KEEP,
    ),
    "space_in_chunk_size": page(
        "White space and an extension after a chunk size.",
        head(CHUNKED),
        b"%x ; a=b\r\n%b\r\n0 \r\n\r\n" % (len(TEXT), TEXT),
        Step.KEEP,
    ),
    "byte_by_byte": page(
        "Every byte in a chunk.", head(CHUNKED), b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n", body=b"x" * 5000
    ),
    "head_in_pieces": page(
        "The head arrives in four pieces.",
        b"HTT",
        Step.LATER,
        b"P/1.1 200 OK\r\nContent-Length:",
        Step.LATER,
        f" {len(TEXT)}\r\n\r".encode(),
        Step.LATER,
        b"\n" + TEXT,
    ),
    "bare_line_feeds": page("Lines end without CR.", head(LENGTH).replace(b"\r", b"") + TEXT, Step.KEEP),
    "empty_lines_first": page("Empty lines before the status line.", b"\r\n\r\n" + answer(TEXT)),
    "early_hints": page(
        "An interim answer comes first.",
        head("Link: </a.css>", status="103 Early Hints"),
        answer(TEXT),
        Step.KEEP,
    ),
    "early_hints_later": page(
        "An interim answer comes first, by itself.",
        head(status="100 Continue"),
        Step.LATER,
        head(status="103 Early Hints"),
        Step.LATER,
        answer(TEXT),
    ),
    "longer_than_said": page(
        "More bytes than Content-Length says.", head("Content-Length: 5") + b"whole and more", body=b"whole"
    ),
    "longer_later": page(
        "More bytes than Content-Length says, in a packet of their own.",
        head("Content-Length: 5") + b"whole",
        Step.LATER,
        b" and more",
        Step.HANG,
        body=b"whole",
    ),
    "two_answers": page("Two answers to one request.", answer(TEXT), answer(b"not this one"), Step.HANG),
    "same_length_twice": page("Content-Length twice, the same.", head(LENGTH, LENGTH) + TEXT, Step.KEEP),
    "length_and_chunks": page(
        "A false Content-Length beside chunks.", head("Content-Length: 5", CHUNKED) + CHUNKS
    ),
    "folded_header": page("A header goes on in the next line.", head("X-Long: one", "  two", LENGTH) + TEXT),
    "header_without_colon": page(
        "Lines that are no header, one of them folded.",
        head("X-None", LENGTH, "HTTP/1.1 200 OK", "  and on", "X Y: z", ": none") + TEXT,
        Step.KEEP,
    ),
    "space_before_colon": page(
        "White space before a colon.", head(f"Content-Length : {len(TEXT)}") + TEXT, Step.KEEP
    ),
    "cr_in_header": page("A CR within a header.", head("X-Two: one\rtwo", LENGTH) + TEXT, Step.KEEP),
    "latin1_header": page(
        "A header that is not UTF-8.", answer(TEXT).replace(b"\r\n\r\n", b'\r\nETag: "caf\xe9"\r\n\r\n', 1)
    ),
    "long_header": page("A header of 60,000 bytes.", answer(TEXT, f"X-Long: {'x' * 60_000}")),
    "many_headers": page("200 headers.", answer(TEXT, *(f"X-{n}: y" for n in range(200)))),
    "gzip": page("gzip.", answer(PACKED, GZIP)),
    "gzip_with_tail": page("Bytes after the gzip stream.", answer(PACKED + b"tail", GZIP)),
    "gzip_twice": page(
        "gzip on gzip, as the head says.", answer(gzip.compress(PACKED), "Content-Encoding: gzip, gzip")
    ),
    "deflate": page(
        "deflate as the standard says.", answer(zlib.compress(TEXT), "Content-Encoding: deflate")
    ),
    "raw_deflate": page(
        "deflate without its wrapper.", answer(raw_deflate(TEXT), "Content-Encoding: deflate")
    ),
    "br": page("brotli, which was not asked for.", answer(brotli.compress(TEXT), BR)),
    "zstd": page("zstd.", answer(zstd.compress(TEXT), ZSTD)),
    "no_coding": page("A Content-Encoding that codes nothing.", answer(TEXT, "Content-Encoding: UTF-8")),
    "empty_coding": page("An empty Content-Encoding.", answer(TEXT, "Content-Encoding: ")),
    "whole_then_reset": page("A reset after the whole answer.", answer(TEXT), Step.RESET),
    "chunks_then_reset": page("A reset after the last chunk.", head(CHUNKED), CHUNKS, Step.RESET),
    "empty_in_unknown_coding": page(
        "No body, in a coding that nobody uses.", answer(b"", HTML, "Content-Encoding: exi"), body=b""
    ),
    "empty": page("An empty page.", answer(b"", HTML), body=b""),
}

NO_PAGES: Mapping[str, Scenario] = {
    "no_content": told("204.", 204, None, head(status="204 No Content"), Step.KEEP),
    "no_content_with_body": told(
        "204 with a body.", 204, None, answer(b"a body", status="204 No Content"), Step.HANG
    ),
    "not_modified_unasked": told(
        "304 to a request without conditions.",
        304,
        ErrorType.TRANSIENT,
        head('ETag: "a"', "Content-Length: 6000", GZIP, status="304 Not Modified"),
        Step.KEEP,
    ),
    "not_modified_with_body": told(
        "304 with a body.", 304, ErrorType.TRANSIENT, answer(TEXT, status="304 Not Modified"), Step.HANG
    ),
    "missing": told("404.", 404, None, answer(b"no such page", status="404 Not Found"), Step.KEEP),
    "server_error": told(
        "500.", 500, ErrorType.TRANSIENT, answer(b"oh", status="500 Internal Server Error"), Step.KEEP
    ),
    "upgraded": told(
        "101: another protocol.",
        101,
        ErrorType.TRANSIENT,
        head("Connection: Upgrade", "Upgrade: websocket", status="101 Switching Protocols")
        + b"\x81\x05hello",
        Step.HANG,
    ),
    "part": told("206, unasked.", 206, ErrorType.TRANSIENT, answer(TEXT[:50], status="206 Partial Content")),
}

# What only a second request shows, what is redirected, and what only some test asks for.
OTHERS: Mapping[str, Scenario] = {
    "redirect": told("302.", 302, None, answer(b"", "Location: /scenario/plain", status="302 Found")),
    "empty_gzip": told(
        "301 that declares gzip and has no body.",
        301,
        None,
        answer(b"", GZIP, "Location: /scenario/plain", status="301 Moved Permanently"),
    ),
    "redirect_cut": Scenario(
        "302 that is cut within its body.",
        [head("Content-Length: 6000", "Location: /scenario/plain", status="302 Found") + b"moved"],
        FaultKind.CUT,
        status=302,
    ),
    "redirect_that_is_not_gzip": Scenario(
        "302 whose body is not what its head says.",
        [answer(b"moved", GZIP, "Location: /scenario/plain", status="302 Found")],
        FaultKind.ENCODING,
        status=302,
    ),
    "redirect_too_large": Scenario(
        "302 with a body of 10 GB.",
        [head("Content-Length: 10000000000", "Location: /scenario/plain", status="302 Found"), Step.HANG],
        FaultKind.TOO_LARGE,
        status=302,
    ),
    "utf8_header": told(
        "A Location that is not ASCII.", 302, None, answer(b"", "Location: /caf\u00e9", status="302 Found")
    ),
    "cookie": page("Sets a cookie.", answer(TEXT, "Set-Cookie: id=1; Path=/"), Step.KEEP),
    "four_megabytes": page("4 MiB.", answer(bytes(4 << 20)), body=bytes(4 << 20)),
    "large_page": page(
        "15 MiB of a page, most of it in a script.",
        head("Content-Length: 15728640", HTML),
        b"<h1>A page</h1>" * 1023 + b"<script>/*...*/",
        *[b'{"sku":"1234"}\n' * 1024] * 1023,
        body=b"",
    ),
    "closed_when_asked_again": page("Closed instead of a second answer.", answer(TEXT), Step.NEXT),
    "reset_when_asked_again": page("Reset instead of a second answer.", answer(TEXT), Step.NEXT, Step.RESET),
    "cut_head_when_asked_again": page(
        "Closed within the second head.", answer(TEXT), Step.NEXT, b"HTTP/1.1 200 OK\r\nContent-Ty"
    ),
    "hang_when_asked_again": page("Silent at the second request.", answer(TEXT), Step.NEXT, Step.HANG),
    "garbage_when_asked_again": page("Garbage as a second answer.", answer(TEXT), Step.NEXT, b"\0\0\0\0\r\n"),
    "told_to_go_while_idle": page(
        "An answer that nobody asked for on an idle connection.",
        answer(TEXT),
        Step.LATER,
        answer(b"too slow", status="408 Request Timeout"),
        Step.HANG,
    ),
}
