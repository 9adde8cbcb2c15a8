"""A TLS server of the tests' own in a thread: blocking sockets, so that its alerts reach the client."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n<h1>Tea</h1>"
_PATIENCE = 5.0  # s that a client may take for a step


class TlsServer:
    """`requests` that were answered, and of each the subject of the client's certificate (None: none)."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        self.port: int = listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.clients: list[str | None] = []
        self._listener = listener
        self._context = context

    def serve(self) -> None:
        """Take one connection after another until the listener is shut."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(_PATIENCE)
                with contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            with self._context.wrap_socket(connection.dup(), server_side=True) as secure:
                request = secure.recv(65536)
                if request:
                    self.requests.append(request)
                    self.clients.append(_subject(secure))
                    secure.sendall(_PAGE)
        except ssl.SSLError:
            while connection.recv(65536):  # a reset would overtake the alert
                pass


def _subject(secure: ssl.SSLSocket) -> str | None:
    certificate = secure.getpeercert()
    return repr(certificate["subject"]) if certificate else None


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext, address: str = "127.0.0.1") -> Iterator[TlsServer]:
    """A server that speaks by `context`, on a free port."""
    with socket.create_server((address, 0)) as listener:
        server = TlsServer(listener, context)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
