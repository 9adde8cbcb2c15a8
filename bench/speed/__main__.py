"""`canter bench speed`, or `python -m bench.speed`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import orjson

from bench.corpus import CORPUS
from bench.machine import REPO, cores, describe, load
from bench.speed.report import as_json, plot, show
from bench.speed.scenarios import BY_NAME_ONLY, SCENARIOS, Stage
from tests.live.servers import nginx_path

QUICK_PAGES, QUICK_ROUNDS = 0.2, 3  # the share of a scenario's pages, and rounds at most


def _options() -> argparse.Namespace:
    lines = [
        f"  {name:13}{scenario.what}; {scenario.pages:,} pages, {scenario.rounds} rounds, "
        f"about {scenario.minutes:g} minutes"
        for name, scenario in SCENARIOS.items()
    ]
    parser = argparse.ArgumentParser(
        prog="canter bench speed",
        description="Canter beside its peers and beside itself: nginx on one core, each entry in its turn on "
        "another.\n\nscenarios (minutes on two idle cores):\n" + "\n".join(lines),
        epilog="Example: canter bench speed --only canter,scrapy --quick",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scenario", default="real", metavar="NAMES", help="some of them, or all (default: real)"
    )
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="these entries of the table, comma-separated"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="turns of each entry")
    parser.add_argument("--pages", type=int, metavar="N", help="pages a turn")
    parser.add_argument("--quick", action="store_true", help="a fifth of the pages, three rounds at most")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, an object a scenario")
    parser.add_argument(
        "--plot", type=Path, nargs="?", const=REPO / "docs" / "images", metavar="DIR",
        help="draw speed-SCENARIO.svg in this folder (default: docs/images)",
    )  # fmt: skip
    given = parser.parse_args()
    names = [name for name in SCENARIOS if name not in BY_NAME_ONLY] if given.scenario == "all" else None
    given.names = names or given.scenario.split(",")
    if unknown := [name for name in given.names if name not in SCENARIOS]:
        _refuse(f"--scenario: {unknown[0]!r} is none; expected some of {', '.join(SCENARIOS)}")
    for option, number in (("--rounds", given.rounds), ("--pages", given.pages)):
        if number is not None and number < 1:
            _refuse(f"{option}: {number} is too few; expected 1 or more")
    return given


def _refuse(why: str) -> NoReturn:
    print(f"canter bench speed: {why}", file=sys.stderr)
    raise SystemExit(2)


def _need(plotting: bool) -> None:
    """SystemExit with one line that says what is missing and what to install."""
    if nginx_path() is None:
        raise SystemExit("canter bench speed: nginx is missing (Debian: nginx-light)")
    if not CORPUS.is_dir():
        raise SystemExit(
            f"canter bench speed: {CORPUS} is missing: the corpus of pages goes beside the checkout"
        )
    if plotting and find_spec("matplotlib") is None:
        raise SystemExit("canter bench speed: --plot needs matplotlib (make .venv/.bench)")


def main() -> None:
    """Run the scenarios that are asked for."""
    given = _options()
    _need(given.plot is not None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and contenders end with it
    server, core = cores()
    os.sched_setaffinity(0, {server})  # what watches does not disturb what is watched
    print(describe(), file=sys.stderr)
    for name in given.names:
        scenario, began = SCENARIOS[name], load()
        rounds = given.rounds or (min(scenario.rounds, QUICK_ROUNDS) if given.quick else scenario.rounds)
        pages = given.pages or round(scenario.pages * (QUICK_PAGES if given.quick else 1))
        with tempfile.TemporaryDirectory(prefix="canter-bench-") as scratch:
            only = tuple(part.strip() for part in given.only.split(",") if part.strip())
            outcome = scenario.run(Stage(Path(scratch), server, core, rounds, pages, only, _say))
        if given.json:
            print(orjson.dumps(as_json(name, outcome, began)).decode(), flush=True)  # NaN becomes null
        else:
            show(name, outcome, rounds, began)
        if given.plot:
            plot(scenario.what, outcome.table, given.plot / f"speed-{name}.svg")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
