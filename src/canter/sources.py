"""Sources of URLs, read as streams: memory does not depend on their length.

A row that cannot be used is a value, a `Row` with its `error`; a source that cannot be opened or read
is a SourceError.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from canter.errors import SourceError, needs_extra
from canter.rows import MAX_TEXT, Chunk, Position, Row, bad_row
from canter.sitemaps import Fetch, Fetched, SitemapRows, looks_like_sitemap, unpacked
from canter.tables import BOM, MAX_LINE, NOT_UTF8, TOO_LONG, read_header, read_record, unique_names

if TYPE_CHECKING:
    from canter.parquet import ParquetRows

    _Rows = ParquetRows | SitemapRows

__all__ = ["Chunk", "Fetched", "Position", "Row", "Source", "open_source"]

READ = 64 * 1024  # bytes asked for at once; whole lines of one read make a chunk
STDIN = "-"

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".tar")
_COMPRESSED = "compressed tables are not read; unpack it first"
_UNREADABLE = {
    ".zip": "compressed sources are not read; unpack it first",
    ".json": "a source has one JSON object a line; name such a file .jsonl",
}


class _Block(NamedTuple):
    """Whole lines and the byte offset after them; `overlong`: the head of one line that was skipped."""

    data: bytes
    end: int
    overlong: bool


_Read = Callable[[int], bytes]
_ReadLine = Callable[[int, bytes], Row | None]


class Source:
    """A source that can be read; made by `open_source`."""

    def __init__(self, name: str, url_column: str, stdin: int, fetch: Fetch) -> None:
        self.name = name
        self._stdin = stdin
        self._regular = self._remote = False
        self._table: _Table | None = None
        self._rows: _Rows | None = None  # of a format that reads its file by itself
        self._read_line: _ReadLine = _read_text
        if name == STDIN:
            return
        kind = PurePath(name).suffix.lower()
        if scheme := _SCHEME.match(name):
            self._remote = scheme.group().lower() in ("http://", "https://")
            if not self._remote:
                raise SourceError(f"{name}: only http and https sitemaps are fetched; download it first")
            self._rows = SitemapRows(name, fetch)
            return
        for ending, reason in _UNREADABLE.items():
            if name.lower().endswith(ending):
                raise SourceError(f"{name}: {reason}")
        head = self._examine()
        if kind in (".jsonl", ".ndjson"):
            self._read_line = partial(_read_json, url_column)
        elif kind in (".csv", ".tsv", ".parquet") and not self._regular:
            raise SourceError(f"{name} is not a regular file: pipe its URLs to -, one a line")
        elif kind == ".parquet":
            self._rows = _open_parquet(name, url_column)
        elif kind in (".csv", ".tsv"):
            self._table = _Table(name, head, url_column)
        elif kind == ".xml" or head.startswith(_GZIP) or looks_like_sitemap(head):
            self._rows = SitemapRows(name, fetch)
            if self._regular:
                self._rows.check()

    def identity(self) -> dict[str, Any] | None:
        """`size` (bytes), `mtime` (ns) and `inode` of a file, `url` of what is fetched.

        None for what can be read only once.
        """
        if self._remote:
            return {"url": self.name}
        if not self._regular:
            return None
        try:
            found = os.stat(self.name)  # noqa: PTH116 - a name as the user typed it, not a path to work on
        except OSError as error:
            raise _unreadable(self.name, error) from error
        return {"size": found.st_size, "mtime": found.st_mtime_ns, "inode": found.st_ino}

    def chunks(self, start: Position | None = None) -> Iterator[Chunk]:
        """The rows from `start` on, in order. Blocks while a pipe has nothing to give.

        A stream cannot be wound back: its `start` counts from where the stream stands now.
        Raises SourceError when reading fails.
        """
        begin = start or Position(0, 1)
        if self._table:
            begin = max(begin, self._table.body)
        reader = self._table.chunks if self._table else partial(_line_chunks, self._read_line)
        descriptor = -1
        try:
            if self._rows:
                yield from self._rows.chunks(begin)
                return
            descriptor = self._stdin if self.name == STDIN else os.open(self.name, os.O_RDONLY)
            if self._regular:
                os.lseek(descriptor, begin.offset, os.SEEK_SET)
            else:
                _skip(descriptor, begin.offset)
            yield from reader(_blocks(partial(os.read, descriptor), begin.offset), begin.line)
        except OSError as error:
            raise _unreadable(self.name, error) from error
        finally:
            if self.name != STDIN and descriptor != -1:
                os.close(descriptor)

    def _examine(self) -> bytes:
        """The first bytes of a regular file, nothing of a pipe. Raises SourceError for what is no text."""
        try:
            mode = os.stat(self.name).st_mode  # noqa: PTH116
            if stat.S_ISDIR(mode):
                raise SourceError(f"{self.name} is a directory: name the files in it")
            self._regular = stat.S_ISREG(mode)
            if not self._regular:
                return b""
            with open(self.name, "rb") as file:  # noqa: PTH123
                head = file.read(MAX_LINE)
        except (OSError, ValueError) as error:
            raise _unreadable(self.name, error) from error
        if head.startswith(_GZIP):
            self._look_within()
        elif head[:2] in (b"\xff\xfe", b"\xfe\xff") and not looks_like_sitemap(head):
            raise SourceError(f"{self.name} is UTF-16: save it as UTF-8")
        return head

    def _look_within(self) -> None:
        """Raises SourceError for a packed file that is neither a sitemap nor text."""
        ending = PurePath(self.name.lower().removesuffix(".gz")).suffix
        try:
            with unpacked(self.name) as file:
                head = file.peek()
        except (OSError, EOFError, zlib.error) as error:
            reason = f"its gzip data is damaged ({error})"
            raise SourceError(f"cannot read the compressed {self.name}: {reason}; fetch it again") from error
        if ending in _TABLES or (b"\0" in head and not looks_like_sitemap(head)):
            raise SourceError(f"{self.name}: {_COMPRESSED}")


def _fetch_nothing(url: str) -> Fetched:
    return Fetched(url, error="nothing is fetched here")


def open_source(name: str, url_column: str = "url", stdin: int = 0, fetch: Fetch = _fetch_nothing) -> Source:
    """The source called `name`: a file, `-` for the file descriptor `stdin`, or the URL of a sitemap.

    `.csv`, `.tsv`, `.jsonl`, `.ndjson` and `.parquet` are read by `url_column`; XML, whatever its name,
    as a sitemap, of which `fetch` gets those that are not here; any other name as text, a URL a line,
    which may be packed with gzip. Raises SourceError for what is missing, a directory, not readable, or a
    table without that column; for a sitemap only while it is read.
    """
    return Source(name, url_column, stdin, fetch)


def _open_parquet(name: str, url_column: str) -> ParquetRows:
    try:
        from canter.parquet import ParquetRows  # pyarrow is an extra, and slow to load
    except ImportError as error:
        raise SourceError(f"{name}: {needs_extra('Parquet', 'parquet')}") from error
    try:
        return ParquetRows(name, url_column)
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError | ValueError) -> SourceError:
    reason = getattr(error, "strerror", None) or str(error)
    what = "standard input" if name == STDIN else name
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{what} does not exist: check its path")
    if isinstance(error, PermissionError):
        return SourceError(f"cannot read {what}: {reason}; make it readable for this user")
    return SourceError(f"cannot read {what}: {reason}; run again when it can be read")


def _skip(descriptor: int, size: int) -> None:
    while size and (data := os.read(descriptor, min(size, READ))):
        size -= len(data)


def _blocks(read: _Read, offset: int) -> Iterator[_Block]:
    """Whole lines as they arrive. The rest of a line over MAX_LINE is passed over, not held."""
    carry = head = b""
    bom = offset == 0
    while data := read(READ):
        offset += len(data)
        if head:
            cut = data.find(b"\n") + 1
            if not cut:
                continue
            data = data[cut:]
            yield _Block(head, offset - len(data), True)
            head = b""
        carry += data
        cut = carry.rfind(b"\n") + 1
        if cut:
            yield _Block(
                carry[:cut].removeprefix(BOM) if bom else carry[:cut], offset - len(carry) + cut, False
            )
            carry, bom = carry[cut:], False
        if len(carry) > MAX_LINE:
            head, carry = carry[: 4 * MAX_TEXT], b""
    if head or carry:
        yield _Block((head or carry).removeprefix(BOM) if bom else head or carry, offset, bool(head))


def _line_chunks(read_line: _ReadLine, blocks: Iterator[_Block], line: int) -> Iterator[Chunk]:
    """Chunks of a format in which each line stands for itself."""
    for data, end, overlong in blocks:
        if overlong:
            rows = [bad_row(line, data, TOO_LONG)]
            line += 1
        else:
            lines = data.split(b"\n")
            rows = [row for number, raw in enumerate(lines, line) if (row := read_line(number, raw))]
            line += len(lines) - 1
        if rows:
            yield Chunk(rows, Position(end, line))


def _read_text(line: int, raw: bytes) -> Row | None:
    text = raw.strip()
    if not text or text[0] == 35:  # "#"
        return None
    if len(raw) > MAX_LINE:
        return bad_row(line, raw, TOO_LONG)
    try:
        return Row(line, text.decode(), None, None)
    except UnicodeDecodeError:
        return bad_row(line, raw, NOT_UTF8)


def _read_json(url_column: str, line: int, raw: bytes) -> Row | None:
    if len(raw) > MAX_LINE:
        return bad_row(line, raw, TOO_LONG)
    try:
        row: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if not raw.strip():
            return None
        return bad_row(line, raw, _json_error(raw))
    if not isinstance(row, dict):
        return bad_row(line, raw, "not a JSON object")
    url = row.pop(url_column, None)
    if not isinstance(url, str) or not (url := url.strip()):
        return bad_row(line, raw, f"no text under {url_column!r}")
    for name, value in row.items():
        if not isinstance(value, str):
            row[name] = orjson.dumps(value).decode()
    return Row(line, url, row or None, None)


def _json_error(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return NOT_UTF8
    return "not valid JSON"


class _Table:
    """The header of a CSV file, and the rows under it."""

    def __init__(self, name: str, head: bytes, url_column: str) -> None:
        header = read_header(head)
        if isinstance(header, str):
            raise SourceError(f"cannot read {name}: {header}")
        if url_column not in header.names:
            known = " ".join(", ".join(header.names).split())[:300]
            raise SourceError(f"{name} has no column {url_column!r}; name one with --url-column: {known}")
        self.body = Position(header.size, header.lines + 1)
        self._delimiter = header.delimiter
        self._width = len(header.names)
        self._url_column = url_column
        self._at = header.names.index(url_column)
        self._others = unique_names(header.names, self._at)

    def chunks(self, blocks: Iterator[_Block], line: int) -> Iterator[Chunk]:
        """Chunks of records; a record that a block cuts waits for the next block."""
        waiting = b""
        end = 0
        for data, end, overlong in blocks:
            rows, waiting, line = self._rows(waiting if overlong else waiting + data, line, last=overlong)
            if overlong:
                rows.append(bad_row(line, data, TOO_LONG))
                line += 1
            if rows:
                yield Chunk(rows, Position(end - len(waiting), line))
        rows, _, line = self._rows(waiting, line, last=True)
        if rows:
            yield Chunk(rows, Position(end, line))

    def _rows(self, data: bytes, first: int, last: bool) -> tuple[list[Row], bytes, int]:
        """The rows of the whole records in `data`, the bytes of one that goes on, the next line's number."""
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        rows: list[Row] = []
        at = 0
        while at < len(lines):
            cells, span = read_record(lines, at, self._delimiter, last)
            if not span:
                left = b"\n".join(lines[at:])
                return rows, data[-len(left) - data.endswith(b"\n") :], first + at
            row = self._row(first + at, lines[at : at + span], cells)
            if row:
                rows.append(row)
            at += span
        return rows, b"", first + at

    def _row(self, line: int, text: list[bytes], cells: list[str] | str) -> Row | None:
        if isinstance(cells, str):
            return bad_row(line, b"\n".join(text), cells)
        width = len(cells)
        if width != self._width and any(map(str.strip, cells)):
            if width < self._width or any(cells[self._width :]):
                reason = f"{width} columns where the header has {self._width}"
                return bad_row(line, b"\n".join(text), reason)
            del cells[self._width :]
        url = cells.pop(self._at).strip() if width >= self._width else ""
        if url:
            return Row(line, url, dict(zip(self._others, cells, strict=True)) or None, None)
        if any(map(str.strip, cells)):
            return bad_row(line, b"\n".join(text), f"nothing under {self._url_column!r}")
        return None
