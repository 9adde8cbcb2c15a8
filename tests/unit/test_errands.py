"""Errands between the feed's thread and the worker: asked again while that may help, no file left behind."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from canter.model import Limits
from canter.run.errands import Done, Errand, Errands, bounds_of
from canter.sitemaps import MAX_SITEMAP, Fetched

URL = "https://a.example/sitemap.xml"


def run(errands: Errands, answers: list[Done]) -> tuple[Fetched, list[Errand]]:
    """What a fetch in a thread of its own gives, its errands answered one after the other."""
    fetched: list[Fetched] = []
    thread = threading.Thread(target=lambda: fetched.append(errands.fetch(URL)), daemon=True)
    thread.start()
    taken: list[Errand] = []
    deadline = time.monotonic() + 30
    while thread.is_alive():
        assert time.monotonic() < deadline
        for errand in errands.take():
            taken.append(errand)
            errands.done(answers[len(taken) - 1]._replace(number=errand.number))
        thread.join(0.01)
    return fetched[0], taken


def test_a_sitemap_is_where_the_worker_wrote_it() -> None:
    """One errand; the address that it was found at is told; the file goes when the run ends."""
    errands = Errands(attempts=3)
    fetched, taken = run(errands, [Done(0, "https://b.example/s.xml", None, False)])
    assert [errand.url for errand in taken] == [URL]
    assert fetched == Fetched("https://b.example/s.xml", taken[0].path)
    folder = Path(taken[0].path).parent
    assert folder.is_dir()
    Path(taken[0].path).write_text("<urlset/>")
    errands.close()
    assert not folder.exists()


def test_what_may_pass_is_asked_for_again_after_a_rest() -> None:
    """Up to the attempts of a page, further and further apart; what cannot be mended is asked for once."""
    rests: list[float] = []
    errands = Errands(attempts=3, sleep=rests.append)
    fails = Done(0, URL, "the server answered 500 (Internal Server Error)", True)
    fetched, taken = run(errands, [fails, fails, fails])
    assert (fetched, len(taken)) == (Fetched(URL, error=fails.error), 3)
    assert 0.5 <= rests[0] <= 1.0 <= rests[1] <= 2.0
    fetched, taken = run(errands, [fails, Done(0, URL, None, False)])
    assert (fetched.error, fetched.path) == (None, taken[1].path)
    fetched, taken = run(errands, [Done(0, URL, "the server answered 404 (Not Found)", False)])
    assert len(taken) == 1
    assert "404" in (fetched.error or "")
    errands.close()


def test_a_run_without_sitemaps_makes_no_folder() -> None:
    """Nothing to clean up where nothing was asked for."""
    errands = Errands(attempts=3)
    assert errands.take() == []
    errands.close()


def test_the_bounds_of_a_sitemap() -> None:
    """The user's limits, but time for a body a thousand times as long, and a byte that tells of more."""
    bounds = bounds_of(Limits(timeout=30, connect_timeout=4, read_timeout=5, max_body=1))
    assert (bounds.timeout, bounds.connect_timeout, bounds.read_timeout) == (300, 4, 5)
    assert bounds.max_body == MAX_SITEMAP + 1
    assert bounds_of(Limits(timeout=900)).timeout == 900
