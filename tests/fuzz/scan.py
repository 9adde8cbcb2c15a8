"""Tag soup: what a scan of a page's bytes is sure of is what the tree of the page tells.

`python -m tests.fuzz.scan --seconds 120`; the exit status is 0 where nothing was wrong and the scan was sure
of at least 10,000 pages.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random

from tests.scan_soup import KINDS, compare, draw_page

FEWEST = 10_000


def main() -> None:
    """Compare for so long. A page that is wrong ends it with an AssertionError that shows the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.scan")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    given = parser.parse_args()
    sys.stderr.write(f"seed {given.seed}\n")
    draw, sure, pages = Random(given.seed), Counter[str](), 0
    until = time.monotonic() + given.seconds
    while time.monotonic() < until:
        content, pages = draw_page(draw), pages + 1
        sure.update(kind for kind in KINDS if compare(content, kind))
    sys.stdout.write(f"{pages:,} pages; elements found in, none wrong: {dict(sure)}\n")
    if min(sure["json"], sure["meta"]) < FEWEST:
        raise SystemExit(f"fewer than {FEWEST:,}: more seconds")


if __name__ == "__main__":
    main()
