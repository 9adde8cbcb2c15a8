"""robots.txt against Google's own cases and real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canter.model import Response
from canter.rules.robots import MAX_CRAWL_DELAY, Robots, RobotsAnswer

TABLES = Path(__file__).parents[2].parent / "shared" / "corpus" / "tables"
URL = "https://h.example"

# (robots.txt, agent, URL) that we answer otherwise than Google, and why.
_ENCODING = "RFC 9309 2.2.2 compares percent-encoded octets; Google compares the spelling"
_NOT_A_TOKEN = "asked for `Foo Bar`; a product token has no space, so we ask for `Foo`"
DEVIATIONS = {
    (
        "User-agent: FooBot\nDisallow: /\nAllow: /foo/bar/ツ\n",
        "FooBot",
        "http://foo.bar/foo/bar/ツ",
    ): _ENCODING,
    (
        "User-agent: FooBot\nDisallow: /\nAllow: /foo/bar/%E3%83%84\n",
        "FooBot",
        "http://foo.bar/foo/bar/ツ",
    ): _ENCODING,
    (
        "User-agent: FooBot\nDisallow: /\nAllow: /foo/bar/%62%61%7A\n",
        "FooBot",
        "http://foo.bar/foo/bar/baz",
    ): _ENCODING,
    (
        "User-Agent: *\nDisallow: /\nUser-Agent: Foo Bar\nAllow: /x/\nDisallow: /\n",
        "Foo Bar",
        "http://foo.bar/x/y",
    ): _NOT_A_TOKEN,
}


def rules(body: bytes) -> Robots:
    robots = RobotsAnswer.of(Response(URL + "/robots.txt", 200, {}, body, 0.0, 0.0), 1000.0).rules()
    assert robots is not None
    return robots


@pytest.mark.parametrize("table", ["robots_google_unittest.json", "robots_google_spec_correctness.json"])
def test_google_cases(table: str) -> None:
    """Every case of Google's two suites is answered as Google does, the listed deviations otherwise."""
    path = TABLES / table
    if not path.exists():
        pytest.skip(f"the shared corpus is not here: {path}")
    cases: list[dict[str, Any]] = json.loads(path.read_text())["cases"]
    wrong = set()
    for case in cases:
        text = case["robots_txt"]
        body = text["__bytes_latin1__"].encode("latin-1") if isinstance(text, dict) else text.encode()
        if rules(body).allowed(case["url"], case["user_agent"]) != case["allowed"]:
            wrong.add((str(text), case["user_agent"], case["url"]))
    assert wrong == set(DEVIATIONS)
    assert len(cases) > 100


def test_the_files_of_the_corpus_parse() -> None:
    """Real and odd robots.txt files give an answer, and no crawl-delay out of bounds."""
    files = sorted((TABLES / "robots_files").glob("*.txt"))
    if not files:
        pytest.skip(f"the shared corpus is not here: {TABLES}")
    for path in files:
        robots = rules(path.read_bytes())
        assert robots.allowed(URL + "/", "Canter") in (True, False)
        delay = robots.crawl_delay("Canter")
        assert delay is None or 0 <= delay <= MAX_CRAWL_DELAY
