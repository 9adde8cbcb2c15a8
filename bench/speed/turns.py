"""Entries run in turns, A B C ... A B C, each in a folder of its own, and what they stored compared."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.machine import Cost, measure
from bench.speed.contenders import Results
from bench.speed.figures import Figure, Turn, difference, middle, ratio

_ALIKE = 0.9  # the share of pages that an entry must read as the first one does: parsers differ on some


@dataclass(frozen=True)
class Entry:
    """What takes a turn: a command in a folder with urls.txt and sites.toml, on a core or some."""

    name: str
    command: Sequence[str]
    urls: Sequence[str]
    sites: str
    cores: Sequence[int]
    results: Callable[[Path], Results] | None = None
    before: Sequence[str] = ()  # URLs on which the same command has run in the same folder, unmeasured


class Table(NamedTuple):
    """The turns of each entry, as many for each; the share of pages that it read as the first one did."""

    turns: dict[str, list[Turn]]
    alike: dict[str, float]

    def has(self, *names: str) -> bool:
        """Whether these took part."""
        return all(name in self.turns for name in names)

    def middle(self, name: str, figure: Figure) -> float:
        """An entry's median."""
        return middle(self.turns[name], figure)

    def ratio(self, upper: str, lower: str, figure: Figure) -> float:
        """One entry's figure divided by another's, round by round."""
        return ratio(self.turns[upper], self.turns[lower], figure)

    def difference(self, upper: str, lower: str, figure: Figure) -> float:
        """One entry's figure less another's, round by round."""
        return difference(self.turns[upper], self.turns[lower], figure)


def take_turns(entries: Sequence[Entry], rounds: int, scratch: Path) -> Table:
    """Every entry `rounds` times. Raises SystemExit for one that fails or does not store what it should."""
    table = Table({entry.name: [] for entry in entries}, {})
    for number in range(rounds):
        stored: dict[str, Results] = {}
        for entry in entries:
            folder = scratch / f"turn-{entry.name.replace(' ', '-')}"
            start = _run(entry, folder, entry.urls[:1])
            shutil.rmtree(folder)
            if entry.before:
                _run(entry, folder, entry.before)
            turn = Turn(len(entry.urls), _run(entry, folder, entry.urls), start)
            table.turns[entry.name].append(turn)
            if entry.results and number == 0:
                stored[entry.name] = entry.results(folder)
            shutil.rmtree(folder)
            _say(
                f"round {number + 1} {entry.name:14} {turn.rate:8.1f} pages/s {turn.cpu:6.2f} ms CPU a page, "
                f"{turn.steady_cpu:6.2f} beyond the start"
            )
        if stored:
            table.alike.update(compare(stored, {entry.name: len(entry.urls) for entry in entries}))
    return table


def _run(entry: Entry, folder: Path, urls: Sequence[str]) -> Cost:
    folder.mkdir(exist_ok=True)
    with (folder / "urls.txt").open("w") as file:
        file.writelines(f"{url}\n" for url in urls)
    (folder / "sites.toml").write_text(entry.sites)
    return measure(entry.command, entry.cores, folder)


def compare(stored: dict[str, Results], pages: dict[str, int]) -> dict[str, float]:
    """The share of pages that each read as the first did. SystemExit where it says the contest is unfair."""
    read = {name: {_path(url): record for url, record in results.items()} for name, results in stored.items()}
    alike = {}
    first, reference = next(iter(read.items()))
    for name, records in read.items():
        if len(records) != pages[name]:
            raise SystemExit(f"{name} stored {len(records):,} pages of {pages[name]:,}")
        alike[name] = sum(record == reference.get(path) for path, record in records.items()) / len(records)
        if alike[name] < _ALIKE:
            raise SystemExit(f"{name} read only {alike[name]:.0%} of the pages as {first} did")
    return alike


def _path(url: str) -> str:
    """A URL without its origin: servers of one contest hold the same pages."""
    return url.partition("//")[2].partition("/")[2]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
