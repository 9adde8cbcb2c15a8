"""What a pace is told of an answer."""

from __future__ import annotations

import math

import pytest

from canter.asking import sample_of
from canter.rules.classify import classify
from tests.virtual import status


@pytest.mark.parametrize(("timed", "latency"), [(True, 0.25), (False, math.nan)])
def test_a_latency_that_is_not_the_hosts_is_not_told(timed: bool, latency: float) -> None:
    """While our own event loop lags an answer counts, and its time does not."""
    answer = status(200, seconds=0.25)
    sample = sample_of(answer, classify(answer, now_utc=0.0), 1.0, 2.0, timed=timed)
    assert sample is not None
    assert sample.status == 200
    assert sample.latency == pytest.approx(latency, nan_ok=True)
