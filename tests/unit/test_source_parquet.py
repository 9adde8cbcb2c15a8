"""Parquet as a source: rows in order, resumed exactly, read in bounded memory, refused in one line."""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from canter.errors import SourceError
from canter.feed import sort_rows
from canter.sources import Position, Row, open_source
from canter.stores.parquet import ParquetSink
from tests.unit.test_sinks import record


def rows(path: Path, url_column: str = "url") -> list[Row]:
    """Every row of the file."""
    return [row for chunk in open_source(str(path), url_column).chunks() for row in chunk.rows]


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    """A file with these columns: values, or arrays of Arrow."""
    parquet.write_table(pa.table(columns), path, **options)
    return path


def test_rows_are_numbered_and_other_columns_travel_as_text(tmp_path: Path) -> None:
    """Each value as one would write it, structures as JSON; a null is not there."""
    second = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    path = write(
        tmp_path / "u.parquet",
        {
            "sku": ["A", None],
            "url": [" http://a/1 ", "http://a/2"],
            "n": pa.array([7, None], pa.int32()),
            "x": [1.5, None],
            "ok": [True, None],
            "price": pa.array([Decimal("0.000000100"), None], pa.decimal128(38, 9)),
            "day": [date(2026, 1, 2), None],
            "at": pa.array([second, None], pa.timestamp("ms", "Europe/Berlin")),
            "nano": pa.array([1, None], pa.timestamp("ns")),
            "tags": [["é", None], None],
            "who": [{"name": "B", "since": date(2026, 1, 2), "cost": Decimal("1.50")}, None],
            "digest": [b"\xff\x00", None],
            "kind": pa.array(["lamp", None]).dictionary_encode(),
            "nothing": pa.nulls(2),
        },
    )
    first, last = rows(path)
    assert first == Row(
        1,
        "http://a/1",
        {
            "sku": "A", "n": "7", "x": "1.5", "ok": "true", "price": "0.000000100", "day": "2026-01-02",
            "at": "2026-01-02T03:04:05.678Z", "nano": "1970-01-01T00:00:00.000000001", "tags": '["é",null]',
            "who": '{"name":"B","since":"2026-01-02","cost":"1.50"}', "digest": "ff00", "kind": "lamp",
        },
        None,
    )  # fmt: skip
    assert last == Row(2, "http://a/2", None, None)


def test_values_that_python_cannot_hold_do_not_stop_a_source(tmp_path: Path) -> None:
    """Years beyond 9999, nanoseconds and text that is no UTF-8 within a list still give their row."""
    damaged = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb")]
    )
    path = write(
        tmp_path / "u.parquet",
        {
            "url": ["http://a/1"],
            "day": pa.array([4_000_000], pa.date32()),
            "time": pa.array([1], pa.time64("ns")),
            "took": pa.array([1_000_000_001], pa.duration("ns")),
            "days": pa.array([[4_000_000]], pa.list_(pa.date32())),
            "tags": pa.ListArray.from_arrays([0, 1], damaged),
        },
    )
    (row,) = rows(path)
    assert row.error is None
    assert row.columns is not None
    assert (row.columns["day"], row.columns["time"]) == ("12921-08-18", "00:00:00.000000001")
    assert "12921-08-18" in row.columns["days"]
    assert row.columns["tags"].startswith("[ [")
    assert row.columns["took"]


def test_site_and_priority_are_heeded(tmp_path: Path) -> None:
    """Columns `site` and `priority` mean what they mean in CSV, also where priority is a number."""
    path = write(tmp_path / "u.parquet", {"url": ["http://a/1"], "site": ["acme"], "priority": [3.0]})
    ((_, priority, line, info),) = sort_rows(rows(path))[0]
    assert (priority, line, info) == (3, 1, {"site": "acme"})


def test_the_url_column_can_be_named_and_be_of_any_text_type(tmp_path: Path) -> None:
    """Large, dictionary and view strings, and bytes as which some programs write text."""
    kinds = [pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
    urls = pa.array(["http://a/1", "http://a/ü"])
    for array in [*(urls.cast(kind) for kind in kinds), urls.dictionary_encode()]:
        path = write(tmp_path / "u.parquet", {"link": array, "url": ["x", None]})
        assert [(row.url, row.columns) for row in rows(path, "link")] == [
            ("http://a/1", {"url": "x"}),
            ("http://a/ü", None),
        ], array.type


def test_files_of_pandas_duckdb_and_canter_are_read(tmp_path: Path) -> None:
    """What the usual programs write, and an export of one's own."""
    of_pandas, of_duckdb, own = (tmp_path / f"{name}.parquet" for name in ("pandas", "duckdb", "own"))
    pd.DataFrame({"url": ["http://a/1", None, "http://a/3"], "n": [1, 2, 3]}).to_parquet(of_pandas)
    duckdb.sql(f"COPY (SELECT 'http://a/' || i AS url, i AS n FROM range(1, 3) t(i)) TO '{of_duckdb}'")
    with ParquetSink(own, {"price": "money"}, []) as sink:
        sink.write([record(fields={"price": {"amount": "1.5", "currency": "EUR"}})])
    assert [(row.url, row.error) for row in rows(of_pandas)] == [
        ("http://a/1", None),
        ('{"n":"2"}', "nothing under 'url'"),
        ("http://a/3", None),
    ]
    assert [(row.url, row.columns) for row in rows(of_duckdb)] == [
        ("http://a/1", {"n": "1"}),
        ("http://a/2", {"n": "2"}),
    ]
    (row,) = rows(own)
    assert row.columns is not None
    assert (row.url, row.columns["price"], row.columns["fetched_at"]) == (
        "http://a/1",
        "1.500000000",
        "2026-01-02T03:04:05.678Z",
    )


def test_a_row_that_cannot_be_used_costs_itself_only(tmp_path: Path) -> None:
    """No URL, bytes that are no UTF-8, a row too large: each a row with its error; an empty one is none."""
    not_utf8 = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\x00\0\0\0\x0a\0\0\0"), pa.py_buffer(b"http://a/\xff")]
    )
    good = ["http://a/1", " ", None, "x" * 70_000, "http://a/5", "http://a/6"]
    others = [None, "b", None, None, "y" * 70_000, None]
    path = write(
        tmp_path / "u.parquet",
        {"url": pa.concat_arrays([pa.array(good), not_utf8]), "note": [*others, None]},
    )
    found = rows(path)
    assert [(row.line, row.error) for row in found] == [
        (1, None),
        (2, "nothing under 'url'"),
        (4, "the row is over 64 KiB long"),
        (5, "the row is over 64 KiB long"),
        (6, None),
        (7, "not valid UTF-8"),
    ]
    assert [row.url for row in found[1:4]] == ['{"note":"b"}', "x" * 2_000, "http://a/5"]
    assert found[-1].url == "http://a/\ufffd"


