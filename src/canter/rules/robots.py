"""What a robots.txt answer means (RFC 9309). Protego matches the rules; status and age are ours.

    2xx                      its rules are obeyed
    other 3xx, 4xx but 429   everything is allowed (3xx: what is left after the redirects were followed)
    429, 5xx, no answer      unknown: the host's pages wait

Only the lines that speak to our agent reach Protego. Its time grows with agents times rules
(100 KB of hostile text took it 10 s), and by RFC 9309 an unknown line must not end a group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import orjson
from protego import Protego

from canter.model import Fault, Response
from canter.urls import PageUrl, parse_url

MAX_ROBOTS = 500 * 1024  # bytes read of a robots.txt, the least that RFC 9309 asks for
MAX_RULES = 5_000  # distinct rules kept for an agent; hostile ones take 0.1 s to parse and 3 ms a URL
MAX_CRAWL_DELAY = 300.0  # s; a longer crawl-delay is read as this
MAX_SITEMAPS = 1_000  # named by one robots.txt
_FAILING = "failing"  # beside the schemes, in what is stored of a host
MAX_AGE = 86_400.0  # s; an older copy serves no more

_LINE = re.compile(
    r"\s*(?:(?P<agent>user[- ]?agent)|(?P<allow>allow)|(?P<disallow>dis{1,2}al{1,2}[oa]w|diasllow)"
    r"|(?P<delay>crawl[- ]delay))(?:\s*:|\s)(?P<value>[^#]*)",
    re.IGNORECASE,
).match
_FIELDS = {"allow": "Allow", "disallow": "Disallow", "delay": "Crawl-delay"}
_TOKEN = re.compile(r"[^\s/;,()*]*").match
_MARK = re.compile(rb"\A\xef(?:\xbb\xbf?)?")  # a byte order mark, or what is left of one
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_LINE_END = re.compile(r"\r\n?|\n")  # no other ends a line; str.splitlines knows seven more
_OTHER_LINE_END = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SECONDS = re.compile(r"\d+(?:[.,]\d+)?|[.,]\d+")
_SITEMAP = re.compile(r"\s*site-?maps?\s*(?::|\s)\s*(\S+)", re.IGNORECASE)


def product_token(user_agent: str) -> str:
    """The name a robots.txt calls us by: `Canter` of `Canter/1.0 (+URL)`."""
    found = _TOKEN(user_agent.strip())
    return found[0] if found else ""


class Robots:
    """The rules of one robots.txt; an empty text allows everything. Parsed when first asked."""

    __slots__ = ("_open_to", "_parsed", "_text")

    def __init__(self, text: str = "") -> None:
        self._text = text
        self._parsed: dict[str, Protego] = {}
        self._open_to: set[str] = set()  # agents that nothing is forbidden; Protego would take 20 us a URL

    def allowed(self, url: str, agent: str) -> bool:
        """Whether `agent` (a product token, any case) may fetch the absolute `url`."""
        rules = self._rules(agent)
        return agent in self._open_to or bool(rules.can_fetch(url, "*"))

    def crawl_delay(self, agent: str) -> float | None:
        """Seconds `agent` is asked to leave between requests, at most `MAX_CRAWL_DELAY`."""
        delay = self._rules(agent).crawl_delay("*")
        return None if delay is None else min(float(delay), MAX_CRAWL_DELAY)

    def prepare(self, agent: str) -> None:
        """Parse now; a long text is better parsed in a thread."""
        self._rules(agent)

    def _rules(self, agent: str) -> Protego:
        rules = self._parsed.get(agent)
        if rules is None:
            group = _group(self._text, agent)
            rules = self._parsed[agent] = Protego.parse(group)
            if f"\n{_FIELDS['disallow']}: " not in group:
                self._open_to.add(agent)
        return rules


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """One answer to a request for robots.txt. `fetched_at`: UTC seconds; `status` None: no answer."""

    fetched_at: float
    status: int | None
    text: str = ""

    @classmethod
    def of(cls, answer: Response | Fault, now_utc: float) -> Self:
        """What is kept of `answer`, received at `now_utc`: the text of a 2xx only."""
        if isinstance(answer, Fault):
            # A head that arrived says all there is to a refusal; a page that broke is no answer.
            refused = answer.status is not None and answer.status >= 400
            return cls(now_utc, answer.status if refused else None)
        text = _decode(answer.body) if 200 <= answer.status < 300 else ""
        return cls(now_utc, answer.status, text)

    @property
    def known(self) -> bool:
        """Whether the answer says anything; if not, the host's pages wait."""
        status = self.status
        return status is not None and 200 <= status < 500 and status not in (304, 429)

    def rules(self) -> Robots | None:
        """The rules to obey; None while they are unknown."""
        return Robots(self.text) if self.known else None

    def serves(self, now_utc: float) -> bool:
        """Whether the answer is known and less than a day old."""
        return self.known and abs(now_utc - self.fetched_at) < MAX_AGE


