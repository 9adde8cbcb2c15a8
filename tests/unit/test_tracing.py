"""When traces are made, by the environment."""

from __future__ import annotations

import pytest

from canter.errors import ConfigError
from canter.tracing import SAMPLE, sample_of, traces, wanted


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
    ],
)
def test_traces_are_made_where_the_standard_variables_ask(
    environment: dict[str, str], expected: bool
) -> None:
    """An endpoint or an exporter asks for them, `none` and a disabled SDK do not."""
    assert wanted(environment) is expected
    if not expected:
        assert traces(environment) is None


def test_the_sample_is_a_share() -> None:
    """From 0 to 1; anything else is told by the variable's name."""
    assert sample_of({}) == SAMPLE
    assert sample_of({"CANTER_TRACE_SAMPLE": "0.5"}) == 0.5
    for text in ("2", "-1", "many", "nan"):
        with pytest.raises(ConfigError, match="CANTER_TRACE_SAMPLE: expected a share"):
            sample_of({"CANTER_TRACE_SAMPLE": text})
