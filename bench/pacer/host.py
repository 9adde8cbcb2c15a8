"""The pace of one host: finds its hidden limit, stays just under it, remembers it. docs/pace.md explains.

    GROW     each good answer adds 1/T requests/s, so the rate grows e-fold in T seconds: 5 while nothing
             is known, 40 after a first refusal, 300 once the limit was found; slower where many are in
             flight, for all of those can be refused at once
    REFUSED  a pause (Retry-After, or 2, 60, 600 s), then one canary; the rate goes to what the refusals
             show (`ledger`, `windows`), a little below; it holds for ten minutes, doubling
    RISK     no growth while the host was provoked too often of late (`violations`)
    CROWDED  refused with more in flight than ever admitted: a cap on connections, not a rate
    LATENCY  climbs: a queue is forming, the rate goes to what was delivered, and lets it drain
    NOISE    bare 5xx that come whatever the rate are let pass
    HEADERS  RateLimit headers that prove true are followed

Floors that nothing undercuts (crawl-delay, `max_rate`, Retry-After) live in `gate.Gate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import random as _random
from typing import Any

from bench.pacer.connections import Connections, Told
from bench.pacer.headers import Promise, promised_rate
from bench.pacer.latency import Latency
from bench.pacer.ledger import Refusals
from bench.pacer.memory import History, read
from bench.pacer.noise import Noise
from bench.pacer.violations import Violations
from bench.pacer.windows import LONG_WAIT, Windows
from canter.pace import Sample
from canter.pace.gate import Gate, asked_wait, is_refusal, reason_of

START_RATE = 1.5  # requests/s
UNKNOWN, REFUSED, FOUND = range(3)
GROWTH = (5.0, 40.0, 300.0)  # s in which the rate grows e-fold, by what is known
WINDOW_GROWTH, QUEUE_GROWTH, MOVED_GROWTH = 300.0, 100.0, 20.0  # s
CROWD, CROWD_GROWTH = 1.35, 100.0  # requests in flight from which growth is slower; s at most
LADDER = (2.0, 60.0, 600.0)  # s
RETRY_AFTER_MARGIN = 0.5  # s; clocks and queues differ
HOLD, LAST_HOLD = 600.0, 86_400.0  # s
WEAK, SURE = 12, 40  # requests between two refusals: a rough rate, a good one
MOVED = 0.15  # change of the logarithm of a limit that is more than error
QUEUE_HOLD, QUEUE_MEMORY, LONGEST_DRAIN = 30.0, 600.0, 10.0  # s
FORBIDDEN_LADDER = (60.0, 600.0)  # s
TROUBLE, LAST_TROUBLE_PAUSE = 3, 60.0
JUST_NOW = 10.0  # s
LONGEST_PAUSE = 86_400.0  # s; who asks for more is asked again after a day


class HostPace(Gate):
    """Finds a host's limit and stays under it; the module's docstring draws how."""

    _start_rate = START_RATE
    _memory_version = 2

    __slots__ = (
        "_changed_at", "_connections", "_failed", "_flights", "_forbidden", "_history", "_hold",
        "_hold_until", "_latency", "_most", "_noise", "_own_403", "_promise", "_proven", "_queued_until",
        "_reacted_at", "_refusals", "_rung", "_sent", "_stage", "_target", "_top", "_trouble", "_used",
        "_violations", "_warm", "_well", "_windows",
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
        self._connections = Connections(max_in_flight)
        self._latency = Latency()
        self._noise = Noise()
        self._promise = Promise()
        self._violations = Violations()
        self._windows = Windows()
        self._history = History()
        self._refusals: Refusals | None = None
        self._flights: list[tuple[float, int]] = []  # sent at, others in flight then
        self._stage = UNKNOWN
        self._rung = self._trouble = self._sent = self._forbidden = 0
        self._failed = math.inf  # the rate that the last refusal spoke for
        self._proven = self._top = 0.0  # rates that were borne for long: with a burst taken off, and without
        self._target: float | None = None  # a rate that held in an earlier run
        self._hold = HOLD
        self._hold_until = self._reacted_at = self._changed_at = self._queued_until = -math.inf
        self._used = self._well = self._own_403 = self._warm = False
        super().__init__(max_in_flight, max_rate, memory, clock_offset, random)

    def on_send(self, now: float) -> None:
        """A request goes out now; its permit ends with `on_response` or `on_drop`."""
        self._used = now <= self._next + 0.5 * self._interval + 0.005
        self._flights.append((now, self.in_flight))
        if self._refusals is None:
            self._refusals = Refusals(now)
            if self._warm:
                self._hold_until = now + self._hold
        self._sent += 1
        super().on_send(now)

    def on_response(self, now: float, sample: Sample) -> None:
        """The answer to a request: its permit ends, and the rate learns from it."""
        others = self._others(sample.sent_at)
        self._end(now)
        status = sample.status
        if is_refusal(sample):
            self._on_refusal(now, sample, others)
        elif status is None or status >= 500 or status in (408, 425):
            self._on_trouble(now, sample)
        elif status == 403 and self._is_ban():
            self._on_forbidden(now)
        else:
            self._on_good(now, sample, others)

    def on_drop(self, now: float) -> None:
        """A request was cancelled: its permit ends without an answer."""
        super().on_drop(now)
        if not self.in_flight:
            self._flights.clear()

    def _others(self, sent_at: float) -> int:
        """How many others were in flight when the request that was sent then went out."""
        flights = self._flights
        for index, (at, others) in enumerate(flights):
            if at >= sent_at - 0.001:
                del flights[index]
                return others
        return flights.pop()[1] if flights else 0

    # ---- good answers

    def _on_good(self, now: float, sample: Sample, others: int) -> None:
        self._trouble = 0
        if sample.status != 403:
            self._well = True
        sent_at = sample.sent_at
        if self._refusals and sent_at >= self._refusals.ledger.start:
            self._refusals.ledger.add(sent_at)
        self._connections.admitted(others)
        self._noise.passed()
        if sent_at <= self._reacted_at:
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
        self._windows.found |= self._rung > 1 and not self._forbidden
        if self._forbidden == 1:  # a ban lasts longer: the page itself is forbidden
            self._own_403 = True
            self._set_rate(2.0 * self.rate)
        self._rung = self._forbidden = 0
        self.pause_reason = None
        self._violations.survived(now)
        self._latency.reset(now)

    def _grow(self, now: float) -> None:
        if not self._used:
            if self._connections.cap < self._connections.most and self._may_risk(now):
                self._connections.raised(now)
                self._max_in_flight = self._connections.cap
            return
        rate = self.rate
        if rate >= self._ceiling or rate * self._floor >= 1.0:
            return
        if self._target is not None:
            self._set_rate(min(self._target, rate + 1.0 / MOVED_GROWTH))
            if self.rate >= self._target:
                self._target = None
        elif now >= self._hold_until and self._may_risk(now):
            self._set_rate(rate + 1.0 / self._span(now))
        else:
            return
        self._changed_at = now

    def _may_risk(self, now: float) -> bool:
        return self._violations.may_risk(now, self._sent, unsure=self._stage == REFUSED)

    def _span(self, now: float) -> float:
        """Seconds in which the rate may grow e-fold."""
        span = WINDOW_GROWTH if self._windows.found else GROWTH[self._stage]
        if now < self._queued_until:
            span = max(span, QUEUE_GROWTH)
        if self.rate > (1.0 + MOVED) * self._failed:  # outlived
            span = MOVED_GROWTH
        crowd = self.rate * self._latency.usual
        if crowd > CROWD:
            span = max(span, min(CROWD_GROWTH, GROWTH[UNKNOWN] * (crowd / CROWD) ** 2))
        return span

    def _follow(self, now: float, headers: Mapping[str, str]) -> bool:
        """Whether RateLimit headers set the rate."""
        said = self._promise.heard(headers, now + self._offset)
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
        rate, least = self.rate, 0.75 if self._stage == UNKNOWN else 0.88
        self._failed = rate
        self._target = None
        self._stage = max(self._stage, REFUSED)
        self._queued_until = now + QUEUE_MEMORY
        self._hold_until = max(self._hold_until, now + QUEUE_HOLD)
        self._reacted_at = now
        self._next = max(self._next, now + min(latency - self._latency.usual, LONGEST_DRAIN))
        self._set_rate(max(least * rate, min(0.93 * rate, 0.97 * self._latency.delivered(now))))
        self._latency.reset(now)

    # ---- refusals

    def _on_refusal(self, now: float, sample: Sample, others: int) -> None:
        self.rejections += 1
        wait, reason = asked_wait(sample), reason_of(sample)
        if sample.sent_at <= self._reacted_at:  # of a round trip that was reacted to already
            self._violations.add(now)
            if wait:
                self._pause(now, wait + RETRY_AFTER_MARGIN, reason)
            return
        odd = False
        if wait is None and sample.status != 429:
            if not self._canary and self._noise.ignores():
                return
            odd = not self._canary and self.rate <= self._proven and self._is_odd()
            if odd and self._noise.share:
                return
        elif self._noise.told() and self._refusals:
            self._refusals.forget()
            self._start_over()
        self._violations.add(now)
        pause = 0.0 if wait is None else wait + RETRY_AFTER_MARGIN
        if self._canary or wait is None:
            pause = max(pause, LADDER[min(max(self._rung, self._windows.found), 2)])
        if self._canary:
            self._react(now, pause, reason)
            self._on_refused_again(now)
        else:
            if not odd:
                self._lower(now, sample, others, pause)
            self._react(now, pause, reason)

    def _is_odd(self) -> bool:
        """Whether a bare 5xx is likely none of a limit."""
        assert self._refusals is not None
        if not self._noise.odd(self._refusals.ledger.total()):
            self._proven = 0.0
            return False
        if self._noise.share:
            self._start_over()
            self._stage = REFUSED
            self._failed = math.inf
            self._hold_until = -math.inf
        return True

    def _start_over(self) -> None:
        """What was taken for refusals were none."""
        self._violations.forgive()
        self._stage = UNKNOWN

    def _react(self, now: float, pause: float, reason: str) -> None:
        self._reacted_at = now
        self._rung += 1
        self._canary = True
        self._pause(now, pause, reason)

    def _on_refused_again(self, now: float) -> None:
        """A canary was refused: a window, or a limit so low that the pause was too short."""
        self._connections.canary_refused()
        self._max_in_flight = self._connections.cap
        if self._rung == 2:
            self._set_rate(min(self.rate, self._windows.guess()))
            self._stage = REFUSED
            self._hold_until = now + LADDER[1]
        elif self._rung > 2:
            self._set_rate(self.rate / 2)
        self._changed_at = now

    def _lower(self, now: float, sample: Sample, others: int, pause: float) -> None:
        """Choose the next rate by what the refusal shows."""
        at, rate = sample.sent_at, self.rate
        assert self._refusals is not None
        ledger = self._refusals.ledger
        self._target = None
        self._promise.broken(self.in_flight)
        self._windows.refused(ledger, at)
        if not asked_wait(sample):
            told = self._connections.refused(now, others)
            self._max_in_flight = self._connections.cap
            if told is Told.CAP:
                self._set_rate(0.9 * rate)
                return
        started = ledger.start
        found, number, margin = self._find(now, sample)
        if number >= SURE and at - started >= 30.0:
            self._proven = max(self._proven, number / (at - started + 60.0))
            if at - started >= 60.0:
                self._top = max(self._top, number / (at - started))
        if found < 0.5 * self._proven:
            found = self._proven = 0.5 * self._proven
        self._settle(now + pause, found, number, margin)

    def _find(self, now: float, sample: Sample) -> tuple[float, int, float]:
        """The rate that the refusals show, on how many requests, and the share of it to use."""
        at, rate, windows = sample.sent_at, self.rate, self._windows
        assert self._refusals is not None
        ledger, wait = self._refusals.ledger, asked_wait(sample) or 0.0
        found, number = self._refusals.refused(at, rate)
        margin = 0.988 - min(0.1, 0.5 / max(number, 1))
        if wait >= LONG_WAIT or (wait and windows.size):
            self._stage = max(self._stage, REFUSED)
            return max(windows.announced(ledger, at, now, wait), 0.02 * rate), SURE, 0.975
        if windows.found:
            return windows.rate(rate), number, 0.93 if self._hold <= HOLD else 0.85
        return max(found, 0.02 * rate), number, margin

    def _settle(self, now: float, found: float, number: int, margin: float) -> None:
        """Hold just below the rate that was found, from `now` on."""
        rate = self.rate
        moved = self._stage == FOUND and abs(math.log(found / self._failed)) > MOVED
        self._failed = found
        if self._stage == UNKNOWN:
            self._stage = REFUSED
            self._hold_until = now
            self._set_rate(min(found, 0.95 * rate))
        else:
            again = self._stage == FOUND
            self._hold = HOLD / 4 if moved else min(max(HOLD, 2 * self._hold), LAST_HOLD) if again else HOLD
            self._stage = FOUND if number >= WEAK else REFUSED
            self._hold_until = now + (self._hold if number >= WEAK else HOLD / 2)
            self._set_rate(margin * min(found, rate))
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
            self._hold_until = max(self._hold_until, now + pause + HOLD)

    def _on_trouble(self, now: float, sample: Sample) -> None:
        self._trouble += 1
        if self._canary or self._trouble >= TROUBLE:
            pause = min(2.0 ** min(self._rung + 1, 10), LAST_TROUBLE_PAUSE)
            rung = self._rung
            self._react(now, pause, f"{reason_of(sample)}, {self._trouble} in a row")
            self._rung = rung + 1

    # ---- memory and clock

    def memory(self, now: float) -> dict[str, Any]:
        """What a later run may start from, JSON-able; rates are requests/s, times UTC seconds."""
        rate = self.rate
        if now - self._changed_at < JUST_NOW and rate < self._ceiling:  # not borne out yet
            rate *= (0.6, 0.9, 0.97)[self._stage]
        if self._well:
            self._history.note(now + self._offset, rate, self._top)
        return super().memory(now) | {
            "rate": rate if self._well else None,
            "failed": None if math.isinf(self._failed) else self._failed,
            "rejections": self.rejections,
            "stage": self._stage,
            "hold": self._hold,
            "borne": self._violations.borne,
            "cap": self._max_in_flight if self._max_in_flight < self._most else None,
            "noise": self._noise.share,
            "window": self._windows.size,
            "slow": self._windows.found,
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
        self._history = History(learned.hours)
        rate, top = self._history.expected(max(at, self._offset)) or (learned.rate, 0.0)
        self._canary = self._well = True
        self._failed = learned.failed
        self._stage, self._hold, self._warm = learned.stage, learned.hold, learned.stage > UNKNOWN
        self._connections.recall(learned.cap or self._most)
        self._max_in_flight = self._connections.cap
        self._noise.share = learned.noise
        self._windows.size, self._windows.found = learned.window, learned.slow
        self._violations.borne = learned.borne
        self._target = 0.98 * top if top > 1.25 * rate else None
        self._set_rate(rate)

    def _pause(self, now: float, seconds: float, reason: str) -> None:
        if seconds > LONGEST_PAUSE:
            seconds, reason = LONGEST_PAUSE, f"{reason}, capped at a day"
        super()._pause(now, seconds, reason)

    def _shift(self, seconds: float) -> None:
        super()._shift(seconds)
        for name in ("_hold_until", "_reacted_at", "_changed_at", "_queued_until"):
            setattr(self, name, getattr(self, name) + seconds)
        self._flights = [(at + seconds, others) for at, others in self._flights]
        for part in (self._connections, self._latency, self._violations, self._refusals):
            if part is not None:
                part.shift(seconds)
