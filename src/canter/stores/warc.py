"""Kept pages as WARC 1.1 (ISO 28500), the format of web archives, which any tool for it can read.

    DIR/20261123T025202Z-7-00000.warc.gz     crawl 7, begun at that time, its first segment

A segment is only ever appended to, a batch at a time, and only by the process that made it: whatever ends
that process, what it kept before stays whole, and the next one begins a segment of its own. Each page is
one gzip member, a `response` record with the decoded body. Its header `Canter-Page` holds as JSON what its
record needs beside the answer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import uuid4

import orjson
from isal import isal_zlib
from multidict import CIMultiDict

from canter.errors import StoreError
from canter.model import Response, Task, utc_iso
from canter.protocols import Kept, Visit
from canter.urls import url_key

SEGMENT = 1 << 30  # bytes after which the next segment begins
_LEVEL = 2  # of ISA-L: 0.3 ms for 224 KB of HTML, a fifth of its size; zlib's 6 takes fifteen times as long
_GZIP = 31  # window bits that ask for a gzip wrapper
_CHUNK = 128 << 10
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NAME = re.compile(r"(\d{8}T\d{6}Z)-(\d+)-(\d+)\.warc\.gz")
_CODED = {"content-encoding", "transfer-encoding", "content-length"}  # of the body as it was sent
_LINE_END = re.compile(r"[\r\n]+")
_DAMAGED: tuple[type[Exception], ...] = (
    EOFError, ValueError, KeyError, TypeError, isal_zlib.error,  # type: ignore[assignment]  # its stub
)  # fmt: skip
_sync = getattr(os, "fdatasync", os.fsync)


def prepare_folder(folder: Path) -> None:
    """Make the folder of kept pages where it is missing. Raises StoreError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise StoreError(f"{folder}: pages cannot be kept here: {error.strerror or error}") from error


class WarcKeeper:
    """Implements `protocols.Keeper` for one process of one crawl, begun at `started` (UTC seconds)."""

    def __init__(self, folder: Path, crawl: int, started: float) -> None:
        prepare_folder(folder)
        self._folder = folder
        self._prefix = f"{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%SZ}-{crawl}"
        self._number = 0
        self._file: BinaryIO | None = None
        self._size = 0  # bytes of whole pages in the file

    def keep(self, visits: Iterable[Visit]) -> None:
        """Append the pages of the visits that have one; they are on the disk when this returns.

        Raises StoreError, with the segment as it was before.
        """
        data = b"".join(_member(visit, visit.kept) for visit in visits if visit.kept is not None)
        if not data:
            return
        try:
            if self._file is None or self._size >= SEGMENT:
                self._begin()
            self._append(data)
        except OSError as error:
            self.close()
            raise StoreError(
                f"{self._folder}: pages cannot be kept ({error.strerror or error}; is the disk full?); "
                "make room, then run the same command again: nothing is lost"
            ) from error

    def close(self) -> None:
        """Close the segment; what a failed write left of a page is cut off."""
        if self._file:
            with suppress(OSError):
                self._file.truncate(self._size)
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _begin(self) -> None:
        self.close()
        while self._file is None:
            path = self._folder / f"{self._prefix}-{self._number:05}.warc.gz"
            self._number += 1
            with suppress(FileExistsError):  # of an earlier run of the crawl, or of another worker
                self._file = path.open("xb", buffering=0)
        self._size = 0

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        _sync(self._file.fileno())
        self._size += len(data)


class _Segment(NamedTuple):
    started: str
    crawl: int
    number: int
    path: Path


class KeptPages:
    """The pages of the crawl kept last in a folder, or of the last one numbered `crawl`.

    `notices`: a line for each segment of which a part could not be read. Raises StoreError where there is
    no such folder or crawl.
    """

    def __init__(self, folder: Path, crawl: int | None = None) -> None:
        segments = sorted(_segments(folder))
        if not segments:
            raise StoreError(f"{folder}: holds no kept pages; `canter run --keep-pages {folder}` keeps some")
        found = [s for s in segments if crawl is None or s.crawl == crawl]
        if not found:
            kept = ", ".join(map(str, sorted({s.crawl for s in segments})))
            raise StoreError(f"{folder}: holds no pages of crawl {crawl}; it holds those of {kept}")
        self._segments = [s.path for s in found if s[:2] == found[-1][:2]]
        self.crawl = found[-1].crawl
        self.notices: list[str] = []
        self._counts: list[int] = []  # pages a segment had when it was counted; a run may still append
        self._replaced: dict[int, int] = {}  # of URLs kept twice: key -> where the last one stands
        self.total = self._count()

    def _count(self) -> int:
        """Find the pages that were kept twice, holding one key a URL. Returns the number of URLs."""
        seen: set[int] = set()
        place = 0
        for path in self._segments:
            first = place
            for page in self._read(path):
                key = url_key(page.meta["url"])
                if key in seen:
                    self._replaced[key] = place
                seen.add(key)
                place += 1
            self._counts.append(place - first)
        return len(seen)

    def __iter__(self) -> Iterator[Kept]:
        """One page a URL, the last that was kept, in the order of keeping; one at a time in memory."""
        place = 0
        for path, count in zip(self._segments, self._counts, strict=True):
            for page, _ in zip(self._read(path), range(count), strict=False):
                if self._replaced.get(url_key(page.meta["url"]), place) == place:
                    yield page.kept()
                place += 1

    def _read(self, path: Path) -> Iterator[_Page]:
        good = 0
        try:
            with path.open("rb") as file:
                for size, data in _members(file):
                    yield _parse(data)
                    good += size
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
        except _DAMAGED:
            lost = path.stat().st_size - good
            notice = f"{path}: its last {lost:,} bytes are no whole page (a run was killed?) and are left out"
            if notice not in self.notices:
                self.notices.append(notice)


