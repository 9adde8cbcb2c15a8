"""Sinks: what stands in an exported file, and that it stands there whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canter.errors import CanterError
from canter.model import RECORD_KEYS, Record
from canter.output import FileSink, field_types
from canter.stores.csv import CsvSink
from canter.stores.jsonl import JsonlSink
from canter.stores.parquet import ParquetSink

MAKERS: list[Callable[..., FileSink]] = [
    JsonlSink,
    lambda target: CsvSink(target, {"title": "text"}, []),
    lambda target: ParquetSink(target, {"title": "text"}, []),
]


def record(**changes: Any) -> Record:
    values: dict[str, Any] = {
        "url": "http://a/1",
        "final_url": "http://a/one",
        "redirects": ["http://a/one"],
        "site": "acme",
        "host": "a",
        "crawl": 3,
        "request_id": "3-1",
        "fetched_at": "2026-01-02T03:04:05.678Z",
        "status": 200,
        "outcome": "ok",
        "error_type": None,
        "error": None,
        "attempts": 1,
        "response_time": 0.25,
        "from_cache": False,
        "changed": True,
        "previous": {"title": "Old"},
        "missing": [],
        "line": 7,
        "source": {},
        "fields": {"title": "Tea"},
    }
    return Record(**{**values, **changes})


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def write_csv(records: list[Record], fields: dict[str, str], columns: list[str]) -> list[dict[str, str]]:
    stream = io.BytesIO()
    with CsvSink(stream, fields, columns) as sink:
        sink.write(records)
    return table(stream.getvalue())


def test_json_lines_hold_the_record_in_the_contracts_order() -> None:
    """Each record is one object whose keys and values are the record's, in order."""
    stream = io.BytesIO()
    records = [
        record(),
        record(url="http://a/ü", status=None, fields={"price": {"amount": "1", "currency": None}}),
    ]
    with JsonlSink(stream) as sink:
        sink.write(records[:1])
        sink.write(records[1:])
    lines = stream.getvalue().decode().splitlines()
    assert [json.loads(line) for line in lines] == [one.to_dict() for one in records]
    assert tuple(json.loads(lines[0])) == RECORD_KEYS
    assert "ü" in lines[1]


def test_odd_values_of_a_page_do_not_stop_an_export() -> None:
    """A lone surrogate or a huge integer from a page's JSON comes out as JSON all the same."""
    stream = io.BytesIO()
    fields = {"name": "a\ud800", "id": 2**70}
    with JsonlSink(stream) as sink:
        sink.write([record(), record(fields=fields)])
    assert [json.loads(line)["fields"] for line in stream.getvalue().splitlines()] == [
        {"title": "Tea"},
        fields,
    ]
    assert write_csv([record(fields=fields)], {"name": "text", "id": "text"}, [])[0]["name"] == "a?"


def test_csv_has_a_column_for_each_key_source_column_and_field() -> None:
    """Columns come in the record's order; null is empty, booleans and structures are JSON."""
    row = write_csv(
        [record(source={"sku": "7", "other": "x"}, from_cache=True, error=None)],
        {"title": "text", "price": "money"},
        ["sku"],
    )[0]
    assert list(row) == [*RECORD_KEYS[:-2], "source_sku", "title", "price", "price_currency"]
    assert row["redirects"] == '["http://a/one"]'
    assert row["previous"] == '{"title": "Old"}'
    assert (row["from_cache"], row["error"], row["crawl"], row["response_time"]) == ("true", "", "3", "0.25")
    assert (row["source_sku"], row["title"], row["price"], row["price_currency"]) == ("7", "Tea", "", "")


def test_csv_splits_money_and_keeps_lists_as_json() -> None:
    """Money is NAME and NAME_currency; a range, and money found many times, is JSON in NAME."""
    price = {"amount": "1299.00", "currency": "EUR"}
    kinds = {"price": "money", "apr": "percent_range", "all": "money", "stock": "integer"}
    row = write_csv(
        [record(fields={"price": price, "apr": ["19.24", "27.49"], "all": [price], "stock": 0})], kinds, []
    )[0]
    assert (row["price"], row["price_currency"]) == ("1299.00", "EUR")
    assert json.loads(row["apr"]) == ["19.24", "27.49"]
    assert (json.loads(row["all"]), row["all_currency"]) == ([price], "")
    assert row["stock"] == "0"


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30 1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "-", "--1"]
)
def test_csv_disarms_formulas(text: str) -> None:
    """A text that a spreadsheet would run is led by an apostrophe, in fields, source columns and URLs."""
    row = write_csv([record(url=text, fields={"title": text}, source={"s": text})], {"title": "text"}, ["s"])[
        0
    ]
    assert (row["url"], row["title"], row["source_s"]) == ("'" + text,) * 3


