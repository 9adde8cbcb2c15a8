"""What every store promises to the rooms above it. SQLite is the only one so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canter.errors import ConfigError, LostLease, StoreError, StoreInUse, StoreTooNew
from canter.model import PageState, Record, Task, utc_iso
from canter.protocols import Batch, HostNote, Visit
from canter.stores.sqlite import (
    BadRow,
    GoodRow,
    RunLock,
    SqliteCrawls,
    SqliteHistory,
    SqliteIngest,
    SqliteOrders,
    SqliteWork,
    ingest,
)
from canter.stores.sqlite.schema import connect
from canter.urls import PageUrl, parse_url, shard_of

START = (-(2.0**60), -(2**63))


def page_url(text: str) -> PageUrl:
    url = parse_url(text)
    assert isinstance(url, PageUrl)
    return url


def row(text: str, line: int = 1, priority: int = 0, **columns: str) -> GoodRow:
    return GoodRow(page_url(text), priority, line, {"columns": columns} if columns else None)


class Store:
    """A store with one crawl begun, and every side of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.crawls = SqliteCrawls(path, create=True)
        self.begin()

    def begin(self) -> int:
        self.crawl = self.crawls.begin(["urls.txt"], ["urls.txt"])
        self.crawls.declare(self.crawl, {"shop": {"title": "text", "price": "money"}})
        self.ingest = SqliteIngest(connect(self.path, create=False), self.path, self.crawl, shard_of)
        self.work = SqliteWork(self.path, shard_of)
        return self.crawl

    def load(self, *rows: GoodRow, bad: tuple[BadRow, ...] = ()) -> int:
        self.ingest.append(0, rows, bad, [1, 1], done=False)
        return self.ingest.load(everything=True)

    def tasks(self) -> list[Task]:
        hosts = self.work.hosts(self.crawl, time.time(), 1_000, [])
        return [t for host in hosts for t in self.work.tasks(self.crawl, host.id, START, 1_000)]

    def visit(
        self, task: Task, outcome: str = "ok", fields: dict[str, Any] | None = None, **more: Any
    ) -> Visit:
        from canter.rules.change import canonical, fingerprint

        good = outcome == "ok"
        data = canonical(fields or {})
        new = good and fingerprint(data) != task.page.fields
        record = Record(
            url=task.url, final_url=task.target, redirects=task.hops, site="shop", host="h", crawl=task.crawl,
            request_id="1-1", fetched_at=utc_iso(1e9), status=200, outcome=outcome,
            error_type=None if good else "extraction", error=None if good else "no title", attempts=1,
            response_time=0.1, from_cache=False,
            changed=None if task.page.fields is None or not good else new, previous={},
            missing=[] if good else ["title"], line=task.line, source=task.columns or {}, fields=fields or {},
        )  # fmt: skip
        page = PageState("e", None, 1, 2, fingerprint(data)) if good else None
        return Visit(task, record, 1, 1e9, page, data if new else None, **more)

    def finish(self, outcome: str = "ok", **fields: Any) -> None:
        self.work.commit(Batch(self.crawl, [self.visit(t, outcome, fields) for t in self.tasks()]))

    def records(self, crawl: int | None = None, **how: Any) -> list[Record]:
        history = SqliteHistory(self.path)
        try:
            return list(history.records(crawl or self.crawl, **how))
        finally:
            history.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.db")
    yield store
    store.work.close()
    store.crawls.close()


def test_a_url_is_queued_once(store: Store) -> None:
    """The same URL twice, in one load or two, makes one task; reading a source again makes none."""
    assert store.load(row("http://a.example/1"), row("http://a.example/1#x", 2)) == 1
    assert store.load(row("http://a.example/1", 3), row("http://A.example:80/2", 4)) == 1
    store.finish(title="x")
    assert store.load(row("http://a.example/1"), row("http://a.example/2")) == 0
    assert store.tasks() == []
    assert store.crawls.pending(store.crawl) == 0
    assert store.crawls.get(store.crawl).queued == 2


def test_the_next_crawl_queues_it_again(store: Store) -> None:
    """What an earlier crawl did never shrinks the next."""
    store.load(row("http://a.example/1"))
    store.finish(title="x")
    store.begin()
    assert store.load(row("http://a.example/1")) == 1


