"""nginx on loopback, in the foreground, on a free port; and the site files that its pages need."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
READY = 10.0  # seconds that nginx may take to listen

_CONFIG = """\
daemon off;
master_process {master};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ text/html html; text/plain txt; }}
    default_type text/html;
    charset off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=4096 inactive=1h;
    log_format seen '$msec $server_addr $status $request_uri';
{http}
    server {{
{listen}
        access_log {log};
        root {root};
{server}
    }}
}}
"""


def nginx_path() -> str | None:
    """The nginx binary; Debian keeps it where a user's PATH does not look."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def need_nginx() -> None:
    """Skip the test where nginx is missing; on the project's CI that is a failure."""
    if nginx_path() is None:
        reason = "nginx is missing: install the Debian package nginx-light"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Logged(NamedTuple):
    """A line of a server's own log: when it answered (UTC seconds), at which address, how, and for what."""

    at: float
    address: str
    status: int
    path: str


def read_log(path: Path) -> list[Logged]:
    """The lines of a log of `time address status path`."""
    rows = (line.split(" ") for line in path.read_text().splitlines())
    return [Logged(float(at), address, int(status), path) for at, address, status, path in rows]


class Nginx:
    """A running nginx. `origin(address)` begins its URLs; `seen()` is what its access log holds."""

    def __init__(
        self,
        folder: Path,
        scheme: str,
        port: int,
        process: subprocess.Popen[bytes],
        write: Callable[[str, str], None],
    ) -> None:
        self._folder = folder
        self._scheme = scheme
        self._write = write
        self.port = port
        self.process = process

    def origin(self, address: str) -> str:
        """Scheme, address and port."""
        return f"{self._scheme}://{address}:{self.port}"

    def seen(self) -> list[tuple[str, int, str]]:
        """Address asked, status given and path of every request so far."""
        return [(line.address, line.status, line.path) for line in self.log()]

    def log(self) -> list[Logged]:
        """The same with times."""
        return read_log(self._folder / "access.log")

    def reload(self, *, http: str = "", server: str = "") -> None:
        """Go on with other directives, as an operator would have it: by a signal to its process id."""
        self._write(http, server)
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def nginx(
    folder: Path,
    root: str,
    addresses: Sequence[str] = ("127.0.0.1",),
    *,
    http: str = "",
    server: str = "",
    tls: bool = False,
    log: bool = True,
    reloads: bool = False,
    command: Sequence[str] = (),
) -> Iterator[Nginx]:
    """nginx serving `root` (it may hold nginx variables) on `addresses`; ended by its process id.

    `http` and `server` are directives for those blocks (with `tls` they name the certificate); with
    `reloads` it is two processes, so that `reload` works; `command` goes before nginx (taskset).
    """
    binary = nginx_path()
    assert binary is not None
    folder.mkdir(parents=True, exist_ok=True)
    port, how = free_port(), "backlog=4096 ssl" if tls else "backlog=4096"

    def write(http: str, server: str) -> None:
        (folder / "nginx.conf").write_text(
            _CONFIG.format(
                folder=folder, root=root, http=http, server=server,
                log=f"{folder}/access.log seen" if log else "off", master="on" if reloads else "off",
                listen="\n".join(f"        listen {address}:{port} {how};" for address in addresses),
            )
        )  # fmt: skip

    write(http, server)
    process = subprocess.Popen(
        [*command, binary, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
        stdout=subprocess.DEVNULL,
    )
    try:
        await_listening(process, port, addresses[0], folder / "error.log")
        yield Nginx(folder, "https" if tls else "http", port, process, write)
    finally:
        process.terminate()
        process.wait(READY)


def await_listening(process: subprocess.Popen[bytes], port: int, address: str, log: Path) -> None:
    """Wait until a server takes connections. Raises RuntimeError with its log where it does not."""
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((address, port), timeout=READY).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    why = log.read_text() if log.exists() else process.returncode
    raise RuntimeError(f"nothing listens at {address}:{port}: {why}")


def toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML of tables by dotted name; values are texts, numbers, booleans, lists, or tables of them."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
