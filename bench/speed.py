"""Pages a second and CPU a page: Canter, Scrapy and a bare loop on the same pages in the same run.

`python -m bench.speed [--runs 5] [--pages 4000]`. nginx has one core and serves compressed pages of
the corpus from one host; the contender has the other. The contenders alternate (A B C A B C ...),
and each is measured whole, from its start to its end, with every process it starts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.contenders.rules import FIELDS, IN_FLIGHT
from bench.machine import Cost, cores, describe, measure, on_core
from tests.live.servers import CORPUS, nginx, nginx_path, toml

PYTHON = sys.executable
Results = dict[str, dict[str, str | None]]


class Contender(NamedTuple):
    """How to run one in a folder that holds urls.txt and sites.toml, and how to read what it stored."""

    name: str
    command: list[str]
    results: Callable[[Path], Results]


def canter_results(folder: Path) -> Results:
    """What `canter run -o` wrote."""
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    return {row["url"]: row["fields"] for row in rows if row["outcome"] == "ok"}


def scrapy_results(folder: Path) -> Results:
    """Scrapy's JSON lines."""
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    return {row.pop("url"): row for row in rows}


def bare_results(folder: Path) -> Results:
    """The bare loop's table."""
    with closing(sqlite3.connect(folder / "out.db")) as db:
        rows = db.execute("SELECT url, fields FROM record WHERE status=200").fetchall()
    return {url: json.loads(fields) for url, fields in rows}


CONTENDERS = [
    Contender(
        "canter",
        [
            PYTHON, "-m", "canter", "run", "urls.txt", "--allow-network", "127.0.0.0/8", "--pace", "off",
            "--max-concurrent", str(IN_FLIGHT), "--max-per-host", str(IN_FLIGHT), "--json",
            "-o", "out.jsonl",
        ],
        canter_results,
    ),
    Contender(
        "scrapy", [PYTHON, "-m", "bench.contenders.scrapy_spider", "urls.txt", "out.jsonl"], scrapy_results
    ),
    Contender("bare loop", [PYTHON, "-m", "bench.contenders.bare_loop", "urls.txt", "out.db"], bare_results),
]  # fmt: skip


def lay_out(root: Path) -> list[str]:
    """The pages of BENCH.txt, compressed as a server keeps them; their paths."""
    root.mkdir()
    paths: list[str] = []
    for n, name in enumerate((CORPUS / "BENCH.txt").read_text("utf-8").splitlines()):
        content = (CORPUS / name).read_bytes()
        page = gzip.decompress(content) if name.endswith(".gz") else content
        (root / f"{n}.html").write_bytes(page)
        (root / f"{n}.html.gz").write_bytes(gzip.compress(page, 6))
        paths.append(f"/{n}.html")
    return paths


def site_file(origin: str) -> str:
    """The four fields; none is required, for not every page has each."""
    fields = {
        name: {"css": css, "required": False} | ({"attr": attr} if attr else {})
        for name, (css, attr) in FIELDS.items()
    }
    return toml({"sites.bench": {"hosts": [origin.partition("//")[2]]}, "sites.bench.fields": fields})


def compete(scratch: Path, pages: int, runs: int) -> dict[str, list[Cost]]:
    """Every contender `runs` times, alternating; checks that all stored the same pages."""
    server_core, core = cores()
    paths = lay_out(scratch / "www")
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in CONTENDERS}
    with nginx(
        scratch / "nginx", f"{scratch}/www", server="gzip_static on;", log=False, command=on_core(server_core)
    ) as server:
        origin = server.origin("127.0.0.1")
        urls = "\n".join(f"{origin}{paths[n % len(paths)]}?n={n}" for n in range(pages))
        for run in range(runs):
            stored: dict[str, Results] = {}
            for contender in CONTENDERS:
                folder = scratch / f"{run}-{contender.name.replace(' ', '-')}"
                folder.mkdir()
                (folder / "urls.txt").write_text(urls)
                (folder / "sites.toml").write_text(site_file(origin))
                cost = measure(contender.command, core, folder)
                costs[contender.name].append(cost)
                stored[contender.name] = contender.results(folder)
                print(f"run {run + 1} {contender.name:10} {pages / cost.seconds:8.1f} pages/s", flush=True)
            check(stored, pages)
    return costs


def check(stored: dict[str, Results], pages: int) -> None:
    """Every contender must have every page; they may differ where their HTML parsers do."""
    ours = stored["canter"]
    for name, results in stored.items():
        if len(results) != pages or results.keys() != ours.keys():
            raise SystemExit(f"{name} stored {len(results):,} pages of {pages:,}")
        same = sum(fields == ours[url] for url, fields in results.items())
        if same < 0.9 * pages:
            raise SystemExit(f"{name} read only {same:,} of {pages:,} pages as canter did")


def report(costs: dict[str, list[Cost]], pages: int) -> None:
    """Medians, and how many times Canter's."""
    rate = {name: median(pages / cost.seconds for cost in own) for name, own in costs.items()}
    cpu = {name: median(1000 * cost.cpu / pages for cost in own) for name, own in costs.items()}
    print(f"\n{describe()}\nmedians of {len(costs['canter'])} runs of {pages:,} pages")
    print(f"{'':10} {'pages/s':>9} {'CPU ms/page':>12} {'canter is':>12}")
    for name in costs:
        times = f"{rate['canter'] / rate[name]:.2f} x" if name != "canter" else ""
        print(f"{name:10} {rate[name]:9.1f} {cpu[name]:12.2f} {times:>12}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pages", type=int, default=4_000)
    options = parser.parse_args()
    if nginx_path() is None or not CORPUS.is_dir():
        raise SystemExit(f"needs nginx (Debian: nginx-light) and the corpus at {CORPUS}")
    with tempfile.TemporaryDirectory(prefix="canter-bench-") as scratch:
        report(compete(Path(scratch), options.pages, options.runs), options.pages)


if __name__ == "__main__":
    main()
