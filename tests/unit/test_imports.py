"""Who may import whom. A new module needs a row in `MAY_IMPORT`; a new arrow needs a reason there."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "canter"

BASE = {"errors", "model", "quantities", "urls", "headers", "protocols", "config"}
SITES = BASE | {"sites"}  # what the pure rooms may know: values, settings, and sites as values

# room: the other rooms it may import. A room is a module of `canter` or a package with all its modules.
MAY_IMPORT: dict[str, set[str]] = {
    # values and settings know nobody above them
    "errors": set(),
    "model": set(),
    "quantities": set(),
    "urls": set(),
    "headers": set(),
    "protocols": {"model"},
    "config": {"errors", "model", "quantities", "canter"},
    "sites": {"errors", "model", "quantities", "urls"},
    # pure: what is decided, without I/O
    "rules": SITES,
    "pace": SITES,
    "extraction": SITES,
    "policy": SITES | {"rules", "pace", "extraction"},
    "robots": {"model", "rules"},
    "records": SITES | {"rules", "extraction", "canter"},
    "again": {"model", "protocols", "policy", "records"},
    # adapters: each knows the base and what it is made of, never another adapter
    "transports": BASE,
    "stores": BASE | {"rules", "output"},
    "output": {"errors", "model"},
    "tables": set(),
    "rows": set(),
    "parquet": {"errors", "rows", "tables"},
    "sitemaps": {"errors", "urls", "rows", "tables"},
    "sources": {"errors", "rows", "tables", "parquet", "sitemaps"},
    "redaction": set(),
    "tracing": {"errors"},
    "observe": {"model", "protocols", "redaction"},
    # the engine sees values, protocols and decisions; a transport or a store is given to it
    "learned": {"model"},
    "lag": set(),
    "hosts": SITES | {"rules", "pace", "policy", "robots", "learned"},
    "backlog": {"model", "protocols", "policy", "hosts"},
    "frontier": {"model", "protocols", "rules", "policy", "robots", "hosts", "backlog"},
    "cookies": SITES,
    "asking": SITES | {"rules", "pace", "extraction", "policy", "hosts"},
    "endings": SITES | {"extraction", "policy", "records", "hosts"},
    "unread": {"model", "protocols", "hosts", "endings"},
    "permission": {"model", "protocols", "rules", "policy", "hosts", "frontier", "endings"},
    "writer": {"protocols", "hosts"},
    "tasks": set(),
    "fetchers": {"tasks"},
    "elsewhere": {"model", "extraction", "endings", "hosts", "tasks"},
    "outcomes": SITES
    | {"rules", "policy", "hosts", "frontier", "cookies", "asking", "endings", "unread", "elsewhere"}
    | {"writer"},
    "engine": SITES
    | {"extraction", "policy", "hosts", "frontier", "permission", "asking", "endings", "writer"}
    | {"rules", "learned", "lag", "fetchers", "elsewhere", "outcomes"},
    # assembly: adapters are chosen here and nowhere else
    "feed": {"errors", "urls", "sources", "stores"},
    "crawler": SITES
    | {"extraction", "policy", "engine", "feed", "sources", "observe", "stores", "transports"},
    "run": SITES
    | {"rules", "extraction", "policy", "hosts", "frontier", "engine", "feed", "sources", "sitemaps"}
    | {"observe", "stores", "tracing", "transports"},
    "canter": {"crawler", "errors", "extraction", "model", "sites"},  # the public names, loaded on use
    "service": SITES
    | {"canter", "observe", "policy", "extraction", "feed", "rows", "run", "sources", "stores", "tracing"}
    | {"transports"},
    "simulation": {"pace"},  # hosts that are none, to measure paces on
    # programs: nobody imports them
    "apps": SITES
    | {"pace", "simulation", "extraction", "output", "run", "stores", "canter", "policy", "crawler", "again"}
    | {"learned", "observe", "service"},
    "__main__": {"apps"},
}

# Modules of the standard library and of others that do I/O, wait or run things beside.
IO = {
    "aiohttp", "asyncio", "concurrent", "fcntl", "http.client", "httpx", "io", "multiprocessing", "os",
    "pathlib", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib.request", "uvloop",
}  # fmt: skip
PURE = (
    "errors",
    "model",
    "quantities",
    "urls",
    "protocols",
    "rules",
    "pace",
    "simulation",
    "extraction",
    "policy",
    "records",
    "again",
    "cookies",
    "learned",
    "redaction",
)

# Each of these is one adapter: it may not know a sibling of its kind.
SIBLINGS = (
    ("stores.csv", "stores.jsonl", "stores.parquet", "stores.sqlite", "stores.warc"),
    ("transports.aiohttp", "transports.replay"),
)


def modules() -> dict[str, Path]:
    """Every module of the package by its name, without the leading `canter.`; the package is `canter`."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts) or "canter"] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The full names that a file imports, at its top, within functions and for types alike."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the module in full"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path: Path) -> set[str]:
    """The modules of the package that a file imports, the deepest named ones."""
    names = {name.removeprefix("canter.") for name in imported(path) if name.split(".")[0] == "canter"}
    found = {name for name in names if name in MODULES}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def room(module: str) -> str:
    """The room that a module belongs to."""
    return module.partition(".")[0]