def test_an_abandoned_crawl_leaves_nothing_to_do(store: Store) -> None:
    """Beginning anew drops the tasks and the spool of a crawl left unfinished, not its records."""
    first = store.crawl
    store.load(row("http://a.example/1"), row("http://a.example/2"))
    store.work.commit(Batch(first, [store.visit(store.tasks()[0], fields={"title": "x"})]))
    store.ingest.append(0, [row("http://a.example/3")], [], None, done=False)
    store.begin()
    assert store.tasks() == []
    assert store.crawls.get(first).state == "abandoned"
    assert len(store.records(first)) == 1


def test_two_crawls_of_one_page_keep_what_each_found(store: Store) -> None:
    """An earlier crawl that ends last takes nothing from a later one; each is compared with the one before
    it, by number, whichever ended first."""
    store.load(row("http://a.example/1"))
    store.finish(title="t", price="1")
    earlier = store.begin()
    store.load(row("http://a.example/1"))
    later = store.crawls.begin(["more.txt"], ["more.txt"], alone=False)
    store.crawls.declare(later, {"shop": {"title": "text", "price": "money"}})
    ingest = SqliteIngest(connect(store.path, create=False), store.path, later, shard_of)
    ingest.append(0, [row("http://a.example/1")], [], None, done=True)
    assert ingest.load(everything=True) == 1
    for crawl, price in ((later, "2"), (earlier, "3")):
        store.crawl = crawl
        store.finish(title="t", price=price)
    for crawl, price, old in ((earlier, "3", "1"), (later, "2", "3")):
        (record,) = store.records(crawl)
        assert (record.fields["price"], record.previous) == (price, {"price": old})
    store.begin()
    store.load(row("http://a.example/1"))
    store.finish(title="t", price="3")
    (record,) = store.records()
    assert (record.fields["price"], record.previous) == ("3", {"price": "2"})