@pytest.mark.parametrize("group", [700, 2_500, 100_000])
def test_reading_goes_on_exactly_after_any_chunk(tmp_path: Path, group: int) -> None:
    """From any chunk's position, kept as JSON, a new source gives the rest, whatever the row groups are."""
    count = 7_300
    urls = [None if n % 1_000 == 0 else f"http://a/{n}" for n in range(count)]
    path = write(tmp_path / "u.parquet", {"url": urls, "n": list(range(count))}, row_group_size=group)
    chunks = list(open_source(str(path)).chunks())
    whole = [row for chunk in chunks for row in chunk.rows]
    assert [row.line for row in whole] == list(range(1, count + 1))
    assert len(chunks) >= count / 1_000
    done = 0
    for chunk in chunks:
        done += len(chunk.rows)
        start = Position(*json.loads(json.dumps(chunk.position)))
        assert [row for later in open_source(str(path)).chunks(start) for row in later.rows] == whole[done:]


def test_a_position_within_a_batch_is_as_good(tmp_path: Path) -> None:
    """A position counts rows, so that it holds also where rows are read in batches of another size."""
    path = write(tmp_path / "u.parquet", {"url": [f"http://a/{n}" for n in range(1, 2_501)]})
    later = [row for chunk in open_source(str(path)).chunks(Position(1_234, 1_235)) for row in chunk.rows]
    assert (later[0], len(later)) == (Row(1_235, "http://a/1235", None, None), 2_500 - 1_234)


def test_one_group_of_rows_is_not_held_whole(tmp_path: Path) -> None:
    """A file that is one group of 200 MB is read in a few MB."""
    path = tmp_path / "u.parquet"
    schema = pa.schema([("url", pa.string()), ("note", pa.string())])
    rng = random.Random(1)
    notes = [rng.randbytes(1_000).hex() for _ in range(1_000)]
    with parquet.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        table = pa.table({"url": [f"http://a/{n}" for n in range(100_000)], "note": notes * 100}, schema)
        writer.write_table(table, row_group_size=100_000)
        del table
    assert path.stat().st_size > 200_000_000
    before = pa.total_allocated_bytes()
    peak, count = 0, 0
    for chunk in open_source(str(path)).chunks():
        peak = max(peak, pa.total_allocated_bytes() - before)
        count += len(chunk.rows)
    assert count == 100_000
    assert peak < 20_000_000


def test_what_cannot_be_read_says_so_in_one_line(tmp_path: Path) -> None:
    """No Parquet, cut short, empty, no such column, a column of numbers: one line that names the file."""
    good = write(tmp_path / "good.parquet", {"url": ["http://a/1"] * 1_000, "id": list(range(1_000))})
    data = good.read_bytes()
    for name, content, told in (
        ("text", b"url\nhttp://a/1\n", "as Parquet"),
        ("cut", data[:-9], "as Parquet"),
        ("empty", b"", "as Parquet"),
    ):
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(content)
        with pytest.raises(SourceError, match=told) as caught:
            open_source(str(path))
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(SourceError, match="has no column 'link'; name one with --url-column: url, id"):
        open_source(str(good), "link")
    with pytest.raises(SourceError, match="its column 'id' is int64, not text"):
        open_source(str(good), "id")


def test_a_damaged_file_is_a_source_error_whatever_the_damage(tmp_path: Path) -> None:
    """Bytes overwritten anywhere give rows or a SourceError of one line, nothing else."""
    good = write(
        tmp_path / "good.parquet",
        {"url": [f"http://a/{n}" for n in range(2_000)], "tags": [["a", str(n)] for n in range(2_000)]},
        compression="none",
    ).read_bytes()
    rng = random.Random(7)
    path = tmp_path / "bad.parquet"
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        refusal = ""
        try:
            rows(path)
        except SourceError as error:
            refusal = str(error)
        assert "\n" not in refusal
        refused += bool(refusal)
    assert refused > 10


def test_a_file_that_vanishes_is_a_source_error(tmp_path: Path) -> None:
    """Trouble after opening is told as for other sources."""
    path = write(tmp_path / "u.parquet", {"url": ["http://a/1"]})
    source = open_source(str(path))
    path.unlink()
    with pytest.raises(SourceError, match=r"u\.parquet does not exist: check its path"):
        list(source.chunks())


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the command, before anything else happens."""
    path = write(tmp_path / "u.parquet", {"url": ["http://a/1"]})
    monkeypatch.delitem(sys.modules, "canter.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SourceError, match=r"pip install 'canter\[parquet\]'"):
        open_source(str(path))
