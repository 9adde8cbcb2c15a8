"""Which worker has which shards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from canter.run.shards import WORTH_MOVING, Bundles, half, share_seats, split
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


@given(LOADS)
def test_half_leaves_about_as_much_as_it_takes(loads: dict[int, int]) -> None:
    """What is given away is worth moving, never all, and within one shard of an even part."""
    given_away = half(loads, range(SHARDS))
    taken = sum(loads[shard] for shard in given_away)
    kept = sum(loads.values()) - taken
    assert taken <= kept
    if given_away:
        assert taken >= WORTH_MOVING
        assert kept - taken <= max(loads.values())


def test_one_shard_is_not_torn_apart() -> None:
    """Nor are pages moved that are too few to be worth it."""
    assert half({7: 10_000}, range(SHARDS)) == frozenset()
    assert half({7: 10_000, 8: WORTH_MOVING - 1}, range(SHARDS)) == frozenset()
    assert half({7: 10_000, 8: WORTH_MOVING}, [7, 8]) == {8}
    assert half({7: 10_000, 8: 10_000}, [7]) == frozenset()


@given(LOADS, st.lists(st.sets(st.integers(0, SHARDS - 1), max_size=5), max_size=20))
def test_bundles_are_a_partition(loads: dict[int, int], groups: list[set[int]]) -> None:
    """Each shard is in one bundle, each group within one, and no page is lost."""
    bundles = Bundles(groups)
    summed = bundles.loads(loads)
    assert sum(summed.values()) == sum(loads.values())
    parts = {bundles.whole([shard]) for shard in range(SHARDS)} - {frozenset()}
    assert sorted(shard for part in parts for shard in part) == list(range(SHARDS))
    assert all(any(group <= part for part in parts) for group in groups if group)


@given(st.integers(1, 10_000), st.lists(st.booleans(), min_size=1, max_size=16))
def test_seats_are_divided(total: int, wanted: list[bool]) -> None:
    """Never more than the ceiling, but for one each; whoever has something to do has the most."""
    seats = share_seats(total, wanted)
    assert min(seats) >= 1
    assert sum(seats) == max(total, len(wanted))
    busy = [seat for seat, want in zip(seats, wanted, strict=True) if want]
    idle = [seat for seat, want in zip(seats, wanted, strict=True) if not want]
    assert not busy or not idle or min(busy) >= max(idle)
    assert max(busy or seats) - min(busy or seats) <= 1
