"""Prometheus metrics of the present, made when they are asked for. Labels are bounded.

Hosts: the busiest by name, the rest together as `other`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from canter.observe import LATENCY, Counts
from canter.service.board import WorkerState
from canter.service.models import Host

NAMED = 20  # hosts by name
OTHER = "other"


class Reading(NamedTuple):
    """What the metrics are made of. `depths`: pages to do, by the age in seconds of their crawl;
    `memory`: resident bytes of the process that answers; ages in seconds."""

    counts: Counts
    workers: Sequence[WorkerState]
    hosts: Sequence[Host]
    crawls: Mapping[str, int]
    depths: Mapping[float, int]
    listeners: int
    status: str
    server_lag: float
    last_page_age: float | None
    began: float
    memory: float


DEPTH_AGES = (60.0, 600.0, 3_600.0, 21_600.0, 86_400.0)  # s: bounds of the gauge by age


class Metrics:
    """One for a service. Remembers what hosts had, so that `other` never goes down when one gets a name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, tuple[int, int, int]] = {}
        self._all = (0, 0, 0)
        self._other = [0, 0, 0]

    def render(self, reading: Reading) -> bytes:
        """Prometheus' text format."""
        busiest = sorted(reading.hosts, key=lambda host: -host.requests)[:NAMED]
        with self._lock:
            other = self._count_other(reading, busiest)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once(reading, busiest, other))
        return generate_latest(registry)

    def _count_other(self, reading: Reading, named: Sequence[Host]) -> Sequence[int]:
        """Requests, rejections and failures of hosts while they had no name of their own."""
        counts = reading.counts
        everything = (counts.requests, counts.rejected, counts.outcomes["failed"])
        hosts = {host.host: (host.requests, host.rejections, host.failures) for host in reading.hosts}
        for n in range(3):
            fresh = everything[n] - self._all[n]
            fresh -= sum(hosts[one.host][n] - self._hosts.get(one.host, (0, 0, 0))[n] for one in named)
            self._other[n] += max(0, fresh)
        self._hosts, self._all = hosts, everything
        return tuple(self._other)


class _Once(Collector):
    def __init__(self, reading: Reading, busiest: Sequence[Host], other: Sequence[int]) -> None:
        self._reading, self._busiest, self._other = reading, busiest, other

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        yield from _pages(self._reading.counts)
        yield from _requests(self._reading.counts)
        yield from _hosts(self._reading.hosts, self._busiest, self._other)
        yield from _workers(self._reading.workers)
        yield from _service(self._reading)


def _pages(counts: Counts) -> Iterator[Metric]:
    pages = CounterMetricFamily(
        "canter_pages", "Pages that ended, by outcome and error type.", labels=["outcome", "error_type"]
    )
    for outcome, number in sorted(counts.outcomes.items()):
        if outcome != "failed":
            pages.add_metric([outcome, ""], number)
    for error_type, number in sorted(counts.errors.items()):
        pages.add_metric(["failed", error_type], number)
    yield pages
    yield _counter("canter_attempts", "Attempts that ended pages took.", counts.attempts)


def _requests(counts: Counts) -> Iterator[Metric]:
    requests = CounterMetricFamily("canter_requests", "Requests, by how they ended.", labels=["result"])
    good = counts.requests - counts.refused
    requests.add_metric(["success"], good)
    requests.add_metric(["rejected"], counts.rejected)
    requests.add_metric(["failure"], counts.refused - counts.rejected)
    yield requests
    yield _counter("canter_received_bytes", "Decoded bytes of answers.", counts.bytes)
    latency = HistogramMetricFamily("canter_response_seconds", "From request to the end of its answer.")
    cumulative, buckets = 0, []
    for bound, number in zip((*map(str, LATENCY), "+Inf"), counts.latency, strict=True):
        cumulative += number
        buckets.append((bound, float(cumulative)))
    latency.add_metric([], buckets, counts.seconds)
    yield latency


