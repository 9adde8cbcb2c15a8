"""Which worker has which shards and seats. Pure: a shard belongs to one worker at a time, and so does each
host."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from canter.urls import SHARDS

WORTH_MOVING = 500  # pages: fewer are fetched sooner than shards have moved

Loads = Mapping[int, int]  # shard -> pages left


class Bundles:
    """Shards that stay together, for hosts in them share a pace: each of `groups`, and what they have in
    common. A host keeps the shard of its first sight, so a `pace_key` given later does not move it."""

    def __init__(self, groups: Iterable[Iterable[int]] = ()) -> None:
        self._leads = list(range(SHARDS))  # of each shard: the first one of its bundle
        for group in groups:
            leads = {self._leads[shard] for shard in group}
            self._leads = [min(leads) if lead in leads else lead for lead in self._leads]

    def loads(self, loads: Loads) -> Loads:
        """Loads by the first shard of each bundle."""
        summed: Counter[int] = Counter()
        for shard, load in loads.items():
            summed[self._leads[shard]] += load
        return summed

    def whole(self, shards: Iterable[int]) -> frozenset[int]:
        """The bundles whose first shards are among these."""
        chosen = frozenset(shards)
        return frozenset(shard for shard, lead in enumerate(self._leads) if lead in chosen)


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


def half(loads: Loads, shards: Iterable[int]) -> frozenset[int]:
    """Of a worker's shards those that another should have: the lighter part of two about even ones.

    Empty where there is too little to move, or one shard has it all.
    """
    parts: list[set[int]] = [set(), set()]
    sums = [0, 0]
    for shard in sorted(shards, key=lambda s: (-loads.get(s, 0), s)):
        if load := loads.get(shard, 0):
            lighter = int(sums[1] <= sums[0] and bool(parts[0]))
            parts[lighter].add(shard)
            sums[lighter] += load
    lighter = int(sums[1] <= sums[0])
    return frozenset(parts[lighter]) if sums[lighter] >= WORTH_MOVING else frozenset()


def share_seats(total: int, wanted: Sequence[bool]) -> list[int]:
    """Requests in flight for each worker, `total` of them together but one each at least.

    One that has nothing to do (not `wanted`) gets an eighth of an even share; the others have the rest.
    """
    count = len(wanted)
    few = max(1, total // (8 * count))
    busy = sum(wanted)
    if busy in (0, count):
        return [max(1, total // count + (n < total % count)) for n in range(count)]
    left = max(busy, total - few * (count - busy))
    seats, spare = divmod(left, busy)
    shares = []
    for want in wanted:
        shares.append(seats + (spare > 0) if want else few)
        spare -= want
    return shares
