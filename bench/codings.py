"""What content codings cost and save: `python -m bench.codings`.

The pages of the benchmark, compressed as servers do it while they answer, undone by Canter's own decoder.
"""

from __future__ import annotations

import gzip
import statistics
import sys
import time
from collections.abc import Callable

import brotli

from bench.corpus import pages as corpus
from bench.machine import describe
from canter.transports.decoding import decoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROUNDS = 5
PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip, level 1": ("gzip", lambda page: gzip.compress(page, 1)),
    "gzip, level 6": ("gzip", lambda page: gzip.compress(page, 6)),
    "br, quality 4": ("br", lambda page: brotli.compress(page, quality=4)),
    "br, quality 5": ("br", lambda page: brotli.compress(page, quality=5)),
    "zstd, level 3": ("zstd", lambda page: zstd.compress(page, 3)),
}


def undo(coding: str, bodies: list[bytes]) -> float:
    """CPU seconds to decode the bodies."""
    began = time.process_time()
    for body in bodies:
        stream = decoder([coding])
        for _ in stream.feed(body):
            pass
        stream.finish()
    return time.process_time() - began


def main() -> None:
    """A line a coding; the codings take turns, medians of the rounds."""
    print(describe())
    pages = corpus()
    packed = {name: [pack(page) for page in pages] for name, (_, pack) in PACKERS.items()}
    costs: dict[str, list[float]] = {name: [] for name in PACKERS}
    for _ in range(ROUNDS):
        for name, (coding, _) in PACKERS.items():
            costs[name].append(undo(coding, packed[name]) / len(pages))
    print(f"{len(pages)} pages of {sum(map(len, pages)) / len(pages) / 1e3:.0f} KB")
    for name, bodies in packed.items():
        size = sum(map(len, bodies)) / len(pages) / 1e3
        print(f"{name}: {size:.1f} KB, {statistics.median(costs[name]) * 1e6:.0f} µs a page", flush=True)


if __name__ == "__main__":
    main()
