"""Runs a fuzz target for a while, beginning with inputs that are known to be interesting."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"


def run(name: str, target: Callable[[bytes], None], seeds: Iterable[bytes], longest: int) -> None:
    """Fuzz `target` for `--seconds`; never returns: the exit status is 0 where nothing broke.

    longest: bytes of an input. Inputs that reached something new are kept in `.fuzz/NAME` for the next time;
    one that broke it is `.fuzz/NAME-crash-...`, and the file's name as an argument runs it again.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tests.fuzz.{name}")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("inputs", nargs="*", help="files to run once, in place of fuzzing")
    given = parser.parse_args()
    folder = ROOT / ".fuzz" / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed[:longest])
    options = [f"-max_total_time={given.seconds}", f"-max_len={longest}", "-timeout=30", "-rss_limit_mb=4096"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}-"]
    atheris.Setup([sys.argv[0], *options, *(given.inputs or [str(folder)])], target)
    atheris.Fuzz()
