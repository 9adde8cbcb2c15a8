"""CSV by RFC 4180, from lines of bytes: pure, so that the caller knows the offset of every record.

Reading is lenient as the standard library is, but never holds more than MAX_LINE bytes of a record: a
quote that is not closed by then spoils its own line only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MAX_LINE = 64 * 1024  # bytes of a line, or of a quoted record over several lines
TOO_LONG = f"the line is over {MAX_LINE // 1024} KiB long"
NOT_UTF8 = "not valid UTF-8"
BOM = b"\xef\xbb\xbf"

_DELIMITERS = ("\t", ",", ";")  # the first of equals: a URL may hold the others, never a tab
_UNCLOSED = f"a quote is not closed within {MAX_LINE // 1024} KiB"


class Header(NamedTuple):
    """Column names as written, and how far the header reaches in bytes and lines."""

    delimiter: str
    names: list[str]
    size: int
    lines: int


def read_header(head: bytes) -> Header | str:
    """The header in the first MAX_LINE bytes of a table, or why there is none.

    The delimiter is the one that makes the most columns of it.
    """
    text = head.removeprefix(BOM)
    lines = text.split(b"\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return "it is empty; its first line must name the columns"
    best: Header | str = "it has no header"
    for delimiter in _DELIMITERS:
        cells, span = read_record(lines, first, delimiter, last=True)
        if isinstance(cells, str):
            best = f"its header cannot be read: {cells}" if isinstance(best, str) else best
        elif isinstance(best, str) or len(cells) > len(best.names):
            size = len(head) - len(text) + sum(len(line) + 1 for line in lines[: first + span])
            best = Header(delimiter, [cell.strip() for cell in cells], size, first + span)
    if isinstance(best, Header) and best.size > MAX_LINE:
        return f"its header cannot be read: {TOO_LONG}"
    return best


def unique_names(names: Sequence[str], url: int) -> list[str]:
    """Names of the columns but number `url`: `column_N` for an empty one, `NAME_2` for a second NAME."""
    unique = {names[url]: None}
    for number, name in enumerate(names):
        if number == url:
            continue
        free = base = name or f"column_{number + 1}"
        count = 2
        while free in unique:
            free, count = f"{base}_{count}", count + 1
        unique[free] = None
    return list(unique)[1:]


def read_record(lines: Sequence[bytes], at: int, delimiter: str, last: bool) -> tuple[list[str] | str, int]:
    """The cells of the record that starts at line `at`, or why it cannot be used, and its number of lines.

    No lines (0): the record goes on beyond `lines`, which are not the `last` ones.
    """
    raw = lines[at]
    if len(raw) > MAX_LINE:
        return TOO_LONG, 1
    try:
        if b'"' in raw:
            return _read_quoted(lines, at, delimiter, last)
        return raw.decode().removesuffix("\r").split(delimiter), 1
    except UnicodeDecodeError:
        return NOT_UTF8, 1


def _read_quoted(lines: Sequence[bytes], at: int, delimiter: str, last: bool) -> tuple[list[str] | str, int]:
    taken = size = 0

    def feed() -> Iterator[str]:
        nonlocal taken, size
        for index in range(at, len(lines)):
            size += len(lines[index]) + 1
            if size > MAX_LINE + 1:
                return
            taken += 1
            yield lines[index].decode(errors="replace") + "\n"
        taken += 1  # asked for one more line than there is

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter))
    except csv.Error as error:
        return f"not valid CSV: {error}", 1
    if size > MAX_LINE + 1 or (last and at + taken > len(lines)):
        return _UNCLOSED, 1
    if at + taken > len(lines):
        return [], 0
    try:
        b"\n".join(lines[at : at + taken]).decode()
    except UnicodeDecodeError:
        return NOT_UTF8, taken
    return cells, taken
