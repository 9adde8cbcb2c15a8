"""`canter hosts`: the table, one host in detail, JSON, and forgetting."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from canter.apps import hosts
from canter.apps.cli import app
from canter.errors import ConfigError
from canter.learned import learned
from canter.stores.sqlite import SqliteCrawls

NOW = float(int(time.time()))
HOUR = int(NOW // 3_600)
SEEN = {
    "requests": 3_400, "rejections": 12, "hosts": ["s1.mall.example", "s2.mall.example"], "sites": ["mall"],
    "pause": {"at": NOW - 259_210, "until": NOW - 259_200, "reason": "429, Retry-After 10 s\x1b[2J"},
}  # fmt: skip
MEMORIES: dict[str, dict[str, Any]] = {
    "quick.example": {"version": 2, "at": NOW, "rate": 19.0, "failed": None},
    "mall": {
        "version": 2, "at": NOW - 7_300, "rate": 4.5, "failed": 5.25, "cap": 3, "noise": 0.0125,
        "window": 60.0, "seen": SEEN,
        "hours": [[HOUR - 25, 2.0, 2.0], [HOUR - 1, 4.0, 4.0], [HOUR, 4.5, 4.7]],
    },
    "paused.example": {
        "version": 2, "at": NOW, "rate": 1.0, "failed": None, "paused_until": NOW + 600,
        "pause_reason": "503",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's clock stands still, however long the tests before these took."""
    monkeypatch.setattr(hosts, "time", SimpleNamespace(time=lambda: NOW))


def canter(store: Path, *arguments: str) -> Result:
    """The command on a store."""
    return CliRunner().invoke(app, ["hosts", "--store", str(store), *arguments])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that has learned of three paces."""
    return made(tmp_path, MEMORIES)


def made(folder: Path, memories: Mapping[str, dict[str, Any]]) -> Path:
    """A store with these memories."""
    path = folder / "canter.db"
    SqliteCrawls(path, create=True).close()
    database = sqlite3.connect(path)
    for key, memory in memories.items():
        database.execute("INSERT INTO pace VALUES (?, ?, ?)", (key, time.time(), json.dumps(memory)))
    database.execute("INSERT INTO host(id, name, not_before, rate) VALUES (1, 's2.mall.example', 9e9, 4)")
    database.commit()
    database.close()
    return path


def test_the_table(store: Path) -> None:
    """A line a host, the paused one first; rate, range, refusals, pause, cap, noise and the day's hours."""
    done = canter(store)
    assert done.exit_code == 0, done.output
    head, *lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["paused.example", "mall", "quick.example"]
    assert head.split()[:3] == ["host", "requests/s", "range"]
    for part in ("4.5", "2 to 4.5", "5.25", "12 of 3,400", "3 d ago, 10 s: 429, Retry-After 10 s", "1.25%"):
        assert part in lines[1]
    assert "2 h ago" in lines[1]
    assert "█" in lines[1]
    assert "\x1b" not in done.stdout


def test_a_narrow_terminal_shows_what_is_needed_first(store: Path) -> None:
    """In 80 columns: host, rate, refusals, pause and hours; the rest is in the detail view and in JSON."""
    crawls = SqliteCrawls(store, create=False)
    known = [learned(*row) for row in crawls.paces()]
    crawls.close()
    names = [str(column.header) for column in hosts.hosts_table(known, NOW, 80).columns]
    assert names == ["host", "requests/s", "rejected", "last pause", "by hour of the day, UTC"]
    assert len(hosts.hosts_table(known, NOW, 200).columns) == 10


def test_one_host(store: Path) -> None:
    """The detail view of a host that shares a limit: its facts, and a line of hours a day."""
    done = canter(store, "s1.mall.example")
    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "mall"
    facts = dict(line.split("  ", 1) for line in lines[1:] if "  " in line)
    facts = {name: fact.strip() for name, fact in facts.items()}
    assert facts["rate"] == "4.5"
    assert facts["range"] == "2 to 4.5 in 3 hours"
    assert facts["at once"] == "3 requests"
    assert facts["shared by"] == "s1.mall.example, s2.mall.example"
    assert facts["sites"] == "mall"
    days = [line for line in lines if line.startswith("20")]
    assert len(days) in (2, 3)
    assert sum(line.count("█") for line in days) == 1
    paused = canter(store, "paused.example").stdout
    assert "paused until" in paused


def test_json(store: Path) -> None:
    """One array; each host with its view, its robots.txt and the memory itself."""
    rows = json.loads(canter(store, "--json").stdout)
    assert [row["host"] for row in rows] == sorted(MEMORIES)
    mall = rows[0]
    assert (mall["rate"], mall["lowest"], mall["highest"], mall["failed"]) == (4.5, 2.0, 4.5, 5.25)
    assert (mall["rejections"], mall["requests"], len(mall["hours"])) == (12, 3_400, 3)
    assert mall["memory"] == MEMORIES["mall"]
    assert mall["robots"] == {}
    [one] = json.loads(canter(store, "--json", "s2.mall.example").stdout)
    assert one == mall


def test_many_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table shows those that need a look and says how many more there are."""
    monkeypatch.setattr(hosts, "ROWS", 5)
    many = {f"h{n}.example": {"version": 2, "at": NOW, "rate": float(n + 1)} for n in range(12)}
    done = canter(made(tmp_path, many))
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [f"h{n}.example" for n in range(5)]
    assert done.stderr == "and 7 more; --json lists them all\n"


def test_nothing_learned(tmp_path: Path) -> None:
    """An empty store says what fills it; as JSON it is an empty array."""
    path = made(tmp_path, {})
    assert "nothing has been learned yet" in canter(path).stderr
    assert json.loads(canter(path, "--json").stdout) == []


def test_forget(store: Path) -> None:
    """A host is forgotten, with the limit that it shares and the waits of those it shares it with."""
    done = canter(store, "--forget", "s1.mall.example")
    assert done.exit_code == 0
    assert done.stderr == "forgot mall, the limit that s1.mall.example, s2.mall.example share\n"
    assert [row["host"] for row in json.loads(canter(store, "--json").stdout)] == [
        "paused.example",
        "quick.example",
    ]
    waits = sqlite3.connect(store).execute("SELECT not_before, rate FROM host").fetchall()
    assert waits == [(0.0, None)]
    again = canter(store, "--forget", "s1.mall.example")
    assert isinstance(again.exception, ConfigError)
    assert str(again.exception).endswith(
        "nothing is known of s1.mall.example; `canter hosts` lists the others"
    )
    assert canter(store, "--forget").exit_code == 2
