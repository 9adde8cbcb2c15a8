"""Certificates through the command: bundles and client certificates by run and by site."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from canter.crawler import Crawler
from canter.errors import ConfigError
from canter.sites import Site
from tests.live.command import LOCAL, Command
from tests.live.servers import toml
from tests.tlsserver import TlsServer, tls_server

pytestmark = pytest.mark.live

FIELDS = {"title": "h1"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def command(tmp_path: Path, authority: trustme.CA) -> Command:
    """A folder with the authority's bundle and a client's certificate."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    client = authority.issue_cert("crawler@shop.test", common_name="crawler")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    return Command(tmp_path)


@pytest.fixture
def shops(authority: trustme.CA) -> Iterator[tuple[TlsServer, TlsServer]]:
    """Two shops: the first talks to whoever shows a certificate, the second asks for one and does without."""
    with (
        tls_server(_asking(authority, "127.0.0.2", ssl.CERT_REQUIRED), "127.0.0.2") as strict,
        tls_server(_asking(authority, "127.0.0.3", ssl.CERT_OPTIONAL), "127.0.0.3") as lax,
    ):
        yield strict, lax


def _asking(authority: trustme.CA, address: str, mode: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(address).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = mode
    return context


def crawl(command: Command, shops: tuple[TlsServer, TlsServer], *options: str) -> dict[str, dict[str, Any]]:
    """The records of a crawl of a page of each shop, by address."""
    urls = [f"https://127.0.0.{n}:{shop.port}/" for n, shop in zip((2, 3), shops, strict=True)]
    command.write("urls.txt", "\n".join(urls))
    command.crawl("urls.txt", *options)
    return {record["host"].partition(":")[0]: record for record in command.records()}


def test_a_site_has_its_own_authority_and_certificate(
    command: Command, shops: tuple[TlsServer, TlsServer]
) -> None:
    """They hold for the site's hosts, robots.txt included, and no other host sees either."""
    own = {"hosts": ["127.0.0.2"], "ca_file": "authority.pem", "client_cert": "client.pem"}
    command.write("sites.toml", toml({"sites.own": own, "sites.own.fields": FIELDS}))
    records = crawl(command, shops)
    assert records["127.0.0.2"]["fields"] == {"title": "Tea"}
    requests = [request.split(b" ")[1] for request in shops[0].requests]
    assert requests == [b"/robots.txt", b"/"]
    assert all("crawler" in (subject or "") for subject in shops[0].clients)
    assert (records["127.0.0.3"]["error_type"], shops[1].requests) == ("permanent", [])
    assert "signed by an unknown authority" in records["127.0.0.3"]["error"]


def test_a_run_has_an_authority_for_every_host(command: Command, shops: tuple[TlsServer, TlsServer]) -> None:
    """--ca-file is trusted for all; a site's certificate is still shown to its own hosts only."""
    own = {"hosts": ["127.0.0.2"], "client_cert": "client.pem"}
    tables: dict[str, dict[str, Any]] = {"sites.own": own, "sites.own.fields": FIELDS}
    command.write("sites.toml", toml({**tables, "sites.rest": {"hosts": ["*"]}, "sites.rest.fields": FIELDS}))
    records = crawl(command, shops, "--ca-file", "authority.pem")
    assert [record["outcome"] for record in records.values()] == ["ok", "ok"]
    assert shops[1].clients == [None, None]


def test_without_a_certificate_the_page_says_what_is_asked_for(
    command: Command, shops: tuple[TlsServer, TlsServer]
) -> None:
    """The strict shop's page fails for good and says why; [defaults] names a bundle, too."""
    tables: dict[str, dict[str, Any]] = {
        "defaults": {"ca_file": "authority.pem"},
        "sites.s": {"hosts": ["*"]},
        "sites.s.fields": FIELDS,
    }
    command.write("sites.toml", toml(tables))
    records = crawl(command, shops)
    assert records["127.0.0.3"]["outcome"] == "ok"
    assert records["127.0.0.2"]["error_type"] == "permanent"
    assert "client certificate" in records["127.0.0.2"]["error"]


@pytest.mark.parametrize(
    ("site", "options", "says"),
    [
        ({}, ("--ca-file", "none.pem"), "ca_file: none.pem: cannot be read: No such file or directory"),
        ({}, ("--ca-file", "urls.txt"), "ca_file: urls.txt: expected certificates in PEM"),
        ({"ca_file": "none.pem"}, (), "ca_file: none.pem: cannot be read"),
        (
            {"client_cert": "authority.pem"},
            (),
            "client_cert: authority.pem: expected a certificate and its key",
        ),
        ({"client_key": "client.pem"}, (), "sites.toml: sites.s.client_key: expected beside client_cert"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_run_before_it_begins(
    command: Command, site: dict[str, str], options: tuple[str, ...], says: str
) -> None:
    """One line, exit status 1, and no store is made."""
    command.write("urls.txt", "https://127.0.0.2:1/")
    command.write("sites.toml", toml({"sites.s": {"hosts": ["*"], **site}, "sites.s.fields": FIELDS}))
    done = command.run("run", "urls.txt", *options, *LOCAL)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert says in lines[0]
    assert not command.store.exists()


def test_the_library_refuses_such_a_file_when_it_is_made() -> None:
    """Before a store is opened."""
    with pytest.raises(ConfigError, match=r"^ca_file: none\.pem: cannot be read"):
        Crawler(sites=[], ca_file="none.pem")
    site = Site("s", hosts=["*"], fields=FIELDS, client_cert="none.pem")
    with pytest.raises(ConfigError, match=r"^client_cert: none\.pem: cannot be read"):
        Crawler(sites=[site])
