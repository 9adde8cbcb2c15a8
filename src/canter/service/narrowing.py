"""What a request may ask of a crawl: less than the server allows, never more. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from canter.config import LIMITS, Network, Settings
from canter.errors import ConfigError
from canter.extraction import Extractor
from canter.policy import Terms
from canter.service.models import NewCrawl
from canter.service.plan import Plan
from canter.service.refusal import Refused
from canter.sites import Site, SiteBook
from canter.sites.site import Mistake

MAX_CLAIMS, MAX_PATH = 500, 500  # of a request's sites: hosts times paths, and characters of a path
# Keys of a site that a request may not set: they lead to files of the server, or past what it decided.
_OWN = ("ca_file", "client_cert", "client_key", "pace_key")


def narrowed(body: NewCrawl, plan: Plan) -> Terms | None:
    """The settings and sites of a crawl; None where the server's hold as they are. Raises Refused (422)."""
    if body.urls is not None and len(body.urls) > plan.urls:
        raise Refused(422, f"more than {plan.urls} URLs; put them into a source of the site file", ("urls",))
    if body.source is not None and body.source not in plan.sources:
        known = ", ".join(plan.sources) or "none"
        raise Refused(422, f"the site file has no source {body.source!r}; it has {known}", ("source",))
    changes: dict[str, Any] = {}
    if body.max_rate is not None:
        changes["max_rate"] = _least(body.max_rate, plan.settings.max_rate)
    if body.max_per_host is not None:
        changes["max_per_host"] = int(_least(body.max_per_host, plan.settings.max_per_host))
    if body.pace is not None:
        changes["pace"] = body.pace
    if body.allow_network is not None:
        changes["allow_network"] = _networks(body.allow_network, plan.settings)
    sites = _sites(body.sites or {}, plan)
    if not (changes or sites):
        return None
    explicit = plan.settings.explicit | changes.keys()
    return Terms(plan.settings.model_copy(update={**changes, "explicit": explicit}), sites)


def terms_of(kept: Mapping[str, Any], plan: Plan) -> Terms | None:
    """The terms of a crawl that goes on, by what was kept of its request and what the server allows now.

    Raises ConfigError where it does not allow that any more.
    """
    keys = NewCrawl.model_fields.keys() - {"urls"}
    body = {key: value for key, value in kept.items() if key in keys}
    if "source" not in body:
        body["urls"] = ["-"]  # they are in the store
    try:
        return narrowed(NewCrawl(**body), plan)
    except (Refused, ValidationError) as error:
        raise ConfigError(f"what was asked for is not allowed any more: {error}") from error


def _least(asked: float, allowed: float | None) -> float:
    """The stricter ceiling; 0 and None are none."""
    return min(asked, allowed) if allowed else asked


def _networks(asked: list[str], settings: Settings) -> tuple[Network, ...]:
    found = []
    for n, text in enumerate(asked):
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise Refused(
                422, f"expected a network such as 10.0.0.0/8: {error}", ("allow_network", n)
            ) from None
        if not any(_within(network, allowed) for allowed in settings.allow_network):
            raise Refused(422, f"the server does not allow {network}", ("allow_network", n))
        found.append(network)
    return tuple(found)


def _within(network: Network, allowed: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network) and isinstance(allowed, ipaddress.IPv4Network):
        return network.subnet_of(allowed)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(allowed, ipaddress.IPv6Network):
        return network.subnet_of(allowed)
    return False


def _sites(tables: dict[str, dict[str, Any]], plan: Plan) -> tuple[Site, ...]:
    sites = tuple(_site(name, table, plan) for name, table in tables.items())
    _check_claims(sites)
    try:
        SiteBook(sites)
    except ConfigError as error:
        raise Refused(422, str(error), ("sites",)) from error
    return sites


def _site(name: str, table: dict[str, Any], plan: Plan) -> Site:
    if any(site.name == name for site in plan.sites):
        raise Refused(422, "the server has a site of this name; give yours another", ("sites", name))
    for key in _OWN:
        if table.get(key) is not None:
            raise Refused(422, "only the server's site file sets this", ("sites", name, key))
    if table.get("robots") is False:
        raise Refused(422, "only the server's site file lifts this", ("sites", name, "robots"))
    if table.get("pace") == "off":
        raise Refused(422, "only the server lifts this", ("sites", name, "pace"))
    parse = table.get("parse")
    if parse is not None and parse not in {site.parse for site in plan.sites if isinstance(site.parse, str)}:
        raise Refused(422, "only a parse function of the server's site file", ("sites", name, "parse"))
    try:
        site = Site(**{**table, "name": name})
        Extractor(site)
    except Mistake as mistake:
        place = ("sites", name, *filter(None, mistake.key.split(".")))
        raise Refused(422, mistake.text, place) from mistake
    except ConfigError as error:
        raise Refused(422, str(error), ("sites", name)) from error
    _check_patterns(site, plan)
    return _clamped(site, plan.settings)


def _check_claims(sites: tuple[Site, ...]) -> None:
    """Ties between sites are looked for pair by pair, which must not keep the server busy."""
    if sum(len(site.hosts) * max(1, len(site.paths)) for site in sites) > MAX_CLAIMS:
        raise Refused(
            422, f"more than {MAX_CLAIMS} hosts times paths; put them into the site file", ("sites",)
        )
    for site in sites:
        if any(len(path) > MAX_PATH for path in site.paths):
            raise Refused(422, f"a path of more than {MAX_PATH} characters", ("sites", site.name, "paths"))


def _check_patterns(site: Site, plan: Plan) -> None:
    """A regular expression can take exponential time on a page: only those of the server are used."""
    known = {field.pattern for own in plan.sites for field in own.fields.values()}
    for key, field in site.fields.items():
        if field.pattern not in known | {None}:
            raise Refused(
                422,
                "only a pattern of the server's site file",
                ("sites", site.name, "fields", key, "pattern"),
            )


def _clamped(site: Site, settings: Settings) -> Site:
    """No longer, larger or more often than the server would by itself."""
    changes: dict[str, Any] = {}
    for name in (*LIMITS, "attempts"):
        asked, allowed = getattr(site, name), getattr(settings, name)
        if asked is not None and allowed is not None and asked > allowed:
            changes[name] = allowed
    return site.model_copy(update=changes) if changes else site
