"""The pace of one host: finds its hidden limit, stays just under it, remembers it. docs/pace.md explains.

    GROW     each good answer adds 1/T requests/s, so the rate grows e-fold in T seconds: 5 while nothing
             is known, 40 after a first refusal, 300 once the limit was found; slower where many are in
             flight, for all of those can be refused at once (`search`)
    REFUSED  a pause (Retry-After, or 2, 60, 600 s), then one canary; the rate goes to what the refusals
             show (`ledger`, `windows`), a little below; it holds for ten minutes, doubling
    RISK     no growth while the host was provoked too often of late (`violations`)
    CROWDED  refused with more in flight than ever admitted: a cap on connections, not a rate
    LATENCY  climbs: a queue is forming, the rate goes to what was delivered, and lets it drain
    NOISE    bare 5xx that come whatever the rate are let pass (`noise`)
    DOWN     bare 5xx for over a minute, canaries too: asked once a minute; what was known still holds
    HEADERS  RateLimit headers that prove true are followed (`promise`)

Floors that nothing undercuts (crawl-delay, `max_rate`, Retry-After) live in `gate.Gate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import random as _random
from typing import Any, NamedTuple

from canter.pace.connections import Connections, Told
from canter.pace.gate import Gate, Sample, asked_wait, is_bare, is_refusal, reason_of
from canter.pace.latency import Latency
from canter.pace.memory import History, read
from canter.pace.noise import Load, Noise
from canter.pace.promise import Promise, promised_rate
from canter.pace.search import FOUND, HOLD, MOVED_GROWTH, REFUSED, SURE, UNKNOWN, Search, State
from canter.pace.violations import Violations

START_RATE = 1.5  # requests/s
LADDER = (2.0, 60.0, 600.0)  # s
DOWN_LADDER = (2.0, 15.0, 60.0)  # s; a canary is cheap, and a host that is down does not limit
DOWN = 4  # bare 5xx in a row: longer than any minute's window
FORBIDDEN_LADDER = (60.0, 600.0)  # s
TROUBLE, LAST_TROUBLE_PAUSE = 3, 60.0
RETRY_AFTER_MARGIN = 0.5  # s; clocks and queues differ
LONGEST_DRAIN = 10.0  # s
LONGEST_PAUSE = 86_400.0  # s; who asks for more is asked again after a day
KNOWN = 8  # requests after which there is something to remember
JUST_NOW = 10.0  # s
CLOSE = 1.25  # times a rate that held: what failed there is its limit, and not another
SPARE = 5.0  # times what a cap lets through: it, not the spacing, decides then when a request goes
TARGET_STEP = 1.0 / MOVED_GROWTH  # requests/s


class Flight(NamedTuple):
    """A request that is out, or was dropped: what it met when it went."""

    sent_at: float
    others: int  # in flight then
    load: Load


LOST = Flight(-math.inf, 0, (math.inf, math.inf, math.inf))


class HostPace(Gate):
    """Finds a host's limit and stays under it; the module's docstring draws how."""

    _start_rate = START_RATE

    __slots__ = (
        "_before", "_changed_at", "_connections", "_flights", "_forbidden", "_history", "_latency", "_most",
        "_noise", "_own_403", "_promise", "_reacted_at", "_recalled", "_rung", "_search", "_sent", "_target",
        "_trouble", "_used", "_violations", "_warm", "_well",
    )  # fmt: skip

    def __init__(
        self,
        max_in_flight: int = 64,
        max_rate: float | None = None,
        memory: Mapping[str, Any] | None = None,
        clock_offset: float = 0.0,
        random: Callable[[], float] = _random,
    ) -> None:
        self._most = max_in_flight
        self._search = Search()
        self._connections = Connections(max_in_flight)
        self._latency = Latency()
        self._noise = Noise()
        self._promise = Promise()
        self._violations = Violations()
        self._history = History()
        self._flights: list[Flight] = []
        self._before: State | None = None  # what was known before a row of bare 5xx
        self._rung = self._trouble = self._sent = self._forbidden = 0
        self._target: float | None = None  # a rate that held in an earlier run
        self._reacted_at = self._changed_at = -math.inf
        self._used = self._well = self._own_403 = self._warm = self._recalled = False
        super().__init__(max_in_flight, max_rate, memory, clock_offset, random)

    def on_send(self, now: float) -> None:
        """A request goes out now; its permit ends with `on_response` or `on_drop`."""
        self._used = now <= self._next + 0.5 * self._interval + 0.005
        self._flights.append(Flight(now, self.in_flight, self._noise.sent(now)))
        if self._search.refusals is None:
            self._connections.start(now)
            if self._warm:
                self._search.hold_until = now + self._search.hold
        self._search.sent(now)
        self._sent += 1
        super().on_send(now)

    def on_response(self, now: float, sample: Sample) -> None:
        """The answer to a request: its permit ends, and the rate learns from it."""
        flight = self._flight(sample.sent_at)
        self._end(now)
        status = sample.status
        if is_refusal(sample):
            self._on_refusal(now, sample, flight)
        elif status is None or status >= 500 or status in (408, 425):
            self._on_trouble(now, sample)
        elif status == 403 and self._is_ban():
            self._on_forbidden(now)
        else:
            self._on_good(now, sample, flight)

    def on_drop(self, now: float) -> None:
        """A request was cancelled: its permit ends without an answer."""
        super().on_drop(now)
        if not self.in_flight:
            self._flights.clear()

    def _flight(self, sent_at: float) -> Flight:
        """The request that was sent then."""
        flights = self._flights
        for index, flight in enumerate(flights):
            if flight.sent_at >= sent_at - 0.001:
                del flights[index]
                return flight
        return flights.pop() if flights else LOST

    # ---- good answers

    def _on_good(self, now: float, sample: Sample, flight: Flight) -> None:
        self._trouble = 0
        if sample.status != 403:
            self._well = True
        self._search.admitted(sample.sent_at)
        self._connections.admitted(flight.others)
        if flight is not LOST:
            self._noise.passed(flight.load)
        if sample.sent_at <= self._reacted_at:
            return
        if self._canary:
            self._end_pause(now)
        elif sample.headers and self._follow(now, sample.headers):
            return
        elif self._latency.climbs(now, sample.latency):
            self._on_climb(now, sample.latency)
        else:
            self._grow(now)

    def _end_pause(self, now: float) -> None:
        """The canary came back well."""
        self._canary = False
        if self._before and self._rung >= DOWN:
            self._violations.forgive()
            self._search.go_back(self._before)
            self._set_rate(self._before.rate)
        elif self._rung > 1 and not self._forbidden and not self._before:
            self._search.windows.found = True
        if self._forbidden == 1:  # a ban lasts longer: the page itself is forbidden
            self._own_403 = True
            self._set_rate(2.0 * self.rate)
        self._rung = self._forbidden = 0
        self._before = None
        self.pause_reason = None
        self._violations.survived(now)
        self._latency.reset(now)

    def _grow(self, now: float) -> None:
        if not self._used:
            if self._connections.cap < self._connections.most and self._may_risk(now):
                self._connections.raised(now)
                self._max_in_flight = self._connections.cap
            return
        rate, search = self.rate, self._search
        if rate >= self._ceiling or rate * self._floor >= 1.0 or rate >= SPARE * self._deliverable():
            return
        if self._target is not None:
            self._set_rate(min(self._target, rate + TARGET_STEP))
            if self.rate >= self._target:
                self._target = None
        elif now >= search.hold_until and self._may_risk(now):
            self._set_rate(rate + 1.0 / search.span(now, rate, self._latency.usual))
        else:
            return
        self._changed_at = now

    def _deliverable(self) -> float:
        """Requests/s that so many in flight come to (Little, 1961); inf while no answer was timed."""
        usual = self._latency.usual
        return self._max_in_flight / usual if usual > 0.0 else math.inf

    def _may_risk(self, now: float) -> bool:
        return self._violations.may_risk(now, self._sent, unsure=self._search.stage == REFUSED)

    def _follow(self, now: float, headers: Mapping[str, str]) -> bool:
        """Whether RateLimit headers set the rate."""
        said = self._promise.heard(headers, now + self._offset, self.in_flight)
        if said is None:
            return False
        rate = promised_rate(*said, self.in_flight)
        if rate:
            self._set_rate(min(rate, 1.15 * self.rate + 0.05))
            self._changed_at = now
        else:
            self._pause(now, said[1] + RETRY_AFTER_MARGIN, "RateLimit: nothing remains")
        return True

    def _on_climb(self, now: float, latency: float) -> None:
        """A queue is forming at the host: slow down to what it delivers, and let it drain."""
        self._target = None
        self._reacted_at = now
        self._next = max(self._next, now + min(latency - self._latency.usual, LONGEST_DRAIN))
        self._set_rate(self._search.climbed(now, self.rate, self._latency.delivered(now)))
        self._latency.reset(now)

    # ---- refusals

    def _on_refusal(self, now: float, sample: Sample, flight: Flight) -> None:
        self.rejections += 1
        wait, reason = asked_wait(sample), reason_of(sample)
        if sample.sent_at <= self._reacted_at:  # of a round trip that was reacted to already
            self._violations.add(now)
            if wait:
                self._pause(now, wait + RETRY_AFTER_MARGIN, reason)
            return
        bare = is_bare(sample)
        if not bare and self._noise.told():
            self._start_over(UNKNOWN)
        if self._canary:
            self._on_canary_refused(now, wait, reason, bare=bare)
            return
        if bare and self._noise.ignores():
            self._on_noise(now, reason)
            return
        odd = bare and self._is_odd(now, flight)
        if odd and self._noise.share:
            return
        self._violations.add(now)
        if wait is None and not bare:
            self._search.counted()
        pause = LADDER[self._search.windows.found] if wait is None else wait + RETRY_AFTER_MARGIN
        self._before = self._search.state(self.rate) if bare else None
        if not odd:
            self._lower(now, sample, flight, pause)
        self._react(now, pause, reason)

    def _on_noise(self, now: float, reason: str) -> None:
        """One more failure that has nothing to do with the rate, unless there are too many."""
        self._trouble += 1
        if self._noise.swells(self._trouble):
            self._before = self._search.state(self.rate)
            self._violations.add(now)
            self._set_rate(self._search.fell(now, self.rate))
            self._react(now, LADDER[0], reason)

    def _on_canary_refused(self, now: float, wait: float | None, reason: str, *, bare: bool) -> None:
        """The pause was too short, or the host is down."""
        self._violations.add(now)
        if not bare:
            self._before = None
        ladder = DOWN_LADDER if self._before else LADDER
        pause = ladder[min(self._rung, 2)]
        if wait is not None:
            pause = max(wait + RETRY_AFTER_MARGIN, min(pause, LAST_TROUBLE_PAUSE))
        self._connections.canary_refused()
        self._max_in_flight = self._connections.cap
        if self._before is None or self._rung == 1:
            self._set_rate(self._search.canary_refused(now, self.rate, self._rung, bare=bare))
            self._changed_at = now
        self._react(now, pause, reason)

    def _is_odd(self, now: float, flight: Flight) -> bool:
        """Whether a bare 5xx is likely none of a limit."""
        if not self._noise.odd(flight.load, surely=self._search.below(now, self.rate)):
            return False
        if self._noise.share:
            self._set_rate(max(self.rate, self._search.proven, 0.9 * self._search.tried))
            self._start_over(REFUSED)
        return True

    def _start_over(self, stage: int) -> None:
        """What was taken for refusals were none."""
        self._violations.forgive()
        self._search.start_over(stage)

    def _react(self, now: float, pause: float, reason: str) -> None:
        self._reacted_at = now
        self._rung += 1
        self._canary = True
        self._pause(now, pause, reason)

    def _lower(self, now: float, sample: Sample, flight: Flight, pause: float) -> None:
        """Choose the next rate by what the refusal shows."""
        self._target = None
        self._promise.broken(self.in_flight)
        told = Told.NOTHING
        if not asked_wait(sample):
            told = self._connections.refused(now, flight.others)
            self._max_in_flight = self._connections.cap
        if told is Told.CAP:
            self._set_rate(0.9 * self.rate)
        else:
            self._set_rate(self._search.refused(now, sample, self.rate, pause))
            self._changed_at = now

    # ---- bans and trouble

    def _is_ban(self) -> bool:
        """Whether a 403 speaks of the visitor, not of the page."""
        if not self._own_403:
            return self._well
        self._trouble += 1
        return self._trouble >= TROUBLE

    def _on_forbidden(self, now: float) -> None:
        again = self._canary
        pause = FORBIDDEN_LADDER[min(self._forbidden, 1)]
        self._forbidden += 1
        self._react(now, pause, "403 again" if again else "403 after good answers")
        if not again:
            self._set_rate(self.rate / 2)
            self._search.hold_until = max(self._search.hold_until, now + pause + HOLD)

    def _on_trouble(self, now: float, sample: Sample) -> None:
        self._trouble += 1
        if self._canary or self._trouble >= TROUBLE:
            if not self._canary:
                self._before = self._search.state(self.rate)
            pause = min(2.0 ** min(self._rung + 1, 10), LAST_TROUBLE_PAUSE)
            self._react(now, pause, f"{reason_of(sample)}, {self._trouble} in a row")

    # ---- memory and clock

    def memory(self, now: float) -> dict[str, Any]:
        """What a later run may start from, JSON-able; rates are requests/s, times UTC seconds."""
        rate, search = self.rate, self._search
        if now - self._changed_at < JUST_NOW and rate < self._ceiling:  # not borne out yet
            rate *= max(0.6, 1.0 - JUST_NOW / search.span(now, rate, self._latency.usual))
        rate = min(rate, self._deliverable())
        known = self._well and (self._recalled or self._sent >= KNOWN)
        if known:
            self._history.note(now + self._offset, rate, search.top)
        return super().memory(now) | {
            "rate": rate if known else None,
            "failed": None if math.isinf(search.failed) else search.failed,
            "rejections": self.rejections,
            "held": not self.rejections and self._sent >= SURE,
            "stage": search.stage,
            "hold": search.hold,
            "borne": self._violations.borne,
            "cap": self._max_in_flight if self._max_in_flight < self._most else None,
            "cap_hold": self._connections.hold,
            "noise": self._noise.share,
            "window": search.windows.size,
            "slow": search.windows.found,
            "hours": self._history.rows(),
        }

    def _recall(self, memory: Mapping[str, Any]) -> None:
        super()._recall(memory)
        if self.warning:
            return
        self._canary = self.pause_reason is not None
        try:
            learned = read(memory)
            at = float(memory["at"])
        except (KeyError, TypeError, ValueError, OverflowError):
            self.warning = "the pace memory cannot be read: starting afresh"
            return
        if learned is None:
            return
        search = self._search
        self._history = History(learned.hours)
        rate, top = self._history.expected(max(at, self._offset)) or (learned.rate, 0.0)
        self._canary = self._well = self._recalled = True
        self._warm = learned.stage > UNKNOWN
        search.failed, search.stage, search.hold = learned.failed, learned.stage, learned.hold
        search.windows.size, search.windows.found = learned.window, learned.slow
        self._connections.recall(learned.cap or self._most, learned.cap_hold)
        self._max_in_flight = self._connections.cap
        self._noise.recall(learned.noise)
        self._violations.borne = learned.borne
        self._target = 0.98 * top if top > 1.25 * rate else SPARE * rate if learned.cap else None
        if learned.held and search.stage == FOUND and rate < search.failed < CLOSE * rate:
            rate = (rate + search.failed) / 2
        self._set_rate(rate)

    def _pause(self, now: float, seconds: float, reason: str) -> None:
        if seconds > LONGEST_PAUSE:
            seconds, reason = LONGEST_PAUSE, f"{reason}, capped at a day"
        super()._pause(now, seconds, reason)

    def _shift(self, seconds: float) -> None:
        super()._shift(seconds)
        self._reacted_at += seconds
        self._changed_at += seconds
        self._flights = [flight._replace(sent_at=flight.sent_at + seconds) for flight in self._flights]
        for part in (self._search, self._connections, self._latency, self._noise, self._violations):
            part.shift(seconds)
