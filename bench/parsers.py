"""Two HTML parsers on the corpus: speed, memory over many pages, equality of answers, mutated pages.

`python -m bench.parsers [speed|memory|equal|mutate] [--pages 100000]`; without a name, all four. Memory and
mutation run each parser in a process of its own, so that one that dies is told, not suffered. A mutated page
that ends its process is named by its number, and the run goes on behind it.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import turbohtml
from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser

from bench.corpus import pages as corpus
from bench.machine import REPO, describe

SELECTORS = (
    "title", "h1", "meta[property]", "script[type='application/ld+json']", "[itemprop]", "a[href]",
    "div.price, span.price", "td:nth-child(2)",
)  # fmt: skip
ADDRESS_SPACE = 4 << 30  # bytes; Lexbor asks for more on some pages, which must be an error and no crash
PIECES = (
    b"<", b">", b"</", b"<!--", b"-->", b"<![CDATA[", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"&#x110000;",
    b"&amp", b"<table>", b"</table>", b"<tr>", b"<select>", b"<option>", b"<template>", b"</template>",
    b"<svg>", b"<math>", b"<mtext>", b"<foreignObject>", b"<p>", b"</p>", b"<a href=x>", b"<b>",
    b"<font x=1>", b"<form>", b"</form>", b"<frameset>", b"<body a=b>", b"<html c=d>", b"<script>",
    b"</script>", b"<style>", b"<textarea>", b"<title>", b"<plaintext>", b"<noscript>", b'"', b"'", b"=",
    b"<li>", b"<button>", b"<nobr>", b"<caption>", b"<colgroup>",
)  # fmt: skip

Answers = list[list[str]]


def turbo(page: bytes) -> Answers:
    """Parse and ask, as `extraction/html.py` does: what is in a <template> is not in the document."""
    tree = turbohtml.parse(page, encoding="utf-8", positions=False)
    for template in tree.select("template"):
        template.clear()
    return [[node.text for node in tree.select(selector)] for selector in SELECTORS]


def lexbor(page: bytes) -> Answers:
    """The same with selectolax; a list of selectors reports an element once for each that it matches."""
    tree = LexborHTMLParser(page, options=int(LexborDocumentOptions.WO_EVENTS))
    found: list[Sequence[Any]] = []
    for selector in SELECTORS:
        nodes = tree.css(selector)
        found.append(list({node.mem_id: node for node in nodes}.values()) if "," in selector else nodes)
    return [[node.text() for node in nodes] for nodes in found]


PARSE: dict[str, Callable[[bytes], object]] = {
    "turbohtml": lambda page: turbohtml.parse(page, encoding="utf-8", positions=False),
    "lexbor": lambda page: LexborHTMLParser(page, options=int(LexborDocumentOptions.WO_EVENTS)),
}
ASK: dict[str, Callable[[bytes], Answers]] = {"turbohtml": turbo, "lexbor": lexbor}


def speed(pages: list[bytes], rounds: int = 7) -> None:
    """ms of CPU a page, the best of rounds in which the parsers alternate."""
    for title, jobs in (("parse", PARSE), ("parse and 8 selectors", ASK)):
        best = dict.fromkeys(jobs, float("inf"))
        for _ in range(rounds):
            for name, job in jobs.items():
                began = time.process_time()
                for page in pages:
                    job(page)
                best[name] = min(best[name], (time.process_time() - began) / len(pages) * 1e3)
        print(title + ":", ", ".join(f"{name} {ms:.2f} ms a page" for name, ms in best.items()), flush=True)


def equal(pages: list[bytes]) -> None:
    """How many answers are the same, text for text, and where they are not."""
    same = different = 0
    for number, page in enumerate(pages):
        for selector, ours, theirs in zip(SELECTORS, turbo(page), lexbor(page), strict=True):
            if [text.replace("\0", "") for text in ours] == [text.replace("\0", "") for text in theirs]:
                same += 1
            else:
                different += 1
                print(f"  page {number}, {selector}: {len(ours)} and {len(theirs)} matches")
    print(f"equal answers: {same} of {same + different}", flush=True)


def mutated(pages: list[bytes], number: int) -> bytes:
    """The page of a number: always the same, 1 to 6 cuts, copies, splices and odd pieces in a real one."""
    dice = random.Random(number)
    page = dice.choice(pages)
    for _ in range(dice.randint(1, 6)):
        at, end = sorted(dice.randrange(len(page) + 1) for _ in range(2))
        end = min(end, at + 20_000)
        match dice.randrange(5):
            case 0:
                page = page[:at] + page[end:]
            case 1:
                page = page[:end] + page[at:end] * dice.randint(1, 5) + page[end:]
            case 2:
                page = page[:at] + dice.choice(PIECES) * dice.choice((1, 2, 300)) + page[at:]
            case 3:
                page = page[:at] + dice.randbytes(dice.randint(1, 64)) + page[at + 8 :]
            case _:
                other = dice.choice(pages)
                cut = dice.randrange(len(other) + 1)
                page = page[:at] + other[cut : cut + 20_000]
    return page


def work(name: str, job: str, first: int, last: int) -> None:
    """In a process of its own: the pages [first, last), the number of each before it is read."""
    pages, ask = corpus(), ASK[name]
    note = os.open(f"/tmp/canter-parsers-{os.getppid()}", os.O_WRONLY | os.O_CREAT)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    refused, slowest, early = 0, (0.0, 0), 0
    for number in range(first, last):
        page = mutated(pages, number) if job == "mutate" else pages[number % len(pages)]
        os.pwrite(note, b"%12d" % number, 0)
        began = time.perf_counter()
        try:
            ask(page)
        except Exception as error:  # the two report what does not fit in memory in their own ways
            refused += 1
            print(f"  {name}: page {number}: {type(error).__name__} {error}", flush=True)
        slowest = max(slowest, (time.perf_counter() - began, number))
        if number == first + 2 * len(pages):
            early = rss()
    print(
        f"{name}: {last - first:,} pages, {refused} refused, slowest {slowest[0] * 1e3:.0f} ms "
        f"(page {slowest[1]}); resident {early} MB after {2 * len(pages)} pages, {rss()} MB at the end",
        flush=True,
    )


def rss() -> int:
    """Resident memory of this process now, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def beside(name: str, job: str, count: int) -> None:
    """Run `work` beside, again behind each page that ended it, and tell how it went."""
    note = Path(f"/tmp/canter-parsers-{os.getpid()}")
    first, crashes, began = 0, 0, time.monotonic()
    while first < count:
        command = [sys.executable, "-m", "bench.parsers", "work", name, job, str(first), str(count)]
        status = subprocess.run(command, cwd=REPO, check=False).returncode
        if status == 0:
            break
        first, crashes = int(note.read_text()) + 1, crashes + 1
        print(f"  {name}: page {first - 1} ended the process with {status}", flush=True)
    note.unlink(missing_ok=True)
    print(f"{job}, {name}: {crashes} crashes, {time.monotonic() - began:.0f} s", flush=True)


class Options(NamedTuple):
    """What the command line asks for."""

    jobs: list[str]
    pages: int


def options() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", nargs="?", choices=["speed", "equal", "memory", "mutate"])
    parser.add_argument("--pages", type=int, default=100_000, help="pages for memory and mutate")
    given = parser.parse_args()
    return Options([given.job] if given.job else ["speed", "equal", "memory", "mutate"], given.pages)


def main() -> None:
    """Run what was asked for and print it."""
    if sys.argv[1:2] == ["work"]:
        name, job, first, last = sys.argv[2:]
        work(name, job, int(first), int(last))
        return
    asked = options()
    print(describe(), flush=True)
    for job in asked.jobs:
        if job == "speed":
            speed(corpus())
        elif job == "equal":
            equal(corpus())
        else:
            for name in ASK:
                beside(name, job, asked.pages)


if __name__ == "__main__":
    main()
