"""Which site a URL belongs to: the most specific host, then the longest path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

from canter.errors import ConfigError
from canter.model import Tls
from canter.sites.auto import AUTO
from canter.sites.site import Site
from canter.urls import PageUrl, host_name

_REMEMBERED = 65_536  # hosts; a crawl of more starts the memory anew


class HostRules(NamedTuple):
    """How a host is asked: the strictest of its sites; None where no site says. `max_rate` 0: no ceiling.

    `tls` is as the site says that claims it best, of those that say anything.
    """

    max_rate: float | None
    max_per_host: int | None
    pace: str | None
    pace_key: str
    tls: Tls = Tls()


class _Claim(NamedTuple):
    """One path pattern of a site; "" claims every path."""

    pattern: str
    regex: re.Pattern[str] | None
    site: Site


class SiteBook:
    """Finds the site of a URL. Raises ConfigError where two sites claim the same URL equally well.

    `beneath`: sites that read what these do not claim; of both, the stricter rules for a host hold.
    """

    def __init__(self, sites: Iterable[Site] = (), beneath: SiteBook | None = None) -> None:
        self._own = tuple(sites)
        self._beneath = beneath
        self.sites: tuple[Site, ...] = self._own + (beneath.sites if beneath else ())
        self._names: dict[str, Site] = {}
        self._claims: dict[str, list[_Claim]] = {}
        self._by_host: dict[str, tuple[_Claim, ...]] = {}
        self._rules: dict[str, HostRules] = {}
        for site in self._own:
            if site.name == AUTO.name:
                raise ConfigError(f"{AUTO.name} is the built-in site; give yours another name")
            if self._names.setdefault(site.name, site) is not site:
                raise ConfigError(f"two sites are named {site.name}; give each its own name")
            for host in site.hosts:
                self._claims.setdefault(host, []).extend(_claims(site))
        for host, claims in self._claims.items():
            _refuse_ties(host, claims)
            claims.sort(key=lambda claim: -len(claim.pattern))

    def __reduce__(self) -> tuple[type[SiteBook], tuple[tuple[Site, ...], SiteBook | None]]:
        return SiteBook, (self._own, self._beneath)

    def claim(self, url: PageUrl, name: str | None = None) -> Site | None:
        """The site called `name` if there is one, else the one that claims the URL best.

        Else it is the built-in `AUTO`, but None where `name` names a site that there is not.

        A host with port goes before the host alone, which stands for any port; then the longest wildcard.
        """
        if name == AUTO.name:
            return AUTO
        if name is not None and (named := self._named(name)):
            return named
        for claim in self._of(url.host):
            if claim.regex is None or claim.regex.fullmatch(url.href, url.href.index("/", 8)):
                return claim.site
        if self._beneath:
            return self._beneath.claim(url, name)
        return AUTO if name is None else None

    def _named(self, name: str) -> Site | None:
        return self._names.get(name) or (self._beneath._named(name) if self._beneath else None)

    def host_rules(self, host: str) -> HostRules:
        """What holds for a host key: the strictest of every site whose `hosts` claim it."""
        rules = self._rules.get(host)
        if rules is None:
            _bound(self._rules)
            rules = _strictest(host, [claim.site for claim in self._of(host)])
            if self._beneath:
                rules = _stricter(self._beneath.host_rules(host), rules)
            self._rules[host] = rules
        return rules

    def names(self, host: str) -> list[str]:
        """The sites that claim a host key, the best claim first; the built-in one where none does."""
        return list(dict.fromkeys(claim.site.name for claim in self._of(host))) or [AUTO.name]

    def _of(self, host: str) -> tuple[_Claim, ...]:
        claims = self._by_host.get(host)
        if claims is None:
            _bound(self._by_host)
            claims = tuple(claim for key in _host_patterns(host) for claim in self._claims.get(key, ()))
            self._by_host[host] = claims
        return claims


def _bound(memory: dict[str, Any]) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()


def _host_patterns(host: str) -> Iterator[str]:
    """The host patterns that would claim a host key, the most specific first."""
    name = host_name(host)
    port = host[len(name) :]
    yield host
    if port:
        yield name
    rest = name
    while "." in rest:
        rest = rest.partition(".")[2]
        if port:
            yield f"*.{rest}{port}"
        yield f"*.{rest}"
    yield "*"


def _claims(site: Site) -> Iterator[_Claim]:
    if not site.paths:
        yield _Claim("", None, site)
    for pattern in dict.fromkeys(site.paths):
        path, mark, query = pattern.partition("?")
        regex = _glob(path, "[^?]*") + (re.escape("?") + _glob(query, ".*") if mark else r"(?:\?.*)?")
        yield _Claim(pattern, re.compile(regex), site)


def _glob(pattern: str, anything: str) -> str:
    """A regular expression for a glob, in time linear in the text: between stars the first place is taken and
    kept (atomic groups, as fnmatch does), so that many stars do not multiply."""
    first, *rest = (re.escape(part) for part in re.split(r"\*+", pattern))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>{anything}?{part})" for part in middle) + anything + last


def _refuse_ties(host: str, claims: list[_Claim]) -> None:
    for one, other in combinations(claims, 2):
        if one.site is other.site or len(one.pattern) != len(other.pattern):
            continue
        if _overlap(one.pattern, other.pattern):
            where = f"{host}{one.pattern}" if one.pattern == other.pattern else f"URLs of {host}"
            raise ConfigError(
                f"sites {one.site.name} and {other.site.name} both claim {where}; "
                "give one of them a longer path or another host"
            )


def _overlap(one: str, other: str) -> bool:
    """Whether some path matches both globs: walks the pairs of positions both can have reached."""
    reached, todo = set(), [(0, 0)]
    while todo:
        i, j = todo.pop()
        if (i, j) in reached:
            continue
        reached.add((i, j))
        if i == len(one) and j == len(other):
            return True
        a, b = one[i : i + 1], other[j : j + 1]
        if a == "*":
            todo += [(i + 1, j)] + ([(i, j + 1)] if b else [])
        if b == "*":
            todo += [(i, j + 1)] + ([(i + 1, j)] if a else [])
        if a and a == b:
            todo.append((i + 1, j + 1))
    return False


def _strictest(host: str, sites: list[Site]) -> HostRules:
    rates = [site.max_rate for site in sites if site.max_rate is not None]
    paces = {site.pace for site in sites}
    keys = [site.pace_key for site in sites if site.pace_key is not None]
    return HostRules(
        max_rate=min((rate for rate in rates if rate), default=0.0 if rates else None),
        max_per_host=min((site.max_per_host for site in sites if site.max_per_host), default=None),
        pace="adaptive" if "adaptive" in paces else "off" if paces == {"off"} else None,
        pace_key=keys[0] if keys else host,
        tls=next((tls for site in sites if (tls := site.tls) != Tls()), Tls()),
    )


def _stricter(beneath: HostRules, own: HostRules) -> HostRules:
    """The stricter of two ceilings; what is no ceiling is as the sites beneath have it."""
    rates = [rate for rate in (beneath.max_rate, own.max_rate) if rate]
    most = [number for number in (beneath.max_per_host, own.max_per_host) if number]
    return beneath._replace(
        max_rate=min(rates) if rates else beneath.max_rate,
        max_per_host=min(most, default=None),
        pace="adaptive" if own.pace == "adaptive" else beneath.pace,
    )
