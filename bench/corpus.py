"""The real pages that benchmarks read: those of BENCH.txt in the corpus beside the checkout."""

from __future__ import annotations

import gzip

from bench.machine import REPO

CORPUS = REPO.parent / "shared" / "corpus"


def pages() -> list[bytes]:
    """The 199 pages, 10 KB to 2 MB each. SystemExit where the corpus is missing."""
    if not (CORPUS / "BENCH.txt").is_file():
        raise SystemExit(f"{CORPUS} is missing: the corpus of pages goes beside the checkout")
    found = []
    for name in (CORPUS / "BENCH.txt").read_text("utf-8").splitlines():
        content = (CORPUS / name).read_bytes()
        found.append(gzip.decompress(content) if name.endswith(".gz") else content)
    return found
