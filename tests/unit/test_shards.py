"""Which worker has which shards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from canter.run.shards import split
from canter.urls import SHARDS

LOADS = st.dictionaries(st.integers(0, SHARDS - 1), st.integers(0, 100_000))


@given(LOADS, st.integers(1, 16))
def test_every_shard_has_one_worker(loads: dict[int, int], workers: int) -> None:
    """None is left out, none belongs to two, no worker more than wanted."""
    shares = split(loads, workers)
    assert 1 <= len(shares) <= workers
    assert sorted(shard for share in shares for shard in share) == list(range(SHARDS))


@given(LOADS, st.integers(1, 16))
def test_the_pages_are_shared_out_evenly(loads: dict[int, int], workers: int) -> None:
    """No worker has more than an even share and one shard on top; each has something."""
    shares = split(loads, workers)
    sums = [sum(loads.get(shard, 0) for shard in share) for share in shares]
    most = max(loads.values(), default=0)
    assert max(sums) <= sum(sums) / len(sums) + most
    assert len(shares) == 1 or not any(loads.values()) or min(sums) > 0


def test_no_more_workers_than_shards_with_pages() -> None:
    """A source of one host has one worker; where nothing is known all start."""
    assert len(split({7: 1_000}, 8)) == 1
    assert len(split({7: 1_000, 9: 1}, 8)) == 2
    assert len(split({}, 3)) == 3
