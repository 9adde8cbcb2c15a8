"""What the commands print: records, crawls, summaries."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from canter.errors import ConfigError, needs_extra
from canter.model import Record, utc_iso
from canter.output import FileSink, field_types
from canter.stores.csv import CsvSink
from canter.stores.jsonl import JsonlSink
from canter.stores.sqlite import SqliteCrawls, SqliteHistory

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_AT_ONCE = 1_000  # records


def format_of(path: Path | None, wanted: str | None) -> str:
    """jsonl, csv or parquet: as asked for, else by the file's name, else jsonl.

    Raises ConfigError for a name that does not tell, and for Parquet that cannot be written here.
    """
    found = wanted or ("jsonl" if path is None else FORMATS.get(path.suffix.lower()))
    if found is None:
        raise ConfigError(
            f"{path}: cannot tell its format; name it .jsonl, .csv or .parquet, or say --format"
        )
    if found == "parquet":
        if find_spec("pyarrow") is None:  # looked for, not loaded: a crawl may come first
            raise ConfigError(needs_extra("Parquet", "parquet"))
        if path is None and sys.stdout.isatty():
            raise ConfigError("Parquet is no text for a terminal; name a file with -o")
    return found


def export_records(
    store: Path,
    crawl: int | None = None,
    *,
    path: Path | None = None,
    form: str = "jsonl",
    changes: bool = False,
    outcome: str | None = None,
) -> int:
    """Write the records of a crawl (the latest by default) to a file or stdout; returns how many."""
    crawls = SqliteCrawls(store, create=False)
    try:
        row = crawls.get(crawl) if crawl is not None else crawls.latest()
    finally:
        crawls.close()
    if row is None:
        raise ConfigError(f"{store}: holds no crawl yet; `canter run` makes one")
    history = SqliteHistory(store)
    try:
        fields = field_types(history.declared(row.id).values())
        with open_sink(path, form, fields, history.source_columns(row.id)) as sink:
            return write_all(sink, history.records(row.id, changes=changes, outcome=outcome))
    finally:
        history.close()


def open_sink(path: Path | None, form: str, fields: Mapping[str, str], columns: Sequence[str]) -> FileSink:
    """A sink to a file or stdout; `fields` (with their types) and source columns are for tables."""
    target = path or sys.stdout.buffer
    if form == "jsonl":
        return JsonlSink(target)
    if form == "csv":
        return CsvSink(target, fields, columns)
    try:
        from canter.stores.parquet import ParquetSink  # pyarrow is an extra, and slow to load
    except ImportError as error:
        raise ConfigError(f"{needs_extra('Parquet', 'parquet')} ({error})") from error
    return ParquetSink(target, fields, columns)


def write_all(sink: FileSink, records: Iterator[Record]) -> int:
    """Write records, some at a time; returns how many."""
    number = 0
    while some := list(islice(records, _AT_ONCE)):
        sink.write(some)
        number += len(some)
    return number


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def print_json(value: Any) -> None:
    """A value as JSON on stdout."""
    print(orjson.dumps(value).decode())  # noqa: T201


def print_summary(summary: dict[str, Any]) -> None:
    """The summary for people, on stderr."""
    errors = ", ".join(f"{number} {name}" for name, number in summary["errors"].items())
    failed = f"{summary['failed']:,} failed" + (f" ({errors})" if errors else "")
    say(
        f"crawl {summary['crawl']}: {summary['pages']:,} pages: {summary['ok']:,} ok, "
        f"{summary['not_modified']:,} not modified, {summary['gone']:,} gone, {failed}"
    )
    say(
        f"{summary['requests']:,} requests, {summary['rejected']:,} rejected, {summary['seconds']:,.1f} s: "
        f"{summary['pages_per_second']:,.1f} pages/s, {summary['bytes'] / 1e6:,.1f} MB, "
        f"peak memory {summary['peak_rss_mb']:,.0f} MB"
    )


def print_crawls(store: Path, *, as_json: bool) -> None:
    """The crawls of a store, the latest first."""
    crawls = SqliteCrawls(store, create=False)
    try:
        rows = [(row, crawls.outcomes(row.id)) for row in crawls.list()]
    finally:
        crawls.close()
    if as_json:
        print_json(
            [
                {
                    "crawl": row.id, "state": row.state, "sources": row.arguments,
                    "started": utc_iso(row.started),
                    "finished": utc_iso(row.finished) if row.finished else None,
                    "queued": row.queued, "pages": sum(counts.values()), "requests": row.requests,
                    "seconds": round(row.seconds, 3),
                    "failed": sum(n for (outcome, _), n in counts.items() if outcome == "failed"),
                }
                for row, counts in rows
            ]
        )  # fmt: skip
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for name in ("crawl", "state", "begun", "pages", "of", "failed", "sources"):
        table.add_column(name, justify="right" if name in ("pages", "of", "failed", "crawl") else "left")
    for row, counts in rows:
        failed = sum(n for (outcome, _), n in counts.items() if outcome == "failed")
        table.add_row(
            str(row.id), row.state, utc_iso(row.started)[:16].replace("T", " "), f"{sum(counts.values()):,}",
            f"{row.queued:,}", f"{failed:,}", Text(" ".join(row.arguments)),
        )  # fmt: skip
    Console().print(table)
