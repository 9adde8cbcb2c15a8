"""The search for a host's limit: what its refusals showed, when more may be tried, and how fast.

UNKNOWN   nothing was refused yet
REFUSED   one refusal, or few requests between two: a rough idea
FOUND     two refusals with enough between them: the limit within some per cent
"""

from __future__ import annotations

import math
from typing import NamedTuple

from canter.pace.gate import Sample, asked_wait, is_bare
from canter.pace.ledger import Ledger, Refusals
from canter.pace.windows import FEW, LONG_WAIT, MINUTE, SLOW, Windows

UNKNOWN, REFUSED, FOUND = range(3)
GROWTH = (5.0, 40.0, 300.0)  # s in which the rate grows e-fold, by what is known
WINDOW_GROWTH = (300.0, 300.0, 1_200.0)  # s, the same: a minute's count tells more the slower it grew
QUEUE_GROWTH, MOVED_GROWTH = 100.0, 20.0  # s
CROWD, CROWD_GROWTH = 1.35, 100.0  # requests in flight from which growth is slower; s at most
HOLD, LAST_HOLD = 600.0, 86_400.0  # s
WEAK, SURE = 12, 40  # requests between two refusals: a rough rate, a good one
LEAST_LEFT = 0.7  # share of a rate that remains after a refusal that speaks on fewer than `WEAK` requests
LONG_ENOUGH = 30.0  # s between two refusals, for a good one
MOVED = 0.15  # change of the logarithm of a limit that is more than error
OUTLIVED = 1.3  # times what failed; on the way there more was sent above it than any burst (15 s of it)
QUEUE_HOLD, QUEUE_MEMORY = 30.0, 600.0  # s
UNLUCKY = 0.9  # share of a rate that was borne until one request was refused soon after another
FEWEST = 4  # requests; after fewer a first refusal says only that this was too fast
IN_A_ROW = 2  # refusals that followed one another so closely: pauses of seconds are too short
IDLE = 120.0  # s without a request, after which nothing is known of what a limit has counted
PROOFS = (60.0, 300.0)  # s
APART, APART_SECONDS = 10, 5.0  # requests and s between refusals that are none of a limit
BELOW = 0.97  # share of what was borne for long: who refuses there does not limit
BURSTS = (15.0, 60.0)  # s of its rate that a bucket, a window may let through at once


class State(NamedTuple):
    """What a search may go back to when a refusal turns out to have been none. Rates are requests/s."""

    rate: float
    failed: float
    stage: int
    hold: float
    hold_until: float


