"""Records as CSV that a spreadsheet opens safely."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

from canter.model import Record
from canter.output import RECORD_COLUMNS, FileSink, free_names, is_money

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
        self._fields = [(name, is_money(kind)) for name, kind in fields.items()]
        self._source = list(source_columns)
        self._plain = attrgetter(*RECORD_COLUMNS)
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


def _header(fields: Sequence[tuple[str, bool]], source_columns: Iterable[str]) -> list[str]:
    wanted = [f"source_{column}" for column in source_columns]
    sources = len(wanted)
    wanted += [f"{name}_currency" for name, money in fields if money]
    made_up = free_names(wanted, [name for name, _ in fields])
    currencies = iter(made_up[sources:])
    header = [*RECORD_COLUMNS, *made_up[:sources]]
    for name, money in fields:
        header += [name, next(currencies)] if money else [name]
    return header


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
