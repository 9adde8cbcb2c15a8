"""`canter export`, `crawls`, `prune` and `hosts`: what a store holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from canter.apps.commands.options import FormatOption, StoreOption, store_path
from canter.apps.results import export_records, format_of, print_crawls, say
from canter.model import Outcome
from canter.quantities import parse_seconds
from canter.stores.sqlite import RunLock, SqliteCrawls


def export(
    store: StoreOption = None,
    crawl: Annotated[
        int | None, typer.Option(metavar="ID", help="Which crawl.  [default: the latest]")
    ] = None,
    changes: Annotated[bool, typer.Option("--changes", help="Only records whose fields changed.")] = False,
    outcome: Annotated[Outcome | None, typer.Option(help="Only records with this outcome.")] = None,
    form: FormatOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="PATH", help="A file.")] = None,
) -> None:
    """Write the records of a crawl, one a URL.

    Example: canter export --store prices.db --changes --format csv -o changed.csv
    """
    number = export_records(
        store_path(store), crawl, path=output, form=format_of(output, form), changes=changes, outcome=outcome
    )
    if output:
        say(f"{output}: {number:,} records")


def crawls(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the crawls of a store.

    Example: canter crawls --store prices.db
    """
    print_crawls(store_path(store), as_json=as_json)


def prune(
    keep: Annotated[
        str, typer.Option(metavar="DURATION", help="Crawls begun within this span stay: 90d, 12h.")
    ],
    store: StoreOption = None,
) -> None:
    """Drop old crawls; the latest one stays, and what the kept ones need.

    Example: canter prune --keep 90d
    """
    try:
        span = parse_seconds(keep)
    except ValueError as error:
        raise typer.BadParameter(f"--keep: {error}, got {keep!r}") from error
    assert isinstance(span, float)
    path = store_path(store)
    opened = SqliteCrawls(path, create=False)
    try:
        with RunLock(path):
            dropped = opened.prune(time.time() - span)
    finally:
        opened.close()
    say(f"dropped {len(dropped)} crawls" + (f": {', '.join(map(str, dropped))}" if dropped else ""))


def hosts(
    host: Annotated[str | None, typer.Argument(help="One host, in detail.")] = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was learned about HOST.")] = False,
) -> None:
    """Show what has been learned about each host: those first that are paused, refused most or slowest.

    Example: canter hosts shop.acme.example --forget
    """
    from canter.apps.hosts import known_host, print_hosts

    path = store_path(store)
    if not forget:
        print_hosts(path, host, as_json=as_json)
        return
    if host is None:
        raise typer.BadParameter("--forget needs a HOST")
    opened = SqliteCrawls(path, create=False)
    try:
        with RunLock(path):
            known = known_host(opened, host)
            opened.forget(known.host, known.hosts)
    finally:
        opened.close()
    shared = f", the limit that {', '.join(known.hosts)} share" if known.host != host else ""
    say(f"forgot {known.host}{shared}")
