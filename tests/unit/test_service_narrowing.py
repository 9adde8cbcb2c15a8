"""A request can narrow what the server allows, never widen it."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.config import Settings, resolve
from canter.errors import ConfigError
from canter.policy import Policy
from canter.service.models import NewCrawl
from canter.service.narrowing import narrowed, terms_of
from canter.service.plan import Plan
from canter.service.refusal import Refused
from canter.sites import Site, SiteBook
from canter.urls import PageUrl, parse_url

SKU = {"css": ".sku", "pattern": r"SKU (\d+)"}
ACME = Site(
    "acme", hosts=["acme.example"], fields={"title": "h1", "sku": SKU}, max_rate=5.0, parse="os.path:join"
)
URLS = ["http://acme.example/1"]
SLOW: dict[str, Any] = {"hosts": ["o.example"], "fields": {"t": {"css": "h1", "pattern": "(a+)+$"}}}
TITLE: dict[str, Any] = {"hosts": ["other.example"], "fields": {"title": "h1"}}

MANY = [f"/{n}/*" for n in range(501)]


def plan(**settings: Any) -> Plan:
    found = resolve({"allow_network": ["127.0.0.0/8", "10.1.0.0/16"], **settings}, {}, {})
    return Plan(Path("x.db"), found, (ACME,), {"nightly": ("urls.txt",)}, urls=10)


def refused(body: dict[str, Any], **settings: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        narrowed(NewCrawl(**body), plan(**settings))
    assert caught.value.status == 422
    return caught.value


def test_what_asks_for_nothing_has_no_terms() -> None:
    """The server's hold as they are."""
    assert narrowed(NewCrawl(urls=URLS), plan()) is None
    assert narrowed(NewCrawl(source="nightly", limit=5), plan()) is None


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"urls": URLS * 11}, ("urls",)),
        ({"source": "../urls.txt"}, ("source",)),
        ({"urls": URLS, "allow_network": ["192.168.0.0/16"]}, ("allow_network", 0)),
        ({"urls": URLS, "allow_network": ["127.0.0.1/32", "0.0.0.0/0"]}, ("allow_network", 1)),
        ({"urls": URLS, "allow_network": ["::1/128"]}, ("allow_network", 0)),
        ({"urls": URLS, "allow_network": ["no"]}, ("allow_network", 0)),
        ({"urls": URLS, "sites": {"acme": TITLE}}, ("sites", "acme")),
        ({"urls": URLS, "sites": {"auto": TITLE}}, ("sites",)),
        ({"urls": URLS, "sites": {"x": {**TITLE, "parse": "os:system"}}}, ("sites", "x", "parse")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "ca_file": "/etc/passwd"}}}, ("sites", "x", "ca_file")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "client_key": "/k"}}}, ("sites", "x", "client_key")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "pace_key": "y"}}}, ("sites", "x", "pace_key")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "robots": False}}}, ("sites", "x", "robots")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "pace": "off"}}}, ("sites", "x", "pace")),
        ({"urls": URLS, "sites": {"x": SLOW}}, ("sites", "x", "fields", "t", "pattern")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "timeout": "long"}}}, ("sites", "x", "timeout")),
        ({"urls": URLS, "sites": {"x": {"fields": {"a": ">>"}}}}, ("sites", "x", "fields", "a", "css")),
        ({"urls": URLS, "sites": {"x": {"hosts": ["a"]}}}, ("sites", "x", "fields")),
        ({"urls": URLS, "sites": {"x": {**TITLE, "what": 1}}}, ("sites", "x", "what")),
        ({"urls": URLS, "sites": {"x": TITLE, "y": TITLE}}, ("sites",)),
        ({"urls": URLS, "sites": {"x": {**TITLE, "paths": MANY}}}, ("sites",)),
        ({"urls": URLS, "sites": {"x": {**TITLE, "paths": ["/" + "a" * 500]}}}, ("sites", "x", "paths")),
    ],
)  # fmt: skip
def test_what_would_widen_is_refused_by_its_key(body: dict[str, Any], key: tuple[str | int, ...]) -> None:
    """422, and where."""
    assert refused(body).key[: len(key)] == key


def test_a_pattern_of_the_server_may_be_used() -> None:
    """The regular expressions of its site file are trusted, also on another site."""
    terms = narrowed(NewCrawl(urls=URLS, sites={"x": {**TITLE, "fields": {"number": SKU}}}), plan())
    assert terms is not None
    assert terms.sites[0].fields["number"].pattern == SKU["pattern"]