def sitemaps(text: str) -> list[str]:
    """The URLs of the sitemaps that a robots.txt names, normalised, each once, `MAX_SITEMAPS` at most.

    They stand outside of groups, and may be on other hosts. What is no whole URL is left out.
    """
    found: dict[str, None] = {}
    for line in filter(None, map(_SITEMAP.match, _LINE_END.split(text))):
        url = parse_url(line[1])
        if isinstance(url, PageUrl):
            found[url.href] = None
            if len(found) >= MAX_SITEMAPS:
                break
    return list(found)


def to_json(answers: Mapping[str, RobotsAnswer], failing: Mapping[str, float] | None = None) -> str:
    """The answers of a host, by scheme, as one JSON object for the store.

    `failing`: since when (UTC seconds) the robots.txt of a scheme cannot be had.
    """
    stored: dict[str, Any] = {
        scheme: [answer.fetched_at, answer.status, answer.text] for scheme, answer in answers.items()
    }
    if failing:
        stored[_FAILING] = dict(failing)
    return orjson.dumps(stored).decode()


def from_json(text: str | None) -> dict[str, RobotsAnswer]:
    """The answers that `to_json` wrote, by scheme; what cannot be read is left out."""
    answers = {scheme: _from_stored(entry) for scheme, entry in _stored(text).items()}
    return {scheme: answer for scheme, answer in answers.items() if answer is not None}


def failing_from_json(text: str | None) -> dict[str, float]:
    """What `to_json` was told to be failing, likewise."""
    failing = _stored(text).get(_FAILING)
    if not isinstance(failing, dict):
        return {}
    return {scheme: float(since) for scheme, since in failing.items() if isinstance(since, int | float)}


def _stored(text: str | None) -> dict[str, Any]:
    try:
        stored = orjson.loads(text or "{}")
    except ValueError:
        return {}
    return stored if isinstance(stored, dict) else {}


def _from_stored(entry: Any) -> RobotsAnswer | None:
    match entry:
        case [int() | float() as at, int() | None as status, str() as text]:
            return RobotsAnswer(float(at), status, text)
    return None


def _decode(body: bytes) -> str:
    """The text of a robots.txt: UTF-8; other bytes as the percent escapes that they are in a URL."""
    if len(body) >= MAX_ROBOTS:  # a rule cut in half could forbid more than it says
        body = body[:MAX_ROBOTS].rpartition(b"\n")[0]
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    body = _MARK.sub(b"", body, count=1).replace(b"\0", b"")  # of UTF-16 without a mark, ASCII is left
    try:
        return body.decode()
    except UnicodeDecodeError:
        return _HIGH_BYTE.sub(lambda raw: b"%%%02X" % raw[0][0], body).decode("ascii")


def _group(text: str, agent: str) -> str:
    """The rules for `agent` of its own groups, else of those for everyone, as one group for everyone."""
    name = product_token(agent).lower()
    own: list[str] = []
    everyone: list[str] = []
    named = heading = to_own = to_everyone = False
    for found in filter(None, map(_LINE, _LINE_END.split(text))):
        value = found["value"].strip()
        if not found["agent"]:
            heading = False
            rule = _rule(next(kind for kind in _FIELDS if found[kind]), value)
            if to_own:
                own.append(rule)
            if to_everyone:
                everyone.append(rule)
            continue
        if not heading:
            heading, to_own, to_everyone = True, False, False
        if value.startswith("*"):
            to_everyone = True
        elif name and product_token(value).lower() == name:
            named = to_own = True
    rules = list(dict.fromkeys(own if named else everyone))
    return "\n".join(["User-agent: *", *rules[:MAX_RULES]])


def _rule(kind: str, value: str) -> str:
    """A rule as Protego reads it: on one line, a crawl-delay a plain number where it begins with one."""
    if kind == "delay" and (number := _SECONDS.match(value)) and not _is_number(value):
        value = number[0].replace(",", ".")
    return f"{_FIELDS[kind]}: {_OTHER_LINE_END.sub(lambda end: quote(end[0]), value)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
