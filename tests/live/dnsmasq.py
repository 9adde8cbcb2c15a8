"""dnsmasq on loopback, in the foreground, on a free port, with nothing but the zone it is given."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

_READY = 10.0  # seconds that it may take to answer
_QUESTION = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05ready\x04test\0\0\x01\0\x01"


def dnsmasq_path() -> str | None:
    """The binary; Debian keeps it where a user's PATH does not look."""
    return shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin")


def need_dnsmasq() -> None:
    """Skip the test where dnsmasq is missing; on the project's CI that is a failure."""
    if dnsmasq_path() is None:
        reason = "dnsmasq is missing: install the Debian package dnsmasq-base"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def dnsmasq(*zone: str, command: Sequence[str] = ()) -> Iterator[str]:
    """A name server for `test.`: `zone` are its options, such as `--host-record=shop.test,127.0.0.1,30`.

    Gives its address and port. Names it does not know are NXDOMAIN. `command` goes before dnsmasq.
    """
    binary = dnsmasq_path()
    assert binary is not None
    port = _free_udp_port()
    process = subprocess.Popen(
        [
            *command, binary, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--user=", "--pid-file=", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={port}",
            "--local=/test/", "--local-ttl=30", *zone,
        ],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        _await_answer(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=_READY)


def _free_udp_port() -> int:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(udp.getsockname()[1])


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _READY
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.05)
        asking.connect(("127.0.0.1", port))
        while time.monotonic() < deadline and process.poll() is None:
            try:
                asking.send(_QUESTION)
                asking.recv(512)
            except OSError:  # nobody listens yet, or not in time
                time.sleep(0.01)
            else:
                return
    process.terminate()
    raise RuntimeError(f"dnsmasq does not answer: {process.communicate()[1].decode()}")
