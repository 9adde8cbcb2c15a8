"""Workers that die: a page that does it, and a machine that does."""

from __future__ import annotations

from canter.run.deaths import MOST, SPAN, UNEXPLAINED, Deaths, PageId

PAGE, OTHER = PageId(1, 2, 3), PageId(1, 2, 4)


def test_a_page_is_deadly_at_the_second_death() -> None:
    """Once may be chance."""
    deaths = Deaths()
    assert not deaths.note(PAGE, 0.0)
    assert not deaths.note(OTHER, 1.0)
    assert deaths.of(1) == ()
    assert deaths.note(PAGE, 2.0)
    assert deaths.of(1) == (PAGE,)
    assert deaths.of(2) == ()
    deaths.forget(1)
    assert deaths.of(1) == ()


def test_deaths_without_a_page_end_the_run() -> None:
    """So many in a minute, and starting another worker is no use; spread over hours it is."""
    quick, slow = Deaths(), Deaths()
    for n in range(UNEXPLAINED):
        assert not quick.hopeless(float(n))
        quick.note(None, float(n))
        slow.note(None, n * SPAN)
    assert quick.hopeless(UNEXPLAINED)
    assert not slow.hopeless(UNEXPLAINED * SPAN)


def test_pages_that_kill_are_borne_for_longer() -> None:
    """A page by name costs two workers, not the run; hundreds of them do."""
    deaths = Deaths()
    for n in range(MOST):
        assert not deaths.hopeless(1.0)
        deaths.note(PageId(1, 2, n), 1.0)
    assert deaths.hopeless(1.0)
