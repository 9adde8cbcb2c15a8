"""`canter demo` as a user runs it: what it prints is true, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from canter.apps.demo import SEED
from canter.apps.market import Market
from canter.model import Outcome
from tests.live.command import Command

pytestmark = pytest.mark.live
PAGES = 8


class Demo(Command):
    """The command with its temporary files in its folder, where the test can see them."""

    @property
    def _environment(self) -> dict[str, str]:
        return {**super()._environment, "TMPDIR": str(self.folder)}


async def books() -> tuple[Counter[Outcome], int]:
    """How the pages of both days must end, and how many of them change; from the same market here."""
    async with Market(PAGES, SEED) as market:
        first = {url: market.expected(url) for url in market.urls()}
        market.next_day()
        second = {url: market.expected(url) for url in market.urls()}
    outcomes = Counter(page.outcome for day in (first, second) for page in day.values())
    return outcomes, sum(first[url] != page for url, page in second.items())


def left_behind(folder: Path) -> list[str]:
    """Temporary folders of a demo."""
    return [path.name for path in folder.glob("canter-demo-*")]


def group_is_empty(group: int) -> bool:
    """Whether no live process is left in a process group; what ends by a closed pipe has a few seconds."""
    deadline = time.monotonic() + 5
    while _is_alive(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _is_alive(group: int) -> bool:
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return any(row[0] == str(group) and not row[1].startswith("Z") for row in rows)


async def test_the_demo_tells_the_truth_and_ends_by_itself(tmp_path: Path) -> None:
    """Exit 0; its figures are those of the same market's books, progress is on stderr, nothing is left."""
    outcomes, changes = await books()
    assert min(outcomes[Outcome.GONE], outcomes[Outcome.FAILED], changes) > 0, "the seed shows every kind"
    done = Demo(tmp_path).run("demo", "--pages", str(PAGES), timeout=100)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, out + err
    assert (
        f"Every field of {outcomes[Outcome.OK]} pages is right, as are {outcomes[Outcome.GONE]} gone "
        f"and {outcomes[Outcome.FAILED]} closed ones ({16 * PAGES} records), "
        f"and all {changes} changes were noticed." in out
    )
    assert f"robots.txt closes {outcomes[Outcome.FAILED] // 2} pages: none was asked for." in out
    assert f"--changes): {changes} pages" in out
    assert re.search(r"^granite +no limit +\d[\d.]* +- +0 +0 +0 +0 *$", out, re.MULTILINE)
    failures, recovered = re.findall(r"^wobble .*?(\d+) +(\d+) *$", out, re.MULTILINE)[-1]
    assert int(failures) >= int(recovered) > 0
    assert "\x1b" not in out + err
    assert f"{8 * PAGES} pages" in err
    assert "crawl 2" in err
    assert not left_behind(tmp_path)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_demo_and_its_market(tmp_path: Path, number: int, status: int) -> None:
    """Ctrl-C, which every process of the terminal gets, or SIGTERM: no shop and no file outlives the demo."""
    running = Demo(tmp_path).start("demo", "--pages", "50")
    assert running.stderr is not None
    assert b"begun: crawl 1" in running.stderr.readline()
    os.killpg(running.pid, number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == status, out + err
    assert b"stopped by a signal" in err
    assert b"Traceback" not in out + err
    assert group_is_empty(running.pid)
    assert not left_behind(tmp_path)


def test_the_demo_is_served_day_after_day(tmp_path: Path) -> None:
    """--serve says where the dashboard is; the market is crawled, changes, is crawled again, until Ctrl-C."""
    running = Demo(tmp_path).start("demo", "--serve", "--pages", "2")
    try:
        assert running.stderr is not None
        line = next(line for line in running.stderr if b"dashboard" in line).decode()
        with httpx.Client(base_url=line.split()[-1], timeout=30) as client:
            assert "<title>Canter</title>" in client.get("/").text
            deadline = time.monotonic() + 60
            while not client.get("/api/latest").json()["changes"]:
                assert time.monotonic() < deadline, client.get("/api/crawls").text
                time.sleep(0.2)
            first = client.get("/api/crawls/1").json()
        assert first["state"] == "finished"
        assert first["summary"]["pages"] == 16
    finally:
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert b"Traceback" not in err
    assert group_is_empty(running.pid)
    assert not left_behind(tmp_path)
