"""Records as Parquet, typed. Needs pyarrow (the extra `parquet`), which this module loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson
import pyarrow as pa
from pyarrow import parquet

from canter.model import Record
from canter.output import RECORD_COLUMNS, FileSink, free_names, is_money

GROUP_ROWS = 65_536  # a row group is written when it has so many rows,
GROUP_BYTES = 32 * 1024 * 1024  # or so many bytes in memory

_TEXT = pa.string()
_TEXTS = pa.list_(_TEXT)
_PLAIN_TYPES = {
    "redirects": _TEXTS, "missing": _TEXTS, "fetched_at": pa.timestamp("ms", "UTC"), "crawl": pa.int64(),
    "status": pa.int64(), "attempts": pa.int64(), "line": pa.int64(), "response_time": pa.float64(),
    "from_cache": pa.bool_(), "changed": pa.bool_(),
}  # fmt: skip
_MISFITS = (ValueError, TypeError, LookupError, ArithmeticError)
_EXACT = Context(prec=38, traps=[InvalidOperation, Inexact])

_Convert = Callable[[Any], tuple[Any, ...]]


class _Form(NamedTuple):
    """The columns that a field fills, one or two, and how. `convert` raises one of _MISFITS."""

    types: tuple[pa.DataType, ...]
    convert: _Convert


class ParquetSink(FileSink):
    """A column for each record key, source column (source_NAME) and field, and `unfit`.

    `fields` are the declared fields and their types. Money takes NAME, decimal(38, 9), and NAME_currency;
    percent is decimal(38, 9), number decimal(38, 18), integer int64, date date32, a percent range a struct of
    `low` and `high`, every other type text; `TYPE[]` makes a list of each. What is no text in a text column
    is JSON, and so is `previous`. A value that its column cannot hold exactly is null there, and stands in
    `unfit`, a JSON object of such values by field (null where all fit). Fields and source columns that the
    constructor was not told of are left out. Rows are written in groups, so that memory does not grow.
    """

    def __init__(
        self, target: str | Path | BinaryIO, fields: Mapping[str, str], source_columns: Sequence[str]
    ) -> None:
        self._fields = {name: _form(kind) for name, kind in fields.items()}
        self._source = list(source_columns)
        self._schema = _schema(fields, self._fields, self._source)
        self._waiting: list[pa.RecordBatch] = []
        self._file = _Written()
        self._writer = parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        super().__init__(target)

    def encode(self, records: Sequence[Record]) -> bytes:
        """The row groups that these records complete; the others wait."""
        if records:
            self._waiting.append(self._batch(records))
        rows = sum(batch.num_rows for batch in self._waiting)
        if rows >= GROUP_ROWS or sum(batch.nbytes for batch in self._waiting) >= GROUP_BYTES:
            self._write_group()
        return self._file.take()

    def close(self) -> None:
        """Finish the file and put it in its place. Raises CanterError when that fails."""
        if self._output.ended:
            return
        self._write_group()
        self._writer.close()
        self._output.write(self._file.take())
        super().close()

    def _write_group(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self._waiting.clear()
            self._writer.write_table(table, row_group_size=table.num_rows)

    def _batch(self, records: Sequence[Record]) -> pa.RecordBatch:
        columns: list[list[Any]] = [_plain(records, key) for key in RECORD_COLUMNS]
        columns += [[record.source.get(name) for record in records] for name in self._source]
        unfit: list[dict[str, Any]] = [{} for _ in records]
        for name, form in self._fields.items():
            columns += _typed(records, name, form, unfit)
        columns.append([_json(values) if values else None for values in unfit])
        arrays = [_array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


class _Written(RawIOBase):
    """A file that is kept in memory until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _schema(
    fields: Mapping[str, str], forms: Mapping[str, _Form], source_columns: Sequence[str]
) -> pa.Schema:
    money = [name for name, kind in fields.items() if is_money(kind)]
    wanted = [f"source_{name}" for name in source_columns] + [f"{name}_currency" for name in money]
    names = free_names([*wanted, "unfit"], fields)
    currencies = dict(zip(money, names[len(source_columns) : -1], strict=True))
    columns = [(key, _PLAIN_TYPES.get(key, _TEXT)) for key in RECORD_COLUMNS]
    columns += [(name, _TEXT) for name in names[: len(source_columns)]]
    for name, form in forms.items():
        own = [name, currencies[name]] if name in currencies else [name]
        columns += zip(own, form.types, strict=True)
    return pa.schema([*columns, (names[-1], _TEXT)])


