"""What several commands share: options, exit statuses, and how settings and the store are found."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from canter.config import Settings, resolve
from canter.errors import ConfigError
from canter.extraction import Extractor
from canter.sites import SiteFile, load_site_file

EXIT_COULD_NOT_RUN, EXIT_USAGE, EXIT_FAILURES, EXIT_OUT_OF_TIME = 1, 2, 3, 4
SITE_FILE = "sites.toml"
API_KEY = "CANTER_API_KEY"  # the environment variable


class Format(StrEnum):
    """Formats of an export."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Pace(StrEnum):
    """How the rate of a host is decided."""

    ADAPTIVE = "adaptive"
    OFF = "off"


StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store: a path is SQLite.  [default: canter.db]"),
]
SitesOption = Annotated[
    Path | None, typer.Option("--sites", metavar="FILE", help="The site file.  [default: sites.toml, if any]")
]
AllowNetworkOption = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="A private or loopback network that may be asked."),
]
DnsServerOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ADDRESS[:PORT]", help="A name server to ask in place of the system's."),
]
CaFileOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The certificate authorities to trust (PEM) in place of the system's."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="Processes that fetch.  [default: the processors it may use]"),
]
MaxConcurrentOption = Annotated[
    int | None, typer.Option(metavar="N", help="Requests in flight in all.  [default: 200]")
]
MaxPerHostOption = Annotated[
    int | None, typer.Option(metavar="N", help="Requests in flight on a host.  [default: 20]")
]
MaxRateOption = Annotated[
    float | None, typer.Option(metavar="N", help="Requests/s a host; 0: no ceiling.  [default: 20]")
]
PaceOption = Annotated[
    Pace | None,
    typer.Option(help="off: no pace on addresses named by --allow-network (your own servers)."),
]
UserAgentOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Who you say you are; its first word is the robots.txt name."),
]
KeepPagesOption = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Keep the pages that were read, compressed, for `canter extract`."),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="By the name of -o by default, else jsonl.")
]


def settings_of(given: dict[str, Any], sites: Path | None) -> tuple[Settings, SiteFile]:
    """The settings and the site file; a value of the command line that cannot be used is a usage error.

    Without a site file every page is read by the built-in site `auto`.
    """
    named = sites or os.environ.get("CANTER_SITES")
    path = Path(named or SITE_FILE)
    if named and not path.exists():
        raise ConfigError(f"{path}: there is no such site file")
    site_file = load_site_file(path, Extractor) if path.exists() else SiteFile((), {})
    try:
        return resolve(given, os.environ, site_file.defaults, str(path)), site_file
    except ConfigError as error:
        if str(error).startswith("--"):
            raise typer.BadParameter(str(error)) from error
        raise


def store_path(url: str | None) -> Path:
    """The file of the store: as given, by the environment, or the default."""
    url = url or os.environ.get("CANTER_STORE") or "canter.db"
    if "://" in url:
        raise ConfigError(f"{url}: only SQLite stores are known; give a path such as canter.db")
    return Path(url)
