"""`canter run` as a user runs it: what is kept, what is resumed, what it says and how it exits."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time
from collections import Counter

import pytest
from aiohttp import web

from tests.live.command import LOCAL, Command
from tests.live.processes import is_worker, wait_until, workers_of
from tests.live.shop import Shop


def prepare(canter: Command, shop: Shop, pages: int) -> list[str]:
    """The site file and `urls.txt`."""
    urls = shop.urls(pages)
    canter.write("sites.toml", shop.site_file())
    canter.write("urls.txt", "\n".join(urls) + "\n")
    return urls


def test_a_list_becomes_a_table(canter: Command, shop: Shop) -> None:
    """Every URL is fetched once and stands in the export with its typed fields."""
    urls = prepare(canter, shop, 300)
    summary = canter.crawl("urls.txt", "-o", "out.jsonl")
    assert (summary["pages"], summary["ok"], summary["failed"]) == (300, 300, 0)
    assert summary["resumed"] is False
    records = [json.loads(line) for line in (canter.folder / "out.jsonl").read_text().splitlines()]
    assert {record["url"] for record in records} == set(urls)
    for record in records:
        number = record["url"].rpartition("/")[2]
        assert record["fields"] == {
            "title": f"Product {number}",
            "price": {"amount": "19.99", "currency": "USD"},
        }
        assert record["changed"] is None
    assert set(shop.seen.values()) == {1}


def test_a_second_crawl_fetches_everything_again_and_says_what_changed(canter: Command, shop: Shop) -> None:
    """A finished crawl never blocks the next; `--changes` gives old and new values."""
    prepare(canter, shop, 50)
    canter.crawl("urls.txt")
    shop.price = "24.99"
    assert canter.crawl("urls.txt")["pages"] == 50
    assert set(shop.seen.values()) == {2}
    changes = canter.records("--changes")
    assert len(changes) == 50
    assert changes[0]["previous"] == {"price": {"amount": "19.99", "currency": "USD"}}
    assert changes[0]["fields"]["price"]["amount"] == "24.99"
    assert canter.crawl("urls.txt")["pages"] == 50
    assert canter.records("--changes") == []
    assert canter.records("--crawl", "2", "--changes")[0]["previous"] == changes[0]["previous"]


def test_kill_9_at_random_moments_loses_nothing(canter: Command) -> None:
    """20 kills of the whole group: every URL has one record, at most a batch is fetched again a kill."""
    pages, kills = 5_000, 20
    chance = random.Random(7)
    with Shop(delay=0.05) as shop:
        prepare(canter, shop, pages)
        for kill in range(kills):
            before = sum(shop.seen.values())
            process = canter.start("run", "urls.txt", *LOCAL, "--max-concurrent", "20")
            if kill % 4:  # one in four dies while it starts
                wait_until(lambda b=before: sum(shop.seen.values()) > b)  # type: ignore[misc]
            time.sleep(chance.uniform(0.0, 0.8))
            assert process.poll() is None, "the crawl ended before it was killed"
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=20)
        shop.delay = 0.0
        summary = canter.crawl("urls.txt")
        assert summary["resumed"] is True
        assert (summary["pages"], summary["ok"]) == (pages, pages)
        urls = Counter(record["url"] for record in canter.records())
        assert len(urls) == pages
        assert set(urls.values()) == {1}
        assert sum(shop.seen.values()) <= pages + kills * (500 + 20)


def test_kill_9_of_the_parent_ends_the_worker(canter: Command) -> None:
    """Within 2 s no request comes any more, and the next run goes on."""
    with Shop(delay=0.05) as shop:
        prepare(canter, shop, 2_000)
        process = canter.start("run", "urls.txt", *LOCAL, "--max-concurrent", "10")
        wait_until(lambda: sum(shop.seen.values()) > 50)
        workers = workers_of(process.pid)
        assert workers
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
        wait_until(lambda: not any(is_worker(worker) for worker in workers), seconds=2)
        shop.delay = 0.0
        assert canter.crawl("urls.txt")["pages"] == 2_000


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_finishes_what_is_in_flight(canter: Command, number: int, status: int) -> None:
    """What was in flight is kept, the exit status tells the signal, the same command goes on."""
    with Shop(delay=0.3) as shop:
        prepare(canter, shop, 500)
        process = canter.start("run", "urls.txt", *LOCAL, "--max-concurrent", "10")
        wait_until(lambda: sum(shop.seen.values()) > 20)
        os.killpg(process.pid, number)  # as a terminal's Ctrl-C does
        _, said = process.communicate(timeout=15)
        assert process.returncode == status, said.decode()
        assert b"Traceback" not in said
        assert b"--resume 1" in said
        asked = sum(shop.seen.values())
        assert len(canter.records()) == asked  # each request that went out became a record
        shop.delay = 0.0
        summary = canter.crawl("urls.txt")
        assert summary["resumed"]
        assert summary["pages"] == 500
        assert sum(shop.seen.values()) == 500


def test_a_second_signal_stops_at_once(canter: Command) -> None:
    """Nobody waits for a server that hangs; its page is still due."""
    with Shop(delay=60) as shop:
        prepare(canter, shop, 20)
        process = canter.start("run", "urls.txt", *LOCAL)
        wait_until(lambda: sum(shop.seen.values()) >= 20)
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=10)
        assert time.monotonic() - began < 4
        assert process.returncode == 130, said.decode()
        shop.delay = 0.0
        assert canter.crawl("urls.txt")["pages"] == 20


def test_out_of_time_exits_4_and_goes_on(canter: Command) -> None:
    """--max-time drains; the same command finishes the crawl."""
    with Shop(delay=0.1) as shop:
        prepare(canter, shop, 400)
        done = canter.run("run", "urls.txt", *LOCAL, "--max-concurrent", "5", "--max-time", "2")
        assert done.returncode == 4, done.stderr.decode()
        shop.delay = 0.0
        assert canter.crawl("urls.txt")["pages"] == 400
        assert set(shop.seen.values()) == {1}


def test_bad_lines_are_records_also_after_a_resume(canter: Command, shop: Shop) -> None:
    """Not a URL, another scheme, too long, not UTF-8: one record each, by line; the rest goes on."""
    canter.write("sites.toml", shop.site_file())
    good = shop.urls(100)
    bad = [b"not a url", b"ftp://example.com/x", b"http://e.example/" + b"a" * 100_000, b"http://\xff\xfe/x"]
    lines = [url.encode() for url in good[:50]] + bad + [url.encode() for url in good[50:]]
    canter.write("urls.txt", b"\n".join(lines) + b"\n")
    shop.delay = 0.05
    process = canter.start("run", "urls.txt", *LOCAL, "--max-concurrent", "2")
    wait_until(lambda: sum(shop.seen.values()) > 10)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    shop.delay = 0.0
    summary = canter.crawl("urls.txt")
    assert (summary["pages"], summary["ok"], summary["errors"]) == (104, 100, {"malformed": 4})
    failed = canter.records("--outcome", "failed")
    assert sorted(record["line"] for record in failed) == [51, 52, 53, 54]
    assert all(len(record["url"]) <= 2_000 and record["error"] for record in failed)


def test_source_columns_travel_and_duplicates_are_fetched_once(canter: Command, shop: Shop) -> None:
    """Other CSV columns come out on the record, the same URL twice is one record."""
    canter.write("sites.toml", shop.site_file())
    rows = [f"{shop.url(f'/p/{n % 20}')}#{n},Bank {n},{n}" for n in range(40)]
    canter.write("urls.csv", "url,name,priority\n" + "\n".join(rows) + "\n")
    summary = canter.crawl("urls.csv", "-o", "out.csv")
    assert summary["pages"] == 20
    assert {record["source"]["name"] for record in canter.records()} == {f"Bank {n}" for n in range(20)}
    header = (canter.folder / "out.csv").read_text().splitlines()[0].split(",")
    assert {"source_name", "price", "price_currency", "title"} <= set(header)
    assert "source_priority" not in header


def test_standard_input_is_crawled_while_it_is_written(canter: Command, shop: Shop) -> None:
    """A slow producer's URLs are fetched as they come; the crawl ends with the pipe."""
    canter.write("sites.toml", shop.site_file())
    process = canter.start("run", "-", *LOCAL, "--json", stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(shop.url("/p/1").encode() + b"\n")
    process.stdin.flush()
    wait_until(lambda: shop.seen["/p/1"] == 1)
    process.stdin.write(shop.url("/p/2").encode())
    out, said = process.communicate(timeout=30)
    assert process.returncode == 0, said.decode()
    assert json.loads(out)["pages"] == 2


def test_only_failed_fetches_the_failures_again(canter: Command, shop: Shop) -> None:
    """--only failed --crawl ID takes exactly the failed pages of that crawl."""
    prepare(canter, shop, 30)

    async def broken(request: web.Request) -> web.Response | None:
        number = int(request.path.rpartition("/")[2])
        return web.Response(status=400) if number % 3 == 0 else None

    shop.answer = broken
    assert canter.crawl("urls.txt")["errors"] == {"permanent": 10}
    shop.answer = None
    summary = canter.crawl("--only", "failed", "--crawl", "1")
    assert (summary["pages"], summary["ok"]) == (10, 10)


def test_yesterdays_killed_crawl_does_not_shrink_todays(canter: Command, shop: Shop) -> None:
    """An unfinished crawl older than --resume-within is abandoned; the new one fetches everything."""
    shop.delay = 0.02
    prepare(canter, shop, 300)
    process = canter.start("run", "urls.txt", *LOCAL, "--max-concurrent", "5")
    wait_until(lambda: sum(shop.seen.values()) > 100)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    shop.delay = 0.0
    summary = canter.crawl("urls.txt", "--resume-within", "0.001s")
    assert (summary["crawl"], summary["pages"], summary["resumed"]) == (2, 300, False)
    assert len(canter.records()) == 300
    states = json.loads(canter.run("crawls", "--json").stdout)
    assert [row["state"] for row in states] == ["finished", "abandoned"]


def test_a_store_in_use_names_its_process(canter: Command) -> None:
    """Exit 1 with one line; the run that holds it is not disturbed."""
    with Shop(delay=0.05) as shop:
        prepare(canter, shop, 200)
        holder = canter.start("run", "urls.txt", *LOCAL, "--max-concurrent", "5")
        wait_until(lambda: sum(shop.seen.values()) > 5)
        done = canter.run("run", "urls.txt", *LOCAL)
        assert done.returncode == 1
        assert done.stderr.decode().strip().count("\n") == 0
        assert f"process {holder.pid}".encode() in done.stderr
        shop.delay = 0.0
        holder.communicate(timeout=30)
        assert holder.returncode == 0


def test_a_full_disk_is_one_line_and_the_store_opens_again(canter: Command, shop: Shop) -> None:
    """Exit 1; with room again the same command finishes the crawl, nothing lost."""
    prepare(canter, shop, 3_000)
    limit = 300_000  # bytes a file may have: every write beyond fails as on a full disk

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = canter.run("run", "urls.txt", *LOCAL, preexec_fn=small_disk)
    assert done.returncode == 1, done.stderr.decode()
    last = done.stderr.decode().strip().splitlines()[-1]
    assert "canter.db" in last
    assert "disk" in last
    assert b"Traceback" not in done.stderr
    summary = canter.crawl("urls.txt")
    assert (summary["pages"], summary["ok"]) == (3_000, 3_000)


@pytest.mark.parametrize("what", ["folder", "text", "newer", "foreign"])
def test_a_store_that_cannot_be_used_is_one_line(canter: Command, shop: Shop, what: str) -> None:
    """A folder, a text file, a newer Canter's store, another program's database: refused, unchanged."""
    import sqlite3

    prepare(canter, shop, 3)
    if what == "folder":
        canter.store.mkdir()
    elif what == "text":
        canter.store.write_text("this is not a database, but a text of some length\n" * 100)
    else:
        if what == "newer":
            canter.crawl("urls.txt")
        with sqlite3.connect(canter.store) as database:
            database.execute("PRAGMA user_version=99" if what == "newer" else "CREATE TABLE mine(a)")
        database.close()
    for command in (["run", "urls.txt", *LOCAL], ["export"], ["crawls"], ["hosts"]):
        done = canter.run(*command)
        assert done.returncode == 1, command
        assert "canter.db" in done.stderr.decode()
        assert b"Traceback" not in done.stderr
    if what == "newer":
        assert b"newer" in canter.run("export").stderr


def test_a_read_only_store_is_one_line(canter: Command, shop: Shop) -> None:
    """Exit 1, naming the store, when its folder cannot be written."""
    prepare(canter, shop, 3)
    done = canter.run("run", "urls.txt", "--store", "/proc/canter.db", *LOCAL)
    assert done.returncode == 1
    assert done.stderr.decode().strip().count("\n") == 0
    assert "/proc/canter.db" in done.stderr.decode()


def test_too_many_failures_exit_3(canter: Command, shop: Shop) -> None:
    """--max-failures decides between 0 and 3."""
    canter.write("sites.toml", shop.site_file())
    canter.write("urls.txt", "\n".join([*shop.urls(9), "nonsense"]))
    assert canter.run("run", "urls.txt", *LOCAL).returncode == 3
    assert canter.run("run", "urls.txt", *LOCAL, "--max-failures", "0.1").returncode == 0


def test_private_addresses_are_refused_by_default(canter: Command, shop: Shop) -> None:
    """Without --allow-network the shop on loopback sees no connection; `refused` names the address."""
    prepare(canter, shop, 5)
    done = canter.run("run", "urls.txt", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["errors"] == {"refused": 5}
    assert not shop.seen
    assert "127.0.0.1" in canter.records()[0]["error"]


@pytest.mark.parametrize(
    ("arguments", "status", "names"),
    [
        (["run"], 1, "no source"),
        (["run", "missing.txt"], 1, "missing.txt"),
        (["run", "urls.txt", "--sites", "none.toml"], 1, "none.toml"),
        (["run", "urls.txt", "--max-concurrent", "0"], 2, "--max-concurrent"),
        (["run", "urls.txt", "--timeout", "soon"], 2, "--timeout"),
        (["run", "urls.txt", "--allow-network", "10.0.0.0/99"], 2, "--allow-network"),
        (["run", "urls.txt", "--resume", "7"], 1, "crawl 7"),
        (["run", "urls.txt", "--only", "failed"], 2, "--only"),
        (["run", "urls.txt", "-o", "out.xls"], 1, "out.xls"),
        (["run", "urls.txt", "--store", "postgresql://x/y"], 1, "postgresql"),
        (["export", "--store", "none.db"], 1, "none.db"),
        (["gallop"], 2, "gallop"),
        (["prune", "--keep", "soon"], 2, "--keep"),
    ],
)
def test_what_cannot_be_run_is_said_in_plain_words(
    canter: Command, shop: Shop, arguments: list[str], status: int, names: str
) -> None:
    """Exit 1 or 2, naming the option, key or file; never a traceback."""
    prepare(canter, shop, 2)
    done = canter.run(*arguments)
    assert done.returncode == status, done.stderr.decode()
    assert names in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not shop.seen


HOSTILE = {
    "formatting in formatting": "".join(f"<p><font color={n}>x" for n in range(12_000)),
    "16 MiB of paragraphs": "<p>x" * (4 << 20),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_page_too_large_to_parse_ends_alone(canter: Command, shop: Shop, hostile: str) -> None:
    """A page whose tree takes more than a worker has is `too_large`; the worker and the others live."""
    prepare(canter, shop, 40)

    async def nest(request: web.Request) -> web.Response | None:
        return web.Response(text=hostile, content_type="text/html") if request.path == "/p/7" else None

    shop.answer = nest
    summary = canter.crawl("urls.txt")
    assert (summary["ok"], summary["errors"]) == (39, {"too_large": 1})
