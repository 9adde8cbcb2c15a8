"""The soak: 200,000 requests to 50 hosts on loopback, 12 % of the pages faulty, by the real command.

`python -m tests.soak.run [--pages N] [--minutes M]`. What must hold: every URL has its record, with the
outcome that its fault has; at least 99.5 % of what can recover did; at most 1.25 requests a page; open files
and memory at the end are where they were at 20,000 requests. Exit status 1 where one does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.soak.server import SoakServer, lasts

HOSTS = [f"127.0.{block}.{number}" for block in (10, 11) for number in range(1, 26)]
SHARE = 0.12
EARLY = 20_000  # requests after which memory and files are first looked at
_SAMPLES = 20  # of half a second each
SITE = """\
[sites.soak]
hosts = [{hosts}]
[sites.soak.fields]
title = "h1"
price = {{ css = ".price", type = "money", currency = "USD" }}
"""
LIMITS = ("--timeout", "4", "--read-timeout", "1", "--first-byte-timeout", "1", "--max-body", "1MiB")


class Use(NamedTuple):
    """What the processes of a crawl take: resident megabytes, open files."""

    megabytes: float
    files: int


def main() -> int:
    """Run it and print what came of it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run", description=__doc__)
    parser.add_argument("--pages", type=int, default=182_500)  # with those asked for twice, 200,000 requests
    parser.add_argument("--minutes", type=float, default=15.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="canter-soak-") as folder:
        return asyncio.run(soak(Path(folder), given.pages, given.minutes * 60))


async def soak(folder: Path, pages: int, limit: float) -> int:
    """The crawl beside its server; `limit` in seconds."""
    async with SoakServer(HOSTS, pages, SHARE) as server:
        (folder / "urls.txt").write_text("\n".join(server.urls()))
        hosts = ", ".join(f'"{host}:{server.port}"' for host in HOSTS)
        (folder / "sites.toml").write_text(SITE.format(hosts=hosts))
        crawl = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "canter", "run", "urls.txt", "--json", "-o", "records.jsonl",
            "--allow-network", "127.0.0.0/8", "--pace", "off", "--max-time", f"{limit:.0f}s", *LIMITS,
            cwd=folder, stdout=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
        early, late = await _watch(server, crawl.pid, pages)
        output, _ = await crawl.communicate()
        if crawl.returncode not in (0, 3):
            return _failed([f"canter run ended with status {crawl.returncode}"])
        wrong = _held(json.loads(output), server, _ends(folder / "records.jsonl"), early, late)
        return _failed(wrong)


async def _watch(server: SoakServer, pid: int, pages: int) -> tuple[Use | None, Use | None]:
    """The most that the crawl takes in the ten seconds from EARLY requests on, and in the last ten seconds
    while most hosts have pages left: how many requests are in flight differs from one moment to the next."""
    early: list[Use] = []
    late: deque[Use] = deque(maxlen=_SAMPLES)
    said = time.monotonic()
    while (use := _use(pid)) is not None and server.asked < pages * (1 + SHARE) * 0.95:
        if server.asked >= min(EARLY, pages * 0.2):
            early += [use] if len(early) < _SAMPLES else []
            late.append(use)
        if time.monotonic() - said >= 30:
            said = time.monotonic()
            _say(f"{server.asked:,} requests, {use.megabytes:.0f} MB, {use.files} files")
        await asyncio.sleep(0.5)
    return _most(early), _most(late)


def _most(seen: Iterable[Use]) -> Use | None:
    uses = list(seen)
    return Use(max(use.megabytes for use in uses), max(use.files for use in uses)) if uses else None


def _held(
    summary: dict[str, Any], server: SoakServer, ends: dict[int, tuple[str, str | None]],
    early: Use | None, late: Use | None,
) -> list[str]:  # fmt: skip
    """What does not hold."""
    pages = len(server.urls())
    lasting = {number for number, fault in server.faults.items() if lasts(fault)}
    recoverable = server.faults.keys() - lasting
    recovered = sum(ends.get(number) == ("ok", None) for number in recoverable)
    good = sum(ends.get(number) == ("ok", None) for number in range(pages) if number not in server.faults)
    a_page = server.asked / pages
    wrong_ends = Counter(
        f"{server.faults[number]} ended as {ends.get(number)}" for number in lasting
        if ends.get(number) not in (("gone", None), ("failed", "too_large"))
    )  # fmt: skip
    _say(
        f"{pages:,} pages, {server.asked:,} requests ({a_page:.3f} a page) in {summary['seconds']:.0f} s; "
        f"{len(server.faults):,} faulty; recovered {recovered:,} of {len(recoverable):,}; {summary['errors']}"
    )
    _say(f"early {early}, late {late}, peak {summary['peak_rss_mb']:.0f} MB")
    lost = Counter(
        f"{server.faults[number]} ended as {ends.get(number)}" for number in recoverable
        if ends.get(number) != ("ok", None)
    )  # fmt: skip
    checks = {
        f"{len(ends):,} records of {pages:,} pages": len(ends) == pages == summary["pages"],
        f"{good:,} of {pages - len(server.faults):,} sound pages are good": good
        == pages - len(server.faults),
        f"too few recovered: {dict(lost)}": recovered >= 0.995 * len(recoverable),
        f"{a_page:.3f} requests a page": a_page <= 1.25,
        f"wrong ends: {dict(wrong_ends)}": not wrong_ends,
        "memory and files were not seen": early is not None and late is not None,
    }
    if early and late:
        checks[f"memory grew: {early} to {late}"] = late.megabytes <= early.megabytes * 1.1 + 10
        checks[f"open files grew: {early} to {late}"] = late.files <= early.files * 1.1 + 20
    return [what for what, holds in checks.items() if not holds]


def _ends(path: Path) -> dict[int, tuple[str, str | None]]:
    """Outcome and error type by page number. Raises AssertionError for a page with two records."""
    ends: dict[int, tuple[str, str | None]] = {}
    with path.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            number = int(record["url"].rpartition("/")[2])
            assert number not in ends, f"two records of {record['url']}"
            ends[number] = (record["outcome"], record["error_type"])
    return ends


def _use(pid: int) -> Use | None:
    """What a process and its children take; None where it has ended."""
    try:
        family = list(_family(pid))
        pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family)
        files = sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in family)
    except (OSError, IndexError):
        return None
    return Use(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files) if pages else None


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _failed(wrong: list[str]) -> int:
    for line in wrong:
        _say(f"does not hold: {line}")
    _say("the soak failed" if wrong else "all of it holds")
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
