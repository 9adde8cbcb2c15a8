"""Shards and seats of a fleet's workers: shared out at first, moved when one has nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from canter.run.member import Member
from canter.run.messages import Claim, Leave, Seats
from canter.run.shards import Bundles, Loads, half, share_seats, split

LOOK = 1.0  # seconds between looks at who has nothing to do
BUSY = 0.7  # share of its time that a worker runs from which another would help it


class _Move(NamedTuple):
    """Shards on their way: let go by one worker, then claimed by the other."""

    giver: Member
    taker: Member
    shards: frozenset[int]


class Allotment:
    """One for a fleet. `seats`: requests in flight of all workers together; `bundles`: shards that stay
    together. Times are monotonic seconds."""

    def __init__(self, seats: int, bundles: Bundles) -> None:
        self._seats = seats
        self._bundles = bundles
        self._move: _Move | None = None
        self._next_look = 0.0
        self._idle: set[int] = set()  # numbers of the workers that had nothing to do at the last look

    def shares(self, loads: Loads, workers: int) -> list[frozenset[int]]:
        """The first shards of each of at most `workers` workers, by the pages left."""
        return [self._bundles.whole(share) for share in split(self._bundles.loads(loads), workers)]

    def share_out(self, members: Sequence[Member], shares: Sequence[frozenset[int]]) -> None:
        """Give each worker its first shards."""
        for member, shards in zip(members, shares, strict=True):
            member.shards = shards
            member.send(Claim(shards))
        self.seat(members)

    def owner(self, members: Sequence[Member], shard: int) -> Member | None:
        """Who has a shard; None while it moves."""
        if self._move and shard in self._move.shards:
            return None
        return next((member for member in members if shard in member.shards), None)

    def seat(self, members: Sequence[Member]) -> None:
        """Divide the seats anew. They are taken away at once, and given when they are free."""
        wanted = share_seats(self._seats, [member.report.hosts > 0 for member in members])
        for member, seats in zip(members, wanted, strict=True):
            if seats < member.seats:
                self._grant(member, seats)
        for member, seats in zip(members, wanted, strict=True):
            free = self._seats - sum(other.held for other in members if other is not member)
            granted = max(1, min(seats, free))
            if granted > member.seats:
                self._grant(member, granted)

    @staticmethod
    def _grant(member: Member, seats: int) -> None:
        member.seats = seats
        member.send(Seats(seats))

    def balance(
        self,
        members: Sequence[Member],
        now: float,
        loads: Callable[[], Loads],
        add: Callable[[], Member | None],
    ) -> None:
        """Have a worker without work take over shards of the one with the most, if that is busy.

        `loads`: pages left, by shard; `add`: one more worker, None where there are enough.
        """
        if now < self._next_look:
            return
        self._next_look = now + LOOK
        self.seat(members)
        if self._move:
            return
        idle = {member.number for member in members if member.idle}
        idle, self._idle = idle & self._idle, idle
        busy = [m for m in members if m.report.busy >= BUSY or m.report.crowded]
        if not busy:
            return
        left = self._bundles.loads(loads())
        giver = max(busy, key=lambda member: sum(left.get(shard, 0) for shard in member.shards))
        shards = self._bundles.whole(half(left, giver.shards))
        taker = next((member for member in members if member.number in idle), None) if shards else None
        if shards and taker is None:
            taker = add()
        if taker and taker is not giver:
            self._move = _Move(giver, taker, shards)
            giver.send(Leave(shards))

    def left(self, giver: Member, shards: frozenset[int]) -> None:
        """A worker has let go of shards: the other one has them from now on."""
        move, self._move = self._move, None
        if move and move.giver is giver and move.shards == shards:
            giver.shards -= shards
            move.taker.shards |= shards
            move.taker.send(Claim(shards))

    def died(self, member: Member) -> None:
        """A worker died: what it was to let go of stays with its successor."""
        if self._move and self._move.giver is member:
            self._move = None