@pytest.mark.parametrize("text", ["-5.00", "+3", "-1e5", "19.99", "a=b", " =1", ""])
def test_csv_leaves_numbers_and_plain_texts_alone(text: str) -> None:
    """A negative number stays a number; a sign within a text is harmless."""
    assert write_csv([record(fields={"title": text})], {"title": "text"}, [])[0]["title"] == text


def test_fields_of_several_sites_have_one_type_each() -> None:
    """Money wins, numbers of two kinds are numbers, else text; a list on one site is a list for all."""
    first = {"price": "text", "rate": "percent", "seen": "date", "tags": "text[]", "own": "", "raw": ""}
    second = {"price": "money", "rate": "integer", "seen": "text", "tags": "text", "own": "money[]"}
    assert field_types([first, second]) == {
        "price": "money",
        "rate": "number",
        "seen": "text",
        "tags": "text[]",
        "own": "money[]",
        "raw": "",
    }


def test_csv_keeps_two_columns_for_money_found_many_times() -> None:
    """A list of money is JSON in NAME, beside an empty NAME_currency."""
    row = write_csv(
        [record(fields={"price": [{"amount": "1", "currency": "EUR"}]})], {"price": "money[]"}, []
    )[0]
    assert (row["price"], row["price_currency"]) == ('[{"amount": "1", "currency": "EUR"}]', "")


def test_csv_disarms_its_header_and_names_each_column_once() -> None:
    """A declared field keeps its name; a column made up here gives way to it."""
    stream = io.BytesIO()
    with CsvSink(
        stream, {"price": "money", "price_currency": "text", "source_a": "text", "=x": "text"}, ["a"]
    ):
        header = stream.getvalue().decode().strip().split(",")
    assert header[len(RECORD_KEYS) - 2 :] == [
        "source_a_",
        "price",
        "price_currency_",
        "price_currency",
        "source_a",
        "'=x",
    ]


def test_csv_quotes_newlines_quotes_and_delimiters() -> None:
    """Any text survives the way into CSV and back."""
    text = 'a "b", c;\r\nd\re\n\x00é'
    assert write_csv([record(fields={"title": text})], {"title": "text"}, [])[0]["title"] == text


@pytest.mark.parametrize("make", MAKERS)
def test_a_file_appears_only_when_it_is_whole(tmp_path: Path, make: Callable[..., FileSink]) -> None:
    """Until `close` the old file stays and nothing else shows under its name; then it is the new one."""
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o640)
    sink = make(path)
    sink.write([record()])
    assert path.read_text() == "old"
    sink.close()
    sink.close()
    assert b"http://a/1" in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("make", MAKERS)
def test_a_failed_export_leaves_the_old_file(tmp_path: Path, make: Callable[..., FileSink]) -> None:
    """When the body raises, the old file stays and the temporary one is gone."""
    path = tmp_path / "out"
    path.write_text("old")

    def export() -> None:
        with make(path) as sink:
            sink.write([record()])
            raise RuntimeError("the store broke")

    with pytest.raises(RuntimeError):
        export()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_that_names_the_path() -> None:
    """A write that fails for lack of space is a CanterError with the path and the reason."""
    sink = JsonlSink("/dev/full")
    with pytest.raises(CanterError, match="cannot write /dev/full: No space left on device"):
        sink.write([record()] * 1_000)
    sink.close()
    late = JsonlSink("/dev/full")
    late.write([record()])
    with pytest.raises(CanterError, match="cannot write /dev/full: No space left on device"):
        late.close()


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last bytes cannot be made safe, nothing takes the old file's place."""
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    sink = JsonlSink(path)
    sink.write([record()])

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CanterError, match=r"out\.jsonl: No space left on device"):
        sink.close()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("make", MAKERS)
def test_a_path_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, make: Callable[..., FileSink]
) -> None:
    """A missing directory and a directory in the file's place are refused before the first record."""
    for path, reason in ((tmp_path / "none" / "out", "No such file"), (tmp_path, "it is a directory")):
        with pytest.raises(CanterError, match=reason) as caught:
            make(path)
        assert str(path) in str(caught.value)


def test_a_link_is_followed_and_a_pipe_is_written_straight(tmp_path: Path) -> None:
    """The file behind a link is replaced, not the link; a device or pipe is never renamed over."""
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(real)
    with JsonlSink(link) as sink:
        sink.write([record()])
    assert link.is_symlink()
    assert json.loads(real.read_bytes())["line"] == 7
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with JsonlSink(pipe) as sink:
        sink.write([record()])
    assert json.loads(os.read(reader, 65536))["line"] == 7
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_stream_stays_open_and_a_broken_pipe_passes() -> None:
    """A sink does not close a stream it was given; a reader that went away is the caller's to judge."""
    stream = io.BytesIO()
    with JsonlSink(stream) as sink:
        sink.write([record()])
    assert not stream.closed
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as broken, pytest.raises(BrokenPipeError):
        JsonlSink(broken).write([record()])
