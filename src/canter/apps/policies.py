"""How the local market's shops treat their visitors. Pure: time is an argument, chance a hash."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b


def chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    digest = blake2b("\0".join(map(str, parts)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


class TokenBucket:
    """A limit of `rate` requests/s on average, with at most `burst` at once. Time is seconds, any origin."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, now: float) -> float:
        """0.0 and a token gone, or the seconds until there is one."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1.0 - 1e-9:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


class Failure(StrEnum):
    """What a failing shop does instead of answering."""

    ERROR = "500"
    BAD_GATEWAY = "502"
    CUT = "cut"  # half a body, then the connection closes


def failure(share: float, seed: int, path: str, day: int, attempt: int) -> Failure | None:
    """How the shop fails the `attempt`-th request (from 1) for `path` on a day; None: it answers.

    Every page that fails does so on its first one or two requests of the day, so that retries help;
    `share` of all requests fail when each page is asked for until it answers.
    """
    twice = 0.2
    pages = share / (1 - share) / (1 + twice)
    luck = chance(seed, "fails", path, day)
    if luck >= pages or attempt > (2 if luck < pages * twice else 1):
        return None
    kinds = list(Failure)
    return kinds[int(chance(seed, "how", path, day, attempt) * len(kinds))]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a shop does not tell its visitors. Rates in requests/s, delays in seconds, shares from 0 to 1."""

    rate: float | None = None
    burst: float = 4.0
    reject: int = 429
    retry_after: bool = False
    failures: float = 0.0
    latency: tuple[float, float] = (0.0, 0.0)
    crawl_delay: float | None = None
    closed: float = 0.0  # share of products in a section that robots.txt closes
    gone: float = 0.0
    moved: float = 0.0

    @property
    def sustainable(self) -> float | None:
        """The highest rate that the shop bears for long; None where it sets no limit."""
        delay = 1 / self.crawl_delay if self.crawl_delay else math.inf
        lowest = min(self.rate or math.inf, delay)
        return None if math.isinf(lowest) else lowest

    def describe(self) -> str:
        """The policy in a few words."""
        parts = []
        if self.rate:
            hint = "with Retry-After" if self.retry_after else "no Retry-After"
            parts.append(f"{self.rate:g}/s, {self.reject} {hint}")
        if self.crawl_delay:
            parts.append(f"crawl-delay {self.crawl_delay:g} s")
        if self.closed:
            parts.append("a section closed by robots.txt")
        if self.failures:
            parts.append(f"{self.failures:.0%} transient failures")
        if self.latency[1]:
            parts.append(f"answers in {self.latency[0] * 1000:.0f}-{self.latency[1] * 1000:.0f} ms")
        return ", ".join(parts) or "no limit"

    def delay(self, seed: int, path: str, day: int) -> float:
        """Seconds that the answer for `path` takes on a day."""
        low, high = self.latency
        return low + (high - low) * chance(seed, "slow", path, day)