def test_hash_collisions_keep_both_urls(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two URLs under one key are two tasks, in one load and over two."""
    same = [page_url(f"http://a.example/{n}")._replace(key=7) for n in range(3)]
    store.ingest.append(0, [GoodRow(url, 0, n, None) for n, url in enumerate(same[:2])], [], None, done=False)
    assert store.ingest.load(everything=True) == 2
    store.ingest.append(0, [GoodRow(same[2], 0, 3, None)], [], None, done=False)
    assert store.ingest.load(everything=True) == 1
    assert sorted(task.url for task in store.tasks()) == sorted(url.href for url in same)


def test_many_rows_over_many_shards_are_all_loaded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs, backlogs and eager loads together lose no row and double none."""
    monkeypatch.setattr(ingest, "RUN", 50)
    monkeypatch.setattr(ingest, "EAGER", 300)
    monkeypatch.setattr(ingest, "BACKLOG", 20)
    urls = [f"http://h{n % 37}.example/{n}" for n in range(2_000)]
    for start in range(0, 2_000, 130):
        store.ingest.append(0, [row(url) for url in urls[start : start + 130]], [], None, done=False)
        store.ingest.load()
    store.ingest.load(everything=True)
    assert store.ingest.backlog == 0
    assert sorted(task.url for task in store.tasks()) == sorted(urls)


def test_a_spool_left_by_a_dead_process_is_loaded_by_the_next(store: Store) -> None:
    """What was appended is due, whoever loads it."""
    store.ingest.append(0, [row("http://a.example/1")], [], [5, 2], done=False)
    again = SqliteIngest(connect(store.path, create=False), store.path, store.crawl, shard_of)
    assert again.backlog == 1
    assert again.load(everything=True) == 1
    assert store.crawls.sources(store.crawl)[0].position == [5, 2]


def test_tasks_come_by_priority_then_fresh_then_retries(store: Store) -> None:
    """Higher priority first; a retry stands behind every fresh task, at its time."""
    store.load(row("http://a.example/low", priority=-1), row("http://a.example/high", priority=9))
    first = store.tasks()[0]
    assert first.url == "http://a.example/high"
    first.attempt = 1
    store.work.commit(Batch(store.crawl, retries=[(first, 2e9)]))
    tasks = store.tasks()
    assert [task.url for task in tasks] == ["http://a.example/low", "http://a.example/high"]
    assert (tasks[1].due, tasks[1].attempt) == (2e9, 1)
    assert store.crawls.pending(store.crawl) == 2


def test_a_task_moves_to_the_host_it_was_redirected_to(store: Store) -> None:
    """It waits there, keeps its own page and hops, and ends under its own URL."""
    store.load(row("http://a.example/1", line=3, name="x"))
    task = store.tasks()[0]
    task.hops.append("http://b.example/2")
    store.work.commit(Batch(store.crawl, moves=[(task, "b.example")]))
    hosts = store.work.hosts(store.crawl, time.time(), 10, [])
    assert [host.name for host in hosts] == ["b.example"]
    moved = store.tasks()[0]
    assert (moved.target, moved.url, moved.line, moved.columns) == (
        "http://b.example/2", "http://a.example/1", 3, {"name": "x"},
    )  # fmt: skip
    store.finish(title="x")
    record = store.records()[0]
    assert (record.url, record.final_url, record.redirects) == (
        "http://a.example/1", "http://b.example/2", ["http://b.example/2"],
    )  # fmt: skip
    assert store.crawls.pending(store.crawl) == 0


def test_values_are_kept_only_when_they_change(store: Store) -> None:
    """Three crawls, one change: two values; each crawl's export shows what held then."""
    for price in ("1", "1", "2"):
        if store.records():
            store.begin()
        store.load(row("http://a.example/1"))
        store.finish(title="t", price=price)
    database = connect(store.path, create=False)
    assert database.execute("SELECT count(*) FROM value").fetchone()[0] == 2
    shown = [(r.fields["price"], r.changed, r.previous) for n in (1, 2, 3) for r in store.records(n)]
    assert shown == [("1", None, {}), ("1", False, {}), ("2", True, {"price": "1"})]


def test_a_failed_page_keeps_what_was_found_and_the_last_good_value(store: Store) -> None:
    """Fields of a failed extraction stand on its record only; the next good one is compared with the last
    good one."""
    store.load(row("http://a.example/1"))
    store.finish(title="t", price="1")
    store.begin()
    store.load(row("http://a.example/1"))
    store.finish("failed", price="9")
    record = store.records()[0]
    assert (record.fields, record.missing) == ({"title": None, "price": "9"}, ["title"])
    store.begin()
    store.load(row("http://a.example/1"))
    store.finish(title="t", price="2")
    assert store.records()[0].previous == {"price": "1"}


def test_a_worker_given_up_for_dead_cannot_commit(store: Store) -> None:
    """Another worker claims the shards: the first one's batch leaves no trace, its tasks are due."""
    store.load(row("http://a.example/1"))
    task = store.tasks()[0]
    other = SqliteWork(store.path, shard_of)
    with pytest.raises(LostLease):
        store.work.commit(Batch(store.crawl, [store.visit(task, fields={"title": "x"})]))
    assert store.records() == []
    other.commit(Batch(store.crawl, [store.visit(task, fields={"title": "x"})]))
    assert len(store.records()) == 1
    other.close()


def test_hosts_rest_until_their_time(store: Store) -> None:
    """not_before keeps a host out of the window; it is still something to do."""
    store.load(row("http://a.example/1"), row("http://b.example/1"))
    a = next(h for h in store.work.hosts(store.crawl, 1e9, 10, []) if h.name == "a.example")
    store.work.commit(Batch(store.crawl, hosts=[HostNote(a.id, not_before=5e9, down_since=1e9)]))
    assert [h.name for h in store.work.hosts(store.crawl, 1e9, 10, [])] == ["b.example"]
    rested = next(h for h in store.work.hosts(store.crawl, 6e9, 10, []) if h.id == a.id)
    assert (rested.not_before, rested.down_since) == (5e9, 1e9)
    for task in store.tasks():
        store.work.commit(Batch(store.crawl, [store.visit(task)]))
    assert store.tasks() == []
    assert store.work.left(store.crawl)


def test_the_longest_remaining_time_comes_first(store: Store) -> None:
    """Pending tasks over the learned rate order the hosts."""
    store.load(*[row(f"http://slow.example/{n}") for n in range(10)])
    store.load(*[row(f"http://fast.example/{n}") for n in range(50)])
    store.work.commit(Batch(store.crawl, paces={"fast.example": {"rate": 50.0}}))
    hosts = store.work.hosts(store.crawl, time.time(), 10, [])
    assert [host.name for host in hosts] == ["slow.example", "fast.example"]
    assert store.work.memory("fast.example") == {"rate": 50.0}
    assert store.work.memory("slow.example") is None


def test_bad_lines_are_records_once(store: Store) -> None:
    """By source and line, also when the source is read again."""
    bad = (BadRow(7, "nope", "not a URL", {"name": "x"}),)
    store.load(bad=bad)
    store.load(bad=bad)
    record = store.records()[0]
    assert (record.url, record.line, record.error_type, record.source) == (
        "nope",
        7,
        "malformed",
        {"name": "x"},
    )
    assert store.crawls.outcomes(store.crawl) == {("failed", "malformed"): 1}
    assert len(store.records(outcome="failed")) == 1
    assert store.records(outcome="ok") == []


def test_requeue_takes_the_failures_of_a_crawl(store: Store) -> None:
    """--only failed: the failed pages with their line and columns, nothing else."""
    store.load(row("http://a.example/1", line=4, name="x"), row("http://a.example/2"))
    tasks = {task.url: task for task in store.tasks()}
    store.work.commit(
        Batch(
            store.crawl,
            [store.visit(tasks["http://a.example/1"], "failed"), store.visit(tasks["http://a.example/2"])],
        )
    )
    first = store.crawl
    store.begin()
    store.crawls.requeue(store.crawl, first)
    (task,) = store.tasks()
    assert (task.url, task.line, task.columns) == ("http://a.example/1", 4, {"name": "x"})
    assert store.crawls.get(store.crawl).queued == 1


def test_prune_keeps_the_latest_crawl_and_what_it_stands_on(store: Store) -> None:
    """Old crawls go; a value that a kept record shows stays."""
    for price in ("1", "2", "2"):
        if store.records():
            store.begin()
        store.load(row("http://a.example/1"))
        store.finish(title="t", price=price)
    assert store.crawls.prune(time.time() + 10) == [1, 2]
    assert [crawl.id for crawl in store.crawls.list()] == [3]
    assert store.records()[0].fields["price"] == "2"
    database = connect(store.path, create=False)
    assert database.execute("SELECT count(*) FROM value").fetchone()[0] == 1
    assert store.crawls.prune(0) == []


def test_resume_refuses_what_has_ended(store: Store) -> None:
    """Only an unfinished crawl goes on."""
    store.crawls.end(store.crawl, "finished")
    with pytest.raises(ConfigError, match="finished"):
        store.crawls.resume(store.crawl)
    with pytest.raises(ConfigError, match="no crawl 99"):
        store.crawls.resume(99)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second is refused and told who holds it; after the release it gets in."""
    path = tmp_path / "s.db"
    with RunLock(path), pytest.raises(StoreInUse, match=r"process \d+"):
        RunLock(path)
    RunLock(path).release()


def test_a_newer_store_is_refused_untouched(tmp_path: Path) -> None:
    """StoreTooNew names both versions; the file is as it was."""
    path = tmp_path / "s.db"
    database = connect(path, create=True)
    database.execute("PRAGMA user_version=2")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="version 2"):
        connect(path, create=True)
    assert path.read_bytes() == before


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """One line that names the file and what to do."""
    text = tmp_path / "text.db"
    text.write_text("hello, this is no database at all, just some text\n" * 50)
    with pytest.raises(StoreError, match=r"text\.db.*not a SQLite"):
        connect(text, create=True)
    with pytest.raises(StoreError, match=r"none\.db.*no store"):
        connect(tmp_path / "none.db", create=False)
    with pytest.raises(StoreError, match="directory"):
        connect(tmp_path, create=True)
    with pytest.raises(StoreError, match="folder"):
        connect(tmp_path / "no" / "s.db", create=True)


def test_a_broken_memory_is_no_memory(store: Store) -> None:
    """A half-written pace memory reads as one without content, and the host starts cold."""
    database = connect(store.path, create=False)
    database.execute("INSERT INTO pace VALUES ('a.example', 1, '{\"rate\": 3')")
    assert store.work.memory("a.example") == {}


def test_forgetting_a_host_lets_it_start_cold(store: Store) -> None:
    """Its memory and its waiting time are gone; an unknown one says so."""
    store.load(row("http://a.example/1"))
    store.work.commit(Batch(store.crawl, paces={"a.example": {"rate": 9.0}}))
    assert store.crawls.forget("a.example")
    assert store.work.memory("a.example") is None
    assert not store.crawls.forget("a.example")


def second(store: Store) -> tuple[int, SqliteIngest]:
    """Another crawl beside the store's own, and what fills it."""
    other = store.crawls.begin(["service"], ["body"], state="queued", alone=False)
    return other, SqliteIngest(connect(store.path, create=False), store.path, other, shard_of)


def test_several_crawls_are_filled_side_by_side(store: Store) -> None:
    """Each loads its own rows and has its own counts; a URL of both is a task in each."""
    other, filling = second(store)
    for n in range(3):
        store.ingest.append(
            0, [row(f"http://a.example/{n}"), row("http://both.example/")], [], None, done=False
        )
        filling.append(0, [row(f"http://b.example/{n}"), row("http://both.example/")], [], None, done=False)
    assert store.ingest.load(everything=True) == 4
    assert (store.crawls.pending(other), store.crawls.get(other).queued) == (6, 0)
    assert filling.load(everything=True) == 4
    assert (store.crawls.pending(store.crawl), store.crawls.pending(other)) == (4, 4)
    assert store.crawls.get(store.crawl).queued == store.crawls.get(other).queued == 4


def test_a_page_of_two_crawls_is_queued_once_in_each(store: Store) -> None:
    """Whichever queued it last, and whether it is done or not."""
    _, filling = second(store)
    page = row("http://both.example/")
    assert store.load(page) == 1
    filling.append(0, [page], [], None, done=True)
    assert filling.load(everything=True) == 1
    assert store.load(page) == 0
    store.finish(title="x")
    assert store.load(page) == 0
    assert store.crawls.pending(store.crawl) == 0


def test_beginning_anew_leaves_queued_crawls_alone(store: Store) -> None:
    """Only what is unfinished of crawls that had begun is dropped."""
    other, filling = second(store)
    filling.append(0, [row("http://b.example/")], [], None, done=True)
    store.load(row("http://a.example/"))
    first = store.crawl
    store.begin()
    assert store.crawls.get(first).state == "abandoned"
    assert (store.crawls.get(other).state, store.crawls.pending(other)) == ("queued", 1)


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_a_crawl_that_will_not_go_on_leaves_nothing_to_do(store: Store, state: str) -> None:
    """Its tasks and spool are dropped, its records stay, another crawl's tasks too."""
    other, filling = second(store)
    filling.append(0, [row("http://b.example/")], [], None, done=True)
    store.load(row("http://a.example/1"))
    store.finish(title="x")
    store.load(row("http://a.example/2"))
    store.crawls.end(store.crawl, state)
    assert (store.crawls.pending(store.crawl), store.crawls.pending(other)) == (0, 1)
    assert store.crawls.get(store.crawl).finished is not None
    assert [record.url for record in store.records()] == ["http://a.example/1"]


def test_what_a_service_was_asked_for_is_kept(store: Store) -> None:
    """With the crawl, until that has ended or is dropped; why it ended is kept, too."""
    orders = SqliteOrders(store.crawls)
    other, _ = second(store)
    orders.keep(other, {"source": "nightly"})
    assert orders.get(store.crawl) is None
    assert [(order.crawl, order.body) for order in SqliteOrders(store.crawls).waiting()] == [
        (other, {"source": "nightly"})
    ]
    store.crawls.end(other, "failed")
    orders.explain(other, "the disk is full")
    assert orders.waiting() == []
    found = orders.get(other)
    assert found is not None
    assert found.reason == "the disk is full"
