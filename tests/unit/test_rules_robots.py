"""What a robots.txt answer means, against hostile files too; Google's cases are in test_corpus_robots."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.model import Fault, FaultKind, Response
from canter.rules.robots import (
    MAX_CRAWL_DELAY,
    MAX_ROBOTS,
    MAX_RULES,
    MAX_SITEMAPS,
    Robots,
    RobotsAnswer,
    failing_from_json,
    from_json,
    product_token,
    sitemaps,
    to_json,
)

DAY = 86_400.0
URL = "https://h.example"


def read(body: bytes, status: int = 200) -> RobotsAnswer:
    return RobotsAnswer.of(Response(URL + "/robots.txt", status, {}, body, 0.0, 0.0), 1000.0)


def rules(text: str | bytes) -> Robots:
    robots = read(text.encode() if isinstance(text, str) else text).rules()
    assert robots is not None
    return robots


@pytest.mark.parametrize("status", [200, 204, 299])
def test_2xx_is_obeyed(status: int) -> None:
    """Its rules hold."""
    robots = read(b"User-agent: *\nDisallow: /private\n", status).rules()
    assert robots is not None
    assert not robots.allowed(URL + "/private/x", "Canter")
    assert robots.allowed(URL + "/public", "Canter")


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 451])
def test_4xx_and_an_endless_redirect_allow_everything(status: int) -> None:
    """Whatever their body says."""
    robots = read(b"User-agent: *\nDisallow: /\n", status).rules()
    assert robots is not None
    assert robots.allowed(URL + "/x", "Canter")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599, 304, 101])
def test_429_and_5xx_say_nothing(status: int) -> None:
    """The rules are unknown: the host's pages wait."""
    assert read(b"User-agent: *\nAllow: /\n", status).rules() is None


def test_no_answer_says_nothing_but_a_cut_404_does() -> None:
    """A fault leaves the rules unknown unless the head of a refusal had come; a cut 200 is not whole."""
    assert RobotsAnswer.of(Fault(FaultKind.TIMEOUT, "x"), 0.0).rules() is None
    assert RobotsAnswer.of(Fault(FaultKind.CUT, "x", status=200), 0.0).rules() is None
    assert RobotsAnswer.of(Fault(FaultKind.CUT, "x", status=503), 0.0).rules() is None
    assert RobotsAnswer.of(Fault(FaultKind.CUT, "x", status=404), 0.0).rules() is not None


def test_a_copy_serves_for_a_day() -> None:
    """Less than a day old and known; a clock that was set back does not make it eternal."""
    good = read(b"")
    assert good.serves(1000.0)
    assert good.serves(1000.0 + DAY - 1)
    assert not good.serves(1000.0 + DAY)
    assert not good.serves(1000.0 - DAY)
    assert not read(b"", 503).serves(1000.0)


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [
        ("Canter/0.1 (+https://x)", "Canter"),
        ("Canter", "Canter"),
        ("My-Bot 2", "My-Bot"),
        ("", ""),
        ("(x)", ""),
    ],
)
def test_product_token(user_agent: str, token: str) -> None:
    """robots.txt knows us by the first word of the user agent."""
    assert product_token(user_agent) == token


def test_our_own_group_goes_before_everyones() -> None:
    """The group that names us is obeyed alone, in any case and with a version; other names are others."""
    robots = rules(
        "User-agent: *\nDisallow: /\nUser-agent: cAnter/9\nDisallow: /a\nUser-agent: Cant\nDisallow: /b\n"
    )
    assert robots.allowed(URL + "/b", "Canter")
    assert not robots.allowed(URL + "/a", "Canter")
    assert not robots.allowed(URL + "/b", "Decanter")