def _hosts(hosts: Sequence[Host], busiest: Sequence[Host], other: Sequence[int]) -> Iterator[Metric]:
    rest = hosts_apart(hosts, busiest)
    requests = CounterMetricFamily("canter_host_requests", "Requests to the busiest hosts.", labels=["host"])
    rejected = CounterMetricFamily("canter_host_rejections", "429 and 503 answers.", labels=["host"])
    failed = CounterMetricFamily("canter_host_failures", "Pages that failed.", labels=["host"])
    limit = GaugeMetricFamily(
        "canter_host_limit", "Requests a second that a host's pace allows, as learned.", labels=["host"]
    )
    paused = GaugeMetricFamily("canter_host_paused", "1 while a host is paused.", labels=["host"])
    for host in busiest:
        requests.add_metric([host.host], host.requests)
        rejected.add_metric([host.host], host.rejections)
        failed.add_metric([host.host], host.failures)
        paused.add_metric([host.host], float(host.paused_until is not None))
        if host.limit is not None:
            limit.add_metric([host.host], host.limit)
    for family, number in zip((requests, rejected, failed), other, strict=True):
        family.add_metric([OTHER], number)
    limit.add_metric([OTHER], sum(host.limit or 0.0 for host in rest))
    paused.add_metric([OTHER], sum(host.paused_until is not None for host in rest))
    yield from (requests, rejected, failed, limit, paused)


def hosts_apart(hosts: Iterable[Host], named: Iterable[Host]) -> list[Host]:
    """The hosts that are not among the named."""
    names = {host.host for host in named}
    return [host for host in hosts if host.host not in names]


def _workers(workers: Sequence[WorkerState]) -> Iterator[Metric]:
    yield _gauge("canter_workers", "Worker processes that should live.", len(workers))
    yield _gauge("canter_workers_alive", "Worker processes that live.", sum(one.alive for one in workers))
    yield _counter("canter_worker_restarts", "Workers started again.", sum(one.restarts for one in workers))
    yield _gauge("canter_requests_in_flight", "Requests in flight.", sum(one.in_flight for one in workers))
    lag = GaugeMetricFamily("canter_event_loop_lag_seconds", "Lateness of a loop.", labels=["worker"])
    memory = GaugeMetricFamily("canter_worker_memory_bytes", "Resident memory.", labels=["worker"])
    for n, worker in enumerate(workers):
        lag.add_metric([str(n)], worker.lag)
        memory.add_metric([str(n)], worker.rss_mb * 1e6)
    yield from (lag, memory)


def _service(reading: Reading) -> Iterator[Metric]:
    crawls = GaugeMetricFamily("canter_crawls", "Crawls that have not ended, by state.", labels=["state"])
    for state in ("queued", "running"):
        crawls.add_metric([state], reading.crawls.get(state, 0))
    yield crawls
    depth = GaugeMetricFamily(
        "canter_queue_depth",
        "Pages to do, by the age of their crawl.",
        labels=["age"],
    )
    for bound in (*DEPTH_AGES, float("inf")):
        lower = max((age for age in DEPTH_AGES if age < bound), default=0.0)
        number = sum(pages for age, pages in reading.depths.items() if lower <= age < bound)
        depth.add_metric(["+Inf" if bound == float("inf") else f"{bound:.0f}"], number)
    yield depth
    yield _gauge("canter_healthy", "1 healthy, 0.5 degraded, 0 unhealthy.", _HEALTH[reading.status])
    yield _gauge("canter_server_lag_seconds", "How late the server's event loop is.", reading.server_lag)
    yield _gauge("canter_server_memory_bytes", "Resident memory of the server.", reading.memory)
    yield _gauge("canter_event_listeners", "Clients of the event stream.", reading.listeners)
    yield _gauge("canter_start_time_seconds", "When the service began (UTC).", reading.began)
    if reading.last_page_age is not None:
        yield _gauge("canter_last_page_age_seconds", "Since the last page ended.", reading.last_page_age)


_HEALTH = {"healthy": 1.0, "degraded": 0.5, "unhealthy": 0.0}


def _counter(name: str, text: str, value: float) -> Metric:
    family = CounterMetricFamily(name, text)
    family.add_metric([], value)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text)
    family.add_metric([], value)
    return family
