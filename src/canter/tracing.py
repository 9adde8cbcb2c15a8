"""OpenTelemetry traces: a span a crawl, and below it one for a sample of its requests.

Needs the extra `tracing`. Nothing of it is loaded before the standard variables ask for it: an
OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT), or OTEL_TRACES_EXPORTER=otlp.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from canter.errors import ConfigError, needs_extra

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SAMPLE = 0.01  # share of requests that get a span; CANTER_TRACE_SAMPLE is another
LAST = 1.0  # seconds that the last spans have
_ASKS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return exporter == "otlp" or (exporter == "" and any(environment.get(name) for name in _ASKS))


def sample_of(environment: Mapping[str, str]) -> float:
    """The share of requests that get a span. Raises ConfigError."""
    text = environment.get("CANTER_TRACE_SAMPLE", "").strip()
    try:
        share = float(text) if text else SAMPLE
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"CANTER_TRACE_SAMPLE: expected a share from 0 to 1, got {text!r}")
    return share


def traces(environment: Mapping[str, str] | None = None) -> Traces | None:
    """The traces of this process, by its environment; None where nobody asks for any. Raises ConfigError."""
    environment = os.environ if environment is None else environment
    return Traces(sample_of(environment)) if wanted(environment) else None


class Traces:
    """One for a process. The SDK reads its own variables: sampler, endpoint, headers, service name.

    Not thread-safe. Raises ConfigError where the extra `tracing` is not installed.
    """

    def __init__(self, sample: float) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise ConfigError(f"{needs_extra('OpenTelemetry', 'tracing')} ({error})") from error
        name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "canter"}
        self._provider = TracerProvider(resource=Resource.create(name), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)  # not each try that is made again
        self._tracer = self._provider.get_tracer("canter")
        self._step = 1.0 / sample if sample else float("inf")
        self._until = self._step
        self._crawls: dict[int, Span] = {}

    def begin(self, crawl: int, parent: str | None, **attributes: str) -> str:
        """Begin the span of a crawl below `parent`, a `traceparent`; returns its own."""
        span = self._tracer.start_span(
            "crawl", context=_context(parent), attributes={"canter.crawl": crawl, **attributes}
        )
        self._crawls[crawl] = span
        found = span.get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def end(self, crawl: int, **attributes: str | int) -> None:
        """End it."""
        span = self._crawls.pop(crawl, None)
        if span:
            span.set_attributes(attributes)
            span.end()

    def request(self, parent: str, host: str, status: int | None, seconds: float, size: int) -> None:
        """A request of a crawl has ended: one of so many gets a span below the crawl's."""
        self._until -= 1.0
        if self._until > 0:
            return
        self._until += self._step
        now = time.time_ns()
        attributes: dict[str, Any] = {"server.address": host, "http.request.method": "GET"}
        attributes["http.response.body.size"] = size
        if status is None:
            attributes["error.type"] = "no_answer"
        else:
            attributes["http.response.status_code"] = status
            if status >= 400:
                attributes["error.type"] = str(status)
        span = self._tracer.start_span(
            "GET", context=_context(parent), kind=_client(), attributes=attributes,
            start_time=now - int(seconds * 1e9),
        )  # fmt: skip
        if "error.type" in attributes:
            span.set_status(_error())
        span.end(now)

    def close(self) -> None:
        """Send what is left; waits for it, a second at most: a collector that is gone holds nothing up."""
        for crawl in list(self._crawls):
            self.end(crawl)
        sending = threading.Thread(target=self._provider.force_flush, daemon=True)
        sending.start()
        sending.join(LAST)


def _context(parent: str | None) -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent} if parent else {})


def _client() -> Any:
    from opentelemetry.trace import SpanKind

    return SpanKind.CLIENT


def _error() -> Any:
    from opentelemetry.trace import StatusCode

    return StatusCode.ERROR
