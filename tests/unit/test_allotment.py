"""Shards and seats move to workers that have nothing to do, one move at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from canter.config import Settings
from canter.run.allotment import LOOK, Allotment
from canter.run.member import Member
from canter.run.messages import Assignment, Claim, Leave, Order, Report, Seats
from canter.run.shards import Bundles

ASSIGNMENT = Assignment(Path("canter.db"), Settings(), (), ())
LOADS = {1: 5_000, 2: 4_000, 3: 3_000}


class Pen(Member):
    """A member without a process that keeps what it is told."""

    def __init__(self, number: int) -> None:
        super().__init__(number, ASSIGNMENT)
        self.told: list[Order] = []
        self.serving.add(1)

    def send(self, order: Order) -> None:
        self.told.append(order)

    def says(self, hosts: int, busy: float = 1.0, in_flight: int = 0) -> None:
        """A report arrives; seats are as granted."""
        self.report = Report(seats=self.seats, hosts=hosts, busy=busy, in_flight=in_flight)

    def heard(self, kind: type) -> list[Order]:
        return [order for order in self.told if isinstance(order, kind)]


class Yard:
    """Two workers, the first with everything."""

    def __init__(self, most: int = 2, bundles: tuple[tuple[int, ...], ...] = ()) -> None:
        self.members = [Pen(0), Pen(1)]
        self.most = most
        self.now = 100.0
        self.allotment = Allotment(100, Bundles(bundles))
        self.allotment.share_out(self.members, [frozenset(LOADS), frozenset({9})])

    def look(self) -> None:
        self.now += LOOK
        self.allotment.balance(self.members, self.now, lambda: LOADS, self.add)

    def add(self) -> Member | None:
        if len(self.members) == self.most:
            return None
        self.members.append(Pen(len(self.members)))
        return self.members[-1]


def test_an_idle_worker_takes_about_half() -> None:
    """The busy one lets go, and when it has said so the other claims; nobody has the shards in between."""
    yard = Yard()
    giver, taker = yard.members
    giver.says(3)
    taker.says(0)
    yard.look()
    assert not giver.heard(Leave)  # idle for a moment only, perhaps
    yard.look()
    assert giver.heard(Leave) == [Leave(frozenset({1}))] or giver.heard(Leave) == [Leave(frozenset({2, 3}))]
    (leave,) = giver.heard(Leave)
    assert isinstance(leave, Leave)
    moved = next(iter(leave.shards))
    assert yard.allotment.owner(yard.members, moved) is None
    yard.look()
    assert len(giver.heard(Leave)) == 1  # one move at a time
    yard.allotment.left(giver, leave.shards)
    assert yard.allotment.owner(yard.members, moved) is taker
    assert taker.heard(Claim)[-1] == Claim(leave.shards)
    assert not giver.shards & taker.shards


@pytest.mark.parametrize(("busy", "hosts"), [(0.2, 3), (1.0, 0)])
def test_nothing_moves_where_that_is_no_help(busy: float, hosts: int) -> None:
    """A worker that mostly waits for its hosts' paces has no use for another's processor."""
    yard = Yard()
    yard.members[0].says(hosts, busy)
    yard.members[1].says(hosts and 0)
    for _ in range(3):
        yard.look()
    assert not yard.members[0].heard(Leave)


def test_a_worker_that_has_not_begun_is_not_idle() -> None:
    """Starting takes a while; its own shards may be full of work."""
    yard = Yard()
    yard.members[0].says(3)
    for _ in range(3):
        yard.look()
    assert not yard.members[0].heard(Leave)


def test_another_worker_is_started_where_there_may_be_more() -> None:
    """None is idle and one is busy: it gets help, up to the number wanted."""
    yard = Yard(most=3)
    yard.members[0].says(3)
    yard.members[1].says(1)
    yard.look()
    assert len(yard.members) == 3
    (leave,) = yard.members[0].heard(Leave)
    assert isinstance(leave, Leave)
    yard.allotment.left(yard.members[0], leave.shards)
    assert yard.members[2].shards == leave.shards


def test_a_giver_that_dies_keeps_its_shards() -> None:
    """Its successor claims all of them; a late word of the dead changes nothing."""
    yard = Yard()
    giver, taker = yard.members
    giver.says(3)
    taker.says(0)
    yard.look()
    yard.look()
    (leave,) = giver.heard(Leave)
    assert isinstance(leave, Leave)
    yard.allotment.died(giver)
    yard.allotment.left(giver, leave.shards)
    assert giver.shards == frozenset(LOADS)
    assert all(yard.allotment.owner(yard.members, shard) is giver for shard in LOADS)


def test_shards_that_share_a_pace_move_together() -> None:
    """Hosts of one pace key never have two workers."""
    yard = Yard(bundles=((2, 3), (3, 4)))
    giver, taker = yard.members
    giver.says(3)
    taker.says(0)
    yard.look()
    yard.look()
    assert giver.heard(Leave) == [Leave(frozenset({1}))]
    for share in yard.allotment.shares({2: 9, 3: 8, 4: 7, 1: 6}, 4):
        assert share & {2, 3, 4} in ({2, 3, 4}, set())


def test_seats_are_never_more_than_there_are() -> None:
    """Those of an idle worker go to the busy one once they are free, and come back when it is busy again."""
    yard = Yard()
    busy, other = yard.members
    assert (busy.seats, other.seats) == (50, 50)
    for member in yard.members:
        member.says(1, in_flight=50)
    other.report = Report(seats=50, hosts=0, in_flight=40)
    yard.look()
    assert (busy.seats, other.seats) == (50, 6)  # 40 are still in use
    assert other.heard(Seats)[-1] == Seats(6)
    other.says(0, in_flight=10)
    yard.look()
    assert busy.seats == 90
    busy.says(1, in_flight=90)
    other.says(0)
    yard.look()
    assert busy.seats == 94
    busy.says(1, in_flight=94)
    other.says(1, in_flight=6)
    yard.look()
    assert (busy.seats, other.seats) == (50, 6)
    busy.says(1, in_flight=50)
    yard.look()
    assert (busy.seats, other.seats) == (50, 50)