def test_groups_of_one_name_are_joined() -> None:
    """Rules for us in two places both hold; an empty group of ours allows everything."""
    robots = rules(
        "User-agent: Canter\nDisallow: /a\n\nUser-agent: x\nDisallow: /c\nUser-agent: Canter\nDisallow: /b"
    )
    assert [robots.allowed(URL + path, "Canter") for path in ("/a", "/b", "/c")] == [False, False, True]
    assert rules("User-agent: *\nDisallow: /\n\nUser-agent: Canter\nDisallow:\n").allowed(URL + "/", "Canter")
    assert rules("User-agent: *\nDisallow: /\n\nUser-agent: Canter\n").allowed(URL + "/", "Canter")


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("1e9", MAX_CRAWL_DELAY),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_crawl_delay(value: str, delay: float | None) -> None:
    """Fractions are kept, absurd ones are capped, and what is no number is none."""
    assert rules(f"User-agent: *\nCrawl-delay: {value}\nDisallow: /x\n").crawl_delay("Canter") == delay


def test_crawl_delay_is_that_of_our_group() -> None:
    """Another robot's delay is not ours."""
    robots = rules("User-agent: slow\nCrawl-delay: 30\nUser-agent: *\nDisallow:\n")
    assert robots.crawl_delay("Canter") is None
    assert robots.crawl_delay("Slow") == 30.0


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfUser-agent: *\nDisallow: /caf\xc3\xa9",
        "User-agent: *\nDisallow: /café".encode("utf-16"),
        b"User-agent: *\nDisallow: /caf%C3%A9",
        b"User-agent: *\r\rDisallow: /caf%c3%a9\r\n",
    ],
)
def test_encodings(body: bytes) -> None:
    """A byte order mark, UTF-16, raw or escaped letters: one path."""
    assert not rules(body).allowed(URL + "/caf%C3%A9", "Canter")
    assert rules(body).allowed(URL + "/cafe", "Canter")


def test_bytes_that_are_not_utf8_match_themselves() -> None:
    """A path in Latin-1 is the one its URL escapes, and the rest of the file still holds."""
    robots = rules(b"User-agent: *\nDisallow: /caf\xe9\nDisallow: /x\n")
    assert not robots.allowed(URL + "/caf%E9", "Canter")
    assert not robots.allowed(URL + "/x", "Canter")
    assert robots.allowed(URL + "/y", "Canter")


def test_a_page_of_html_allows_everything() -> None:
    """Many shops answer any path with their home page."""
    html = b"<!doctype html><html><body><p>Disallow: / our User-agent: * policy</p></body></html>"
    assert rules(html).allowed(URL + "/x", "Canter")


def test_a_rule_cut_by_the_size_cap_is_dropped() -> None:
    """Half of `Disallow: /x` would forbid the whole site."""
    head = b"User-agent: *\nDisallow: /a\n"
    filler = b"#" * (MAX_ROBOTS - len(head) - 1 - len(b"Disallow: /")) + b"\n"
    robots = rules(head + filler + b"Disallow: /x" + b"y" * 100)
    assert robots.allowed(URL + "/z", "Canter")
    assert not robots.allowed(URL + "/a", "Canter")


