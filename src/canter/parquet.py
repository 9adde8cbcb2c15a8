"""Parquet as rows of a source, read in batches. Needs pyarrow (the extra `parquet`), which it loads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from canter.errors import SourceError
from canter.rows import Chunk, Position, Row, bad_row
from canter.tables import MAX_LINE, NOT_UTF8, unique_names

BATCH_ROWS = 1_000  # rows held at once,
BATCH_BYTES = 4 * 1024 * 1024  # or fewer, where these would be more bytes
TOO_LARGE = f"the row is over {MAX_LINE // 1024} KiB long"

_BUFFER = 64 * 1024  # bytes of a column that are read at once


class ParquetRows:
    """The rows of one file by its column `url_column`; the others travel as text, nulls are left out.

    Raises SourceError for what is not Parquet, or has no column of texts called so.
    """

    def __init__(self, name: str, url_column: str) -> None:
        self._name = name
        self._url_column = url_column
        with self._reading() as file:
            schema = file.schema_arrow
        if url_column not in schema.names:
            known = " ".join(", ".join(schema.names).split())[:300]
            raise SourceError(f"{name} has no column {url_column!r}; name one with --url-column: {known}")
        self._at = schema.names.index(url_column)
        self._others = unique_names(schema.names, self._at)
        kind = schema.types[self._at]
        if not _is_text(kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise SourceError(f"{name}: its column {url_column!r} is {kind}, not text")

    def chunks(self, start: Position) -> Iterator[Chunk]:
        """The rows from `start` on, in order; groups of rows before it are not read again.

        Raises SourceError where the file is damaged, OSError where it cannot be read.
        """
        with self._reading() as file:
            first = 0  # rows before the next one
            for group in range(file.num_row_groups):
                about = file.metadata.row_group(group)
                if first + about.num_rows <= start.offset:
                    first += about.num_rows
                    continue
                most = BATCH_BYTES * about.num_rows // max(1, about.total_byte_size)
                size = max(1, min(BATCH_ROWS, most))
                for batch in file.iter_batches(size, row_groups=[group], use_threads=False):
                    done = min(max(0, start.offset - first), batch.num_rows)
                    rows = self._rows(batch.slice(done), first + done + 1)
                    first += batch.num_rows
                    if rows:
                        yield Chunk(rows, Position(first, first + 1))

    @contextmanager
    def _reading(self) -> Iterator[parquet.ParquetFile]:
        try:
            with pa.OSFile(os.fsencode(self._name)) as file:
                # Buffered ahead, a group of rows would be held whole, and that can be the whole file.
                yield parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: names of columns
            if isinstance(error, OSError) and error.errno is not None:
                raise
            reason = " ".join(str(error).split())[:200]
            raise SourceError(f"cannot read {self._name} as Parquet: {reason}; write it again") from error

    def _rows(self, batch: pa.RecordBatch, line: int) -> list[Row]:
        texts = [_texts(column) for column in batch.columns]
        urls = texts.pop(self._at)
        others = zip(*texts, strict=True) if texts else [()] * len(urls)
        rows = []
        for number, (url, values) in enumerate(zip(urls, others, strict=True), line):
            row = self._row(number, url, values)
            if row:
                rows.append(row)
        return rows

    def _row(self, line: int, url: str | bytes | None, values: Sequence[str | bytes | None]) -> Row | None:
        columns = {
            name: value if isinstance(value, str) else value.hex()
            for name, value in zip(self._others, values, strict=True)
            if value is not None
        }
        if isinstance(url, bytes):
            return bad_row(line, url, NOT_UTF8)
        text = (url or "").strip()
        if len(text) + sum(map(len, columns.values())) > MAX_LINE:
            return bad_row(line, (text or next(iter(columns.values()))).encode(), TOO_LARGE)
        if text:
            return Row(line, text, columns or None, None)
        return (
            bad_row(line, orjson.dumps(columns), f"nothing under {self._url_column!r}") if columns else None
        )


def _is_text(kind: pa.DataType) -> bool:
    """Texts, and bytes, as which some programs write them."""
    found: bool = (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
    return found


def _texts(column: pa.Array) -> list[str | bytes | None]:
    """The values as text, None where null; bytes where they are not UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if _is_text(kind):
        return [None if value is None else _decoded(value) for value in column.cast(pa.binary()).to_pylist()]
    if pa.types.is_timestamp(kind) and kind.tz:
        column = column.cast(pa.timestamp(kind.unit, "UTC"))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        # not by way of Python, which has no nanoseconds and no year 10,000
        return [value and value.replace(" ", "T", 1) for value in column.cast(pa.string()).to_pylist()]
    try:
        return [None if value is None else _text(value) for value in column.to_pylist()]
    except (ValueError, OverflowError):
        return [_printed(column, n) if column[n].is_valid else None for n in range(len(column))]


def _printed(column: pa.Array, n: int) -> str:
    """A value as Arrow prints it, for what Python cannot hold (a damaged text in a list, a year 10,000)."""
    return " ".join(column.slice(n, 1).to_string().split())


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _text(value: Any) -> str:
    """A value that is no text; one with a structure, and a number, is JSON."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool | int | float | list | dict):
        return orjson.dumps(value, default=_text).decode()
    return str(value)