class Search:
    """`failed`: requests/s that the last refusal spoke for; `hold_until`: nothing more is tried before."""

    __slots__ = (
        "_borne",
        "_queued_until",
        "_row",
        "_sent_at",
        "failed",
        "hold",
        "hold_until",
        "proven",
        "refusals",
        "stage",
        "swelled",
        "top",
        "tried",
        "windows",
    )  # fmt: skip

    def __init__(self) -> None:
        self.windows = Windows()
        self.refusals: Refusals | None = None
        self.stage = UNKNOWN
        self.failed = math.inf
        self.tried = 0.0  # the rate at the first refusal
        self.proven = self.top = 0.0  # rates that were borne for long: with a burst taken off, and without
        self.swelled = False  # `failed` is where noise became too much
        self._row = 0  # refusals with hardly any requests between
        self._borne = False  # the rate before the last refusal was, by many requests
        self.hold = HOLD
        self.hold_until = self._queued_until = self._sent_at = -math.inf

    def sent(self, now: float) -> None:
        """A request goes out."""
        if self.refusals is None or now - self._sent_at > IDLE:
            self.refusals = Refusals(now)
        self._sent_at = now

    def admitted(self, sent_at: float) -> None:
        """It was answered well."""
        if self.refusals and sent_at >= self.refusals.ledger.start:
            self.refusals.ledger.add(sent_at)

    def state(self, rate: float) -> State:
        """Where the search stands."""
        return State(rate, self.failed, self.stage, self.hold, self.hold_until)

    def go_back(self, state: State) -> None:
        """The refusals since were none of a limit."""
        _, self.failed, self.stage, self.hold, self.hold_until = state
        if self.refusals:
            self.refusals.forget()

    def start_over(self, stage: int) -> None:
        """What was taken for refusals were none; look for the limit again, at once."""
        if self.refusals:
            self.refusals.forget()
        if self.swelled:
            return
        self.stage = stage
        self.failed = math.inf
        self.hold_until = -math.inf

    def below(self, now: float, rate: float) -> bool:
        """Whether `rate` is below the limit by all that is known."""
        if self.refusals is None:
            return False
        ledger = self.refusals.ledger
        number = ledger.total()
        if self.stage == REFUSED and rate <= SLOW and number >= FEWEST:
            return True
        if rate > BELOW * self.proven:
            return False
        if number < APART or now - ledger.start < APART_SECONDS:  # at once again: the limit fell
            self.proven = 0.0
            return False
        return True

    def span(self, now: float, rate: float, usual_latency: float) -> float:
        """Seconds in which the rate may grow e-fold."""
        span = WINDOW_GROWTH[self.stage] if self.windows.found else GROWTH[self.stage]
        if now < self._queued_until:
            span = max(span, QUEUE_GROWTH)
        if rate > OUTLIVED * self.failed:
            span = MOVED_GROWTH
        crowd = rate * usual_latency
        if crowd > CROWD:
            span = max(span, min(CROWD_GROWTH, GROWTH[UNKNOWN] * (crowd / CROWD) ** 2))
        return span

    def climbed(self, now: float, rate: float, delivered: float) -> float:
        """Latency climbed at `rate`: the rate to use, not far above what was delivered."""
        least = 0.75 if self.stage == UNKNOWN else 0.88
        self.failed = rate
        self.stage = max(self.stage, REFUSED)
        self._queued_until = now + QUEUE_MEMORY
        self.hold_until = max(self.hold_until, now + QUEUE_HOLD)
        return max(least * rate, min(0.93 * rate, 0.97 * delivered))

    def canary_refused(self, now: float, rate: float, times: int, *, bare: bool) -> float:
        """A canary was refused too, `times` in all: a window, or a limit so low that the pause was short."""
        if bare:
            return max(rate / 2, min(rate, SLOW))
        if times > 1:
            return rate / 2
        if self.refusals and self.refusals.none:  # it was taken for one of too many at once
            self.windows.refused(self.refusals.ledger, now)
            self.refusals.refused(now, rate)
        self.stage = REFUSED
        self.hold_until = now + LONG_ENOUGH * 2
        return min(rate, self.windows.guess())

    def fell(self, now: float, rate: float) -> float:
        """Failures that were taken for noise became too many at `rate`: the rate to use."""
        if self.refusals:
            self._prove(self.refusals.ledger, now, BURSTS[0])
        if rate < 1.1 * self.proven:  # the limit is no longer what it was
            self.proven = 0.0
        self.hold = min(2 * self.hold, LAST_HOLD) if self.swelled else HOLD / 4
        self.swelled = True
        self.failed = rate
        self.stage = FOUND
        self.hold_until = now + self.hold
        self.refusals = Refusals(now)
        return max(rate / 2, self.proven)

    def counted(self) -> None:
        """A refusal came that names no time: the third after hardly any requests each is none of a bucket."""
        assert self.refusals is not None
        few = not self.refusals.none and self.refusals.ledger.total() < FEWEST
        self._row = self._row + 1 if few else 0
        if self._row >= IN_A_ROW:
            self.windows.found = True

    def refused(self, now: float, sample: Sample, rate: float, pause: float) -> float:
        """A request was refused at `rate`, a pause of so many seconds follows: the rate to use then."""
        refusals, at = self.refusals, sample.sent_at
        assert refusals is not None
        ledger, started, first = refusals.ledger, refusals.ledger.start, refusals.none
        found, number, margin = self._find(now, sample, rate)
        if number >= SURE and at - started >= LONG_ENOUGH:
            self._prove(ledger, at, BURSTS[not is_bare(sample)])
        if number < FEWEST and self._borne:  # once, for it may be chance: a request that came too early
            found, margin = rate, UNLUCKY
        elif found < 0.5 * self.proven:
            found, self.proven = 0.5 * self.proven, 0.0
        self._borne = number >= SURE
        known = self.stage == FOUND and self.failed < math.inf
        moved = known and abs(math.log(found / self.failed)) > MOVED
        self.failed = found
        if self.stage == UNKNOWN or (first and number < FEWEST):  # or what an earlier run found is no more
            self.stage = REFUSED
            self.hold_until = now + pause
            self.tried = rate
            return max(min(found, 0.95 * rate), rate / 3.0 if number < FEWEST else 0.0)
        if number < WEAK and is_bare(sample):
            found = max(found, min(rate, SLOW))
        if number < WEAK and not self.windows.found and (asked_wait(sample) or 0.0) < LONG_WAIT:
            found = max(found, LEAST_LEFT * rate)  # strangers, or chance, may be behind it
        again = self.stage == FOUND
        self.hold = HOLD / 4 if moved else min(max(HOLD, 2 * self.hold), LAST_HOLD) if again else HOLD
        self.stage = FOUND if number >= WEAK else REFUSED
        if self.stage == FOUND:
            self.tried = 0.0
        weak = HOLD / 10 if is_bare(sample) else HOLD / 2
        self.hold_until = now + pause + (self.hold if number >= WEAK else weak)
        return margin * min(found, rate)

    def _prove(self, ledger: Ledger, at: float, burst: float) -> None:
        """What was admitted up to `at`, less a burst, is what the host bears for long."""
        age = at - ledger.start
        for seconds in (age, *(span for span in PROOFS if span < age)):
            self.proven = max(self.proven, ledger.count(at - seconds, at) / (seconds + burst))
        if age >= 60.0:
            self.top = max(self.top, ledger.total() / age)

    def _find(self, now: float, sample: Sample, rate: float) -> tuple[float, int, float]:
        """The rate that the refusals show, on how many requests, and the share of it to use."""
        at, wait = sample.sent_at, asked_wait(sample) or 0.0
        assert self.refusals is not None
        ledger = self.refusals.ledger
        self.windows.refused(ledger, at)
        found, number = self.refusals.refused(at, rate, self.failed if self.stage == FOUND else math.inf)
        if wait >= LONG_WAIT and number < FEW and (sample.status != 429 or wait > MINUTE):
            return rate / 2, number, 1.0  # maintenance, more likely than a window of so few
        if wait > MINUTE and not self.windows.size:  # any size may be behind it; the next one tells
            return max(self.windows.announced(now, wait), rate / 10), number, 0.975
        if wait >= LONG_WAIT or (wait and self.windows.size):
            self.stage = max(self.stage, REFUSED)
            return max(self.windows.announced(now, wait), 0.02 * rate), SURE, 0.985
        if self.windows.found:
            return self.windows.rate(rate), number, 0.96
        return max(found, 0.02 * rate), number, 0.992 - min(0.1, 0.5 / max(number, 1))

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self.hold_until += seconds
        self._queued_until += seconds
        self._sent_at += seconds
        self.windows.forget()
        if self.refusals:
            self.refusals.shift(seconds)
