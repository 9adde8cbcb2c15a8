"""Which worker has which shards. Pure: a shard belongs to one worker at a time, and so does each host."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from canter.urls import SHARDS

Loads = Mapping[int, int]  # shard -> pages left


def split(loads: Loads, workers: int) -> list[frozenset[int]]:
    """Every shard to one of at most `workers` workers, by the pages left.

    The heaviest first, each to the worker with the least (Graham's LPT rule, at most a third over the best);
    those of which nothing is known in turn. No more workers than shards that have pages, but all of them
    where nothing is known.
    """
    heavy = sorted((shard for shard, load in loads.items() if load > 0), key=lambda s: (-loads[s], s))
    count = max(1, min(workers, len(heavy))) if heavy else workers
    shares: list[set[int]] = [set() for _ in range(count)]
    lightest = [(0, number) for number in range(count)]
    for shard in heavy:
        load, number = lightest[0]
        shares[number].add(shard)
        heapq.heapreplace(lightest, (load + loads[shard], number))
    for n, shard in enumerate(s for s in range(SHARDS) if loads.get(s, 0) <= 0):
        shares[n % count].add(shard)
    return [frozenset(share) for share in shares]
