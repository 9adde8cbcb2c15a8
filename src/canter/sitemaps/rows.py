"""A sitemap, and the sitemaps it lists, as rows of a source."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from canter.errors import SourceError
from canter.rows import MAX_TEXT, Chunk, Position, Row
from canter.sitemaps.parse import Entry, SitemapParser
from canter.sitemaps.unpack import looks_like_sitemap, unpacked
from canter.tables import BOM, MAX_LINE, NOT_UTF8, TOO_LONG
from canter.urls import BadUrl, PageUrl, parse_url

MAX_SITEMAP = 50 * 1024 * 1024  # bytes of a fetched one, unpacked: the protocol's cap
MAX_DEPTH = 5  # sitemaps within sitemaps; the protocol allows one
MAX_SITEMAPS = 50_000  # of one source
ORDINARY = 0.5  # the priority of a page whose sitemap says none

_READ = 64 * 1024
_DAMAGED = "its gzip data is damaged or cut short"
_ADVICE = "name a sitemap, or put the URLs of pages in a file, one a line"


class Fetched(NamedTuple):
    """A sitemap that was fetched into the file `path`, or why not (`error`); `url` is where it was found."""

    url: str
    path: str | None = None
    error: str | None = None


Fetch = Callable[[str], Fetched]


class SitemapRows:
    """The pages of the sitemap `name`, a file or an http(s) URL, and of those it lists.

    Every sitemap is read once, however often it is listed. One that cannot be had, or read to its end, is
    a row with an error; the first one a SourceError where it is no sitemap at all. A row's `line` is its
    number in the whole. The position counts the sitemaps that the first one lists: those before it are
    not read again where it still lists the same ones. Raises SourceError for a URL that is none.
    """

    def __init__(self, name: str, fetch: Fetch) -> None:
        self._name = name
        self._fetch = fetch
        self._url: PageUrl | None = None
        if "://" in name:
            url = parse_url(name)
            if isinstance(url, BadUrl):
                raise SourceError(f"{name}: {url.reason}")
            self._url = url

    def check(self) -> None:
        """Raises SourceError where the file called so begins as no sitemap does."""
        try:
            with unpacked(self._name) as reader:
                next(_entries(reader, _File(self._name, self._name, None, fetched=False)), None)
        except _Unreadable as error:
            raise _no_sitemap(self._name, error) from error

    def chunks(self, start: Position) -> Iterator[Chunk]:
        """The rows from `start` on. Raises SourceError, and OSError where a file cannot be read."""
        try:
            try:
                yield from _Walk(self._fetch, start).run(self._name, self._url)
            except _Changed:
                yield from _Walk(self._fetch, Position(0, 1)).run(self._name, self._url)
        except _Unreadable as error:
            raise _no_sitemap(self._name, error) from error


class _Changed(Exception):
    """The first sitemap does not begin with the same ones any more."""


class _Unreadable(Exception):
    """Why a sitemap cannot be read at all."""


class _Unfetched(_Unreadable):
    """Why a sitemap cannot be had."""


def _no_sitemap(name: str, error: _Unreadable) -> SourceError:
    if isinstance(error, _Unfetched):
        return SourceError(f"{name} cannot be fetched; check its address: {error}")
    return SourceError(f"{name} cannot be read as a sitemap: {error}; {_ADVICE}")


class _File(NamedTuple):
    """One sitemap: its `name` for people, where its bytes are, what its relative URLs are joined to."""

    name: str
    path: str
    base: str | None
    depth: int = 0
    fetched: bool = True


class _Walk:
    """One way through the tree of sitemaps."""

    def __init__(self, fetch: Fetch, start: Position) -> None:
        self._fetch = fetch
        self._start = start
        self._at = Position(0, 1)  # after the last of the first one's sitemaps that was read
        self._number = 1  # of the next row
        self._fetches = 0
        self._seen: set[int] = set()

    def run(self, name: str, url: PageUrl | None) -> Iterator[Chunk]:
        """The rows of the first sitemap, and of all that it leads to. Raises _Unreadable, _Changed."""
        if url is None:
            yield from self._read(_File(name, name, None, fetched=False))
        else:
            self._seen.add(url.key)
            yield from self._fetched(url, 0)
        if self._at.offset < self._start.offset:
            raise _Changed

    def _fetched(self, url: PageUrl, depth: int) -> Iterator[Chunk]:
        found = self._fetch(url.href)
        if found.path is None:
            raise _Unfetched(found.error)
        try:
            final = parse_url(found.url)
            known = isinstance(final, PageUrl) and final.key != url.key and final.key in self._seen
            if not known:
                self._seen.add(final.key if isinstance(final, PageUrl) else url.key)
                yield from self._read(_File(url.href, found.path, found.url, depth))
        finally:
            Path(found.path).unlink(missing_ok=True)

    def _read(self, file: _File) -> Iterator[Chunk]:
        """The rows of one sitemap, and of those it lists where it lists them."""
        with unpacked(file.path) as reader:
            for entries in _entries(reader, file):
                rows: list[Row] = []
                for entry in entries:
                    if entry is not None and entry.sitemap and not entry.error:
                        if rows:
                            yield Chunk(rows, self._at)
                        rows = []
                        yield from self._listed(entry.loc, file)
                    elif entry is None:
                        self._number += 1
                    else:
                        rows.append(self._row(entry, file))
                if rows:
                    yield Chunk(rows, self._at)

    def _listed(self, loc: str, file: _File) -> Iterator[Chunk]:
        """The rows of a sitemap that another one lists."""
        url = parse_url(loc, file.base)
        passed, mark = self._at.offset + 1, zlib.crc32(loc.encode(), self._at.mark)
        if file.depth == 0 and passed <= self._start.offset:
            self._skip(url, Position(passed, self._start.line, mark))
            return
        if isinstance(url, BadUrl):
            yield self._failed(loc, file, url.reason)
        elif url.key not in self._seen:
            self._seen.add(url.key)
            yield from self._child(url, file)
        if file.depth == 0:
            self._at = Position(passed, self._number, mark)

    def _skip(self, url: PageUrl | BadUrl, at: Position) -> None:
        """Pass over one that an earlier run has read. Raises _Changed where that one was another."""
        if at.offset == self._start.offset and at.mark != self._start.mark:
            raise _Changed
        if isinstance(url, PageUrl):
            self._seen.add(url.key)
        self._at, self._number = at, self._start.line

    def _child(self, url: PageUrl, file: _File) -> Iterator[Chunk]:
        if self._fetches > MAX_SITEMAPS:
            return
        self._fetches += 1
        if self._fetches > MAX_SITEMAPS:
            reason = f"the source has more than {MAX_SITEMAPS:,}; the rest is not read"
            yield self._failed(url.href, file, reason)
        elif file.depth >= MAX_DEPTH:
            yield self._failed(url.href, file, f"it stands more than {MAX_DEPTH} sitemaps deep")
        else:
            try:
                yield from self._fetched(url, file.depth + 1)
            except _Unreadable as error:
                yield self._failed(url.href, file, str(error))

    # ---- rows

    def _row(self, entry: Entry, file: _File) -> Row:
        number, self._number = self._number, self._number + 1
        columns = _columns(entry.columns or {})
        if file.depth:
            columns["sitemap"] = file.name
        loc = (entry.loc[:MAX_TEXT] or file.name) if entry.error else entry.loc
        return Row(number, loc, columns or None, entry.error)

    def _failed(self, url: str, file: _File, reason: str | None) -> Chunk:
        """A row for a sitemap that cannot be read."""
        number, self._number = self._number, self._number + 1
        row = Row(number, url[:MAX_TEXT], {"sitemap": file.name}, f"the sitemap cannot be read: {reason}")
        return Chunk([row], self._at)


def _entries(reader: BufferedReader, file: _File) -> Iterator[list[Entry | None]]:
    """What the sitemap lists, as it comes; None for a line that is empty. Raises _Unreadable."""
    try:
        head = reader.peek()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _Unreadable(_DAMAGED) from None
    own = not file.fetched and not file.name.lower().endswith((".xml", ".xml.gz"))
    text = head.removeprefix(BOM).lstrip()
    if own and not text:
        return
    if text and not text.startswith(b"<") and not looks_like_sitemap(head):
        yield from _lines(reader, file, doubtful=not own)
        return
    parser = SitemapParser()
    trouble: str | None = None
    try:
        for data in _pieces(reader, file):
            entries = parser.feed(data)
            if parser.broken and not parser.recognised:
                raise _Unreadable(parser.broken)
            if entries:
                yield [_joined(entry, file.base) for entry in entries]
            if parser.broken:
                break
    except _Damaged as error:
        trouble = str(error)
    last = [_joined(entry, file.base) for entry in parser.close()]
    trouble = trouble or parser.broken
    if trouble and not parser.recognised:
        raise _Unreadable(trouble)
    if last:
        yield [*last]
    if trouble:
        yield [Entry(file.name, False, None, f"the sitemap breaks off: {trouble}; the rest is not read")]


class _Damaged(Exception):
    """Why the bytes of a sitemap end early."""


def _pieces(reader: BufferedReader, file: _File) -> Iterator[bytes]:
    total = 0
    while True:
        try:
            data = reader.read1(_READ)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise _Damaged(_DAMAGED) from None
        if not data:
            return
        total += len(data)
        if file.fetched and total > MAX_SITEMAP:
            raise _Damaged(f"it is over {MAX_SITEMAP // 2**20} MiB")
        yield data


def _joined(entry: Entry, base: str | None) -> Entry:
    if base is None or entry.error or entry.loc.startswith(("http://", "https://")):
        return entry
    url = parse_url(entry.loc, base)
    return entry if isinstance(url, BadUrl) else entry._replace(loc=url.href)


def _lines(reader: BufferedReader, file: _File, *, doubtful: bool) -> Iterator[list[Entry | None]]:
    """The entries of a sitemap that is text, a URL a line; a doubtful one is if it begins with a URL."""
    carry = b""
    try:
        for data in _pieces(reader, file):
            *lines, carry = (carry + data).split(b"\n")
            carry = carry[: MAX_LINE + 1]
            entries = [_line(line) for line in lines]
            doubtful = doubtful and _doubted(entries)
            yield entries
    except _Damaged as error:
        yield [Entry(file.name, False, None, f"the sitemap breaks off: {error}; the rest is not read")]
        return
    entries = [_line(carry)]
    if doubtful and (not carry.strip() or _doubted(entries)):
        raise _Unreadable("it is neither XML nor a list of URLs")
    yield entries


def _line(raw: bytes) -> Entry | None:
    text = raw.removeprefix(BOM).strip()
    if not text or text.startswith(b"#"):
        return None
    if len(raw) > MAX_LINE:
        return Entry(text[:MAX_TEXT].decode(errors="replace"), False, None, TOO_LONG)
    try:
        return Entry(text.decode(), False)
    except UnicodeDecodeError:
        return Entry(text[:MAX_TEXT].decode(errors="replace"), False, None, NOT_UTF8)


def _doubted(entries: list[Entry | None]) -> bool:
    """Whether there is no line yet that tells. Raises _Unreadable where the first one is no URL."""
    first = next((entry for entry in entries if entry is not None), None)
    if first is None:
        return True
    if first.error or isinstance(parse_url(first.loc), BadUrl):
        raise _Unreadable("it is neither XML nor a list of URLs")
    return False


def _columns(values: Mapping[str, str]) -> dict[str, str]:
    """What travels with a page: its priority, 0.0 to 1.0 there, as whole steps from -50 to 50."""
    columns = {name: value[:MAX_TEXT] for name, value in values.items() if name != "priority"}
    try:
        priority = float(values.get("priority", ORDINARY))
    except ValueError:
        priority = ORDINARY
    steps = round((min(max(priority, 0.0), 1.0) - ORDINARY) * 100) if priority == priority else 0  # not NaN
    if steps:
        columns["priority"] = str(steps)
    return columns
