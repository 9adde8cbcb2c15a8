"""How near Canter comes to the limits of real servers, and how often they refuse it: by their own logs.

`python -m bench.pace_servers [--cold 330] [--warm 200] [--only NAME] [--json]`. One `canter run` crawls all
servers at once, each on an address of its own, for `--cold` seconds with nothing known of any, and again for
`--warm` seconds with what it remembers. Behind every server stands one shop that takes 0.1 s for an answer.

Goodput is good answers over what the limit allows in the time, a burst not counted: a host that lets a burst
through can give a little more than 100 %.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.machine import describe
from canter.learned import Learned, learned
from canter.stores.sqlite import SqliteCrawls
from tests.live.command import Command
from tests.live.limits import REFUSALS, Limited, haproxy_limit, haproxy_path, nginx_limit
from tests.live.servers import Logged, nginx_path, toml
from tests.live.shop import Shop

SHOP, ADDRESS = "127.0.24.200", "127.0.24."
ANSWER = 0.1  # s that the shop takes
RESERVE = 1.3  # times the pages that the limits admit
GOAL = {"cold": 0.90, "warm": 0.94}
GOAL_REFUSED = 2  # a run

Start = Callable[[Path, str, str], AbstractContextManager[Limited]]


class Server(NamedTuple):
    """A real server by how it limits; `rate`: the requests/s that it bears for long."""

    name: str
    rate: float
    start: Start


class Result(NamedTuple):
    """One server in one run. `seconds`: of the run; `learned`: requests/s at its end."""

    server: str
    run: str
    limit: float
    seconds: float
    good: int
    refused: int
    learned: float | None

    @property
    def goodput(self) -> float:
        """Good answers over what the limit allows."""
        return self.good / (self.limit * self.seconds)


def _nginx(rules: str, rate: float, status: int = 429) -> Start:
    return lambda folder, address, shop: nginx_limit(folder, address, shop, rules, rate=rate, status=status)


def _haproxy(most: int, window: str) -> Start:
    return lambda folder, address, shop: haproxy_limit(folder, address, shop, most, window)


SERVERS = [
    Server("nginx 5/s, burst 10, nodelay, 429", 5, _nginx("limit_req zone=rate burst=10 nodelay;", 5)),
    Server(
        "nginx 20/s, burst 20, nodelay, 503", 20, _nginx("limit_req zone=rate burst=20 nodelay;", 20, 503)
    ),
    Server("nginx 50/s, burst 50, nodelay, 429", 50, _nginx("limit_req zone=rate burst=50 nodelay;", 50)),
    Server("nginx 5/s, burst 10, queued, 503", 5, _nginx("limit_req zone=rate burst=10;", 5, 503)),
    Server("nginx 20/s, burst 40, queued, 429", 20, _nginx("limit_req zone=rate burst=40;", 20)),
    Server("nginx 5/s, no burst, 429", 5, _nginx("limit_req zone=rate;", 5)),
    Server("nginx 20/s, no burst, 503", 20, _nginx("limit_req zone=rate;", 20, 503)),
    Server("nginx 2 connections, 503", 2 / ANSWER, _nginx("limit_conn connections 2;", 1, 503)),
    Server("HAProxy 50 in 10 s, 429", 5, _haproxy(50, "10s")),
    Server("HAProxy 20 in 1 s, 429", 20, _haproxy(20, "1s")),
]


def measure(servers: list[Server], folder: Path, spans: dict[str, float]) -> Iterator[Result]:
    """Crawl the servers once for each of `spans` (its name and seconds), in one store."""
    with Shop(SHOP, delay=ANSWER) as shop, ExitStack() as stack:
        running = {
            server: stack.enter_context(server.start(folder / str(n), f"{ADDRESS}{n}", shop.host))
            for n, server in enumerate(servers, 1)
        }
        command = _command(folder, running, max(spans.values()))
        for run, seconds in spans.items():
            began = time.time()
            done = command.run(
                "run", "urls.txt", "--fresh", "--allow-network", "127.0.0.0/8", "--max-rate", "0",
                "--max-time", f"{seconds:.0f}s", "--json", timeout=seconds + 120,
            )  # fmt: skip
            if done.returncode not in (0, 4):
                raise SystemExit(f"canter run ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
            logs = {server: [line for line in it.log() if line.at >= began] for server, it in running.items()}
            yield from _results(run, running, logs, _remembered(command.store))


def _command(folder: Path, running: dict[Server, Limited], seconds: float) -> Command:
    """A folder with a site file, and URLs enough for so many seconds at the limits."""
    command = Command(folder)
    hosts = [limited.host for limited in running.values()]
    command.write("sites.toml", toml({"sites.s": {"hosts": hosts}, "sites.s.fields": {"title": "h1"}}))
    command.write(
        "urls.txt",
        "\n".join(
            f"http://{limited.host}/p/{n}"
            for server, limited in running.items()
            for n in range(int(server.rate * seconds * RESERVE))
        ),
    )
    return command


def _remembered(store: Path) -> dict[str, Learned]:
    crawls = SqliteCrawls(store, create=False)
    try:
        return {row[0]: learned(*row) for row in crawls.paces()}
    finally:
        crawls.close()


def _results(
    run: str,
    running: dict[Server, Limited],
    logs: dict[Server, list[Logged]],
    known: dict[str, Learned],
) -> Iterator[Result]:
    last = max(line.at for log in logs.values() for line in log)
    for server, limited in running.items():
        log = logs[server]
        yield Result(
            server.name, run, server.rate, last - min(line.at for line in log),
            sum(line.status < 400 or line.status == 404 for line in log),
            sum(line.status in REFUSALS for line in log), known[limited.host].rate,
        )  # fmt: skip


def show(results: list[Result]) -> Table:
    """A line a server, the runs beside each other."""
    runs = list(dict.fromkeys(result.run for result in results))
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("server", no_wrap=True)
    for run in runs:
        for name in (f"{run}: goodput", "refused", "learned"):
            table.add_column(name, justify="right", no_wrap=True)
    for server in dict.fromkeys(result.server for result in results):
        cells = [
            (f"{result.goodput:.1%}", f"{result.refused:,}", f"{result.learned or 0:.3g}/s")
            for result in results
            if result.server == server
        ]
        table.add_row(server, *(cell for three in cells for cell in three))
    return table


def summary(results: list[Result]) -> Iterator[str]:
    """Each run beside the goal, a line each."""
    for run in dict.fromkeys(result.run for result in results):
        of_run = [result for result in results if result.run == run]
        short = sum(result.goodput < GOAL.get(run, 0.0) for result in of_run)
        most = sum(result.refused > GOAL_REFUSED for result in of_run)
        yield (
            f"{run}: median {median(result.goodput for result in of_run):.1%}; "
            f"{short} of {len(of_run)} under {GOAL.get(run, 0.0):.0%}; "
            f"{most} refused more than {GOAL_REFUSED} times"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.pace_servers", description=__doc__)
    parser.add_argument("--cold", type=float, default=330.0, help="seconds with nothing known")
    parser.add_argument("--warm", type=float, default=200.0, help="seconds with what is remembered; 0: none")
    parser.add_argument("--only", help="servers whose name holds this text")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if nginx_path() is None or haproxy_path() is None:
        raise SystemExit("nginx or HAProxy is missing: install the Debian packages nginx-light and haproxy")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the servers end, too
    servers = [server for server in SERVERS if not given.only or given.only in server.name]
    spans = {name: span for name, span in (("cold", given.cold), ("warm", given.warm)) if span}
    with tempfile.TemporaryDirectory(prefix="canter-pace-") as folder:
        results = list(measure(servers, Path(folder), spans))
    if given.json:
        rows: list[dict[str, Any]] = [result._asdict() | {"goodput": result.goodput} for result in results]
        json.dump({"machine": describe(), "results": rows}, sys.stdout, indent=1)
        return
    console = Console(width=140)
    console.print(describe())
    console.print(show(results))
    for line in summary(results):
        console.print(line)


if __name__ == "__main__":
    main()
