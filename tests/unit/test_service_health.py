"""Facts -> a status and reasons; the same facts as metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from canter.observe import LATENCY, Counts
from canter.service.board import WorkerState
from canter.service.health import Facts, judge
from canter.service.metrics import NAMED, Metrics, Reading
from canter.service.models import Host

WELL = Facts(workers=2, workers_alive=2, running_crawls=1, last_page_age=0.5, busy_since=600.0)


@pytest.mark.parametrize(
    ("facts", "status", "reason"),
    [
        ({}, "healthy", ""),
        ({"running_crawls": 0, "last_page_age": 9e9, "busy_since": 0.0}, "healthy", ""),
        ({"last_page_age": 1_000.0, "busy_since": 10.0}, "healthy", ""),
        ({"store_error": "x.db: the disk is full"}, "unhealthy", "x.db: the disk is full"),
        ({"conductor_error": "workers die again and again"}, "unhealthy", "again and again"),
        ({"workers_alive": 0}, "unhealthy", "no worker is alive"),
        ({"workers_alive": 1}, "degraded", "1 of 2 workers are not alive"),
        ({"recent_restarts": 3}, "degraded", "3 times in the last hour"),
        ({"last_page_age": 400.0}, "degraded", "no page ended for 400 s"),
        ({"last_page_age": None, "busy_since": 400.0}, "degraded", "no page ended for 400 s"),
        ({"last_page_age": 1_000.0, "busy_since": 1_000.0}, "unhealthy", "no page ended for 1000 s"),
        (
            {"last_page_age": 1_000.0, "busy_since": 1_000.0, "all_paused": True},
            "degraded",
            "every host is paused",
        ),
        ({"server_lag": 0.6}, "degraded", "0.6 s late"),
        ({"worker_lag": 9.0}, "degraded", "9.0 s late"),
        ({"server_lag": 6.0}, "unhealthy", "6.0 s late"),
        ({"recent_pages": 100, "recent_failed": 60}, "degraded", "60% of the last 100 pages failed"),
        ({"recent_pages": 10, "recent_failed": 10}, "healthy", ""),
    ],
)
def test_the_status_and_its_reason(facts: dict[str, Any], status: str, reason: str) -> None:
    """Each fault by itself: how bad it is, and a text that says what."""
    verdict = judge(WELL._replace(**facts))
    assert verdict.status == status
    assert reason in "; ".join(verdict.reasons)
    assert bool(verdict.reasons) == (status != "healthy")


def test_the_worst_decides_and_comes_first() -> None:
    """Every reason is told."""
    verdict = judge(WELL._replace(workers_alive=1, store_error="gone", recent_restarts=4))
    assert (verdict.status, len(verdict.reasons)) == ("unhealthy", 3)
    assert "gone" in verdict.reasons[0]


def host(name: str, requests: int, **more: Any) -> Host:
    row = {"rate": 1.0, "limit": 2.0, "rejections": 0, "failures": 0, "in_flight": 0, "paused_until": None,
           "pause_reason": None}  # fmt: skip
    return Host(host=name, requests=requests, **{**row, **more})


def reading(counts: Counts, hosts: list[Host], **more: Any) -> Reading:
    workers = [WorkerState(1, True, 0, 3, 0.1, 90.0), WorkerState(None, False, 2, 0, 0.0, 0.0)]
    return Reading(
        **{
            "counts": counts, "workers": workers, "hosts": hosts, "crawls": {"running": 1}, "depths": {},
            "listeners": 1, "status": "degraded", "server_lag": 0.0, "last_page_age": None, "began": 1e9,
            "memory": 1e8, **more,
        }
    )  # fmt: skip


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_counts_become_metrics() -> None:
    """Pages by outcome and error type, requests by result, latency as a histogram, depth by age."""
    latency = [0] * (len(LATENCY) + 1)
    latency[0], latency[-1] = 3, 1
    counts = Counts(
        requests=10, refused=4, rejected=1, seconds=7.5, latency=latency,
        outcomes=Counter(ok=5, failed=3), errors=Counter(blocked=2, transient=1),
    )  # fmt: skip
    found = samples(Metrics().render(reading(counts, [], depths={30.0: 5, 90.0: 7, 1e9: 2})))
    assert found["canter_pages_total", (("error_type", ""), ("outcome", "ok"))] == 5
    assert found["canter_pages_total", (("error_type", "blocked"), ("outcome", "failed"))] == 2
    results = {
        labels[0][1]: value for (name, labels), value in found.items() if name == "canter_requests_total"
    }
    assert results == {"success": 6, "rejected": 1, "failure": 3}
    assert found["canter_response_seconds_bucket", (("le", "0.005"),)] == 3
    assert found["canter_response_seconds_bucket", (("le", "+Inf"),)] == 4
    assert found["canter_response_seconds_sum", ()] == 7.5
    depth = {labels[0][1]: value for (name, labels), value in found.items() if name == "canter_queue_depth"}
    assert (depth["60"], depth["600"], depth["+Inf"], sum(depth.values())) == (5, 7, 2, 14)
    assert (found["canter_workers", ()], found["canter_workers_alive", ()]) == (2, 1)
    assert found["canter_healthy", ()] == 0.5


def test_labels_are_bounded_and_no_counter_goes_down() -> None:
    """However many hosts there are and whoever is busiest: some by name, the rest as one that only grows."""
    metrics = Metrics()
    before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    requests = {f"h{n}.example": 0 for n in range(200)}
    for round_ in range(20):
        for n in range(200):
            requests[f"h{n}.example"] += (n * 7 + round_ * 31) % 13
        hosts = [host(name, number) for name, number in requests.items()]
        counts = Counts(requests=sum(requests.values()) + 1_000)
        found = samples(metrics.render(reading(counts, hosts)))
        mine = {key: value for key, value in found.items() if key[0] == "canter_host_requests_total"}
        assert len(mine) == NAMED + 1
        for key, value in mine.items():
            assert value >= before.get(key, 0.0)
        before.update(mine)


def test_a_hostile_host_name_stays_a_label() -> None:
    """Quotes and line breaks are escaped."""
    text = Metrics().render(reading(Counts(requests=1), [host('a"b\n\\', 1)]))
    assert ("canter_host_requests_total", (("host", 'a"b\n\\'),)) in samples(text)
