"""The arithmetic of `canter bench speed`: nothing here takes a time."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest

from bench.machine import Cost, measure
from bench.speed.__main__ import main
from bench.speed.contenders import Results
from bench.speed.figures import Turn
from bench.speed.goals import Goal
from bench.speed.turns import Table, compare

CORE = min(os.sched_getaffinity(0))


def turn(seconds: float, cpu: float, pages: int = 101, start: float = 1.0) -> Turn:
    """A turn whose start took a second of each kind."""
    return Turn(pages, Cost(seconds, cpu, 100.0, b""), Cost(start, start, 50.0, b""))


def test_a_turn_is_counted_whole_and_beyond_its_start() -> None:
    """The whole process over all pages; what a single page takes is left out of the steady figures."""
    one = turn(seconds=11.0, cpu=3.0)
    assert one.rate == pytest.approx(101 / 11)
    assert one.cpu == pytest.approx(3000 / 101)
    assert one.steady_rate == pytest.approx(10.0)  # 100 pages in 10 s
    assert one.steady_cpu == pytest.approx(20.0)  # 100 pages in 2 s of CPU


def test_too_few_pages_tell_nothing() -> None:
    """Where a run took no longer than its start, no rate is made up, and no goal is met or missed."""
    one = turn(seconds=0.9, cpu=0.9)
    assert math.isnan(one.steady_rate)
    assert math.isnan(one.steady_cpu)
    assert Goal("as fast", 2, 3).verdict(one.steady_rate) == "too few pages to tell"


def test_ratios_are_taken_pair_by_pair() -> None:
    """A round that was slow for both leaves the ratio alone, where a ratio of medians would not."""
    table = Table(
        {
            "fast": [turn(2, 2), turn(21, 21), turn(4, 4)],
            "slow": [turn(3, 3), turn(41, 41), turn(5, 5)],
        },
        {},
    )
    assert table.ratio("slow", "fast", lambda t: t.steady_cpu) == pytest.approx(2.0)
    assert table.difference("slow", "fast", lambda t: t.steady_cpu) == pytest.approx(10.0)
    assert table.middle("fast", lambda t: t.cost.cpu) == 4
    assert table.has("fast", "slow")
    assert not table.has("fast", "gone")


@pytest.mark.parametrize(
    ("found", "at_most", "verdict"),
    [
        (1.9, False, "MISSED"), (2.0, False, "met"), (3.0, False, "stretch met"),
        (3.1, True, "MISSED"), (3.0, True, "met"), (2.0, True, "stretch met"),
    ],
)  # fmt: skip
def test_a_figure_stands_to_its_goal(found: float, at_most: bool, verdict: str) -> None:
    """Bounds belong to what they bound, whichever way is better."""
    goal = Goal("as fast", 3, 2, at_most=True) if at_most else Goal("as fast", 2, 3)
    assert goal.verdict(found) == verdict


def test_all_processes_of_a_command_are_counted(tmp_path: Path) -> None:
    """CPU and memory of children that are waited for and of one that is left behind, beyond its parent."""
    burn = "import time\nx = b'x' * 40_000_000\nwhile time.process_time() < 0.3: pass"
    script = (
        "import subprocess, sys\n"
        f"waited, orphan = (subprocess.Popen([sys.executable, '-c', {burn!r}]) for _ in range(2))\n"
        "waited.wait()\nprint('done')"
    )
    cost = measure([sys.executable, "-c", script], CORE, tmp_path)
    assert cost.output == b"done\n"
    assert cost.cpu >= 0.6
    assert cost.peak_mb >= 80


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    """Its status and what it said end the benchmark."""
    with pytest.raises(SystemExit, match="ended with 3:\nno such page"):
        measure(["sh", "-c", "echo no such page >&2; exit 3"], CORE, tmp_path)


def test_a_contest_is_fair_or_ends() -> None:
    """Every entry has stored every page, and has read nine of ten as the first did."""
    ours: Results = {f"http://a/{n}": {"title": str(n)} for n in range(20)}
    theirs: Results = {f"http://b:81/{n}": {"title": str(n) if n else None} for n in range(20)}
    pages = {"ours": 20, "theirs": 20}
    assert compare({"ours": ours, "theirs": theirs}, pages) == {"ours": 1.0, "theirs": 0.95}
    with pytest.raises(SystemExit, match="theirs stored 19 pages of 20"):
        compare({"ours": ours, "theirs": dict(list(theirs.items())[1:])}, pages)
    with pytest.raises(SystemExit, match="theirs read only 0% of the pages as ours did"):
        compare({"ours": ours, "theirs": {url: {"title": None} for url in theirs}}, pages)


@pytest.mark.parametrize("options", [["--rounds", "0"], ["--pages", "-5"], ["--scenario", "nothing"]])
def test_what_cannot_be_measured_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """It names option and value, and nothing is run: no turns at all are not taken for the usual number."""
    monkeypatch.setattr(sys, "argv", ["bench.speed", *options])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert options[0] in told
    assert options[1] in told
