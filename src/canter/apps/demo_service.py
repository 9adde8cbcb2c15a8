"""`canter demo --serve`: the market crawled day after day under the service, until Ctrl-C."""

from __future__ import annotations

import json
import tempfile
import threading
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from canter.apps.demo import SEED, market_settings
from canter.apps.market import MarketMap, MarketProcess
from canter.apps.results import say
from canter.config import Settings
from canter.errors import CanterError, ConfigError, needs_extra
from canter.extraction import Extractor
from canter.service.plan import Plan
from canter.sites import load_site_file

NIGHT = 5.0  # seconds between the end of a crawl and the next day
_LOOK = 1.0  # seconds between looks at a crawl
_PATIENCE = 30.0  # seconds for an answer


def demo_service(pages: int, port: int, log_level: str | None = None, log_format: str | None = None) -> None:
    """Serve until a signal, on loopback; `port` 0: any free one. Raises CanterError where it cannot."""
    settings = market_settings(log_level, log_format)
    try:
        from canter.service.server import serve  # FastAPI and uvicorn are an extra
    except ImportError as error:
        raise ConfigError(f"{needs_extra('canter demo --serve', 'service')} ({error})") from error
    with tempfile.TemporaryDirectory(prefix="canter-demo-") as folder, MarketProcess(pages, SEED) as market:
        days = _Days(market)
        plan = _plan(market.map, Path(folder), settings)
        try:
            serve(plan, "127.0.0.1", port, None, say, days.begin)
        finally:
            days.end()


def _plan(market: MarketMap, folder: Path, settings: Settings) -> Plan:
    urls, site_file = folder / "urls.txt", folder / "sites.toml"
    urls.write_text("\n".join(market.urls) + "\n")
    site_file.write_text(market.site_file)
    sites = load_site_file(site_file, Extractor).sites
    return Plan(folder / "canter.db", settings, sites, {"market": (str(urls),)})


class _Days:
    """Asks the service for a crawl, waits for its end, lets the market's prices change, and so on."""

    def __init__(self, market: MarketProcess) -> None:
        self._market = market
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, url: str) -> None:
        """Begin: the service will answer at `url`."""
        shops, pages = len(self._market.map.truth), self._market.map.truth[0].pages
        say(
            f"a market of {shops} local shops, {pages:,} pages each, is crawled day after day; Ctrl-C ends it"
        )
        say(f"the dashboard: {url}/")
        self._thread = threading.Thread(target=self._run, args=(url,), name="days", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End, whatever goes on."""
        self._over.set()
        if self._thread:
            self._thread.join(_PATIENCE)

    def _run(self, url: str) -> None:
        try:
            while not self._over.is_set():
                crawl = _ask(f"{url}/api/crawls", {"source": "market"})["id"]
                while _ask(f"{url}/api/crawls/{crawl}")["state"] in ("queued", "running"):
                    if self._over.wait(_LOOK):
                        return
                self._over.wait(NIGHT)
                self._market.next_day()
        except (OSError, HTTPException, ValueError, CanterError) as error:
            if not self._over.wait(_LOOK):  # else the service has ended, as it was told to
                say(f"the market is not crawled any more: {error}")


def _ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  # our own address
    with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
        return json.load(answer)
