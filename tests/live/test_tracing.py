"""Traces as they reach a collector: OTLP over HTTP on loopback."""

from __future__ import annotations

import gzip
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.live.command import CANTER, LOCAL, Command
from tests.live.servers import free_port
from tests.live.service import serving
from tests.live.shop import Shop

pytestmark = pytest.mark.live


class Collector:
    """What an OpenTelemetry collector would get."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    collector.services |= {
                        one.value.string_value
                        for one in resource.resource.attributes
                        if one.key == "service.name"
                    }
                    collector.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def named(self, name: str) -> list[Any]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


@pytest.fixture
def command(tmp_path: Path, shop: Shop) -> Command:
    command = Command(tmp_path)
    command.write("sites.toml", shop.site_file())
    return command


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_run_is_a_span_and_a_sample_of_its_requests_below_it(
    command: Command, shop: Shop, collector: Collector
) -> None:
    """One span a crawl; every fourth request below it, from the worker, with its status and failure."""
    command.write("urls.txt", "\n".join([*shop.urls(30), *(shop.url(f"/missing/{n}") for n in range(10))]))
    shop.answer = _missing
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(command.folder), "CANTER_TRACE_SAMPLE": "0.25",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }  # fmt: skip
    done = subprocess.run(
        [*CANTER, "run", "urls.txt", *LOCAL, "--workers", "1", "--max-failures", "1"],
        cwd=command.folder, env=environment, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (crawl,) = collector.named("crawl")
    assert attributes(crawl) == {"canter.crawl": 1, "state": "finished"}
    requests = collector.named("GET")
    assert len(requests) == 10
    assert {span.trace_id for span in requests} == {crawl.trace_id}
    assert {span.parent_span_id for span in requests} == {crawl.span_id}
    assert all(
        crawl.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        for span in requests
    )
    for span in requests:
        found = attributes(span)
        assert found["server.address"] == shop.host
        assert (found["http.response.status_code"] == 404) == (found.get("error.type") == "404")
    assert collector.services == {"canter"}


async def _missing(request: Any) -> Any:
    from aiohttp import web

    return web.Response(status=404) if request.path.startswith("/missing") else None


def test_a_collector_that_is_gone_holds_nothing_up(command: Command, shop: Shop) -> None:
    """The run ends as it would, with its exit status; the spans are lost."""
    command.write("urls.txt", "\n".join(shop.urls(5)))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(command.folder), "CANTER_TRACE_SAMPLE": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }  # fmt: skip
    done = subprocess.run(
        [*CANTER, "run", "urls.txt", *LOCAL, "--workers", "1"],
        cwd=command.folder, env=environment, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert b"crawl 1: 5 pages: 5 ok" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_crawl_of_the_service_stands_below_the_trace_that_asked_for_it(
    command: Command, shop: Shop, collector: Collector
) -> None:
    """By the `traceparent` of the request; the name and the sample are the operator's."""
    trace, span = "ab" * 16, "cd" * 8
    with serving(
        command, *LOCAL, "--workers", "1", CANTER_TRACE_SAMPLE="1", OTEL_SERVICE_NAME="prices",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    ) as service:  # fmt: skip
        headers = {"traceparent": f"00-{trace}-{span}-01"}
        answer = service.client.post("/api/crawls", json={"urls": shop.urls(5)}, headers=headers)
        assert answer.json()["correlation_id"] == trace
        service.ended(answer.json()["id"])
        service.stop()
    (crawl,) = collector.named("crawl")
    assert (crawl.trace_id.hex(), crawl.parent_span_id.hex()) == (trace, span)
    assert len(collector.named("GET")) == 5
    assert {one.trace_id.hex() for one in collector.spans} == {trace}
    assert collector.services == {"prices"}
