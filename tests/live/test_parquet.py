"""Parquet in and out of the command, and what it says where the extra is not installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal

import duckdb
import pandas as pd
import pytest

from tests.live.command import LOCAL, Command
from tests.live.shop import Shop

WITHOUT = "import sys; sys.modules['pyarrow'] = None; from canter.apps.cli import main; main()"


def test_parquet_in_and_out(canter: Command, shop: Shop) -> None:
    """A table of URLs goes in, one with typed fields comes out, by `run -o` and by `export` alike."""
    canter.write("sites.toml", shop.site_file())
    frame = pd.DataFrame({"url": [*shop.urls(300), "oops", None], "sku": [str(n) for n in range(302)]})
    frame.to_parquet(canter.folder / "urls.parquet")
    summary = canter.crawl("urls.parquet", "-o", "out.parquet", "--max-failures", "1")
    assert (summary["pages"], summary["ok"], summary["failed"]) == (302, 300, 2)
    done = canter.run("export", "--format", "parquet")
    assert done.returncode == 0
    (canter.folder / "piped.parquet").write_bytes(done.stdout)
    for name in ("out", "piped"):
        path = canter.folder / f"{name}.parquet"
        found = duckdb.sql(
            f"SELECT count(*), count(DISTINCT source_sku), sum(price), any_value(price_currency), max(line) "
            f"FROM '{path}' WHERE title = 'Product ' || source_sku AND outcome = 'ok'"
        )
        assert found is not None
        assert found.fetchall() == [(300, 300, Decimal("19.99") * 300, "USD", 300)], name
        assert len(pd.read_parquet(path)) == 302


def test_a_killed_run_goes_on_in_the_middle_of_a_table(canter: Command) -> None:
    """After kill -9 the same command reads on, and every row is in the export once."""
    with Shop(delay=0.005) as shop:
        canter.write("sites.toml", shop.site_file())
        pd.DataFrame({"url": shop.urls(3_000)}).to_parquet(canter.folder / "urls.parquet")
        process = canter.start("run", "urls.parquet", *LOCAL)
        try:
            deadline = time.monotonic() + 20
            while sum(shop.seen.values()) < 600:
                assert time.monotonic() < deadline, "timed out"
                time.sleep(0.01)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        summary = canter.crawl("urls.parquet", "-o", "out.parquet")
        assert summary["resumed"] is True
        urls = pd.read_parquet(canter.folder / "out.parquet")["url"]
        assert sorted(urls) == sorted(shop.urls(3_000))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "urls.txt", "-o", "out.parquet"],
        ["run", "urls.parquet"],
        ["export", "--format", "parquet"],
        ["export", "-o", "out.parquet"],
    ],
)
def test_without_the_extra_nothing_begins(canter: Command, arguments: list[str]) -> None:
    """Exit 1 and one line that says what to install, before a store or a file is made."""
    canter.write("sites.toml", '[sites.a]\nhosts = ["127.0.0.1:9"]\nfields = { title = "h1" }\n')
    canter.write("urls.txt", "http://127.0.0.1:9/\n")
    canter.write("urls.parquet", "PAR1")
    before = set(canter.folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], cwd=canter.folder, capture_output=True, check=False
    )
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert "pip install 'canter[parquet]'" in said
    assert said.count("\n") == 1
    assert set(canter.folder.iterdir()) == before


def test_a_terminal_gets_no_parquet(canter: Command) -> None:
    """Bytes that no terminal can show are refused there, with what to do."""
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "canter", "export", "--format", "parquet"],
            cwd=canter.folder, stdout=theirs, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 1
    assert b"name a file with -o" in done.stderr