IMPORTS = {module: own(path) for module, path in MODULES.items()}


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    """The table is whole and has nothing that is gone."""
    assert {room(module) for module in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_what_its_row_allows(module: str) -> None:
    """Every arrow between rooms stands in the table."""
    allowed = MAY_IMPORT[room(module)]
    assert {room(name) for name in IMPORTS[module]} - {room(module)} <= allowed


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) in PURE])
def test_a_pure_room_does_no_io(module: str) -> None:
    """Decisions import nothing that reads, writes, waits or asks for the time."""
    names = set(imported(MODULES[module]))
    assert not {io for io in IO for name in names if name == io or name.startswith(f"{io}.")}


@pytest.mark.parametrize("siblings", SIBLINGS)
def test_adapters_do_not_know_each_other(siblings: tuple[str, ...]) -> None:
    """A store, sink or transport can be taken away without touching the next."""
    for one in siblings:
        assert one in MODULES
        files = [name for name in MODULES if name == one or name.startswith(f"{one}.")]
        known = {name for file in files for name in IMPORTS[file]}
        others = {other for other in siblings if other != one}
        assert not {
            name for name in known for other in others if name == other or name.startswith(f"{other}.")
        }


def test_only_one_file_knows_each_big_library() -> None:
    """The HTTP client, the HTML parser and robots.txt parsing can each be exchanged in one place."""
    homes = {
        "aiohttp": {
            "transports.aiohttp",
            "transports.connection",
            "transports.origin",
            "transports.faults",
            "apps.market",
        },  # the last is the demo's servers
        "turbohtml": {"extraction.html", "extraction.charset"},
        "protego": {"rules.robots"},
        "price_parser": {"extraction.money"},
        "pyarrow": {"parquet", "stores.parquet"},
        "pycares": {"transports.dns"},
    }
    for library, expected in homes.items():
        users = {
            module
            for module, path in MODULES.items()
            if any(name.split(".")[0] == library for name in imported(path))
        }
        assert users == expected, library


def test_the_imports_make_no_circle() -> None:
    """Imports at the top of files can be put in an order in which each module comes after what it needs."""
    left = {module: IMPORTS[module] - {module} for module in MODULES if module != "canter"}
    while ready := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in ready:
            del left[module]
    assert not left, "these import each other in a circle, or need one that does"


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("run.worker", ("typer", "rich")),
        ("apps.cli", ("rich", "asyncio", "ssl", "aiohttp")),  # `canter run` without a terminal
    ],
)
def test_what_is_not_loaded(module: str, others: tuple[str, ...]) -> None:
    """Parent and workers live as long as a crawl, and hold nothing that only others, or a terminal, need."""
    program = f"import sys, canter.{module}; print([m for m in {others} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_rules_would_notice(tmp_path: Path) -> None:
    """The reader sees imports in every form: plain, from, in a function, under TYPE_CHECKING."""
    file = tmp_path / "file.py"
    file.write_text(
        "import canter.engine\nfrom canter.stores import sqlite\nfrom canter import __version__\n"
        "if TYPE_CHECKING:\n    from canter.rules.classify import classify\n"
        "def late():\n    import sqlite3\n    from canter.apps.cli import main\n"
    )
    assert own(file) == {"engine", "stores.sqlite", "canter", "rules.classify", "apps.cli"}
    assert "sqlite3" in set(imported(file))
