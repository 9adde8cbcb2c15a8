"""Names and addresses through the command: a real name server, real servers, redirects that lead astray."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canter.transports.dns import Names
from tests.live.command import Command
from tests.live.dnsmasq import dnsmasq, need_dnsmasq
from tests.live.servers import Nginx, need_nginx, nginx, toml
from tests.nameserver import A, Host, NameServer

pytestmark = pytest.mark.live

ALLOWED, INNER = "127.0.0.2", "127.0.0.3"
ONLY = ("--allow-network", f"{ALLOWED}/32", "--pace", "off")
ZONE = (
    f"--host-record=shop.test,{ALLOWED},30",
    f"--host-record=inner.test,{INNER},30",
    f"--host-record=mixed.test,{INNER}",
    f"--host-record=mixed.test,{ALLOWED}",
    "--cname=www.test,cdn.test,5",
    "--cname=cdn.test,shop.test,5",
    "--txt-record=bare.test,nothing here",
    *(f"--host-record=many.test,127.0.1.{n}" for n in range(1, 200)),
    *(f"--host-record=n{n}.test,{ALLOWED}" for n in range(300)),
)
# Where redirects lead: every spelling of an address that is not allowed.
ASTRAY = {
    "plain": f"http://{INNER}:$server_port/",
    "relative-scheme": f"//{INNER}:$server_port/",
    "name": "http://inner.test:$server_port/",
    "decimal": "http://2130706435:$server_port/",
    "hex": "http://0x7f.3:$server_port/",
    "octal": "http://0177.0.0.03:$server_port/",
    "short": "http://127.3:$server_port/",
    "full-width": "http://１２７．０．０．３:$server_port/",
    "escaped": "http://%31%32%37.0.0.3:$server_port/",
    "mapped": f"http://[::ffff:{INNER}]:$server_port/",
    "final-dot": f"http://{INNER}.:$server_port/",
    "credentials-in-front": f"http://inner.test:$server_port/?shop.test@{ALLOWED}",
}
ELSEWHERE = {
    "link-local": ("http://[fe80::1]/", "fe80::1 is a link-local address"),
    "metadata": ("http://169.254.169.254/latest/", "169.254.169.254 is a link-local address"),
    "nat64": ("http://[64:ff9b::7f00:3]/", "a NAT64 address of 127.0.0.3"),
    "nat64-local": ("http://[64:ff9b:1::7f00:3]/", "64:ff9b:1::7f00:3 is a private address"),
    "six-to-four": ("http://[2002:7f00:3::1]/", "a 6to4 address of 127.0.0.3"),
    "unspecified": ("http://0/", "0.0.0.0 is an unspecified address"),
    "multicast": ("http://224.0.0.1/", "224.0.0.1 is a multicast address"),
    "shared": ("http://100.64.0.1/", "100.64.0.1 is a carrier-grade NAT address"),
    "localhost": ("http://localhost/", "a loopback address"),
}


@pytest.fixture
def names() -> Iterator[str]:
    need_dnsmasq()
    with dnsmasq(*ZONE) as address:
        yield address


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Nginx]:
    """A shop on two addresses, the second not to be reached; its paths redirect astray."""
    need_nginx()
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<h1>Tea</h1>")
    (tmp_path / "www" / "robots.txt").write_text("User-agent: *\nDisallow: /closed\n")
    places = (
        ASTRAY
        | {name: url for name, (url, _) in ELSEWHERE.items()}
        | {"good": "http://www.test:$server_port/"}
    )
    moved = "absolute_redirect off;" + "".join(
        f'location = /{name} {{ return 302 "{url}"; }}\n' for name, url in places.items()
    )
    with nginx(tmp_path / "nginx", f"{tmp_path}/www", (ALLOWED, INNER), server=moved) as running:
        yield running


def crawl(folder: Path, names: str, *urls: str, options: tuple[str, ...] = ONLY) -> dict[str, dict[str, Any]]:
    """The records of a crawl of the URLs, by URL."""
    command = Command(folder)
    command.write("urls.txt", "\n".join(urls))
    command.write("sites.toml", toml({"sites.s": {"hosts": ["*"]}, "sites.s.fields": {"title": "h1"}}))
    done = command.run("run", "urls.txt", *options, "--dns-server", names, "--attempts", "1")
    assert done.returncode in (0, 3), done.stderr.decode()
    return {record["url"]: record for record in command.records()}


def test_names_are_found(tmp_path: Path, names: str, shop: Nginx) -> None:
    """A host by its name, by an alias of an alias, and one of whose addresses one may be dialled."""
    urls = [f"http://{host}:{shop.port}/" for host in ("shop.test", "www.test", "mixed.test")]
    records = crawl(tmp_path, names, *urls)
    assert {url: record["outcome"] for url, record in records.items()} == dict.fromkeys(urls, "ok")
    assert {address for address, _, _ in shop.seen()} == {ALLOWED}


def test_no_redirect_leads_to_an_address_that_is_not_allowed(tmp_path: Path, names: str, shop: Nginx) -> None:
    """By whatever spelling or name: each ends as `refused`, names the address, and is not dialled."""
    urls = {name: f"{shop.origin(ALLOWED)}/{name}" for name in (*ASTRAY, *ELSEWHERE)}
    records = crawl(tmp_path, names, *urls.values(), f"{shop.origin(ALLOWED)}/good")
    for name, url in urls.items():
        record = records[url]
        assert (record["outcome"], record["error_type"]) == ("failed", "refused"), (name, record["error"])
        assert ELSEWHERE[name][1] if name in ELSEWHERE else INNER in record["error"]
        assert "--allow-network" in record["error"]
        assert len(record["redirects"]) == 1
    assert records[f"{shop.origin(ALLOWED)}/good"]["outcome"] == "ok"
    assert {address for address, _, _ in shop.seen()} == {ALLOWED}


def test_no_source_url_leads_there_either(tmp_path: Path, names: str, shop: Nginx) -> None:
    """The first request is judged like every other, robots.txt before it."""
    urls = [place.replace("$server_port", str(shop.port)) for place in ASTRAY.values()]
    records = crawl(tmp_path, names, *(f"http:{url}" if url.startswith("//") else url for url in urls))
    assert {record["error_type"] for record in records.values()} == {"refused"}
    assert shop.seen() == []


def test_robots_txt_is_not_fetched_from_an_address_that_is_not_allowed(tmp_path: Path, names: str) -> None:
    """A redirect of robots.txt itself goes no further than a page's would."""
    need_nginx()
    away = f'location = /robots.txt {{ return 301 "http://{INNER}:$server_port/robots.txt"; }}'
    with nginx(tmp_path / "nginx", str(tmp_path), (ALLOWED, INNER), server=away) as shop:
        record = crawl(tmp_path, names, f"http://shop.test:{shop.port}/")[f"http://shop.test:{shop.port}/"]
        assert {address for address, _, _ in shop.seen()} == {ALLOWED}
        assert (record["outcome"], record["error_type"]) == ("failed", "blocked")
        assert record["error"].startswith("robots.txt cannot be had: it leads to ")
        assert f"http://{INNER}:{shop.port}/robots.txt: {INNER} is a loopback address" in record["error"]


