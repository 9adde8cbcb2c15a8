"""Whatever the servers do: each URL ends in exactly one record, after a bounded number of requests."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from canter.model import Fault, FaultKind, Response
from tests.virtual import Answer, House, Run, Stage, Web, fault, leads, robots, status, title

HOSTS = ["a.example", "b.example", "c.example"]
PAGES = [f"http://{host}/p{n}" for host in HOSTS for n in range(4)]
PAGES += [f"https://a.example/s{n}" for n in range(4)]
TARGETS = [*PAGES, "http://d.example/x", "https://a.example/p0", "/p1", "/p0?x=1", "mailto:x"]


def answers() -> st.SearchStrategy[Answer]:
    """Everything that the contract's table names."""
    waits = st.sampled_from(["0", "3", "45", "500", "100000", "soon", "Sun, 15 Jun 2025 15:10:00 GMT"])
    plain: st.SearchStrategy[Answer] = st.builds(
        status, st.sampled_from([200, 204, 304, 400, 403, 404, 410, 408, 425, 429, 500, 502, 503, 504])
    )
    waiting: st.SearchStrategy[Answer] = st.builds(
        lambda code, wait: status(code, {"Retry-After": wait}), st.sampled_from([429, 503, 500]), waits
    )
    good: st.SearchStrategy[Answer] = st.builds(
        title, st.sampled_from("ABC"), seconds=st.sampled_from([0.05, 3.0, 29.0, 31.0])
    )
    moved: st.SearchStrategy[Answer] = st.builds(leads, st.sampled_from(TARGETS))
    broken: st.SearchStrategy[Answer] = st.builds(
        fault, st.sampled_from(FaultKind), st.sampled_from([0.1, 9.0])
    )
    return st.one_of(good, good, plain, waiting, moved, broken)


def rules() -> st.SearchStrategy[Answer]:
    """What robots.txt may be."""
    texts = [
        "",
        "User-agent: *\nDisallow: /p1",
        "User-agent: *\nCrawl-delay: 40",
        "User-agent: *\nDisallow: /",
    ]
    good: st.SearchStrategy[Answer] = st.builds(robots, st.sampled_from(texts))
    return st.one_of(good, good, answers())


SCRIPTS = st.fixed_dictionaries(
    {url: st.lists(answers(), min_size=1, max_size=4) for url in PAGES}
    | {
        f"{scheme}://{host}/robots.txt": st.lists(rules(), min_size=1, max_size=3)
        for host in HOSTS
        for scheme in ("http", "https")
    }
)


def check(crawl: Run) -> None:
    """One record a URL, everywhere; requests bounded; nothing left in flight."""
    expected = Counter(PAGES)
    assert Counter(record.url for record in crawl.rows) == expected
    window = crawl.engine._frontier
    assert not window.active
    assert all(entry.pace.in_flight == 0 for entry in window._paces._entries.values())
    # 3 attempts and 10 waits a page, each over 10 redirects at most
    assert len(crawl.pages()) <= len(PAGES) * (3 + 10 + 10)


@settings(max_examples=25)
@given(SCRIPTS)
def test_every_url_ends_in_one_record(scripts: dict[str, list[Response | Fault]]) -> None:
    """Random answers, two crawls one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), host_patience=900.0, attempts=3)
        web = Web(scripts)
        for _ in range(2):
            crawl = house.crawl(PAGES, web)
            check(crawl)
            assert Counter(record.url for record in crawl.live) == Counter(PAGES)
            assert {record.url: record for record in crawl.committed} == crawl.records
            assert crawl.seconds < 3 * 900 + 2_000


@settings(max_examples=20)
@given(SCRIPTS, st.lists(st.floats(0.0, 200.0), min_size=1, max_size=6))
def test_every_url_ends_in_one_record_over_stops(
    scripts: dict[str, list[Response | Fault]], stops: list[float]
) -> None:
    """Random answers, and the crawl stopped at random moments with what is in flight dropped."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), host_patience=900.0)
        web = Web(scripts)
        done: Counter[str] = Counter()
        crawl = house.begin()
        house.load(crawl, PAGES)
        for after in stops:

            async def stop(stage: Stage, after: float = after) -> None:
                await asyncio.sleep(after)
                await stage.engine.drain(0.0)

            done.update(record.url for record in house.crawl((), web, during=stop, crawl=crawl).committed)
        last = house.crawl((), web, crawl=crawl)
        done.update(record.url for record in last.committed)
        check(last)
        assert done == Counter(PAGES)
