"""The command `canter`. Data goes to stdout; progress, logs and notices to stderr."""

from __future__ import annotations

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from canter import __version__
from canter.apps.progress import progress
from canter.apps.results import (
    export_records,
    format_of,
    print_crawls,
    print_hosts,
    print_json,
    print_summary,
    say,
)
from canter.config import Settings, parse_seconds, resolve
from canter.errors import CanterError, ConfigError
from canter.extract import Extractor
from canter.model import Outcome
from canter.run.supervisor import Order, Result, Supervisor, check_order
from canter.sites import SiteFile, load_site_file
from canter.stores.sqlite import RunLock, SqliteCrawls

EXIT_COULD_NOT_RUN, EXIT_USAGE, EXIT_FAILURES, EXIT_OUT_OF_TIME = 1, 2, 3, 4
SITE_FILE = "sites.toml"

FIRST = """\
Canter refreshes product pages: known URLs, each host as fast as it allows and no faster.

  canter demo                        see it work on a small local market
  canter run urls.txt                refresh the URLs of a file by the rules in sites.toml
  canter export -o prices.csv        the table of the latest crawl
  canter --help                      every command, each with an example
"""

app = typer.Typer(
    pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None, no_args_is_help=False
)


class Format(StrEnum):
    """Formats of an export."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Pace(StrEnum):
    """How the rate of a host is decided."""

    ADAPTIVE = "adaptive"
    OFF = "off"


class Level(StrEnum):
    """The least important log lines that are printed."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


class Only(StrEnum):
    """Which records of an earlier crawl are fetched again."""

    FAILED = "failed"


StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store: a path is SQLite.  [default: canter.db]"),
]
SitesOption = Annotated[
    Path | None,
    typer.Option("--sites", metavar="FILE", help="The site file.  [default: sites.toml, if there is one]"),
]


@app.callback(invoke_without_command=True)
def _global(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    log_level: Annotated[
        Level | None, typer.Option(help="Log lines from this level on.  [default: warning]")
    ] = None,
    log_format: Annotated[LogFormat | None, typer.Option(help="Log lines for people or as JSON.")] = None,
) -> None:
    """Canter refreshes product pages: known URLs, each host as fast as it allows and no faster.

    Example: canter run urls.txt --sites sites.toml -o prices.csv
    """
    context.obj = {"log_level": log_level, "log_format": log_format}
    if version:
        print(f"canter {__version__}")  # noqa: T201
    elif context.invoked_subcommand is None:
        print(FIRST, end="")  # noqa: T201


