"""50,000 host names: time, CPU, threads, sockets and memory of Canter's look-ups beside other ways.

`python -m bench.dns [--names 50000] [--at-once 200] [--runs 3] [--slow 0.01] [--only WAY]`

Each way looks every name up once, `--at-once` askers at a time, in a process of its own, alternating;
medians are printed. The name server is dnsmasq on loopback (Debian: dnsmasq-base), on a core of its
own; a share `--slow` of the names is handed to a name server that never answers.

canter      canter.transports.dns: c-ares on the loop's sockets
threads     aiohttp's ThreadedResolver: getaddrinfo in the loop's threads. It asks the servers of
            /etc/resolv.conf only, so it runs where a private copy of that can be mounted (root)
aiodns      aiohttp's AsyncResolver: c-ares in a thread of its own; where aiodns is installed
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import uvloop

from bench.machine import REPO, cores, describe, on_core
from canter.transports.dns import Names

NAME_SERVER = "127.0.0.153"  # port 53, for /etc/resolv.conf names no port
Lookup = Callable[[str], Awaitable[object]]


def main() -> None:
    """Run every way `--runs` times and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=int, default=50_000)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--slow", type=float, default=0.01, help="share of names nobody answers for")
    parser.add_argument("--only", choices=["canter", "threads", "aiodns"], help="one way")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(uvloop.run(_measured(options))))
        return
    print(
        describe(), f"{options.names:,} names, {options.at_once} at once, {options.slow:.1%} silent", sep="\n"
    )
    with tempfile.TemporaryDirectory() as folder, socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = _name_server(silent.getsockname()[1])
        try:
            _compare(options, Path(folder))
        finally:
            server.terminate()
            server.wait()


def _name_server(silent: int) -> subprocess.Popen[bytes]:
    """dnsmasq that answers for every name under bench.test, and asks in vain for those under slow.test."""
    server, _ = cores()
    process = subprocess.Popen(
        [
            *on_core(server), "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
            "--no-hosts", "--user=", "--pid-file=", "--bind-interfaces", f"--listen-address={NAME_SERVER}",
            "--address=/bench.test/127.0.0.1", f"--server=/slow.test/127.0.0.1#{silent}", "--local-ttl=300",
            "--cache-size=0", "--dns-forward-max=1000",
        ]
    )  # fmt: skip
    time.sleep(0.5)
    if process.poll() is not None:
        raise SystemExit(f"dnsmasq does not run on {NAME_SERVER}:53, a port for which root is needed")
    return process


def _compare(options: argparse.Namespace, folder: Path) -> None:
    ways = ["canter", "threads"] + (["aiodns"] if _has("aiodns") else [])
    results: dict[str, list[dict[str, Any]]] = {way: [] for way in ways if options.only in (None, way)}
    for _ in range(options.runs):
        for way in list(results):
            found = _run(way, options, folder)
            if found is None:
                print(f"{way}: not measured; a private /etc/resolv.conf cannot be mounted here")
                del results[way]
            else:
                results[way].append(found)
    for way, runs in results.items():
        middle = {key: median(run[key] for run in runs) for key in runs[0]}
        print(
            f"{way:8} {middle['seconds']:6.1f} s, {middle['cpu_us']:4.0f} µs of CPU a name, "
            f"{middle['found']:,.0f} found, {middle['failed']:,.0f} failed, {middle['threads']:.0f} threads, "
            f"{middle['files']:.0f} files, memory {middle['memory_mb']:+.0f} MB"
        )


def _run(way: str, options: argparse.Namespace, folder: Path) -> dict[str, Any] | None:
    _, core = cores()
    command = [
        *on_core(core), sys.executable, "-m", "bench.dns", "--way", way, "--names", str(options.names),
        "--at-once", str(options.at_once), "--slow", str(options.slow),
    ]  # fmt: skip
    if way == "threads":
        resolv = folder / "resolv.conf"
        resolv.write_text(f"nameserver {NAME_SERVER}\noptions timeout:2 attempts:2\n")
        mounted = f'mount --bind {resolv} /etc/resolv.conf && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mounted, "sh", *command]
        if subprocess.run([*command[:4], f"mount --bind {resolv} /etc/resolv.conf"], check=False).returncode:
            return None
    done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def _measured(options: argparse.Namespace) -> dict[str, float]:
    look, close = _lookup(options.way)
    every = round(1 / options.slow) if options.slow else options.names + 1
    names = iter([f"n{n}.{'slow' if n % every == every - 1 else 'bench'}.test" for n in range(options.names)])
    counts = {"found": 0, "failed": 0, "threads": 0, "files": 0}

    async def ask() -> None:
        for name in names:
            try:
                await look(name)
            except OSError:
                counts["failed"] += 1
            else:
                counts["found"] += 1
            if not sum((counts["found"], counts["failed"])) % 500:
                counts["threads"] = max(counts["threads"], _entries("task"))
                counts["files"] = max(counts["files"], _entries("fd"))

    memory, began, cpu = _resident(), time.monotonic(), time.process_time()
    await asyncio.gather(*(ask() for _ in range(options.at_once)))
    seconds, cpu, memory = time.monotonic() - began, time.process_time() - cpu, _resident() - memory
    await close()
    return {**counts, "seconds": seconds, "cpu_us": cpu / options.names * 1e6, "memory_mb": memory}


def _lookup(way: str) -> tuple[Lookup, Callable[[], Awaitable[None]]]:
    if way == "canter":
        names = Names([f"{NAME_SERVER}:53"])

        async def close() -> None:
            names.close()

        return names.addresses, close
    resolver: aiohttp.abc.AbstractResolver = aiohttp.ThreadedResolver()
    if way == "aiodns":
        resolver = aiohttp.AsyncResolver(nameservers=[NAME_SERVER], timeout=2.0, tries=4)
    return lambda name: resolver.resolve(name, 80, socket.AF_UNSPEC), resolver.close


def _entries(what: str) -> int:
    return len(os.listdir(f"/proc/self/{what}"))  # noqa: PTH208


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _has(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