def _segments(folder: Path) -> Iterator[_Segment]:
    try:
        for path in folder.iterdir():
            if match := _NAME.fullmatch(path.name):
                yield _Segment(match[1], int(match[2]), int(match[3]), path)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be read: {error.strerror or error}") from error


def _member(visit: Visit, answer: Response) -> bytes:
    """A page as one gzip member."""
    task = visit.task
    meta = {
        "url": task.url, "hops": task.hops, "site": visit.record.site, "named": task.site,
        "crawl": task.crawl, "number": visit.request_number, "utc": visit.fetched_at,
        "elapsed": answer.elapsed, "attempt": task.attempt, "line": task.line, "columns": task.columns,
    }  # fmt: skip
    http = _http_head(answer)
    head = (
        "WARC/1.1\r\nWARC-Type: response\r\n"
        f"WARC-Record-ID: <urn:uuid:{uuid4()}>\r\nWARC-Date: {utc_iso(visit.fetched_at)}\r\n"
        f"WARC-Target-URI: {task.target}\r\nContent-Type: application/http;msgtype=response\r\n"
        f"Content-Length: {len(http) + len(answer.body)}\r\nCanter-Page: "
    )
    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    parts = (head.encode(), orjson.dumps(meta), b"\r\n\r\n", http, answer.body, b"\r\n\r\n")
    return b"".join([*map(packer.compress, parts), packer.flush()])


def _http_head(answer: Response) -> bytes:
    """Status line and headers as they came, but for those that tell how the body was coded."""
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}"]
    lines += [
        f"{name}: {_LINE_END.sub(' ', value)}"
        for name, value in answer.headers.items()
        if name.lower() not in _CODED
    ]
    lines += [f"Content-Length: {len(answer.body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


class _Page(NamedTuple):
    """A page with its answer still to be parsed."""

    meta: dict[str, Any]
    block: memoryview

    def kept(self) -> Kept:
        """The page as values."""
        meta = self.meta
        task = Task(
            crawl=meta["crawl"], host=0, due=0.0, key=url_key(meta["url"]), url=meta["url"], home=0,
            attempt=meta["attempt"], line=meta["line"], columns=meta["columns"], site=meta["named"],
            hops=meta["hops"],
        )  # fmt: skip
        answer = _answer(task.target, bytes(self.block), meta["elapsed"])
        return Kept(task, answer, meta["utc"], meta["number"], meta["site"])


def _answer(url: str, block: bytes, elapsed: float) -> Response:
    end = block.index(b"\r\n\r\n")
    status, *lines = block[:end].decode("utf-8", "surrogateescape").split("\r\n")
    headers = CIMultiDict[str]()
    for line in lines:
        name, _, value = line.partition(": ")
        headers.add(name, value)
    return Response(url, int(status.split()[1]), headers, block[end + 4 :], elapsed, elapsed)


def _parse(data: bytes) -> _Page:
    """A member as a page. Raises ValueError, KeyError or TypeError for what is none of ours."""
    end = data.index(b"\r\n\r\n")
    lines = (line.partition(b": ") for line in data[:end].split(b"\r\n")[1:])
    head = {name: value for name, _, value in lines}
    size = int(head[b"Content-Length"])
    block = memoryview(data)[end + 4 : end + 4 + size]
    if len(block) < size:
        raise ValueError("the record is cut")
    return _Page(orjson.loads(head[b"Canter-Page"]), block)


def _members(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each gzip member of a file: its size there, and what it holds. Raises EOFError where one is cut."""
    rest = b""
    while True:
        inflate = isal_zlib.decompressobj(_GZIP)
        parts, size = [], 0
        while not inflate.eof:
            chunk = rest or file.read(_CHUNK)
            if not chunk:
                if size:
                    raise EOFError
                return
            rest = b""
            size += len(chunk)
            parts.append(inflate.decompress(chunk))
        rest = inflate.unused_data
        yield size - len(rest), b"".join(parts)
