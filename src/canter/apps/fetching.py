"""Single pages fetched as a run would fetch them, for `canter check`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from canter.apps.results import say
from canter.config import Settings
from canter.crawler import Crawler
from canter.extraction import Page
from canter.sites import Site

_PATIENCE = 10.0  # seconds between signs of life


def fetch_pages(sites: Mapping[str, Site | None], settings: Settings) -> dict[str, Page]:
    """The pages of URLs, each as the site that claims it has it asked for."""
    return asyncio.run(_fetch(sites, settings))


async def _fetch(sites: Mapping[str, Site | None], settings: Settings) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    for page, site in sites.items():
        own = [] if site is None else [site]
        with tempfile.TemporaryDirectory(prefix="canter-") as folder:
            async with Crawler.with_settings(settings, own, Path(folder) / "check.db") as crawler:
                pages[page] = await _patiently(page, crawler.fetch(page))
    return pages


async def _patiently(page: str, fetching: Coroutine[Any, Any, Page]) -> Page:
    """The page; a host that asks to wait, or is asked again and again, is no reason for silence."""
    task = asyncio.ensure_future(fetching)
    while not (await asyncio.wait([task], timeout=_PATIENCE))[0]:
        say(f"{page}: still waiting for its host, at its pace; Ctrl-C gives up")
    return task.result()
