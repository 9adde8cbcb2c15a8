"""Parquet as others read it: DuckDB and pandas find every value, with its type, as exact as it was."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from canter.errors import CanterError
from canter.model import RECORD_KEYS, Record
from canter.stores import parquet as sink_module
from canter.stores.parquet import ParquetSink
from tests.unit.test_sinks import record

TYPES = {
    "title": "text",
    "price": "money",
    "apr": "percent",
    "span": "percent_range",
    "weight": "number",
    "stock": "integer",
    "since": "date",
    "state": "availability",
    "link": "url",
    "own": "",
    "tags": "text[]",
    "offers": "money[]",
    "days": "date[]",
    "spans": "percent_range[]",
}
FIELDS: dict[str, Any] = {
    "title": "Tea, 茶",
    "price": {"amount": "1299.90", "currency": "EUR"},
    "apr": "28.49",
    "span": ["19.24", "27.49"],
    "weight": "-0.000000000000000001",
    "stock": 2**63 - 1,
    "since": "2024-02-29",
    "state": "InStock",
    "link": "http://a/1",
    "own": {"a": [1, None]},
    "tags": ["a", "b"],
    "offers": [{"amount": "1.5", "currency": "USD"}, {"amount": "2", "currency": None}],
    "days": ["2024-01-01", "0001-01-01"],
    "spans": [["1", "2"], ["3", "3.000000001"]],
}
RANGE = "STRUCT(low DECIMAL(38,9), high DECIMAL(38,9))"


def written(records: list[Record], fields: dict[str, str], columns: list[str] | None = None) -> pa.Table:
    stream = io.BytesIO()
    with ParquetSink(stream, fields, columns or []) as sink:
        sink.write(records)
    return parquet.read_table(io.BytesIO(stream.getvalue()))


def row(fields: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    """The only row of a table with these fields."""
    (found,) = written([record(fields=fields)], types).to_pylist()
    return dict(found)


def query(sql: str) -> duckdb.DuckDBPyRelation:
    """What DuckDB finds."""
    found = duckdb.sql(sql)
    assert found is not None
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two records, one full and one of a bad line."""
    full = record(source={"sku": "7", "größe": "L"}, fields=FIELDS)
    bad = Record.of_bad_line(3, "oops", "no URL", 9, None, "2026-01-02T03:04:06.007Z")
    path = tmp_path / "out.parquet"
    with ParquetSink(path, TYPES, ["größe", "sku"]) as sink:
        sink.write([full])
        sink.write([bad])
    return path


def test_duckdb_reads_every_column_with_its_type(path: Path) -> None:
    """Decimals, dates, UTC timestamps, structs and lists have those types; the order is the record's."""
    described = query(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    assert {name: kind for name, kind, *_ in described} == {
        **dict.fromkeys(RECORD_KEYS[:-2], "VARCHAR"),
        **dict.fromkeys(("redirects", "missing", "tags", "offers_currency"), "VARCHAR[]"),
        **dict.fromkeys(("crawl", "status", "attempts", "line", "stock"), "BIGINT"),
        **dict.fromkeys(("from_cache", "changed"), "BOOLEAN"),
        **dict.fromkeys(("source_größe", "source_sku", "title", "price_currency"), "VARCHAR"),
        **dict.fromkeys(("state", "link", "own", "unfit"), "VARCHAR"),
        **dict.fromkeys(("price", "apr"), "DECIMAL(38,9)"),
        "fetched_at": "TIMESTAMP WITH TIME ZONE",
        "response_time": "DOUBLE",
        "span": RANGE,
        "weight": "DECIMAL(38,18)",
        "since": "DATE",
        "offers": "DECIMAL(38,9)[]",
        "days": "DATE[]",
        "spans": f"{RANGE}[]",
    }
    names = [name for name, *_ in described]
    assert names[: len(RECORD_KEYS) - 2] == list(RECORD_KEYS[:-2])
    assert names[len(RECORD_KEYS) - 2 :][:5] == [
        "source_größe",
        "source_sku",
        "title",
        "price",
        "price_currency",
    ]
    assert names[-1] == "unfit"


def test_duckdb_reads_every_value(path: Path) -> None:
    """What was extracted comes back exactly, and null where there is none."""
    sql = f"SELECT * EXCLUDE fetched_at, epoch_ms(fetched_at) AS at FROM '{path}' ORDER BY line"
    result = query(sql)
    full, bad = (dict(zip(result.columns, values, strict=True)) for values in result.fetchall())
    assert full["at"] == int(datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC).timestamp() * 1000)
    assert (full["redirects"], full["missing"]) == (["http://a/one"], [])
    assert (full["status"], full["response_time"], full["from_cache"], full["changed"]) == (
        200,
        0.25,
        False,
        True,
    )
    assert json.loads(full["previous"]) == {"title": "Old"}
    assert (full["source_größe"], full["source_sku"], full["title"]) == ("L", "7", "Tea, 茶")
    assert (full["price"], full["price_currency"]) == (Decimal("1299.90"), "EUR")
    assert (full["apr"], full["weight"]) == (Decimal("28.49"), Decimal("-1e-18"))
    assert full["span"] == {"low": Decimal("19.24"), "high": Decimal("27.49")}
    assert (full["stock"], full["since"]) == (2**63 - 1, date(2024, 2, 29))
    assert json.loads(full["own"]) == {"a": [1, None]}
    assert (full["tags"], full["days"]) == (["a", "b"], [date(2024, 1, 1), date(1, 1, 1)])
    assert (full["offers"], full["offers_currency"]) == ([Decimal("1.5"), Decimal(2)], ["USD", None])
    assert full["spans"][1] == {"low": Decimal(3), "high": Decimal("3.000000001")}
    assert full["unfit"] is None
    assert (bad["url"], bad["outcome"], bad["error_type"]) == ("oops", "failed", "malformed")
    assert {bad[name] for name in (*TYPES, "status", "changed", "source_sku", "unfit")} == {None}
    assert query(f"SELECT sum(price) FROM '{path}'").fetchall() == [(Decimal("1299.90"),)]


