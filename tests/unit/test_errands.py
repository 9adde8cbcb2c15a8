"""Errands between the feed's thread and the worker: asked again while that may help, no file left behind."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import cast

from canter.engine import Engine
from canter.extraction import Page
from canter.model import ErrorType, Limits, Sink
from canter.observe import Log, RunObserver
from canter.run.download import SitemapFile, bounds_of, download
from canter.run.errands import Done, Errand, Errands, sweep
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


def test_a_sitemap_is_where_the_worker_wrote_it(tmp_path: Path) -> None:
    """One errand, its file beside the store; where it was found is told; the file goes when the run ends."""
    errands = Errands(tmp_path / "canter.db", attempts=3)
    fetched, taken = run(errands, [Done(0, "https://b.example/s.xml", None, False)])
    assert [errand.url for errand in taken] == [URL]
    assert fetched == Fetched("https://b.example/s.xml", taken[0].path)
    folder = Path(taken[0].path).parent
    assert folder.is_dir()
    assert folder.parent == tmp_path
    Path(taken[0].path).write_text("<urlset/>")
    errands.close()
    assert not folder.exists()


def test_what_may_pass_is_asked_for_again_after_a_rest(tmp_path: Path) -> None:
    """Up to the attempts of a page, further and further apart; what cannot be mended is asked for once."""
    rests: list[float] = []
    errands = Errands(tmp_path / "canter.db", attempts=3, sleep=rests.append)
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


def test_a_run_without_sitemaps_makes_no_folder(tmp_path: Path) -> None:
    """Nothing to clean up where nothing was asked for."""
    errands = Errands(tmp_path / "canter.db", attempts=3)
    assert errands.take() == []
    errands.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept_up(tmp_path: Path) -> None:
    """The folders of this store, whatever is in its name; nothing else."""
    store = tmp_path / "shop[1].db"
    left = tmp_path / "shop[1].db-sitemaps-x1"
    others = [tmp_path / "shop1.db-sitemaps-x2", tmp_path / "shop[1].db"]
    for folder in (left, *others):
        folder.mkdir()
        (folder / "1.sitemap").write_text("<urlset/>")
    sweep(store)
    assert not left.exists()
    assert all(folder.is_dir() for folder in others)


def test_a_file_holds_the_last_answer_only(tmp_path: Path) -> None:
    """What came with a redirect is no part of what it led to."""
    file = SitemapFile(tmp_path / "1.sitemap")
    for piece in (b"moved, see there", b"<urlset/>"):
        file.begin()
        file.write(piece[:4])
        file.write(piece[4:])
    file.close()
    assert (file.error, file.size) == (None, 9)
    assert (tmp_path / "1.sitemap").read_bytes() == b"<urlset/>"


def test_a_file_that_cannot_be_written_is_an_error_not_an_exception(tmp_path: Path) -> None:
    """The transport that writes into it goes on; the errand says which file it was, and why."""
    for path in (tmp_path / "no" / "1.sitemap", Path("/dev/full")):
        file = SitemapFile(path)
        file.begin()
        file.write(b"x" * 100_000)
        file.close()
        assert (file.error or "").startswith(f"it cannot be written to {path}: No s")


async def test_a_stop_is_not_answered(tmp_path: Path) -> None:
    """Whoever waits for the errand is being stopped, too; any other end is answered, with its file."""

    class Stopped:
        async def fetch(self, url: str, *_: object, sink: Sink, **__: object) -> Page:
            sink.begin()
            sink.write(b"<urlset/>")
            return Page(url, error="why", error_type=ErrorType.TRANSIENT, stopped="late" in url)

    engine = cast("Engine", Stopped())
    log = RunObserver(Log("error", "json", io.StringIO()))
    path = tmp_path / "1.sitemap"
    late = Errand(1, "https://a.example/late.xml", str(path))
    assert await download(late, engine, Limits(), log) is None
    done = await download(late._replace(url=URL), engine, Limits(), log)
    assert done == Done(1, URL, "why", again=True)
    assert path.read_bytes() == b"<urlset/>"


def test_the_bounds_of_a_sitemap() -> None:
    """The user's limits, but time for a body a thousand times as long, and a byte that tells of more."""
    bounds = bounds_of(Limits(timeout=30, connect_timeout=4, read_timeout=5, max_body=1))
    assert (bounds.timeout, bounds.connect_timeout, bounds.read_timeout) == (300, 4, 5)
    assert bounds.max_body == MAX_SITEMAP + 1
    assert bounds_of(Limits(timeout=900)).timeout == 900
