"""Random hosts by seed. Hosts of evaluation seeds are for the final table: nothing is tuned on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from canter.simulation.host import Bans, Host, Strangers
from canter.simulation.limits import ConnectionCap, FixedWindow, Limit, Queue, SlidingWindow, TokenBucket

TUNING, EVALUATION = 1_000, 900_000  # first seeds
DAY = 86_400.0
STEADY = ("bucket", "bucket 503", "queued bucket", "sliding", "window", "window wait", "window headers",
          "connections", "queue")  # fmt: skip
HARD = ("drops", "shared", "noisy")
BANNING = 0.25
SHARED_BURST = 3.0  # requests; with less, whoever shares a limit is refused at any rate
FASTEST = 60.0  # requests/s


def steady_host(seed: int, day: int = 0, kind: str | None = None) -> Host:
    """A host whose limit stays. Every `day` it is the same host; only chance differs."""
    shape = Random(f"host {seed}")
    name = kind or STEADY[seed % len(STEADY)]
    host = _KINDS[name](shape, Random(f"chance {seed} {day}"))
    host.kind = name
    if shape.random() < BANNING:
        status = shape.choice([403, 403, 429, None])
        host.bans = Bans(shape.choice([3, 4, 5, 10]), shape.choice([300.0, 600.0]), status)
        host.kind = f"{name}, bans"
    return host


def hard_host(seed: int, day: int = 0, seconds: float = 1_800.0, kind: str | None = None) -> Host:
    """A bucket whose limit drops in the middle, or is shared with strangers, or that fails at random."""
    shape, chance = Random(f"hard {seed}"), Random(f"hard chance {seed} {day}")
    name = kind or HARD[seed % len(HARD)]
    host = _KINDS[shape.choice(["bucket", "bucket 503"])](shape, chance)
    host.kind = name
    if name == "drops":
        middle = day * DAY + seconds / 2
        host.schedule = lambda now: 1.0 if now < middle else 1.0 / 3.0
    elif name == "shared":
        assert isinstance(host.limit, TokenBucket)
        host.limit.burst = max(host.limit.burst, SHARED_BURST)
        host.strangers = Strangers(0.5, shape.uniform(60, 300), chance)
    else:
        host.noise = _log(shape, 0.0005, 0.01)
    return host


def _log(draw: Random, low: float, high: float) -> float:
    """Between the two, evenly on a logarithmic scale."""
    return math.exp(draw.uniform(math.log(low), math.log(high)))


def _rate(draw: Random) -> float:
    return _log(draw, 0.25, FASTEST)


def _latency(draw: Random) -> float:
    return _log(draw, 0.03, 0.6)


def _host(limit: Limit, draw: Random, chance: Random, **options: Any) -> Host:
    return Host("", limit, _latency(draw), chance, **options)


def _bucket(draw: Random, chance: Random) -> Host:
    rate = _rate(draw)
    return _host(TokenBucket(rate, rate * _log(draw, 0.2, 15.0)), draw, chance, tells_wait=True)


def _bucket_503(draw: Random, chance: Random) -> Host:
    rate = _rate(draw)
    return _host(TokenBucket(rate, rate * _log(draw, 0.2, 15.0)), draw, chance, refusal=503)


def _queued_bucket(draw: Random, chance: Random) -> Host:
    rate = _rate(draw)
    limit = TokenBucket(rate, rate * _log(draw, 0.2, 15.0), queued=True)
    return _host(limit, draw, chance, refusal=draw.choice([429, 503]))


def _sliding(draw: Random, chance: Random) -> Host:
    size = draw.choice([10.0, 30.0, 60.0])
    return _host(SlidingWindow(max(2, round(_rate(draw) * size)), size), draw, chance)


def _window(draw: Random, chance: Random, **options: Any) -> Host:
    limit = FixedWindow(max(15, round(_rate(draw) * 60)), 60.0, draw.uniform(0, 60) - 60)
    return _host(limit, draw, chance, **options)


def _connections(draw: Random, chance: Random) -> Host:
    number, mean = draw.randint(2, 9), _latency(draw)
    mean = max(mean, number / FASTEST)
    spread = 0.2
    limit = ConnectionCap(number, mean * math.exp(spread**2 / 2))
    return Host("", limit, mean, chance, refusal=draw.choice([429, 503]), spread=spread)


def _queue(draw: Random, chance: Random) -> Host:
    servers, mean = draw.randint(1, 6), _latency(draw)
    mean = max(mean, servers / FASTEST)
    network = draw.uniform(0.1, 0.5) * mean
    limit = Queue(servers, mean - network, network, draw.randint(20, 100))
    return Host("", limit, mean, chance, refusal=503, network=network)


_KINDS: dict[str, Callable[[Random, Random], Host]] = {
    "bucket": _bucket,
    "bucket 503": _bucket_503,
    "queued bucket": _queued_bucket,
    "sliding": _sliding,
    "window": _window,
    "window wait": lambda draw, chance: _window(draw, chance, tells_wait=True),
    "window headers": lambda draw, chance: _window(draw, chance, tells_wait=True, tells_limit=True),
    "connections": _connections,
    "queue": _queue,
}
