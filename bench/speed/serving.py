"""The web servers of the scenarios; they serve pages compressed beforehand, as a server keeps them."""

from __future__ import annotations

import contextlib
import gzip
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from bench.contenders.rules import FIELDS
from bench.machine import REPO, on_core
from tests.live.servers import free_port, nginx, toml

ADDRESS = "127.0.0.1"
_NO_VALIDATORS = 'etag off; if_modified_since off; add_header Last-Modified "";'
Rules = dict[str, dict[str, Any]]


class Served(NamedTuple):
    """A server that runs: where its URLs begin, which paths it has, its process id."""

    origins: list[str]
    paths: list[str]
    pid: int

    def urls(self, count: int, first: int = 0) -> list[str]:
        """So many URLs from a number on, no two alike, the pages and the hosts in turns."""
        origins, paths = self.origins, self.paths
        return [
            f"{origins[n % len(origins)]}{paths[n % len(paths)]}?n={n}" for n in range(first, first + count)
        ]


def lay_out(root: Path, pages: Sequence[bytes]) -> list[str]:
    """Write the pages and their compressed selves below `root`; their paths."""
    root.mkdir()
    for n, page in enumerate(pages):
        (root / f"{n}.html").write_bytes(page)
        (root / f"{n}.html.gz").write_bytes(gzip.compress(page, 6))
    return [f"/{n}.html" for n in range(len(pages))]


@contextlib.contextmanager
def web(
    folder: Path, pages: Sequence[bytes], core: int | Sequence[int], *, addresses: Iterable[str] = (ADDRESS,),
    validators: bool = True, ca_file: Path | None = None,
) -> Iterator[Served]:  # fmt: skip
    """nginx on a core. Without `validators` no answer can be asked for again by If-Modified-Since or ETag.

    With `ca_file` it speaks TLS, and the file will hold the authority to trust.
    """
    folder.mkdir()
    addresses = list(addresses)
    paths = lay_out(folder / "www", pages)
    server = "gzip_static on;" + ("" if validators else _NO_VALIDATORS)
    if ca_file:
        server += _certificate(folder, ca_file)
    command = on_core(*([core] if isinstance(core, int) else core))
    with nginx(
        folder / "nginx", f"{folder}/www", addresses, server=server, log=False, command=command,
        tls=ca_file is not None,
    ) as running:  # fmt: skip
        yield Served([running.origin(address) for address in addresses], paths, running.process.pid)


def _certificate(folder: Path, ca_file: Path) -> str:
    """A certificate for loopback, as nginx's directives."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    certificate = authority.issue_cert(ADDRESS)
    chain, key = folder / "chain.pem", folder / "key.pem"
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(chain, append=number > 0)
    certificate.private_key_pem.write_to_path(key)
    return f"ssl_certificate {chain}; ssl_certificate_key {key};"


@contextlib.contextmanager
def slow_web(folder: Path, pages: Sequence[bytes], core: int, delay: float) -> Iterator[Served]:
    """A server of our own on a core that waits `delay` seconds before each answer."""
    folder.mkdir()
    paths, port = lay_out(folder / "www", pages), free_port()
    command = [sys.executable, "-m", "bench.speed.slow", str(folder / "www"), str(port), str(delay)]
    server = subprocess.Popen([*on_core(core), *command], cwd=REPO, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        yield Served([f"http://{ADDRESS}:{port}"], paths, server.pid)
    finally:
        server.terminate()
        server.wait()


def site_file(origins: Iterable[str], fields: Rules | None = None) -> str:
    """A site of these servers with the fields of every contender, or others; none is required."""
    if fields is None:
        fields = {
            name: {"css": css} | ({"attr": attr} if attr else {}) for name, (css, attr) in FIELDS.items()
        }
    hosts = [origin.partition("//")[2] for origin in origins]
    tables = {name: {**rule, "required": False} for name, rule in fields.items()}
    return toml({"sites.bench": {"hosts": hosts}, "sites.bench.fields": tables})


def own_addresses(count: int) -> list[str]:
    """So many addresses of loopback, each a host of its own."""
    return [f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(count)]
