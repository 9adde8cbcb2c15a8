"""Tables for people, JSON for programs, and the plot."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Printed

from bench.machine import describe
from bench.speed.figures import Turn
from bench.speed.scenarios import Outcome
from bench.speed.turns import Table

_COLUMNS = ("", "pages/s", "CPU ms a page", "beyond the start", "peak MB", "same fields", "{first}: by CPU",
            "beyond the start", "by pages/s")  # fmt: skip


def _cpu(turn: Turn) -> float:
    return turn.cpu


def _steady_cpu(turn: Turn) -> float:
    return turn.steady_cpu


def _rate(turn: Turn) -> float:
    return turn.rate


def ratios(table: Table, name: str) -> tuple[float, float, float]:
    """How many times as fast the first entry is: by CPU, by CPU beyond the start, by pages a second."""
    first = next(iter(table.turns))
    return (
        table.ratio(name, first, _cpu),
        table.ratio(name, first, _steady_cpu),
        table.ratio(first, name, _rate),
    )


def show(name: str, outcome: Outcome, rounds: int, load: float) -> None:
    """Print a scenario's table and how its figures stand to the goals."""
    table = outcome.table
    first = next(iter(table.turns))
    console = Console() if sys.stdout.isatty() else Console(width=140)
    pages = " and ".join(sorted({f"{turns[0].pages:,}" for turns in table.turns.values()}, key=len))
    console.print(f"\n{name}: medians of {rounds} rounds of {pages} pages; load {load:.1f} when it began")
    printed = Printed(box=None, header_style="bold")
    for number, column in enumerate(_COLUMNS):
        printed.add_column(column.format(first=first), justify="right" if number else "left")
    for entry, turns in table.turns.items():
        alike = f"{table.alike[entry]:.0%}" if entry in table.alike else ""
        figures = (_rate, _cpu, _steady_cpu, lambda turn: turn.peak_mb)
        rate, cpu, steady, peak = (table.middle(entry, figure) for figure in figures)
        times = (
            []
            if entry == first or turns[0].pages != table.turns[first][0].pages
            else [f"{times:.2f} x" for times in ratios(table, entry)]
        )
        printed.add_row(
            f"{entry} ({len(turns)})" if len(turns) != rounds else entry,
            f"{rate:,.1f}", f"{cpu:.2f}", f"{steady:.2f}", f"{peak:,.0f}", alike, *times,
        )  # fmt: skip
    console.print(printed)
    for goal, found in outcome.goals:
        at = "at most " if goal.at_most else ""
        console.print(
            f"{found:10,.2f} {goal.unit} {goal.what}; "
            f"goal {at}{goal.wanted:,.4g}, stretch {goal.stretch:,.4g}: {goal.verdict(found)}"
        )


def as_json(name: str, outcome: Outcome, load: float) -> dict[str, Any]:
    """A scenario as one object."""
    return {
        "scenario": name,
        "machine": describe(),
        "load": load,
        "entries": {entry: _entry(outcome.table, entry) for entry in outcome.table.turns},
        "goals": [
            {**goal._asdict(), "found": found, "verdict": goal.verdict(found)}
            for goal, found in outcome.goals
        ],
    }


def _entry(table: Table, name: str) -> dict[str, Any]:
    turns = table.turns[name]
    by_cpu, by_steady_cpu, by_rate = ratios(table, name)
    return {
        "pages": turns[0].pages,
        "pages_per_second": table.middle(name, _rate),
        "pages_per_second_beyond_start": table.middle(name, lambda turn: turn.steady_rate),
        "cpu_ms": table.middle(name, _cpu),
        "cpu_ms_beyond_start": table.middle(name, _steady_cpu),
        "peak_mb": table.middle(name, lambda turn: turn.peak_mb),
        "same_fields": table.alike.get(name),
        "first_is_times": {"by_cpu": by_cpu, "by_cpu_beyond_start": by_steady_cpu, "by_rate": by_rate},
        "turns": [
            {
                "seconds": turn.cost.seconds, "cpu": turn.cost.cpu, "peak_mb": turn.cost.peak_mb,
                "start_seconds": turn.start.seconds, "start_cpu": turn.start.cpu,
            }
            for turn in turns
        ],
    }  # fmt: skip


def plot(title: str, table: Table, path: Path) -> None:
    """CPU a page beyond the start, a bar an entry, with how many times the first entry is as fast; SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "canter"  # the same figures make the same file
    from matplotlib import pyplot

    names = list(table.turns)
    values = [table.middle(name, _steady_cpu) for name in names]
    figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.45 * len(names)), layout="constrained")
    bars = axes.barh(names, values, color=["#2a6f97"] + ["#adb5bd"] * (len(names) - 1))
    labels = [f"{value:.2f} ms" for value in values]
    labels[1:] = [
        f"{label}, {ratios(table, name)[1]:.1f} x" for label, name in zip(labels[1:], names[1:], strict=True)
    ]
    axes.bar_label(bars, labels, padding=4)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(right=1.25 * max(values))
    axes.set_xlabel(f"CPU ms a page, beyond the start; x: how many times as fast {names[0]} is")
    axes.set_title(title, loc="left", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