def _plain(records: Sequence[Record], key: str) -> list[Any]:
    values = [getattr(record, key) for record in records]
    return [_json(value) for value in values] if key == "previous" else values


def _typed(
    records: Sequence[Record], name: str, form: _Form, unfit: Sequence[dict[str, Any]]
) -> list[list[Any]]:
    """The columns of a field; what does not fit goes to `unfit`."""
    nothing = (None,) * len(form.types)
    rows = []
    for record, others in zip(records, unfit, strict=True):
        value = record.fields.get(name)
        row = nothing
        if value is not None:
            try:
                row = form.convert(value)
            except _MISFITS:
                others[name] = value
        rows.append(row)
    return [list(column) for column in zip(*rows, strict=True)]


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values, _TEXT).cast(kind)
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array(_encodable(values), kind)


def _encodable(value: Any) -> Any:
    """The same without lone surrogates, which a page's own JSON can hold."""
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value)  # lone surrogates and integers over 64 bits


def _form(kind: str) -> _Form:
    if kind.endswith("[]"):
        item = _form(kind.removesuffix("[]"))
        return _Form(tuple(pa.list_(one) for one in item.types), _each(item))
    return _FORMS.get(kind, _FORMS["text"])


def _each(item: _Form) -> _Convert:
    nothing = (None,) * len(item.types)

    def convert(value: Any) -> tuple[Any, ...]:
        items = value if isinstance(value, list) else [value]
        rows = [nothing if one is None else item.convert(one) for one in items]
        return tuple([row[n] for row in rows] for n in range(len(item.types)))

    return convert


def _decimal(value: Any, unit: Decimal) -> Decimal:
    """The number that a decimal text or a number of JSON writes, where it fits whole."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    number = _EXACT.quantize(Decimal(value if isinstance(value, str) else repr(value)), unit)
    if not number.is_finite():
        raise ValueError
    return number


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _money(value: Any) -> tuple[Decimal | None, str | None]:
    if not isinstance(value, dict):
        return _decimal(value, _NANO), None
    amount, currency = value["amount"], value["currency"]
    if len(value) > 2 or not isinstance(currency, str | None):
        raise ValueError
    return None if amount is None else _decimal(amount, _NANO), currency


def _range(value: Any) -> dict[str, Decimal]:
    if not isinstance(value, list):
        raise TypeError
    low, high = value
    return {"low": _decimal(low, _NANO), "high": _decimal(high, _NANO)}


_NANO, _ATTO = Decimal("1e-9"), Decimal("1e-18")
_NANO_TYPE = pa.decimal128(38, 9)
_FORMS = {
    "text": _Form((_TEXT,), lambda value: (value if isinstance(value, str) else _json(value),)),
    "money": _Form((_NANO_TYPE, _TEXT), _money),
    "percent": _Form((_NANO_TYPE,), lambda value: (_decimal(value, _NANO),)),
    "percent_range": _Form(
        (pa.struct([("low", _NANO_TYPE), ("high", _NANO_TYPE)]),), lambda value: (_range(value),)
    ),
    "number": _Form((pa.decimal128(38, 18),), lambda value: (_decimal(value, _ATTO),)),
    "integer": _Form((pa.int64(),), lambda value: (_integer(value),)),
    "date": _Form((pa.date32(),), lambda value: (date.fromisoformat(value),)),
}
