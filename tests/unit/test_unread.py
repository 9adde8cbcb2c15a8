"""Pages that wait to be read: in which order, how many, and who is told."""

from __future__ import annotations

from typing import Any, cast

from canter.endings import Ended, Endings
from canter.hosts import PageJob
from canter.model import Response, Task, Verdict
from canter.protocols import Visit
from canter.unread import MOST_BYTES, Unread

UNREAD = Verdict(None)


class Spy:
    """Endings that write down what is done with them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []

    def read(self, ended: Ended) -> int:
        """A page is read."""
        self.done.append(("read", ended.number))
        return ended.number

    def visit(self, ended: Ended, found: int) -> int:
        """It ends by what it gave."""
        assert found == ended.number
        return found

    def reading(self, task: Task | None) -> None:
        """Who reads which page, should it end the process."""
        self.done.append(("reading", task and task.key))

    def end(self, job: PageJob, visit: Visit) -> None:
        """What came of it is taken."""
        self.done.append(("end", (job.task.key, visit)))

    def clock(self) -> float:
        """Each page takes 4 ms."""
        return 0.004 * sum(name == "read" for name, _ in self.done)


def waiting(spy: Spy) -> Unread:
    """None yet."""
    return Unread(cast("Endings", spy), spy.reading, spy.end, spy.clock)


def page(number: int, size: int = 10) -> Ended:
    """An answered page."""
    job = PageJob(Task(0, 1, 0, number, f"http://shop.example/{number}", 1), None)
    return Ended(job, UNREAD, Response("", 200, {}, b"x" * size, 0.1, 0.1), number, 0.0)


def test_all_are_read_and_then_all_are_ended() -> None:
    """In the order in which they came; each is named while it is read, and none afterwards."""
    spy = Spy()
    unread = waiting(spy)
    for number in (1, 2, 3):
        unread.add(page(number))
    assert len(unread) == 3
    assert spy.done == []
    unread.read()
    read = [entry for number in (1, 2, 3) for entry in (("reading", number), ("read", number))]
    assert spy.done == [*read, ("reading", None), *(("end", (number, number)) for number in (1, 2, 3))]
    assert not unread
    spy.done.clear()
    unread.read()
    assert spy.done == [("reading", None)]


def test_what_waits_is_bounded() -> None:
    """By the bytes of the bodies, less those that were read."""
    unread = waiting(Spy())
    for _ in range(2):
        unread.add(page(1, MOST_BYTES - 1))
        before = unread.full
        unread.add(page(2, 1))
        full = unread.full
        unread.read()
        assert (before, full, unread.full) == (False, True, False)


def test_others_have_their_turn_meanwhile() -> None:
    """Reading stops after a slice of time, and what was read is ended; a page that takes longer is read."""
    spy = Spy()
    unread = waiting(spy)
    for number in range(12):
        unread.add(page(number))
    left = []
    while unread:
        unread.read()
        left.append(len(unread))
        assert sum(name == "end" for name, _ in spy.done) == 12 - len(unread)
    assert left == [7, 2, 0]
