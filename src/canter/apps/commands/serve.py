"""`canter serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from canter.apps.commands.options import (
    API_KEY,
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
from canter.apps.results import say
from canter.errors import ConfigError, needs_extra
from canter.run.cpus import usable_cpus
from canter.service.plan import Plan


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", envvar="CANTER_HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65_535, envvar="CANTER_PORT", help="0: any free port.")
    ] = 8080,
    sites: SitesOption = None,
    store: StoreOption = None,
    allow_network: AllowNetworkOption = None,
    pace: PaceOption = None,
    workers: WorkersOption = None,
    max_concurrent: MaxConcurrentOption = None,
    max_per_host: MaxPerHostOption = None,
    max_rate: MaxRateOption = None,
    user_agent: UserAgentOption = None,
    keep_pages: KeepPagesOption = None,
    dns_server: DnsServerOption = None,
    ca_file: CaFileOption = None,
) -> None:
    """Serve crawls over HTTP, with a dashboard. CANTER_API_KEY, where set, is asked for.

    Example: canter serve --sites sites.toml --store prices.db
    """
    settings, site_file = settings_of({**context.obj, **context.params}, sites)
    plan = Plan(
        store=store_path(settings.store), settings=settings, sites=site_file.sites,
        sources=site_file.sources, workers=settings.workers or usable_cpus(),
    )  # fmt: skip
    try:
        from canter.service.server import serve as run_service  # FastAPI and uvicorn are an extra
    except ImportError as error:
        raise ConfigError(f"{needs_extra('canter serve', 'service')} ({error})") from error
    from canter.stores.warc import prepare_folder

    if settings.keep_pages:
        prepare_folder(Path(settings.keep_pages))
    run_service(plan, host, port, os.environ.get(API_KEY) or None, say)
