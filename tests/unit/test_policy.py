"""What settings and sites decide together."""

from __future__ import annotations

from canter.config import resolve
from canter.model import ErrorType, Limits, Task, Tls
from canter.pace import HostPace, OpenPace
from canter.policy import Policy, unclaimed
from canter.sites import AUTO, Site, SiteBook

FIELDS = {"title": "h1"}


def policy(*sites: Site, **settings: object) -> Policy:
    return Policy(resolve(settings, {}, {}), SiteBook(sites))


def task(url: str, site: str | None = None) -> Task:
    return Task(1, 0, 0, 0, url, 0, site=site)


def test_pace_off_holds_for_named_addresses_only() -> None:
    """Any other host keeps the adaptive pace, whatever the run asks for."""
    chosen = policy(pace="off", allow_network=["127.0.0.0/8"])
    assert isinstance(chosen.pace("127.0.0.1:81", None, 0.0), OpenPace)
    assert isinstance(chosen.pace("localhost", None, 0.0), OpenPace)
    assert isinstance(chosen.pace("shop.example", None, 0.0), HostPace)
    assert isinstance(chosen.pace("10.0.0.1", None, 0.0), HostPace)
    assert isinstance(policy(pace="off").pace("127.0.0.1", None, 0.0), HostPace)


def test_a_sites_own_pace_yields_to_the_command_line() -> None:
    """A site may open its own servers; --pace adaptive closes them again."""
    site = Site("own", hosts=["127.0.0.1"], fields=FIELDS, pace="off")
    assert isinstance(policy(site, allow_network=["127.0.0.0/8"]).pace("127.0.0.1", None, 0.0), OpenPace)
    strict = policy(site, allow_network=["127.0.0.0/8"], pace="adaptive")
    assert isinstance(strict.pace("127.0.0.1", None, 0.0), HostPace)


def test_a_sites_limits_hold_unless_the_command_line_says_otherwise() -> None:
    """Every limit of time, max_body and attempts."""
    site = Site("s", hosts=["a.example"], fields=FIELDS, timeout=5, max_body="1MiB", attempts=7)
    assert policy(site).limits(site) == Limits(5, 10, 10, 1024**2)
    assert policy(site).attempts(site) == 7
    slow = Site("s", hosts=["a.example"], fields=FIELDS, tls_timeout=0.5, first_byte_timeout=60)
    assert policy(slow).limits(slow) == Limits(tls_timeout=0.5, first_byte_timeout=60)
    assert policy(slow, tls_timeout="2").limits(slow) == Limits(tls_timeout=2, first_byte_timeout=60)
    told = policy(site, timeout="9", attempts=2)
    assert (told.limits(site).timeout, told.attempts(site)) == (9, 2)
    assert policy().limits(None) == Limits()


def test_hosts_that_share_a_limit_share_a_shard() -> None:
    """So one worker sees them all."""
    site = Site("p", hosts=["a.example", "b.test"], fields=FIELDS, pace_key="platform")
    chosen = policy(site)
    assert chosen.pace_key("a.example") == chosen.pace_key("b.test") == "platform"
    assert chosen.shard_of("a.example") == chosen.shard_of("b.test")


def test_what_no_site_claims_is_read_by_auto() -> None:
    """The built-in site reads a URL that no site claims, and one whose source asks for it."""
    own = Site("own", hosts=["b.example"], fields=FIELDS)
    chosen = policy(own)
    assert chosen.site(task("http://a.example/")) is AUTO
    assert chosen.site(task("http://b.example/")) is own
    assert chosen.site(task("http://b.example/", "auto")) is AUTO
    assert policy().site(task("http://a.example/")) is AUTO


def test_a_site_that_there_is_not_is_a_clear_error() -> None:
    """A source that names one is told so, and not read by auto: it may be a slip."""
    named = task("http://a.example/", "acme")
    assert policy().site(named) is None
    verdict = unclaimed(named)
    assert verdict.error_type is ErrorType.EXTRACTION
    assert "'acme'" in (verdict.message or "")


def test_certificates_are_of_the_site_that_claims_a_host_best() -> None:
    """A site's own bundle goes before the run's; a site that says nothing leaves the question open."""
    chosen = policy(
        Site("wide", hosts=["*.example"], client_cert="wide.pem", client_key="wide.key", fields=FIELDS),
        Site("narrow", hosts=["shop.example"], ca_file="shop.pem", fields=FIELDS),
        Site("plain", hosts=["shop.example"], paths=["/plain/*"], fields=FIELDS),
        ca_file="all.pem",
    )
    assert chosen.tls("shop.example") == Tls("shop.pem")
    assert chosen.tls("a.example:8443") == Tls("all.pem", "wide.pem", "wide.key")
    assert chosen.tls("other.test") == Tls("all.pem")
    given = {chosen.tls(host) for host in ("shop.example", "a.example", "other.test")}
    assert set(chosen.all_tls()) == given


def test_without_certificates_the_systems_are_trusted() -> None:
    """Nothing needs loading beside the default."""
    chosen = policy(Site("s", hosts=["shop.example"], fields=FIELDS))
    assert chosen.tls("shop.example") == Tls()
    assert chosen.all_tls() == []
