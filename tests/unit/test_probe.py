"""The health check of the container: an exit status for what a service says of itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from canter.service.probe import probe


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that says the same to everybody; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield "http://{}:{}".format(*server.server_address[:2])
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "well", "said"),
    [
        (200, b'{"status": "healthy", "reasons": []}', True, "healthy"),
        (200, b'{"status": "degraded", "reasons": ["lag 0.3 s"]}', True, "degraded; lag 0.3 s"),
        (503, b'{"status": "unhealthy", "reasons": ["no store"]}', False, "unhealthy; no store"),
        (200, b"<h1>Welcome to nginx</h1>", False, "no answer of a service"),
        (200, b"[]", False, "no answer of a service"),
    ],
)
def test_what_health_says_is_the_result(status: int, body: bytes, well: bool, said: str) -> None:
    """Degraded is well enough to be left running; another server's answer is none."""
    with answering(status, body) as origin:
        found, line = probe(f"{origin}/health")
    assert found is well
    assert said in line


def test_nobody_there_is_not_well() -> None:
    """A refused connection is one line and exit status 1; only the standard library was loaded."""
    code = (
        "import sys; from canter.service.probe import main; status = main();"
        "print(sorted(sys.modules)); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "http://127.0.0.1:9/health"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    line, modules = done.stdout.splitlines()
    assert "http://127.0.0.1:9/health: no answer of a service" in line
    assert not any(
        f"'{heavy}'" in modules
        for heavy in ("fastapi", "starlette", "pydantic", "aiohttp", "canter.service.app")
    )
    assert done.stderr == ""
