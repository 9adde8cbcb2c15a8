"""Real servers that refuse what is too much: nginx and HAProxy, each in front of a small shop."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live.servers import READY, Logged, Nginx, await_listening, free_port, nginx, read_log

REFUSALS = (429, 503)

_PASS_ON = "location / { proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ''; }"
_HAPROXY = """\
global
    log stdout format raw daemon
    maxconn 2000
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend limited
    bind {address}:{port}
    log global
    log-format "%Ts.%ms %fi %ST %HPO"
{rules}
    default_backend shop
backend shop
    server shop {shop}
"""


class Limited(NamedTuple):
    """A running server with a limit. `host`: its host key; `log()`: all that it answered so far."""

    host: str
    log: Callable[[], list[Logged]]
    nginx: Nginx | None = None


def zone(rate: float) -> str:
    """nginx's directive for a limit of so many requests a second, kept for each address that is asked."""
    per_minute = rate * 60
    return f"limit_req_zone $server_addr zone=rate:1m rate={per_minute:.0f}r/m;"


def limited_by(rules: str, status: int) -> str:
    """The directives of a server that refuses with `status` and passes on what its rules let through."""
    return f"{rules} limit_req_status {status}; limit_conn_status {status}; {_PASS_ON}"


def before(shop: str) -> str:
    """nginx's directives for the shop behind, by its host key, and for a count of connections."""
    return (
        f"upstream shop {{ server {shop}; keepalive 64; }} limit_conn_zone $server_addr zone=connections:1m;"
    )


@contextmanager
def nginx_limit(
    folder: Path,
    address: str,
    shop: str,
    rules: str,
    *,
    rate: float = 1.0,
    status: int = 429,
    reloads: bool = False,
) -> Iterator[Limited]:
    """nginx with `rules` over the zones `rate` and `connections`; `reloads`: it will be told of others."""
    http, server = before(shop) + zone(rate), limited_by(rules, status)
    with nginx(folder, "/nowhere", [address], http=http, server=server, reloads=reloads) as running:
        yield Limited(f"{address}:{running.port}", running.log, running)


@contextmanager
def haproxy_limit(folder: Path, address: str, shop: str, most: int, window: str) -> Iterator[Limited]:
    """HAProxy that answers 429 to more than `most` requests in a sliding `window` ("10s"), counting those."""
    binary = haproxy_path()
    assert binary is not None
    folder.mkdir(parents=True)
    port = free_port()
    rules = (
        f"    stick-table type ip size 1k expire 10m store http_req_rate({window})\n"
        "    http-request track-sc0 dst\n"
        f"    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {most} }}"
    )
    (folder / "haproxy.cfg").write_text(_HAPROXY.format(address=address, port=port, rules=rules, shop=shop))
    with (folder / "access.log").open("wb") as log, (folder / "error.log").open("wb") as errors:
        process = subprocess.Popen(
            [binary, "-db", "-f", folder / "haproxy.cfg"], cwd=folder, stdout=log, stderr=errors
        )
    try:
        await_listening(process, port, address, folder / "error.log")
        yield Limited(f"{address}:{port}", lambda: _requests(folder / "access.log"))
    finally:
        process.terminate()
        process.wait(READY)


def _requests(log: Path) -> list[Logged]:
    """HAProxy also logs connections without a request (`<BADREQ>`), such as the first one, a probe."""
    return [line for line in read_log(log) if line.path.startswith("/")]


def haproxy_path() -> str | None:
    """The binary; Debian keeps it where a user's PATH does not look."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def need_haproxy() -> None:
    """Skip the test where HAProxy is missing; on the project's CI that is a failure."""
    if haproxy_path() is None:
        reason = "HAProxy is missing: install the Debian package haproxy"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
