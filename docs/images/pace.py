"""Make docs/images/pace-*.svg from the simulator.

    .venv/bin/python docs/images/pace.py    # needs .venv/.bench

Requests admitted each ten seconds and refusals, beside the hidden limit, on four hosts that nothing was
tuned on; and, with `--population FILE` (what `canter bench pace --json` printed), all paces side by side.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from canter.pace import HostPace
from canter.simulation.drive import Crawl, crawl
from canter.simulation.host import Host
from canter.simulation.limits import FixedWindow, TokenBucket
from canter.simulation.population import DAY

HERE = Path(__file__).parent
SECONDS, BIN = 1_800.0, 10.0
GOOD, REFUSED, LIMIT = "#2b7a78", "#c0392b", "#555555"


def bucket(day: int) -> Host:
    """nginx `limit_req rate=8r/s burst=16 nodelay`, bare 503."""
    return Host("bucket", TokenBucket(8.0, 16.0), 0.12, Random(f"bucket {day}"), refusal=503)


def window(day: int) -> Host:
    """600 requests in each minute, 429 with an honest Retry-After."""
    return Host("window", FixedWindow(600, 60.0, -20.0), 0.12, Random(f"window {day}"), tells_wait=True)


def moving(day: int) -> Host:
    """A bucket whose limit drops to a third after a quarter of an hour."""
    host = Host("moving", TokenBucket(9.0, 9.0), 0.12, Random(f"moving {day}"), tells_wait=True)
    host.schedule = lambda now: 1.0 if now % DAY < SECONDS / 2 else 1 / 3
    return host


PANELS: tuple[tuple[str, str, Callable[[int], Host], int], ...] = (
    ("cold", "A first run: token bucket, 8 a second", bucket, 0),
    ("day-two", "Its second day", bucket, 1),
    ("window", "A first run: 600 a minute", window, 0),
    ("moving", "A limit that falls", moving, 0),
)


def run(make: Callable[[int], Host], day: int) -> tuple[Host, Crawl]:
    """The run of a day, after those of the days before."""
    memory: dict[str, Any] | None = None
    for number in range(day + 1):
        host = make(number)
        pace = HostPace(memory=memory, random=Random(number).random)
        done = crawl(pace, host, SECONDS, start=number * DAY, trace=True)
        memory = pace.memory(number * DAY + SECONDS)
    return host, done


def draw(axes: Any, title: str, host: Host, done: Crawl) -> None:
    """Rates over time, the limit, and a mark for each refusal."""
    edges = [BIN * number for number in range(int(SECONDS / BIN))]
    rates = [sum(1 for at, good in done.trace if good and edge <= at < edge + BIN) / BIN for edge in edges]
    limits = [host.limit.rate * host.schedule(edge) for edge in edges]
    axes.step([edge / 60 for edge in edges], limits, where="post", color=LIMIT, lw=1, label="hidden limit")
    axes.plot([edge / 60 for edge in edges], rates, color=GOOD, lw=1.2, label="good answers a second")
    refused = [at / 60 for at, good in done.trace if good is False]
    axes.plot(refused, [0.2] * len(refused), "|", color=REFUSED, ms=8, label="refused")
    axes.set_title(f"{title}: {100 * done.goodput:.0f} % of the limit, {done.refused} refused", fontsize=9)
    axes.set_ylim(0, 1.5 * max(limits))
    axes.spines[["top", "right"]].set_visible(False)


def hosts() -> None:
    """Four hosts in one picture."""
    figure, grid = plt.subplots(2, 2, figsize=(10, 5.4), sharex=True)
    for axes, (_, title, make, day) in zip(grid.flat, PANELS, strict=True):
        draw(axes, title, *run(make, day))
    for axes in grid[1]:
        axes.set_xlabel("minutes")
    grid[0][0].legend(fontsize=7, frameon=False, loc="lower right")
    save(figure, "pace-hosts")


def population(found: dict[str, Any]) -> None:
    """Goodput and refusals of each pace on steady hosts."""
    rows = [row for row in found["runs"] if row["kinds"] == "steady"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.8), sharey=True)
    names = [row["pace"] for row in rows]
    colours = [GOOD if "Canter" in name else "#b0b0b0" for name in names]
    left.barh(names, [100 * row["goodput"] for row in rows], color=colours)
    left.plot([100 * row["goodput_p10"] for row in rows], names, "k|", ms=10)
    left.set_xlabel("good answers, % of the limit: median (bar), tenth percentile (line)", fontsize=8)
    right.barh(names, [max(row["rejections"], 0.02) for row in rows], color=colours)
    right.set_xscale("log")
    right.set_xlabel("refused per 1,000 requests", fontsize=8)
    left.invert_yaxis()
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, "pace-population")


def save(figure: Any, name: str) -> None:
    """As an SVG that is the same for the same numbers."""
    mpl.rcParams["svg.hashsalt"] = name
    figure.tight_layout()
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--population", type=Path, metavar="FILE")
    given = parser.parse_args()
    hosts()
    if given.population:
        population(json.loads(given.population.read_text()))


if __name__ == "__main__":
    main()
