"""What is known of one host's robots.txt, by scheme, and when to ask for it again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from canter.model import ErrorType, FaultKind, Outcome, Verdict, utc_iso
from canter.rules.robots import Robots, RobotsAnswer, failing_from_json, from_json, to_json

_FIRST_WAIT, _LONGEST_WAIT = 2.0, 60.0  # seconds between tries while it cannot be had
_FOR_GOOD = (FaultKind.NO_HOST, FaultKind.TLS, FaultKind.ADDRESS)  # its pages would fail the same way


@dataclass(slots=True)
class _Copy:
    """One scheme's robots.txt."""

    robots: Robots | None = None
    refusal: Verdict | None = None  # why no page of the scheme can be had
    asking: bool = False
    next_try: float = -math.inf
    wait: float = _FIRST_WAIT
    failing_since: float = math.inf  # UTC seconds of the first of the tries that failed

    @property
    def known(self) -> bool:
        return self.robots is not None or self.refusal is not None


class HostRobots:
    """The robots.txt of one host key. Times are the engine's; those named utc are UTC seconds.

    An answer serves for the crawl it was fetched in. One of an earlier crawl serves where it is under
    a day old and the host gives no new one.
    """

    def __init__(self, host: str, agent: str, stored: str | None, crawl_started_utc: float) -> None:
        self._host = host
        self._agent = agent
        self._answers = from_json(stored)
        self._asked = ("", True)  # the last URL, and whether it is allowed
        self.fleeting = False  # an older copy serves: known here only, so the host had better stay
        self._copies = {
            scheme: _Copy(answer.rules())
            for scheme, answer in self._answers.items()
            if answer.fetched_at >= crawl_started_utc and answer.serves(crawl_started_utc)
        }
        for scheme, since in failing_from_json(stored).items():
            if since >= crawl_started_utc and scheme not in self._copies:
                self._copies[scheme] = _Copy(failing_since=since)

    def known(self, url: str) -> bool:
        """Whether it is known what robots.txt says of the URL."""
        copy = self._copies.get(_scheme(url))
        return copy is not None and copy.known

    def missing(self, url: str) -> bool:
        """Whether it was asked for and could not be had: the URL waits, others need not."""
        copy = self._copies.get(_scheme(url))
        return copy is not None and not copy.known and copy.failing_since < math.inf

    def verdict(self, url: str) -> Verdict | None:
        """Why the URL must not be fetched; None where it may be."""
        copy = self._copies[_scheme(url)]
        if copy.refusal or copy.robots is None:
            return copy.refusal
        if url != self._asked[0]:  # a page is looked at more than once until its turn comes
            self._asked = url, copy.robots.allowed(url, self._agent)
        if self._asked[1]:
            return None
        return Verdict(Outcome.FAILED, ErrorType.BLOCKED, f"robots.txt of {self._host} forbids it")

    def crawl_delay(self) -> float | None:
        """The longest crawl-delay asked for, in seconds."""
        delays = [c.robots.crawl_delay(self._agent) for c in self._copies.values() if c.robots]
        return max((delay for delay in delays if delay), default=None)

    @property
    def asking(self) -> bool:
        """Whether one is being asked for."""
        return any(copy.asking for copy in self._copies.values())

    def next_try(self, url: str) -> float:
        """When it may be asked for; `math.inf` while it is being asked for."""
        copy = self._copies.get(_scheme(url))
        if copy is None:
            return -math.inf
        return math.inf if copy.asking else copy.next_try

    def ask(self, url: str) -> tuple[str, str]:
        """It is being asked for from now on: the scheme, and the URL to request."""
        scheme = _scheme(url)
        self._copies.setdefault(scheme, _Copy()).asking = True
        return scheme, f"{scheme}://{self._host}/robots.txt"

    def dropped(self, scheme: str, now: float) -> None:
        """The request was cancelled, or led nowhere: it may be asked again after a while."""
        copy = self._copies[scheme]
        copy.asking = False
        copy.next_try = now + copy.wait
        copy.wait = min(copy.wait * 2, _LONGEST_WAIT)

    def failed(self, scheme: str, reason: str, now: float, utc: float, patience: float) -> bool:
        """It could not be had. Whether that has lasted for the host's patience: it blocks then."""
        copy = self._copies[scheme]
        self.dropped(scheme, now)
        copy.failing_since = min(copy.failing_since, utc)
        if utc < copy.failing_since + patience:
            return False
        why = f"robots.txt cannot be had since {utc_iso(copy.failing_since)}: {reason}"
        copy.refusal = Verdict(Outcome.FAILED, ErrorType.BLOCKED, why)
        return True

    def answered(
        self,
        scheme: str,
        fresh: RobotsAnswer,
        rules: Robots | None,
        fault: FaultKind | None,
        refusal: Verdict,
    ) -> bool:
        """Take an answer and its rules in; False where they are unknown.

        `fault`: where there was no answer; `refusal`: what becomes of pages where there never will be one.
        """
        copy = self._copies[scheme]
        stored = self._answers.get(scheme)
        if fresh.known:
            self._answers[scheme] = fresh
            copy.robots = rules
        elif stored and stored.serves(fresh.fetched_at):
            copy.robots = stored.rules()
            self.fleeting = True
        elif fault in _FOR_GOOD:
            copy.refusal = refusal
        else:
            return False
        copy.asking, copy.failing_since = False, math.inf
        self._asked = ("", True)
        return True

    def age(self, scheme: str, utc: float) -> float | None:
        """How old the rules of a scheme are, in seconds; None while there are none."""
        copy, answer = self._copies.get(scheme), self._answers.get(scheme)
        return utc - answer.fetched_at if copy and copy.robots and answer else None

    def to_json(self) -> str:
        """The answers, and what could not be had, for the store."""
        failing = {s: copy.failing_since for s, copy in self._copies.items() if copy.failing_since < math.inf}
        return to_json(self._answers, failing)


def _scheme(url: str) -> str:
    return url.partition(":")[0]
