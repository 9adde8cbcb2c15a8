"""`canter run`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from canter.apps.commands.options import (
    API_KEY,
    EXIT_FAILURES,
    EXIT_OUT_OF_TIME,
    AllowNetworkOption,
    CaFileOption,
    DnsServerOption,
    KeepPagesOption,
    MaxConcurrentOption,
    MaxPerHostOption,
    MaxRateOption,
    PaceOption,
    SitesOption,
    StoreOption,
    UserAgentOption,
    WorkersOption,
    settings_of,
    store_path,
)
from canter.apps.progress import progress
from canter.apps.results import export_records, format_of, print_json, print_summary, say
from canter.config import Settings
from canter.errors import ConfigError, needs_extra
from canter.run.supervisor import Order, Result, Supervisor, check_order
from canter.stores.sqlite import SqliteCrawls
from canter.stores.warc import prepare_folder


class Only(StrEnum):
    """Which records of an earlier crawl are fetched again."""

    FAILED = "failed"


def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help=".txt, .csv, .jsonl, .parquet or sitemaps of URLs; URLs of sitemaps; - is standard input.",
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
    url_column: Annotated[str, typer.Option(metavar="NAME", help="The column of the URLs.")] = "url",
    only: Annotated[Only | None, typer.Option(help="With --crawl: those of an earlier crawl again.")] = None,
    crawl: Annotated[
        int | None, typer.Option(metavar="ID", help="The crawl that --only means.  [default: the latest]")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many URLs.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, whatever was left unfinished.")] = False,
    resume: Annotated[int | None, typer.Option(metavar="ID", help="Go on with this crawl.")] = None,
    resume_within: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="An unfinished crawl begun so long ago goes on.  [default: 12h]"
        ),
    ] = None,
    workers: WorkersOption = None,
    max_concurrent: MaxConcurrentOption = None,
    max_per_host: MaxPerHostOption = None,
    max_rate: MaxRateOption = None,
    pace: PaceOption = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="Seconds for a whole page.  [default: 30]")
    ] = None,
    connect_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS", help="Seconds for name, connection and TLS handshake together.  [default: 10]"
        ),
    ] = None,
    tls_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Seconds for the TLS handshake.  [default: what is left of --connect-timeout]",
        ),
    ] = None,
    first_byte_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Seconds from the request to the answer's first byte.  [default: --read-timeout]",
        ),
    ] = None,
    read_timeout: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="Seconds between bytes.  [default: 10]")
    ] = None,
    max_body: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The largest page, decoded.  [default: 16MiB]")
    ] = None,
    body_budget: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Decoded bytes held at once.  [default: 64MiB]")
    ] = None,
    attempts: Annotated[
        int | None, typer.Option(metavar="N", help="Tries a page at most.  [default: 3]")
    ] = None,
    max_time: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Stop, resumable, after so long (6h); exit 4.")
    ] = None,
    host_patience: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="A host without a good answer for so long is given up.  [default: 30m]"
        ),
    ] = None,
    max_failures: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="The share of failed pages above which to exit 3.  [default: 0.02]"
        ),
    ] = None,
    user_agent: UserAgentOption = None,
    keep_pages: KeepPagesOption = None,
    allow_network: AllowNetworkOption = None,
    dns_server: DnsServerOption = None,
    ca_file: CaFileOption = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Answer /health and /metrics while it runs (127.0.0.1:9464)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Refresh every URL of the sources.

    Example: canter run urls.csv --sites sites.toml --store prices.db -o prices.csv
    """
    given = {**context.obj, **context.params}
    settings, site_file = settings_of(given, sites)
    if only is None and crawl is not None:
        raise typer.BadParameter("--crawl goes with --only failed")
    if only and sources:
        raise typer.BadParameter("--only failed takes its URLs from a crawl; leave the sources out")
    where = store_path(settings.store)
    order = Order(
        sources=sources or [], settings=settings, sites=site_file.sites, store=where,
        url_column=url_column, limit=limit, fresh=fresh, resume=resume,
        only_failed_of=(crawl if crawl is not None else _latest(where)) if only else None,
    )  # fmt: skip
    check_order(order)
    form = format_of(output, None)
    if settings.keep_pages:
        prepare_folder(Path(settings.keep_pages))
    result = _crawl(order, http)
    if output:
        export_records(where, result.summary["crawl"], path=output, form=form)
    if as_json:
        print_json(result.summary)
    else:
        print_summary(result.summary)
    raise typer.Exit(_exit_status(result, settings, order))


def _crawl(order: Order, http: str | None) -> Result:
    if http is None:
        return Supervisor(order, progress()).run()
    try:
        from canter.service.beside import Beside  # FastAPI and uvicorn are an extra
    except ImportError as error:
        raise ConfigError(f"{needs_extra('--http', 'service')} ({error})") from error
    with Beside(http, os.environ.get(API_KEY) or None) as beside:
        say(f"answering /health and /metrics at {beside.url}")
        return Supervisor(order, progress(), beside).run()


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


def _latest(store: Path) -> int:
    crawls = SqliteCrawls(store, create=False)
    try:
        latest = crawls.latest()
    finally:
        crawls.close()
    if latest is None:
        raise ConfigError(f"{store}: holds no crawl yet; `canter run` makes one")
    return latest.id
