"""uvicorn around the application: where it listens, how many it answers, how it ends."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from canter.errors import ConfigError
from canter.run.files import raise_file_limit
from canter.service.access import Access, check_exposure
from canter.service.app import service
from canter.service.events import MAX_CLIENTS, Events
from canter.service.plan import Plan

CONNECTIONS = 2_000 + MAX_CLIENTS  # open at once; while there are more, each request gets a 503
KEEP_ALIVE = 30  # seconds that an idle connection is kept
GRACE = 2  # seconds that answers under way have when the service stops


class Server(uvicorn.Server):
    """Ends the event streams first: they would not end by themselves."""

    def __init__(self, config: uvicorn.Config, events: Events | None = None) -> None:
        super().__init__(config)
        self._events = events

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """A signal: the first lets everything end in good order, with exit status 0; the second does not."""
        if self._events:
            self._events.close_soon()
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(found[0], socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
        listening.listen(1_024)
    except OSError as error:
        what = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise ConfigError(f"{what}; name another --host or --port") from error
    return listening


def config_of(app: FastAPI) -> uvicorn.Config:
    """How the application is served."""
    options: dict[str, Any] = {
        "log_config": None, "access_log": False, "server_header": False, "date_header": True,
        "limit_concurrency": CONNECTIONS, "timeout_keep_alive": KEEP_ALIVE, "backlog": 1_024,
        "timeout_graceful_shutdown": GRACE, "h11_max_incomplete_event_size": 64 * 1024,
    }  # fmt: skip
    return uvicorn.Config(app, **options)


def serve(
    plan: Plan,
    host: str,
    port: int,
    key: str | None,
    say: Callable[[str], None],
    began: Callable[[str], None] | None = None,
) -> None:
    """Serve until a signal; what is in flight then has some seconds, crawls go on at the next start.

    `began` is called once, with the address that will answer.

    Raises CanterError where it cannot begin.
    """
    check_exposure(host, key)
    access = Access(key, local=key is None)
    raise_file_limit()
    listening = listen(host, port)
    app = service(plan, access, secrets=[key] if key else [])
    app.state.desk.open_store()
    address, bound, *_ = listening.getsockname()
    name = f"[{address}]" if ":" in address else address
    url = f"http://{name}:{bound}"
    say(f"listening on {url}")
    if began:
        began(url)
    server = Server(config_of(app), app.state.desk.events)
    server.run(sockets=[listening])
