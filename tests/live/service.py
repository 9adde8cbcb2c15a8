"""`canter serve` as a process, for tests that ask it as a client does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.live.command import CANTER, Command

PATIENCE = 30.0  # seconds that something may take to come about


class Service:
    """A running service. `client` asks it; `crawl` and `until` save words."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, **headers: str) -> None:
        self.process = process
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=PATIENCE, headers=headers)

    def begin(self, **body: Any) -> int:
        """Begin a crawl; its id."""
        answer = self.client.post("/api/crawls", json=body)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def crawl(self, crawl: int) -> dict[str, Any]:
        """One crawl."""
        found: dict[str, Any] = self.client.get(f"/api/crawls/{crawl}").json()
        return found

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until something holds; what it gave."""
        deadline = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert self.process.poll() is None, "the service has ended"
            assert time.monotonic() < deadline, f"it did not come about: {self.client.get('/health').text}"
            time.sleep(0.05)
        return found

    def ended(self, crawl: int) -> dict[str, Any]:
        """Wait until a crawl has ended; it."""
        found: dict[str, Any] = self.until(
            lambda: (c := self.crawl(crawl))["state"] not in ("queued", "running") and c
        )
        return found

    def records(self, crawl: int, **query: str) -> list[dict[str, Any]]:
        """The records of a crawl."""
        answer = self.client.get(f"/api/crawls/{crawl}/records", params=query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def kill(self) -> None:
        """As a machine does that runs out of memory."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self) -> float:
        """By SIGTERM; the seconds that took."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(PATIENCE)
        return time.monotonic() - began


@contextlib.contextmanager
def serving(command: Command, *arguments: str, key: str = "", **environment: str) -> Iterator[Service]:
    """`canter serve ARGUMENTS` on a free port of loopback, its log in `serve.log`; ended in the end."""
    variables = {
        "PATH": os.environ["PATH"], "HOME": str(command.folder), **environment,
        **({"CANTER_API_KEY": key} if key else {}),
    }  # fmt: skip
    log = command.folder / "serve.log"
    with log.open("ab") as sink:
        begins = sink.tell()
        process = subprocess.Popen(
            [*CANTER, "--log-level", "info", "--log-format", "json", "serve", "--port", "0", *arguments],
            cwd=command.folder, env=variables, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        service = Service(process, _address(process, log, begins), **headers)
        with service.client:
            service.until(lambda: _answers(service))
            yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], log: Any, begins: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(rb"listening on (http://\S+)", log.read_bytes()[begins:]):
            return found[1].decode()
        time.sleep(0.02)
    raise AssertionError(f"canter serve does not listen: {log.read_text()}")


def _answers(service: Service) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return bool(service.client.get("/health").json()["workers"])
    return False
