"""What the settings and the site files together decide about a host, a page and a request. Pure."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from canter.config import LIMITS, Settings
from canter.extraction import Extractor
from canter.model import ErrorType, Limits, Outcome, Task, Tls, Verdict
from canter.pace import HostPace, OpenPace
from canter.rules.robots import product_token
from canter.sites import Site, SiteBook
from canter.urls import BadUrl, PageUrl, host_name, host_of, parse_url, shard_of

Pace = HostPace | OpenPace


class Terms(NamedTuple):
    """What one crawl of several makes narrower for itself: its settings, and sites before the others."""

    settings: Settings
    sites: tuple[Site, ...]


class Policy:
    """One for a run. A site's own value holds unless the command line or environment gave one."""

    def __init__(self, settings: Settings, book: SiteBook) -> None:
        self.settings = settings
        self.book = book
        self._narrow = False
        self.agent = product_token(settings.user_agent)
        self._extractors: dict[str, Extractor] = {}
        self._limits: dict[str, Limits] = {}

    def of(self, terms: Terms) -> Policy:
        """That of a crawl which asks for less; the paces that it shares stay this one's."""
        policy = Policy(terms.settings, SiteBook(terms.sites, self.book))
        policy._narrow = True
        return policy

    def site(self, task: Task) -> Site | None:
        """The site whose rules read the task's page: the one its source names, or that claims its URL.

        `AUTO` where nobody does either; None only where the source names a site that there is not.
        """
        host = host_of(task.url)
        return self.book.claim(PageUrl(task.url, host, task.key), task.site) if host else None

    def extractor(self, site: Site) -> Extractor:
        """The site's compiled rules."""
        extractor = self._extractors.get(site.name)
        if extractor is None:
            extractor = self._extractors[site.name] = Extractor(site)
        return extractor

    def pace_key(self, host: str) -> str:
        """The key of the limit that the host shares; itself by default."""
        return self.book.host_rules(host).pace_key

    def pace(self, host: str, memory: Mapping[str, Any] | None, offset: float) -> Pace:
        """A pace under the ceilings of the run and of the sites that claim the host."""
        rules = self.book.host_rules(host)
        adaptive = self.is_adaptive(host)
        in_flight = self.settings.in_flight_ceiling(rules.max_per_host, adaptive=adaptive)
        rate = self.settings.rate_ceiling(rules.max_rate, adaptive=adaptive)
        if not adaptive:
            return OpenPace(max_in_flight=in_flight, max_rate=rate, memory=memory, clock_offset=offset)
        return HostPace(max_in_flight=in_flight, max_rate=rate, memory=memory, clock_offset=offset)

    def is_adaptive(self, host: str) -> bool:
        """Whether the pace of a host is found by its answers; else it is off."""
        wanted = self._choose("pace", self.book.host_rules(host).pace)
        return wanted == "adaptive" or not self.is_own(host)

    def bounds(self, host: str) -> tuple[float, float]:
        """What a crawl with terms of its own adds to the shared pace of a host: seconds between requests at
        least, and its requests in flight at most."""
        if not self._narrow:
            return 0.0, math.inf
        rules, adaptive = self.book.host_rules(host), self.is_adaptive(host)
        rate = self.settings.rate_ceiling(rules.max_rate, adaptive=adaptive)
        in_flight = self.settings.in_flight_ceiling(rules.max_per_host, adaptive=adaptive)
        return 1.0 / rate if rate else 0.0, in_flight

    def shard_of(self, host: str) -> int:
        """The shard of a host: hosts that share a limit share a shard, so one worker sees them all."""
        return shard_of(self.pace_key(host))

    def is_own(self, host: str) -> bool:
        """Whether the host is an address that --allow-network names (`localhost` is a loopback address)."""
        name = host_name(host).strip("[]")
        try:
            address = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
        except ValueError:
            return False
        return any(address in network for network in self.settings.allow_network)

    def obeys_robots(self, task: Task, site: Site | None) -> bool:
        """Whether robots.txt holds for the task's next request; `robots = false` is for the site's hosts."""
        if site is None or site.robots is not False:
            return True
        if not task.hops:
            return False
        page, target = parse_url(task.url), parse_url(task.target)
        if isinstance(page, BadUrl) or isinstance(target, BadUrl):
            return True
        return target.host != page.host and self.book.claim(target) is not site

    def limits(self, site: Site | None) -> Limits:
        """The bounds of a request for one of the site's pages."""
        if site is None:
            return self.settings.limits
        limits = self._limits.get(site.name)
        if limits is None:
            limits = Limits(*(self._choose(name, getattr(site, name)) for name in LIMITS))
            self._limits[site.name] = limits
        return limits

    def tls(self, host: str) -> Tls:
        """How a host key proves who it is and what it is shown; a bundle that its site names goes first."""
        return self._trusting(self.book.host_rules(host).tls)

    def all_tls(self) -> list[Tls]:
        """Everything that `tls` can give beside the default."""
        found = {self._trusting(tls) for tls in (Tls(), *(site.tls for site in self.book.sites))}
        return list(found - {Tls()})

    def _trusting(self, tls: Tls) -> Tls:
        bundle = self.settings.ca_file
        return tls if tls.ca_file or not bundle else replace(tls, ca_file=bundle)

    def attempts(self, site: Site | None) -> int:
        """How often a page is tried at most."""
        return int(self._choose("attempts", site.attempts if site else None))

    def _choose(self, name: str, of_site: Any) -> Any:
        return getattr(self.settings, name) if of_site is None or name in self.settings.explicit else of_site


def unclaimed(task: Task) -> Verdict:
    """What becomes of a page whose source names a site that there is not, where no other claims it."""
    message = f"the source names the site {task.site!r}, which the site file does not have"
    return Verdict(Outcome.FAILED, ErrorType.EXTRACTION, message)