@app.command()
def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...", help=".txt, .csv, .jsonl or .parquet files of URLs; - is standard input."
        ),
    ] = None,
    sites: SitesOption = None,
    store: StoreOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Also export when done (.jsonl, .csv, .parquet)."
        ),
    ] = None,
    url_column: Annotated[str, typer.Option(help="The column of the URLs.")] = "url",
    only: Annotated[Only | None, typer.Option(help="With --crawl: those of an earlier crawl again.")] = None,
    crawl: Annotated[
        int | None, typer.Option(help="The crawl that --only means.  [default: the latest]")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many URLs.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, whatever was left unfinished.")] = False,
    resume: Annotated[int | None, typer.Option(metavar="ID", help="Go on with this crawl.")] = None,
    resume_within: Annotated[
        str | None, typer.Option(help="An unfinished crawl begun so long ago goes on.  [default: 12h]")
    ] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(help="Requests in flight in all.  [default: 200]")
    ] = None,
    max_per_host: Annotated[
        int | None, typer.Option(help="Requests in flight on a host.  [default: 20]")
    ] = None,
    max_rate: Annotated[
        float | None, typer.Option(help="Requests/s a host; 0: no ceiling.  [default: 20]")
    ] = None,
    pace: Annotated[
        Pace | None,
        typer.Option(help="off: no pace on addresses named by --allow-network (your own servers)."),
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="Seconds for a whole page.  [default: 30]")] = None,
    connect_timeout: Annotated[str | None, typer.Option(help="Seconds to connect.  [default: 10]")] = None,
    read_timeout: Annotated[str | None, typer.Option(help="Seconds between bytes.  [default: 10]")] = None,
    max_body: Annotated[str | None, typer.Option(help="The largest page, decoded.  [default: 16MiB]")] = None,
    body_budget: Annotated[
        str | None, typer.Option(help="Decoded bytes held at once.  [default: 64MiB]")
    ] = None,
    attempts: Annotated[int | None, typer.Option(help="Tries a page at most.  [default: 3]")] = None,
    max_time: Annotated[str | None, typer.Option(help="Stop, resumable, after so long (6h); exit 4.")] = None,
    host_patience: Annotated[
        str | None, typer.Option(help="A host without a good answer for so long is given up.  [default: 30m]")
    ] = None,
    max_failures: Annotated[
        float | None, typer.Option(help="The share of failed pages above which to exit 3.  [default: 0.02]")
    ] = None,
    user_agent: Annotated[
        str | None, typer.Option(help="Who you say you are; its first word is the robots.txt name.")
    ] = None,
    allow_network: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="A private or loopback network that may be asked."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Refresh every URL of the sources.

    Example: canter run urls.csv --sites sites.toml --store prices.db -o prices.csv
    """
    given = {**context.obj, **context.params}
    settings, site_file = _settings(given, sites)
    if only is None and crawl is not None:
        raise typer.BadParameter("--crawl goes with --only failed")
    if only and sources:
        raise typer.BadParameter("--only failed takes its URLs from a crawl; leave the sources out")
    where = _store_path(settings.store)
    order = Order(
        sources=sources or [], settings=settings, sites=site_file.sites if site_file else (), store=where,
        url_column=url_column, limit=limit, fresh=fresh, resume=resume,
        only_failed_of=(crawl if crawl is not None else _latest(where)) if only else None,
    )  # fmt: skip
    check_order(order)
    form = format_of(output, None)
    result = Supervisor(order, progress()).run()
    if output:
        export_records(where, result.summary["crawl"], path=output, form=form)
    if as_json:
        print_json(result.summary)
    else:
        print_summary(result.summary)
    raise typer.Exit(_exit_status(result, settings, order))


def _exit_status(result: Result, settings: Settings, order: Order) -> int:
    summary = result.summary
    resumable = f"it goes on with the same command, or with: canter run --resume {summary['crawl']}"
    if result.signal is not None:
        say(f"stopped by a signal; {resumable}")
        return 128 + result.signal
    if result.out_of_time:
        say(f"out of time (--max-time); {resumable}")
        return EXIT_OUT_OF_TIME
    if summary["pages"] and summary["failed"] / summary["pages"] > settings.max_failures:
        say(
            f"{summary['failed']:,} of {summary['pages']:,} pages failed, more than --max-failures "
            f"{settings.max_failures:g}; see: canter export --store {order.store} --outcome failed"
        )
        return EXIT_FAILURES
    return 0


def _settings(given: dict[str, Any], sites: Path | None) -> tuple[Settings, SiteFile | None]:
    """The settings and the site file; a value of the command line that cannot be used is a usage error."""
    named = sites or os.environ.get("CANTER_SITES")
    path = Path(named or SITE_FILE)
    if named and not path.exists():
        raise ConfigError(f"{path}: there is no such site file")
    site_file = load_site_file(path, Extractor) if path.exists() else None
    try:
        return resolve(given, os.environ, site_file.defaults if site_file else {}, str(path)), site_file
    except ConfigError as error:
        if str(error).startswith("--"):
            raise typer.BadParameter(str(error)) from error
        raise


def _store_path(url: str | None) -> Path:
    url = url or os.environ.get("CANTER_STORE") or "canter.db"
    if "://" in url:
        raise ConfigError(f"{url}: only SQLite stores are known; give a path such as canter.db")
    return Path(url)


def _latest(store: Path) -> int:
    crawls = SqliteCrawls(store, create=False)
    try:
        latest = crawls.latest()
    finally:
        crawls.close()
    if latest is None:
        raise ConfigError(f"{store}: holds no crawl yet; `canter run` makes one")
    return latest.id


@app.command()
def export(
    store: StoreOption = None,
    crawl: Annotated[int | None, typer.Option(help="Which crawl.  [default: the latest]")] = None,
    changes: Annotated[bool, typer.Option("--changes", help="Only records whose fields changed.")] = False,
    outcome: Annotated[Outcome | None, typer.Option(help="Only records with this outcome.")] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="By the name of -o by default, else jsonl.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="PATH", help="A file.")] = None,
) -> None:
    """Write the records of a crawl, one a URL.

    Example: canter export --store prices.db --changes --format csv -o changed.csv
    """
    number = export_records(
        _store_path(store), crawl, path=output, form=format_of(output, form), changes=changes, outcome=outcome
    )
    if output:
        say(f"{output}: {number:,} records")


@app.command()
def crawls(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the crawls of a store.

    Example: canter crawls --store prices.db
    """
    print_crawls(_store_path(store), as_json=as_json)


@app.command()
def prune(
    keep: Annotated[str, typer.Option(help="Crawls begun within this span stay: 90d, 12h.")],
    store: StoreOption = None,
) -> None:
    """Drop old crawls; the latest one stays, and what the kept ones need.

    Example: canter prune --keep 90d
    """
    try:
        span = parse_seconds(keep)
    except ValueError as error:
        raise typer.BadParameter(f"--keep: {error}") from error
    assert isinstance(span, float)
    path = _store_path(store)
    opened = SqliteCrawls(path, create=False)
    try:
        with RunLock(path):
            dropped = opened.prune(time.time() - span)
    finally:
        opened.close()
    say(f"dropped {len(dropped)} crawls" + (f": {', '.join(map(str, dropped))}" if dropped else ""))


@app.command()
def hosts(
    host: Annotated[str | None, typer.Argument(help="One host.")] = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was learned about HOST.")] = False,
) -> None:
    """Show what has been learned about each host.

    Example: canter hosts shop.acme.example --forget
    """
    path = _store_path(store)
    if not forget:
        print_hosts(path, host, as_json=as_json)
        return
    if host is None:
        raise typer.BadParameter("--forget needs a HOST")
    opened = SqliteCrawls(path, create=False)
    try:
        with RunLock(path):
            known = opened.forget(host)
    finally:
        opened.close()
    if not known:
        raise ConfigError(f"{path}: nothing has been learned about {host}; `canter hosts` lists the others")
    say(f"forgot {host}")


@app.command()
def demo(
    context: typer.Context,
    pages: Annotated[int, typer.Option(min=1, max=10_000, help="Pages of each shop.")] = 110,
) -> None:
    """See it work on a small local market of shops that hide their limits; about a minute and a half.

    Example: canter demo --pages 40
    """
    from canter.apps.demo import demo as run_demo  # its web servers load on use

    raise typer.Exit(run_demo(pages, **context.obj))


def main() -> None:
    """Run the command; every expected failure is one line and exit status 1."""
    try:
        app()
    except CanterError as error:
        say(f"canter: {error}")
        sys.exit(EXIT_COULD_NOT_RUN)
    except BrokenPipeError:  # `canter export | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
