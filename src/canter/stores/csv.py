"""Records as CSV that a spreadsheet opens safely."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

from canter.model import RECORD_KEYS, Record
from canter.output import FileSink

_PLAIN = tuple(key for key in RECORD_KEYS if key not in ("source", "fields"))
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


class CsvSink(FileSink):
    """RFC 4180, UTF-8: a column for each record key, source column (source_NAME) and field.

    `fields` are the declared fields and their types; a field of type money takes two columns, NAME (the
    amount) and NAME_currency. Lists and other structures are JSON, null is empty. A text that a
    spreadsheet would run as a formula is led by an apostrophe. Fields and source columns that the
    constructor was not told of are left out.
    """

    def __init__(
        self, target: str | Path | BinaryIO, fields: Mapping[str, str], source_columns: Sequence[str]
    ) -> None:
        super().__init__(target)
        self._fields = [(name, kind == "money") for name, kind in fields.items()]
        self._source = list(source_columns)
        self._plain = attrgetter(*_PLAIN)
        self._output.write(_rows([[_cell(name) for name in _header(self._fields, self._source)]]))

    def encode(self, records: Sequence[Record]) -> bytes:
        """The records as lines of CSV."""
        return _rows(self._cells(record) for record in records)

    def _cells(self, record: Record) -> list[str]:
        cells = [_cell(value) for value in self._plain(record)]
        cells += [_cell(record.source.get(name)) for name in self._source]
        for name, money in self._fields:
            value = record.fields.get(name)
            if not money:
                cells.append(_cell(value))
            elif isinstance(value, dict):
                cells += [_cell(value.get("amount")), _cell(value.get("currency"))]
            else:
                cells += [_cell(value), ""]
        return cells


def _header(fields: Iterable[tuple[str, bool]], source_columns: Iterable[str]) -> Iterator[str]:
    """Column names, each once: a name made up here gives way to a field that is called so."""
    taken = set(_PLAIN) | {name for name, _ in fields}
    yield from _PLAIN
    for column in source_columns:
        yield _free(f"source_{column}", taken)
    for name, money in fields:
        yield name
        if money:
            yield _free(f"{name}_currency", taken)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(value):
            return "'" + value
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _rows(rows: Iterable[Sequence[str]]) -> bytes:
    buffer = StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode(errors="replace")
