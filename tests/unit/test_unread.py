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


def waiting(spy: Spy) -> Unread:
    """None yet."""
    return Unread(cast("Endings", spy), spy.reading, spy.end)


def page(number: int, size: int = 10) -> Ended:
    """An answered page."""
    job = PageJob(Task(0, 1, 0, number, f"http://shop.example/{number}", 1), None)
    return Ended(job, UNREAD, Response("", 200, {}, b"x" * size, 0.1, 0.1), number, 0.0)


def test_all_are_read_and_then_all_are_ended() -> None:
    """In the order in which they came; each is named while it is read, and none afterwards."""
    spy = Spy()
    unread = waiting(spy)
    for number in (1, 2, 3):
        assert unread.add(page(number))
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
    """By the bytes of the bodies, counted anew after each reading."""
    unread = waiting(Spy())
    for _ in range(2):
        assert unread.add(page(1, MOST_BYTES - 1))
        assert not unread.add(page(2, 1))
        unread.read()
