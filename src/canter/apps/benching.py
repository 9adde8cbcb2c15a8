"""The project's benchmarks: `pace` is here, the others are programs of the checkout."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

import canter
from canter.apps.results import print_json, say
from canter.errors import ConfigError
from canter.pace import HostPace
from canter.simulation.population import EVALUATION, hard_host, steady_host
from canter.simulation.score import MINUTES, PAGES, RIVALS, Pace, Score, finite, ours, rival

RUNS = 5
HARD_SHARE = 2  # of so many steady hosts there is one harder one


def bench_pace(hosts: int, seed: int, *, as_json: bool, pace: Pace = HostPace) -> None:
    """Print how Canter's pace and others do on random hosts that hide their limits."""
    harder = max(3, hosts // HARD_SHARE)
    say(f"{hosts} steady and {harder} harder hosts, {MINUTES:.0f} virtual minutes a run, seed {seed}")
    steady_seeds = range(seed, seed + hosts)
    rows = list(_rows(steady_seeds, range(seed, seed + harder), pace))
    pages = {number: finite(steady_host, steady_seeds, number, RUNS, pace) for number in PAGES}
    if as_json:
        print_json(
            {
                "seed": seed,
                "runs": [{"pace": name, "kinds": kinds, **dataclasses.asdict(s)} for name, kinds, s in rows],
                "pages": [{"pages": n, "first": a, "last": b} for n, (a, b) in pages.items()],
            }
        )
        return
    _print_runs(rows)
    table = Table(box=None, header_style="bold")
    for name in ("pages", "time over the ideal, first run", f"run {RUNS}"):
        table.add_column(name, justify="right")
    for number, (first, last) in pages.items():
        table.add_row(f"{number:,}", f"{first:.2f}", f"{last:.2f}")
    _console().print(table)


def _rows(steady: range, hard: range, pace: Pace) -> Iterator[tuple[str, str, Score]]:
    for kinds, make, seeds in (("steady", steady_host, steady), ("harder", hard_host, hard)):
        scores = ours(make, seeds, RUNS, pace)
        yield "Canter, cold", kinds, scores[0]
        yield f"Canter, run {RUNS}", kinds, scores[-1]
        for name, limiter in RIVALS.items():
            yield name, kinds, rival(make, seeds, limiter)


def _print_runs(rows: list[tuple[str, str, Score]]) -> None:
    table = Table(box=None, header_style="bold")
    names = ("hosts", "pace", "goodput %", "p10 %", "rejected per 1,000", "worst host", "hosts that banned",
             "at 5 and more", "found after s", "queue latency")  # fmt: skip
    for name in names:
        table.add_column(name, justify="left" if name in names[:2] else "right")
    for name, kinds, score in rows:
        table.add_row(
            kinds, name, f"{100 * score.goodput:.1f}", f"{100 * score.goodput_p10:.0f}",
            f"{score.rejections:.2f}", f"{score.worst:.1f}", f"{score.banned} of {score.hosts}",
            str(score.banned_late), f"{score.found:.1f}",
            f"{score.queue_latency:.2f}" if score.queue_latency else "-",
        )  # fmt: skip
    _console().print(table)


def bench_in_checkout(name: str, arguments: Sequence[str]) -> NoReturn:
    """Become `bench/NAME` of the checkout that this package is installed from.

    Raises ConfigError where the package was installed without one.
    """
    checkout = Path(canter.__file__).parents[2]
    if not (checkout / "bench" / "machine.py").is_file():
        raise ConfigError(
            f"canter bench {name} is measured in a checkout of the project: clone it, then make .venv/.bench"
        )
    command = [sys.executable, "-P", "-m", f"bench.{name}", *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": str(checkout)})  # noqa: S606


def _console() -> Console:
    """As wide as the table where it is no terminal that says how wide it is."""
    return Console() if sys.stdout.isatty() else Console(width=140)


def hosts_of(quick: bool, hosts: int | None) -> int:
    """How many hosts to simulate: a minute's worth, or a seventh of it."""
    return hosts if hosts is not None else 18 if quick else 126


__all__ = ["EVALUATION", "bench_in_checkout", "bench_pace", "hosts_of"]
