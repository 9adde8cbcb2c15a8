"""The site file: TOML with [defaults] and [sites.NAME], every mistake one line that names file and key."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from canter.errors import ConfigError
from canter.sites.auto import AUTO
from canter.sites.book import SiteBook
from canter.sites.site import Mistake, Site, shown

DEFAULTS = frozenset(
    {
        "max_concurrent",
        "max_per_host",
        "max_rate",
        "pace",
        "timeout",
        "connect_timeout",
        "read_timeout",
        "tls_timeout",
        "first_byte_timeout",
        "max_body",
        "body_budget",
        "attempts",
        "user_agent",
        "host_patience",
        "max_failures",
        "allow_network",
        "max_time",
        "resume_within",
        "log_level",
        "log_format",
        "store",
        "keep_pages",
        "dns_server",
        "ca_file",
    }
)


class SiteFile(NamedTuple):
    """A site file read: its sites, and the settings of `[defaults]` as they are written there.

    `sources`: what the names of `[sources]` stand for; paths in it are from the file's folder.
    """

    sites: tuple[Site, ...]
    defaults: dict[str, Any]
    sources: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def load_site_file(path: str | Path, check: Callable[[Site], object]) -> SiteFile:
    """Read and check a site file. Its folder becomes importable, for the `parse` functions.

    `check` is called with each site and raises ConfigError where its rules cannot be used:
    `canter.extraction.Extractor` compiles the selectors and imports the parse function.

    Raises ConfigError of one line: file, key and what was expected.
    """
    path = Path(path)
    tables = _read(path)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        sites = tuple(_site(name, table, check) for name, table in _table(tables, "sites").items())
        defaults = _defaults(_table(tables, "defaults"))
        sources = _sources(_table(tables, "sources"), path.parent)
        for key in tables.keys() - {"defaults", "sites", "sources"}:
            raise Mistake(key, "unknown table; expected [defaults], [sources] or [sites.NAME]")
        SiteBook(sites)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return SiteFile(sites, defaults, sources)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8; byte {error.start} is not") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: expected TOML: {error}") from error


def _table(tables: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = tables.get(key, {})
    if not isinstance(table, dict):
        raise Mistake(key, f"expected a table, not {shown(table)}")
    return table


def _site(name: str, table: object, check: Callable[[Site], object]) -> Site:
    key = f"sites.{name}"
    if not isinstance(table, dict):
        raise Mistake(key, f"expected a table, not {shown(table)}")
    if "name" in table:
        raise Mistake(f"{key}.name", "unknown key; the name is the table's own")
    if name == AUTO.name:
        raise Mistake(key, "expected another name; auto is the built-in site")
    try:
        site = Site(name, **table)
        check(site)
    except Mistake as mistake:
        raise Mistake(f"{key}.{mistake.key}", mistake.text) from mistake
    return site


def _defaults(table: dict[str, Any]) -> dict[str, Any]:
    for key, value in table.items():
        if key not in DEFAULTS:
            raise Mistake(f"defaults.{key}", f"unknown key; expected one of {', '.join(sorted(DEFAULTS))}")
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, str | int | float):
                raise Mistake(f"defaults.{key}", f"expected a text or a number, not {shown(value)}")
    return table


def _sources(table: dict[str, Any], folder: Path) -> dict[str, tuple[str, ...]]:
    """Each name's files and URLs of sitemaps, one or a list."""
    found = {}
    for name, value in table.items():
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(one, str) and one for one in names):
            raise Mistake(
                f"sources.{name}", f"expected a file or a URL, or a list of them, not {shown(value)}"
            )
        if "-" in names:
            raise Mistake(f"sources.{name}", "expected a file or a URL; standard input has no name")
        found[name] = tuple(one if "://" in one else str(folder / one) for one in names)
    return found