def test_a_parse_function_of_the_server_may_be_named() -> None:
    """What its site file names is allowed; nothing else is imported."""
    terms = narrowed(NewCrawl(urls=URLS, sites={"x": {**TITLE, "parse": "os.path:join"}}), plan())
    assert terms is not None
    assert terms.sites[0].parse == "os.path:join"


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "max_rate": st.floats(0.01, 1e6),
            "max_per_host": st.integers(1, 10_000),
            "pace": st.just("adaptive"),
            "allow_network": st.lists(st.sampled_from(["127.0.0.0/8", "127.1.0.0/16", "10.1.2.3/32"])),
            "sites": st.dictionaries(
                st.sampled_from(["x"]),
                st.fixed_dictionaries(
                    {"fields": st.just({"title": "h1"})},
                    optional={
                        "hosts": st.sampled_from([["acme.example"], ["127.0.0.1"], ["*"]]),
                        "max_rate": st.floats(0, 1e6),
                        "max_per_host": st.integers(1, 10_000),
                        "timeout": st.floats(0.1, 1e6),
                        "max_body": st.integers(1, 2**40),
                        "attempts": st.integers(1, 1_000),
                        "read_timeout": st.floats(0.1, 1e6),
                    },
                ),
            ),
        },
    ),
    st.sampled_from(["adaptive", "off"]),
    st.sampled_from([None, 0.0, 3.0]),
    st.sampled_from([None, 0, 4]),
)
def test_whatever_is_asked_no_host_is_asked_faster_longer_or_more(
    body: dict[str, Any], pace: str, max_rate: float | None, max_per_host: int | None
) -> None:
    """Ceilings, networks, pace and limits of each host are the server's or stricter, its site's included."""
    given_plan = plan(pace=pace, max_rate=max_rate, max_per_host=max_per_host)
    server = Policy(given_plan.settings, SiteBook(given_plan.sites))
    terms = narrowed(NewCrawl(urls=URLS, **body), given_plan)
    if terms is None:
        return
    crawl = server.of(terms)
    assert set(_addresses(terms.settings)) <= set(_addresses(given_plan.settings))
    for host in ("acme.example", "127.0.0.1", "other.example"):
        assert crawl.is_adaptive(host) or not server.is_adaptive(host)
        assert crawl.pace_key(host) == server.pace_key(host)
        floor, most = crawl.bounds(host)
        assert floor >= 0
        assert most >= 1
        if "max_rate" in body:
            assert floor >= 0.999 / body["max_rate"]
        if "max_per_host" in body:
            assert most <= body["max_per_host"]
        url = parse_url(f"http://{host}/")
        assert isinstance(url, PageUrl)
        asked, allowed = crawl.limits(crawl.book.claim(url)), server.settings.limits
        assert asked.timeout <= allowed.timeout
        assert asked.read_timeout <= allowed.read_timeout
        assert asked.max_body <= allowed.max_body
        assert crawl.attempts(crawl.book.claim(url)) <= server.settings.attempts


def _addresses(settings: Settings) -> list[str]:
    probes = ("127.0.0.1", "127.1.2.3", "10.1.2.3", "10.1.9.9", "192.168.0.1", "::1")
    return [p for p in probes if any(ipaddress.ip_address(p) in n for n in settings.allow_network)]


def test_the_bodys_sites_read_first_and_the_servers_rules_still_hold() -> None:
    """The page of a host that both claim is read by the request's site, at the server's ceiling."""
    mine = {**TITLE, "hosts": ["acme.example"], "max_rate": 50.0}
    terms = narrowed(NewCrawl(urls=URLS, sites={"mine": mine}), plan())
    assert terms is not None
    policy = Policy(plan().settings, SiteBook([ACME])).of(terms)
    url = parse_url(URLS[0])
    assert isinstance(url, PageUrl)
    site = policy.book.claim(url)
    assert site is not None
    assert site.name == "mine"
    assert policy.bounds("acme.example") == (1 / 5.0, 20)
    assert policy.book.claim(url, "acme") is ACME


def test_a_crawl_that_goes_on_is_judged_again() -> None:
    """By what the server allows now, its sources included."""
    kept = {"source": "nightly", "max_rate": 2.0, "correlation": ["x", None]}
    terms = terms_of(kept, plan())
    assert terms is not None
    assert terms.settings.max_rate == 2.0
    with pytest.raises(ConfigError, match="not allowed any more: source"):
        terms_of({"source": "gone"}, plan())
    assert terms_of({"correlation": ["x", None]}, plan()) is None