def fill(line: Callable[[int], str], size: int = MAX_ROBOTS) -> str:
    return "".join(line(n) for n in range(size // len(line(10_000))))


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\n" + fill(lambda n: f"Disallow: /*{n}*y*z$\n"),
        "User-agent: *\n"
        + fill(lambda n: f"User-agent: a{n}\n", 250_000)
        + fill(lambda n: f"Allow: /{n}\n", 250_000),
        fill(lambda n: "User-agent: *\n", 250_000) + fill(lambda n: f"Disallow: /{n}\n", 250_000),
        "User-agent: *\nDisallow: /" + "$" * 500_000,
        "User-agent: *\nDisallow: /" + "*a" * 250_000,
        "User-agent" + " " * 500_000,
    ],
    ids=["wildcards", "agents", "everyones", "dollars", "stars", "spaces"],
)
def test_hostile_files_take_no_seconds(text: str) -> None:
    """Half a megabyte of the worst is answered in CPU time that one page may cost."""
    started = time.process_time()
    robots = rules(text)
    for _ in range(5):
        robots.allowed(URL + "/a?q=" + "y" * 200, "Canter")
    assert time.process_time() - started < 2.0


def test_the_first_rules_hold_when_there_are_too_many() -> None:
    """A file over the cap is obeyed up to it; rules said twice count once."""
    text = "User-agent: *\n" + "Disallow: /same\n" * MAX_RULES
    text += "".join(f"Disallow: /p{n}.\n" for n in range(MAX_RULES))
    robots = rules(text)
    assert not robots.allowed(f"{URL}/p{MAX_RULES - 2}.", "Canter")
    assert robots.allowed(f"{URL}/p{MAX_RULES - 1}.", "Canter")


def test_json_round_trip() -> None:
    """What the store keeps is what was answered, by scheme."""
    answers = {"https": read("User-agent: *\nDisallow: /é".encode()), "http": RobotsAnswer(5.0, None)}
    assert from_json(to_json(answers)) == answers


@pytest.mark.parametrize(
    "text",
    [None, "", "null", "[]", "{", "3", '{"https": 3}', '{"https": [1, "200", "x"]}', '{"https": [1, 200]}'],
)
def test_broken_stored_text_is_as_none(text: str | None) -> None:
    """A store written by another hand costs one request, not the crawl."""
    assert from_json(text) == {}


def test_one_broken_entry_leaves_the_others() -> None:
    """The scheme that can be read is used."""
    assert from_json('{"https": [1.5, 200, "x"], "http": {}}') == {"https": RobotsAnswer(1.5, 200, "x")}


@given(st.binary(max_size=300), st.sampled_from([b"", b"User-agent: *\n", b"User-agent: canter\nallow: "]))
def test_any_bytes_give_an_answer(body: bytes, head: bytes) -> None:
    """No body can raise, be it parsed, asked or stored."""
    answer = read(head + body)
    robots = answer.rules()
    assert robots is not None
    assert robots.allowed(URL + "/x?y", "Canter") in (True, False)
    robots.crawl_delay("Canter")
    assert from_json(to_json({"https": answer})) == {"https": answer}


# ---- odd files


@pytest.mark.parametrize(
    "body",
    [
        b"User-agent: *\0\nDis\0allow: /x\0\n",
        "User-agent: *\nDisallow: /x\n".encode("utf-16-le"),
        "User-agent: *\nDisallow: /x\n".encode("utf-16-be"),
        b"User-agent: *\rDisallow: /x\r",
        b"\xef\xbb\xbf\r\n\r\nUser-agent: *\r\n\r\n\r\nDisallow: /x",
        b"\t User-agent :\t* # us all\n  disallow:/x # here",
        b"<html>\n<pre>\nUser-agent: *\nDisallow: /x\n</pre>",
        b"User-agent: *\nCrawl-delay: 3\nSitemap: https://h.example/s\nNoindex: /\n\nHost: h\nDisallow: /x",
    ],
)
def test_rules_are_found_in_odd_files(body: bytes) -> None:
    """NUL bytes, UTF-16 without a mark, old line ends, a mark, comments, HTML around, lines of other uses."""
    robots = rules(body)
    assert not robots.allowed(URL + "/x", "Canter")
    assert robots.allowed(URL + "/y", "Canter")


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1d", "\x85", "\u2028"])
def test_only_line_ends_end_a_line(end: str) -> None:
    """A rule cut at another separator would forbid more than it says."""
    robots = rules(f"User-agent: *\nDisallow: /a{end}b\nDisallow: /c\n")
    assert robots.allowed(URL + "/a", "Canter")
    assert not robots.allowed(URL + f"/a{quote(end)}b", "Canter")
    assert not robots.allowed(URL + "/c", "Canter")


def test_noindex_forbids_nothing() -> None:
    """It speaks to search engines; a group that holds nothing else allows everything."""
    assert rules("User-agent: *\nNoindex: /\nNofollow: /\n").allowed(URL + "/x", "Canter")


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        ("/a%7Eb", "/a~b", False),
        ("/a~b", "/a%7eb", False),
        ("/a%2Fb", "/a/b", True),
        ("/a%2fb", "/a%2Fb", False),
        ("/ツ", "/%E3%83%84", False),
        ("/*.pdf$", "/x/y.pdf", False),
        ("/*.pdf$", "/x/y.pdf?z", True),
        ("/*?sort=", "/x?sort=up", False),
        ("/*/a/*/b", "/1/a/2/3/b", False),
        ("/x*", "/x", False),
        ("/$", "/", False),
        ("/$", "/x", True),
        ("x", "/x", True),
        ("", "/x", True),
    ],
)
def test_patterns(rule: str, path: str, allowed: bool) -> None:
    """`*`, `$`, escapes and letters beyond ASCII; a slash that is escaped is another character."""
    assert rules(f"User-agent: *\nDisallow: {rule}\n").allowed(URL + path, "Canter") is allowed


def test_the_longest_rule_wins() -> None:
    """And of two as long the one that allows."""
    robots = rules("User-agent: *\nAllow: /a/b\nDisallow: /a\nDisallow: /c\nAllow: /c\n")
    assert [robots.allowed(URL + path, "Canter") for path in ("/a/b", "/a/c", "/c")] == [True, False, True]


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("10 seconds", 10.0),
        ("1,5", 1.5),
        ("2.5s", 2.5),
        (".5", 0.5),
        ("-3 s", None),
        ("1 # s", 1.0),
        ("x1", None),
    ],
)
def test_crawl_delays_as_people_write_them(value: str, delay: float | None) -> None:
    """A unit or a decimal comma does not hide the number."""
    assert rules(f"User-agent: *\nCrawl-delay: {value}\n").crawl_delay("Canter") == delay


def test_sitemaps() -> None:
    """Wherever they stand, normalised, each once; what is no whole URL is left out."""
    text = (
        "SITEMAP: https://H.example/a.xml\r\nUser-agent: x\nDisallow: /\n"
        "Sitemap:https://cdn.example/b.xml.gz # all\n"
        "Sitemap: https://h.example/a.xml\nSitemap: /relative.xml\nSite-map: ftp://h.example/c.xml\nSitemap:\n"
        "# Sitemap: https://h.example/no.xml\n"
    )
    assert sitemaps(text) == ["https://h.example/a.xml", "https://cdn.example/b.xml.gz"]
    many = "".join(f"Sitemap: https://h.example/{n}.xml\n" for n in range(MAX_SITEMAPS + 5))
    assert len(sitemaps(many)) == MAX_SITEMAPS


def test_what_fails_is_kept_beside_the_answers() -> None:
    """Since when a scheme's robots.txt cannot be had; older stores do not say."""
    answers = {"https": read(b"User-agent: *\n")}
    stored = to_json(answers, {"http": 7.5})
    assert from_json(stored) == answers
    assert failing_from_json(stored) == {"http": 7.5}
    assert failing_from_json(to_json(answers)) == failing_from_json("[1]") == failing_from_json(None) == {}
    assert failing_from_json('{"failing": {"http": "x"}}') == {}


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("User-agent: *\nAllow: /a\nCrawl-delay: 2", True),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: *\nDisallow: /\nUser-agent: canter\nAllow: /", True),
        ("User-agent: *\nDisallow:", True),
        ("User-agent: *\nDisallow: /p", False),
        ("User-agent: *\ndissalow /p", False),
        ("User-agent: *\nAllow: /\nUser-agent: canter\nAllow: /q\nDisallow: /", False),
    ],
)
def test_rules_that_forbid_nothing(text: str, allowed: bool) -> None:
    """A group without a Disallow allows everything, whatever others forbid; any spelling of one counts."""
    rules = Robots(text)
    assert [rules.allowed("http://shop.example/p?q=1", "canter") for _ in range(2)] == [allowed] * 2