def test_pandas_reads_it(path: Path) -> None:
    """Timestamps are of UTC, decimals `Decimal`, dates `date`, lists come as sequences."""
    frame = pd.read_parquet(path)
    assert str(frame["fetched_at"].dtype) == "datetime64[ms, UTC]"
    full = frame.iloc[0]
    assert full["fetched_at"] == pd.Timestamp("2026-01-02T03:04:05.678Z")
    assert (full["price"], full["price_currency"], full["apr"]) == (
        Decimal("1299.90"),
        "EUR",
        Decimal("28.49"),
    )
    assert isinstance(full["price"], Decimal)
    assert (full["since"], list(full["tags"])) == (date(2024, 2, 29), ["a", "b"])
    assert full["span"] == {"low": Decimal("19.24"), "high": Decimal("27.49")}
    assert list(full["offers"]) == [Decimal("1.5"), Decimal(2)]
    assert frame.iloc[1]["price"] is None


AMOUNTS = st.decimals(min_value=-(10**29), max_value=10**29, places=9).filter(lambda d: abs(d) < 10**29)


@given(
    st.lists(
        st.tuples(
            AMOUNTS
            | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**45), max_value=10**45),
            st.sampled_from(["EUR", None]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_money_is_exact_or_stands_whole_in_unfit(prices: list[tuple[Decimal, str | None]]) -> None:
    """No amount is rounded: it is in its column to the last digit, or null there and untouched in `unfit`."""
    money = [{"amount": format(amount, "f"), "currency": currency} for amount, currency in prices]
    found = written([record(fields={"price": one}) for one in money], {"price": "money"}).to_pylist()
    for (amount, currency), one, value in zip(prices, found, money, strict=True):
        if abs(amount) < 10**29 and (Fraction(amount) * 10**9).denominator == 1:
            assert (one["price"], one["price_currency"], one["unfit"]) == (amount, currency, None)
        else:
            assert (one["price"], one["price_currency"]) == (None, None)
            assert json.loads(one["unfit"]) == {"price": value}


@given(AMOUNTS)
def test_duckdb_and_pandas_give_the_same_money(
    tmp_path_factory: pytest.TempPathFactory, amount: Decimal
) -> None:
    """Any amount that fits is the same number to both, equal to the text that was extracted."""
    path = tmp_path_factory.getbasetemp() / "money.parquet"
    money = {"amount": format(amount, "f"), "currency": "EUR"}
    with ParquetSink(path, {"price": "money"}, []) as sink:
        sink.write([record(fields={"price": money})])
    assert query(f"SELECT price FROM '{path}'").fetchall() == [(amount,)]
    assert pd.read_parquet(path)["price"].tolist() == [amount]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("money", {"amount": "0.0000000001", "currency": "EUR"}),
        ("money", {"amount": "1" * 30, "currency": "EUR"}),
        ("money", {"amount": "1", "currency": 5}),
        ("money", {"amount": "1", "currency": "EUR", "vat": "0.19"}),
        ("money", {"amount": "1"}),
        ("money", {}),
        ("money", ["1", "EUR"]),
        ("money", "call us"),
        ("money", True),
        ("percent", "nan"),
        ("percent", "-Infinity"),
        ("percent", "1e999999999"),
        ("percent", {}),
        ("number", 1e300),
        ("percent_range", ["1"]),
        ("percent_range", ["1", "2", "3"]),
        ("percent_range", [None, "3"]),
        ("percent_range", "12"),
        ("integer", 2**63),
        ("integer", 1.5),
        ("integer", False),
        ("date", "2024-02-30"),
        ("date", 20240230),
        ("date", "tomorrow"),
        ("integer[]", [1, "two"]),
        ("money[]", [{"amount": "1", "currency": None}, "?"]),
    ],
)
def test_a_value_of_the_wrong_shape_is_kept_as_json(kind: str, value: Any) -> None:
    """What a `parse` function may give never stops an export or bends a column's type, and is not lost."""
    found = row({"f": value, "g": "1"}, {"f": kind, "g": "number"})
    assert found["f"] is None
    assert json.loads(found["unfit"]) == {"f": value}
    assert found["g"] == 1


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", 5, "5"),
        ("text", ["a"], '["a"]'),
        ("text", 2**70, str(2**70)),
        ("text", "a\ud800", "a?"),
        ("text", {"a": "\ud800"}, '{"a": "\\ud800"}'),
        ("text[]", ["a\ud800", 1, None], ["a?", "1", None]),
        ("text[]", "one", ["one"]),
        ("text[]", [], []),
        ("", "plain", "plain"),
        ("money", "19.99", Decimal("19.99")),
        ("money", 19.99, Decimal("19.99")),
        ("money", {"amount": None, "currency": "EUR"}, None),
        ("number", 0.1, Decimal("0.1")),
        ("number", 3, Decimal(3)),
        ("percent", "-0.00", Decimal(0)),
    ],
)
def test_a_value_that_can_be_read_in_its_column_is(kind: str, value: Any, expected: Any) -> None:
    """Numbers and texts of JSON are taken for what they are, others are JSON in a text column."""
    found = row({"f": value}, {"f": kind})
    assert (found["f"], found["unfit"]) == (expected, None)


