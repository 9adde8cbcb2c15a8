"""`canter bench pace`: the pace and its rivals on random hosts, in virtual time, and the goals beside it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from canter.apps.results import print_json, say
from canter.simulation.population import EVALUATION, hard_host, steady_host
from canter.simulation.score import MINUTES, PAGES, RIVALS, Make, Run, Score, days, over_ideal, rival, scored

RUNS = 5
HARD_SHARE = 2  # of so many steady hosts there is one harder one
HOSTS, QUICK = 108, 18
KINDS: dict[str, Make] = {"steady": steady_host, "harder": hard_host}


class Row(NamedTuple):
    """What one pace came to on hosts of some kinds."""

    pace: str
    kinds: str
    score: Score


class Goal(NamedTuple):
    """What is aimed at, cold and by the fifth run; `most`: a value above it misses."""

    name: str
    cold: float
    warm: float
    most: bool
    measure: Callable[[Score], float]
    kinds: str = "steady"


GOALS = (
    Goal("goodput, steady, median %", 94, 98, False, lambda s: 100 * s.goodput),
    Goal("goodput, steady, tenth percentile %", 82, 88, False, lambda s: 100 * s.goodput_p10),
    Goal("goodput, harder, median %", 80, 80, False, lambda s: 100 * s.goodput, "harder"),
    Goal("goodput, harder, tenth percentile %", 60, 60, False, lambda s: 100 * s.goodput_p10, "harder"),
    Goal("rejections per 1,000, pooled", 0.3, 0.1, True, lambda s: s.rejections),
    Goal("rejections per 1,000, worst host", 5, 2, True, lambda s: s.worst),
    Goal("hosts that ban at 5 and more, and did", 0, 0, True, lambda s: s.banned_late),
    Goal("hosts that ban at 3 or 4, and did, % of all", 3, 0, True,
         lambda s: 100 * (s.banned - s.banned_late) / s.hosts),
    Goal("time to 80 % of the limit, median s", 8, 2, True, lambda s: s.found),
    Goal("queueing hosts: latency over the unloaded", 1.5, 1.5, True, lambda s: s.queue_latency),
)  # fmt: skip
PAGE_GOALS = {100: (1.6, 1.15), 300: (1.25, 1.08), 1_000: (1.15, 1.04)}


def bench_pace(hosts: int, seed: int, processes: int, *, rivals: bool, as_json: bool) -> None:
    """Print how Canter's pace and others do on random hosts that hide their limits."""
    harder = max(3, hosts // HARD_SHARE)
    say(f"{hosts} steady and {harder} harder hosts, {MINUTES:.0f} virtual minutes a run, seed {seed}")
    seeds = {"steady": range(seed, seed + hosts), "harder": range(seed, seed + harder)}
    with ProcessPoolExecutor(processes) as pool:
        rows = list(_rows(pool, seeds, rivals=rivals))
        pages = {}
        for number in PAGES:
            table = list(pool.map(partial(_days, "steady", number), seeds["steady"]))
            pages[number] = (
                over_ideal((r[0] for r in table), number),
                over_ideal((r[-1] for r in table), number),
            )
    if as_json:
        print_json(
            {
                "seed": seed,
                "runs": [{"pace": r.pace, "kinds": r.kinds, **dataclasses.asdict(r.score)} for r in rows],
                "pages": [{"pages": n, "first": a, "last": b} for n, (a, b) in pages.items()],
            }
        )
    else:
        _print_runs(rows)
        _print_goals(rows, pages)


def _days(kinds: str, pages: int | None, seed: int) -> list[Run]:
    return list(days(KINDS[kinds], seed, RUNS, pages))


def _rival(kinds: str, name: str, seed: int) -> Run:
    return rival(KINDS[kinds], seed, name)


def _rows(pool: ProcessPoolExecutor, seeds: dict[str, range], *, rivals: bool) -> Iterator[Row]:
    for kinds in KINDS:
        table = list(pool.map(partial(_days, kinds, None), seeds[kinds]))
        yield Row("Canter, cold", kinds, scored(runs[0] for runs in table))
        yield Row(f"Canter, run {RUNS}", kinds, scored(runs[-1] for runs in table))
        for name in RIVALS if rivals else ():
            yield Row(name, kinds, scored(pool.map(partial(_rival, kinds, name), seeds[kinds])))


def _print_runs(rows: list[Row]) -> None:
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


def _print_goals(rows: list[Row], pages: dict[int, tuple[float, float]]) -> None:
    table = Table(box=None, header_style="bold")
    for name in ("goal", "cold", "measured", f"run {RUNS}", "measured"):
        table.add_column(name, justify="left" if name == "goal" else "right")
    for row in goal_rows(rows, pages):
        table.add_row(*row)
    _console().print(table)


def goal_rows(rows: list[Row], pages: dict[int, tuple[float, float]]) -> Iterator[tuple[str, ...]]:
    """Each goal with what was measured, cold and by the last run; of each kind the first two rows are ours.

    `pages`: by number of pages, the time over the ideal.
    """
    ours = {kinds: [row.score for row in rows if row.kinds == kinds][:2] for kinds in KINDS}
    for goal in GOALS:
        cold, warm = (goal.measure(score) for score in ours[goal.kinds])
        yield goal.name, *_beside(goal.cold, cold, goal.most), *_beside(goal.warm, warm, goal.most)
    for number, (first, last) in pages.items():
        cold_goal, warm_goal = PAGE_GOALS[number]
        name = f"{number:,} URLs: time over the ideal, median"
        yield name, *_beside(cold_goal, first, True), *_beside(warm_goal, last, True)


def _beside(goal: float, found: float, most: bool) -> tuple[str, str]:
    """A goal and what was measured, marked where it misses."""
    missed = found > goal if most else found < goal
    return f"{goal:g}", f"{found:.2f}{' (missed)' if missed else ''}"


def _console() -> Console:
    """As wide as the table where it is no terminal that says how wide it is."""
    return Console() if sys.stdout.isatty() else Console(width=140)


def hosts_of(quick: bool, hosts: int | None) -> int:
    """How many steady hosts to simulate."""
    return hosts if hosts is not None else QUICK if quick else HOSTS


__all__ = ["EVALUATION", "bench_pace", "hosts_of"]
