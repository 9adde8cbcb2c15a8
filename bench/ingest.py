"""How fast sources are taken in, what that takes from a crawl beside it, and how memory grows.

`python -m bench.ingest [--urls 5000000] [--hosts 20000] [--runs 3] [--only intake|beside|memory]`

intake  URLs piped into a store on one core: URLs a second and peak memory
beside  a crawl's pages a second, alone, beside an ingest into its own store, and beside one into
        another store (what a busy neighbour core costs by itself), alternating
memory  peak memory of `canter run` on 1,000,000 URLs sorted by host, and on 10,000
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench.machine import REPO, Cost, cores, describe, measure, on_core
from canter.stores.sqlite import SqliteCrawls
from tests.live.servers import nginx, nginx_path, toml

PYTHON = sys.executable
GOAL_RATE, GOAL_RSS, GOAL_KEPT, GOAL_GROWTH = 30_000, 100, 0.9, 60  # URLs/s, MB, share, MB
PAGES = 15_000  # of the crawl that is measured beside an ingest
PAGE = "<html><title>Page</title><body><h1>Page</h1>" + "<p>some text of a small page</p>" * 100
MANY, FEW = 1_000_000, 10_000


def verdict(fits: bool) -> str:
    """How a figure stands to its goal."""
    return "as wanted" if fits else "MISSED"


def intake(scratch: Path, urls: int, hosts: int) -> None:
    """Pipe URLs into a new store; the writer of URLs has the other core."""
    other, core = cores()
    source = subprocess.Popen(
        [*on_core(other), PYTHON, "-m", "bench.contenders.urls", str(urls), str(hosts)],
        stdout=subprocess.PIPE, cwd=REPO,
    )  # fmt: skip
    assert source.stdout is not None
    command = [PYTHON, "-m", "bench.contenders.ingest", str(scratch / "intake.db")]
    cost = measure(command, core, scratch, stdin=source.stdout.fileno())
    source.wait()
    if int(cost.output) != urls:
        raise SystemExit(f"{cost.output.decode().strip()} URLs were queued of {urls:,}")
    rate = urls / cost.seconds
    size = (scratch / "intake.db").stat().st_size / 2**20
    print(f"\nintake of {urls:,} URLs over {hosts:,} hosts: {cost.seconds:.1f} s, store {size:,.0f} MB")
    print(f"  {rate:10,.0f} URLs/s    goal {GOAL_RATE:,}: {verdict(rate >= GOAL_RATE)}")
    print(f"  {cost.peak_mb:10.1f} MB peak  goal {GOAL_RSS}: {verdict(cost.peak_mb <= GOAL_RSS)}")


@contextlib.contextmanager
def ingesting(store: Path, core: int) -> Iterator[None]:
    """An endless ingest into an earlier crawl of the store, until the block ends.

    It yields to the web server, which has the same core: a starved server would slow the crawl too.
    """
    feeding = [PYTHON, "-m", "bench.contenders.urls", "1000000000", "20000"]
    source = subprocess.Popen(["nice", *on_core(core), *feeding], stdout=subprocess.PIPE, cwd=REPO)
    taking = [PYTHON, "-m", "bench.contenders.ingest", str(store), "1"]
    ingest = subprocess.Popen(["nice", *on_core(core), *taking], stdin=source.stdout, cwd=REPO)
    try:
        yield
    finally:
        for process in (ingest, source):
            process.kill()
            process.wait()


def crawl(folder: Path, core: int, beside: Path | None, other: int) -> float:
    """Pages/s of a crawl in `folder`, with an ingest into the store `beside` from its start on."""
    command = [
        *on_core(core), PYTHON, "-m", "canter", "run", "urls.txt", "--allow-network", "127.0.0.0/8",
        "--pace", "off", "--json",
    ]  # fmt: skip
    store = SqliteCrawls(folder / "canter.db", create=True)
    store.begin(["ingest"], ["-"])  # the crawl that the ingest fills; the run begins one of its own
    store.close()
    run = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stderr is not None
    run.stderr.readline()  # "begun: crawl 2"
    with ingesting(beside, other) if beside else contextlib.nullcontext():
        output, errors = run.communicate()
    if run.returncode:
        raise SystemExit(f"canter run ended with {run.returncode}: {errors.decode()[-1000:]}")
    summary: dict[str, Any] = orjson.loads(output)
    return float(summary["pages_per_second"])


def beside(scratch: Path, runs: int) -> None:
    """The crawl alone, with an ingest into its store, with one into another store; medians."""
    server_core, core = cores()
    (scratch / "www").mkdir()
    (scratch / "www" / "page.html").write_text(PAGE)
    rates: dict[str, list[float]] = {"alone": [], "same store": [], "another store": []}
    with nginx(
        scratch / "nginx", f"{scratch}/www", server="rewrite ^/p /page.html break;", log=False,
        command=on_core(server_core),
    ) as server:  # fmt: skip
        origin = server.origin("127.0.0.1")
        site = {"hosts": [origin.partition("//")[2]]}
        for run in range(runs):
            for how in rates:
                folder = scratch / f"{run}-{how.replace(' ', '-')}"
                folder.mkdir()
                (folder / "urls.txt").write_text("\n".join(f"{origin}/p{n}" for n in range(PAGES)))
                (folder / "sites.toml").write_text(
                    toml({"sites.bench": site, "sites.bench.fields": {"title": "h1"}})
                )
                apart = SqliteCrawls(folder / "other.db", create=True)
                apart.begin(["ingest"], ["-"])
                apart.close()
                store = {"same store": folder / "canter.db", "another store": folder / "other.db"}.get(how)
                rates[how].append(crawl(folder, core, store, server_core))
    middle = {how: median(own) for how, own in rates.items()}
    print(f"\na crawl of {PAGES:,} small pages, medians of {runs} runs")
    for how, rate in middle.items():
        print(f"  {how:14} {rate:8.1f} pages/s")
    kept = middle["same store"] / middle["another store"]
    print(f"  sharing the store leaves {kept:.0%}  goal {GOAL_KEPT:.0%}: {verdict(kept >= GOAL_KEPT)}")
    print(f"  of the crawl alone: {middle['same store'] / middle['alone']:.0%}")


def peak(folder: Path, urls: int) -> tuple[float, Cost]:
    """Peak memory (MB, all processes) of a run over URLs sorted by host, each of a site that there is not."""
    folder.mkdir()
    hosts = max(1, urls // 250)
    with (folder / "urls.csv").open("w") as file:
        file.write("url,site\n")
        file.writelines(f"https://shop{n * hosts // urls}.example/p/{n},nobody\n" for n in range(urls))
    (folder / "sites.toml").write_text(
        toml({"sites.none": {"hosts": ["none.example"]}, "sites.none.fields": {"title": "h1"}})
    )
    command = [PYTHON, "-m", "canter", "run", "urls.csv", "--json", "--max-failures", "1"]
    cost = measure(command, cores()[1], folder)
    summary = orjson.loads(cost.output)
    if summary["pages"] != urls:
        raise SystemExit(f"{summary['pages']:,} records of {urls:,}")
    return float(summary["peak_rss_mb"]), cost


def memory(scratch: Path) -> None:
    """A long source against a short one."""
    few, _ = peak(scratch / "few", FEW)
    many, cost = peak(scratch / "many", MANY)
    print(f"\npeak memory of a run: {FEW:,} URLs {few:.1f} MB, {MANY:,} sorted by host {many:.1f} MB")
    print(f"  {many - few:10.1f} MB more  goal {GOAL_GROWTH}: {verdict(many - few <= GOAL_GROWTH)}")
    print(f"  {MANY / cost.seconds:10,.0f} URLs/s that need no request")


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.ingest", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--urls", type=int, default=5_000_000)
    parser.add_argument("--hosts", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("intake", "beside", "memory"))
    options = parser.parse_args()
    if nginx_path() is None:
        raise SystemExit("needs nginx (Debian: nginx-light)")
    print(describe())
    with tempfile.TemporaryDirectory(prefix="canter-bench-") as scratch:
        if options.only in (None, "intake"):
            intake(Path(scratch), options.urls, options.hosts)
        if options.only in (None, "beside"):
            beside(Path(scratch), options.runs)
        if options.only in (None, "memory"):
            memory(Path(scratch))


if __name__ == "__main__":
    main()
