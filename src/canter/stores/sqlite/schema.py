"""The tables of a SQLite store, and how one is opened.

A URL's way through them: `spool` (appended while a source is read) -> `task` and `page` (loaded
shard by shard, sorted) -> `visit` and `value` (one transaction with the task's removal).
`docs/architecture.md` tells why.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from canter.errors import StoreError, StoreTooNew
from canter.urls import SHARDS

APPLICATION_ID = 0x436E7472  # "Cntr"
VERSION = 1
CACHE_KB = 2_000  # that a connection may hold in memory; with more fetching was no faster

SCHEMA = """
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE crawl(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL,              -- queued, running, stopped, finished, cancelled, failed or abandoned
    arguments TEXT NOT NULL,          -- JSON: what was asked for; the same again resumes
    started REAL NOT NULL, finished REAL,
    declared TEXT NOT NULL DEFAULT '{}',  -- JSON: site -> field -> type
    queued INTEGER NOT NULL DEFAULT 0,    -- distinct URLs and bad lines so far
    requests INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0);

CREATE TABLE source(
    crawl INTEGER, n INTEGER, name TEXT NOT NULL,
    identity TEXT, position TEXT, done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(crawl, n)) WITHOUT ROWID;

CREATE TABLE bad(                     -- source lines that are no URL
    crawl INTEGER, source INTEGER, line INTEGER, url TEXT NOT NULL, error TEXT NOT NULL,
    at REAL NOT NULL, info TEXT,
    PRIMARY KEY(crawl, source, line)) WITHOUT ROWID;

CREATE TABLE spool(
    shard INTEGER, n INTEGER, crawl INTEGER NOT NULL, host INTEGER NOT NULL, key INTEGER NOT NULL,
    due INTEGER NOT NULL, url TEXT NOT NULL, line INTEGER, info TEXT,
    PRIMARY KEY(shard, n)) WITHOUT ROWID;

CREATE TABLE shard(id INTEGER PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL DEFAULT 0,
    lease REAL NOT NULL DEFAULT 0);

CREATE TABLE host(                    -- id = shard << 32 | n
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    not_before REAL NOT NULL DEFAULT 0, rate REAL, robots TEXT);

CREATE TABLE pace(key TEXT PRIMARY KEY, at REAL NOT NULL, memory TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE queue(                   -- hosts with tasks in a crawl
    crawl INTEGER, host INTEGER, pending INTEGER NOT NULL, down_since REAL NOT NULL DEFAULT 0,
    PRIMARY KEY(crawl, host)) WITHOUT ROWID;

CREATE TABLE page(
    host INTEGER, key INTEGER, crawl INTEGER NOT NULL, url TEXT NOT NULL,
    etag TEXT, modified TEXT, rules INTEGER, body INTEGER, fields INTEGER,
    PRIMARY KEY(host, key)) WITHOUT ROWID;

CREATE TABLE task(                    -- due: UTC milliseconds; minus the priority when fresh
    crawl INTEGER, host INTEGER, due INTEGER, key INTEGER, home INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0, waits INTEGER NOT NULL DEFAULT 0, line INTEGER, info TEXT,
    PRIMARY KEY(crawl, host, due, key, home)) WITHOUT ROWID;

CREATE TABLE visit(
    crawl INTEGER, host INTEGER, key INTEGER, outcome TEXT NOT NULL, error_type TEXT,
    status INTEGER, attempts INTEGER NOT NULL, request INTEGER, fetched_at REAL NOT NULL,
    response_time REAL, changed INTEGER, site TEXT, line INTEGER, info TEXT, detail TEXT,
    PRIMARY KEY(crawl, host, key)) WITHOUT ROWID;

CREATE TABLE value(                   -- a page's good fields, whenever they changed
    host INTEGER, key INTEGER, crawl INTEGER, fields TEXT NOT NULL,
    PRIMARY KEY(host, key, crawl)) WITHOUT ROWID;
"""


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open a store, making its tables where `create`. Raises StoreError or StoreTooNew, one line each."""
    if not path.exists() and not create:
        raise StoreError(f"{path}: there is no store here; `canter run` makes one, --store names another")
    if path.is_dir():
        raise StoreError(f"{path}: is a directory; name a file for the store")
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    try:
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        _prepare(connection, path, create=create)
    except sqlite3.Error as error:
        connection.close()
        raise store_error(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty and application != APPLICATION_ID:
        raise StoreError(f"{path}: is a SQLite file, but not a Canter store; name another with --store")
    if version > VERSION:
        raise StoreTooNew(
            f"{path}: was written by a newer Canter (store version {version}, this one knows {VERSION}); "
            "upgrade Canter or name another store"
        )
    if empty:
        if not create:
            raise StoreError(f"{path}: is empty; `canter run` fills it")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        with transaction(connection, path):
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                _make_tables(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")  # in WAL mode a process's death loses nothing committed
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA journal_size_limit=67108864")


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.executemany("INSERT INTO shard(id) VALUES (?)", [(n,) for n in range(SHARDS)])
    connection.execute("INSERT INTO counter VALUES ('epoch', 0), ('spool', 0)")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One write transaction; SQLite's errors leave it as StoreError, everything rolled back."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise store_error(path, error) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """SQLite's errors while reading leave as StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(path, error) from error


_ADVICE = {
    "SQLITE_FULL": "the disk is full; make room, then run the same command again: nothing is lost",
    "SQLITE_READONLY": "cannot be written; check the permissions of the file and its folder",
    "SQLITE_CANTOPEN": "cannot be opened; check that its folder exists and may be written",
    "SQLITE_NOTADB": "is not a SQLite database; name another file with --store",
    "SQLITE_CORRUPT": "is damaged; restore it from a copy or name another file with --store",
    "SQLITE_BUSY": "has been locked by another process for 30 s; wait for it, or stop it",
    "SQLITE_IOERR": "cannot be read or written (disk full or failing?); the store is as it was",
}


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """SQLite's error as one line that names the file and says what to do."""
    code = getattr(error, "sqlite_errorname", None) or ""
    for prefix, advice in _ADVICE.items():
        if code.startswith(prefix):
            return StoreError(f"{path}: {advice}")
    return StoreError(f"{path}: {error}")
