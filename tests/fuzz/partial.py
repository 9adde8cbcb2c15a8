"""Tag soup: what the beginning of a page is certain of is what the whole page tells.

`python -m tests.fuzz.partial --seconds 120`; the exit status is 0 where nothing was wrong and at least
10,000 answers were told by a beginning.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random

from tests import soup

FEWEST = 10_000


def main() -> None:
    """Compare for so long. A page that is wrong ends it with an AssertionError that shows the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.partial")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    given = parser.parse_args()
    sys.stderr.write(f"seed {given.seed}\n")
    draw, parts, words = Random(given.seed), Counter[str](), Counter[str]()
    until = time.monotonic() + given.seconds
    with soup.small_pages():
        while time.monotonic() < until:
            soup.compare_part(draw, parts)
            soup.compare_words(draw, words)
    accepted = parts["first"] + parts["all"] + parts["none"]
    sys.stdout.write(f"parts: {accepted:,} accepted, none wrong ({dict(parts)}); words: {dict(words)}\n")
    if accepted < FEWEST:
        raise SystemExit(f"fewer than {FEWEST:,} accepted: more seconds")


if __name__ == "__main__":
    main()
