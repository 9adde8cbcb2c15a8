"""How each program is run in a folder that holds urls.txt and sites.toml, and how to read what it stored."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from bench.contenders.rules import USER_AGENT, Record
from bench.machine import REPO
from canter.apps.results import export_records

PYTHON = sys.executable
CANTER, BARE = "canter", "bare loop"
_GOCODE = Path("/usr/share/gocode")  # where Debian's packages put Go's libraries
_GO_PACKAGES = "golang and golang-github-puerkitobio-goquery-dev (Debian)"
UNPACED = ("--pace", "off", "--max-per-host", "0")
Results = dict[str, Record]


class Terms(NamedTuple):
    """What a run is told, whoever makes it."""

    in_flight: int = 64
    ca_file: Path | None = None
    workers: int = 1
    options: tuple[str, ...] = UNPACED  # Canter's own


class Contender(NamedTuple):
    """A program beside the others. `command` is given the terms and a folder for what has to be built."""

    name: str
    what: str
    command: Callable[[Terms, Path], list[str]]
    results: Callable[[Path], Results]
    missing: Callable[[], str | None]


def canter(terms: Terms) -> list[str]:
    """`canter run`, everything on."""
    ca_file = ("--ca-file", str(terms.ca_file)) if terms.ca_file else ()
    return [
        PYTHON, "-m", "canter", "run", "urls.txt", "--allow-network", "127.0.0.0/8", "--json",
        "--user-agent", USER_AGENT, "--workers", str(terms.workers),
        "--max-concurrent", str(terms.in_flight), *terms.options, *ca_file,
    ]  # fmt: skip


def bare(terms: Terms, parser: str = "turbohtml") -> list[str]:
    """The bare loop with a parser."""
    ca_file = [str(terms.ca_file)] if terms.ca_file else []
    return [*_python("bare_loop", terms, "out.db"), parser, *ca_file]


def canter_results(folder: Path) -> Results:
    """What `canter export` gives of the latest crawl."""
    output = folder / "out.jsonl"
    export_records(folder / "canter.db", path=output)
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    return {row["url"]: row["fields"] for row in rows if row["outcome"] in ("ok", "not_modified")}


def table_results(folder: Path) -> Results:
    """The bare loop's table."""
    with closing(sqlite3.connect(folder / "out.db")) as db:
        rows = db.execute("SELECT url, fields FROM record WHERE status=200").fetchall()
    return {url: json.loads(fields) for url, fields in rows}


def line_results(folder: Path) -> Results:
    """JSON lines with the URL among the fields."""
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").split("\n") if line]
    return {row.pop("url"): row for row in rows}


def _python(module: str, terms: Terms, output: str = "out.jsonl") -> list[str]:
    return [PYTHON, "-m", f"bench.contenders.{module}", "urls.txt", output, str(terms.in_flight)]


def _goquery(terms: Terms, scratch: Path) -> list[str]:
    """Built on first use."""
    program = scratch / "goquery"
    if not program.exists():
        source = REPO / "bench" / "contenders" / "goquery.go"
        environment = {**os.environ, "GOPATH": str(_GOCODE), "GO111MODULE": "off"}
        built = subprocess.run(
            ["go", "build", "-o", program, source],
            env=environment, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if built.returncode:
            raise SystemExit(f"{source} cannot be built:\n{built.stderr[-2000:]}")
    return [str(program), "urls.txt", "out.jsonl", str(terms.in_flight)]


def _library(name: str) -> Callable[[], str | None]:
    return lambda: None if find_spec(name) else f"the library {name} (make .venv/.bench)"


def _go() -> str | None:
    there = shutil.which("go") and (_GOCODE / "src/github.com/PuerkitoBio/goquery").is_dir()
    return None if there else _GO_PACKAGES


def _nothing() -> None:
    return None


CONTENDERS = (
    Contender(CANTER, "everything on, one worker", lambda terms, _: canter(terms), canter_results, _nothing),
    Contender(BARE, "aiohttp, turbohtml, SQLite", lambda terms, _: bare(terms), table_results, _nothing),
    Contender(
        "bare lexbor", "the same with selectolax", lambda terms, _: bare(terms, "lexbor"), table_results,
        _library("selectolax"),
    ),
    Contender(
        "task per URL", "aiohttp, parsel, results in a list", lambda terms, _: _python("task_per_url", terms),
        line_results, _library("parsel"),
    ),
    Contender("goquery", "Go net/http, goquery", _goquery, line_results, _go),
    Contender(
        "crawlee", "ParselCrawler, impit", lambda terms, _: _python("crawlee_crawler", terms), line_results,
        _library("crawlee"),
    ),
    Contender(
        "scrapy", "JSON lines", lambda terms, _: _python("scrapy_spider", terms), line_results,
        _library("scrapy"),
    ),
)  # fmt: skip