async def test_rebinding_gains_nothing(tmp_path: Path, shop: Nginx) -> None:
    """A name that is turned to an inner address after its first answer: never dialled, in no later run."""
    urls = [f"http://turn.test:{shop.port}/?{n}" for n in range(20)]
    runs: list[set[tuple[str, str | None]]] = []
    async with NameServer({}) as names:
        names.zone = Turning(names, {"turn.test": (Host((ALLOWED,), ttl=0), Host((INNER,), ttl=0))})
        for folder in (tmp_path / "first", tmp_path / "second"):
            folder.mkdir()
            records = await asyncio.to_thread(crawl, folder, names.address, *urls)
            runs.append({(record["outcome"], record["error"]) for record in records.values()})
    assert runs[0] == {("ok", None)}
    [(outcome, error)] = runs[1]
    assert outcome == "failed"
    assert f"turn.test has no address that may be dialled: {INNER} is a loopback address" in str(error)
    assert {address for address, _, _ in shop.seen()} == {ALLOWED}


class Turning(dict[str, Any]):
    """A zone whose names have their first address for the first question only."""

    def __init__(self, names: NameServer, zone: dict[str, tuple[Host, Host]]) -> None:
        super().__init__(zone)
        self._names = names

    def get(self, name: str, default: Any = None) -> Any:
        entry = super().get(name, default)
        return entry[self._names.asked[name, A] > 1] if isinstance(entry, tuple) else entry


def test_names_that_lead_nowhere_are_told_apart(tmp_path: Path, names: str, shop: Nginx) -> None:
    """A name that does not exist, or has no address, is permanent and asked for once."""
    records = crawl(tmp_path, names, "http://nowhere.test/", "http://bare.test/")
    found = {url: (record["error_type"], record["error"]) for url, record in records.items()}
    assert found["http://nowhere.test/"] == (
        "permanent", "the host nowhere.test cannot be found: there is no such name (NXDOMAIN)"
    )  # fmt: skip
    assert found["http://bare.test/"] == (
        "permanent", "the host bare.test cannot be found: the name has no address"
    )  # fmt: skip


def test_a_silent_name_server_is_transient(tmp_path: Path, shop: Nginx) -> None:
    """A name server that says nothing is nobody's end: the page may be tried again, addresses still work."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        own = f"http://{ALLOWED}:{shop.port}/"
        options = (*ONLY, "--connect-timeout", "0.3", "--host-patience", "1s")
        records = crawl(
            tmp_path, "{}:{}".format(*silent.getsockname()), "http://shop.test/", own, options=options
        )
    assert records[own]["outcome"] == "ok"
    record = records["http://shop.test/"]
    assert record["error_type"] in ("transient", "blocked")
    assert "no answer from the resolver for shop.test within 0.3 s" in record["error"]


def test_three_hundred_hosts(tmp_path: Path, names: str, shop: Nginx) -> None:
    """Every host of many is found and fetched."""
    records = crawl(tmp_path, names, *(f"http://n{n}.test:{shop.port}/" for n in range(300)))
    assert [record["outcome"] for record in records.values()] == ["ok"] * 300


async def test_an_answer_too_long_for_udp_comes_over_tcp(names: str) -> None:
    """Two hundred addresses do not fit in a datagram; the first of them are used."""
    looking = Names([names])
    assert len(await looking.addresses("many.test")) == 64
    looking.close()