def test_made_up_columns_give_way_to_fields() -> None:
    """A field called like a column made up here keeps its name."""
    types = {"price": "money", "unfit": "text", "source_a": "integer"}
    fields = {"price": "?", "unfit": "own", "source_a": 1}
    table = written([record(source={"a": "x"}, fields=fields)], types, ["a"])
    (found,) = table.to_pylist()
    assert (found["source_a"], found["source_a_"], found["unfit"], found["unfit_"]) == (
        1,
        "x",
        "own",
        '{"price":"?"}',
    )
    assert len(set(table.column_names)) == table.num_columns


def test_no_records_are_an_empty_table() -> None:
    """An export without records still has its columns."""
    table = written([], TYPES, ["sku"])
    assert table.num_rows == 0
    assert "price_currency" in table.column_names


def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path) -> None:
    """Rows leave in groups of 65,536 at most; what waits is never more than one group."""
    some = [record(fields={"price": {"amount": "1.25", "currency": "EUR"}})] * 1_000
    path = tmp_path / "out.parquet"
    peaks = []
    with ParquetSink(path, {"price": "money"}, []) as sink:
        for _ in range(150):
            sink.write(some)
            peaks.append(pa.total_allocated_bytes())
    file = parquet.ParquetFile(path)
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert sum(sizes) == 150_000
    assert max(sizes) < sink_module.GROUP_ROWS + 1_000
    assert len(sizes) == 3
    assert max(peaks[70:]) <= max(peaks[:70]) * 1.1


def test_large_values_make_small_groups(tmp_path: Path) -> None:
    """A group ends at 32 MiB too, so that pages with long texts do not pile up."""
    some = [record(fields={"title": "x" * 100_000})] * 100
    path = tmp_path / "out.parquet"
    with ParquetSink(path, {"title": "text"}, []) as sink:
        for _ in range(10):
            sink.write(some)
    assert parquet.ParquetFile(path).num_row_groups == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_then_nothing() -> None:
    """A write that fails is a CanterError that names the path; closing after it is harmless."""
    sink = ParquetSink("/dev/full", {"title": "text"}, [])
    sink.write([record()])
    with pytest.raises(CanterError, match="cannot write /dev/full: No space left on device"):
        sink.close()
    sink.close()
    sink.discard()
