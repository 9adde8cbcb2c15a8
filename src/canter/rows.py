"""Rows of a source, whatever its format."""

from __future__ import annotations

from typing import NamedTuple

MAX_TEXT = 2_000  # characters kept of a row that cannot be used


class Row(NamedTuple):
    """One line of a source. `line` is where it starts, from 1; `columns` are the others than the URL.

    In a table without lines it is the row's number, from 1.

    With `error` set the row cannot be used, and `url` is the first 2,000 characters of its text.
    """

    line: int
    url: str
    columns: dict[str, str] | None
    error: str | None


class Position(NamedTuple):
    """Where reading goes on: a byte offset and the number of the line there; a JSON list as it is.

    In a table without lines `offset` counts rows; in a tree of sitemaps those that were read, `mark`
    being a checksum of their URLs, by which it shows that they are still the same.
    """

    offset: int
    line: int
    mark: int = 0


class Chunk(NamedTuple):
    """Rows read together, and the position right after the last of them."""

    rows: list[Row]
    position: Position


def bad_row(line: int, text: bytes, error: str) -> Row:
    """A row that cannot be used, of which the beginning is kept."""
    return Row(line, text[: 4 * MAX_TEXT].decode(errors="replace").strip()[:MAX_TEXT], None, error)
