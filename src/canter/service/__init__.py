"""The HTTP service. It needs the extra `service`; nothing of that is loaded before it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["create_app"]


def create_app(
    store: str | Path = "canter.db",
    sites: str | Path | None = None,
    *,
    api_key: str | None = None,
    **settings: Any,
) -> FastAPI:
    """The service as a FastAPI application, to run by itself or to mount in another.

        app.mount("/canter", canter.service.create_app(store="prices.db", sites="sites.toml"))

    `sites`: a site file, also for its `[defaults]` and `[sources]`; `api_key`: without one whoever can ask
    is answered. `settings` are those of `canter run` (`max_rate=5`, `workers=2`); the environment is not
    read. The store is taken when the application starts, or, mounted, with its first request; mounted, end
    it with `app.state.desk.close()`.

    Raises ConfigError for what cannot be used, and where the extra `service` is not installed.
    """
    from canter.config import resolve
    from canter.errors import ConfigError, needs_extra
    from canter.extraction import Extractor
    from canter.run.cpus import usable_cpus
    from canter.service.plan import Plan
    from canter.sites import SiteFile, load_site_file

    file = load_site_file(sites, Extractor) if sites else SiteFile((), {})
    resolved = resolve(settings, {}, file.defaults, str(sites or ""))
    plan = Plan(Path(store), resolved, file.sites, file.sources, workers=resolved.workers or usable_cpus())
    try:
        from canter.service.access import Access
        from canter.service.app import service
    except ImportError as error:
        raise ConfigError(f"{needs_extra('The service', 'service')} ({error})") from error
    return service(plan, Access(api_key), secrets=[api_key] if api_key else [])
