"""What each step of a page costs by itself, in microseconds of CPU: `python -m bench.steps`.

A step is taken on every page, several times over; the median of the rounds counts. In a crawl the same
steps take longer, for between two pages' turns others have used the caches.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from bench.contenders.rules import FIELDS
from bench.corpus import pages as corpus
from bench.machine import describe, load
from canter.extraction import Extractor, Page, not_text
from canter.extraction.html import Tree
from canter.extraction.shortcut import Shortcut
from canter.extraction.sightings import Plan, Wanted
from canter.model import Outcome, Response, Task, Verdict
from canter.records import End, mark_of, visit_of
from canter.rules.classify import classify
from canter.run.memory import keep_freed_memory
from canter.sites import AUTO, Field, Site
from canter.transports.decoding import decoder
from canter.urls import parse_url, url_key

URL = "http://127.0.0.1:8080/p.html"
KIND = {"Content-Type": "text/html"}
Step = tuple[str, Callable[[Any], object], list[Any]]


def site(**fields: Field) -> Extractor:
    """An extractor of fields, none of them required."""
    return Extractor(
        Site(
            "bench",
            hosts=["*"],
            fields={k: f.model_copy(update={"required": False}) for k, f in fields.items()},
        )
    )


def inflate(data: bytes) -> bytes:
    """A gzip body decoded as the transport does."""
    coding = decoder(["gzip"])
    return b"".join(coding.feed(data))


def steps(bodies: list[bytes]) -> Iterable[Step]:
    """Name, what is done, and on what."""
    packed = [gzip.compress(body, 6) for body in bodies]
    answers = [Response(URL, 200, KIND, body, 0.1, 0.1) for body in bodies]
    css = site(**{name: Field(css=rule, attr=attr) for name, (rule, attr) in FIELDS.items()})
    plan = Plan.of([Wanted((rule,), False) for rule, _ in FIELDS.values()])
    assert plan is not None
    told = site(**{name: Field(structured=name) for name in ("name", "price", "sku", "brand")})
    told_and_css = site(
        title=Field(css="title"),
        **{name: Field(structured=name) for name in ("name", "price", "sku", "brand")},
    )
    label = site(fee=Field(label="Annual fee"))
    auto = Extractor(AUTO)
    task = Task(1, 1, 0.0, url_key(URL), URL, 1)

    def look(body: bytes) -> object:
        plan.shortcut = Shortcut()  # however little the page before has gained
        return plan.look(body)

    def page(body: bytes) -> Page:
        return Page(URL, 200, KIND, body)

    def end(answer: Response) -> object:
        found = css_found[id(answer)]
        return visit_of(
            End(task, css.site, Verdict(Outcome.OK), 1e9, 1, "1-1", answer, found, mark_of(URL, answer))
        )

    css_found = {id(answer): css.read(page(answer.body)) for answer in answers}
    yield "inflate gzip", inflate, packed
    yield "classify, challenge pages among it", lambda answer: classify(answer, now_utc=0.0), answers
    yield "is it a text", lambda body: not_text(KIND["Content-Type"], body), bodies
    yield "fingerprint of the body", lambda answer: mark_of(URL, answer), answers
    yield "parse, with the encoding found and the tree freed", lambda body: page(body).tree, bodies
    yield "parse, the encoding given", lambda body: Tree(body, "utf-8"), bodies
    yield "parse by bytes", Tree.by_bytes, bodies
    yield "where the words of four fields stand", look, bodies
    yield "read four fields by css, parse included", lambda body: css.read(page(body)), bodies
    yield "read four of structured data", lambda body: told.read(page(body)), bodies
    yield "read the same and one by css, parse included", lambda body: told_and_css.read(page(body)), bodies
    yield "read one label, parse included", lambda body: label.read(page(body)), bodies
    yield "read by auto, parse included", lambda body: auto.read(page(body)), bodies
    yield "record, its fingerprint, what is stored", end, answers
    yield "parse a URL", lambda _: parse_url(URL), bodies


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.steps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    keep_freed_memory()
    bodies = corpus()
    print(
        f"{describe()}; load {load():.1f}; {len(bodies)} pages of {sum(map(len, bodies)) // len(bodies):,} B"
    )
    for name, step, items in steps(bodies):
        took = []
        for _ in range(rounds):
            began = time.process_time()
            for item in items:
                step(item)
            took.append((time.process_time() - began) / len(items))
        print(f"{name:50} {1e6 * median(took):9.1f} us, {len(items):,} pages", flush=True)


if __name__ == "__main__":
    main()
