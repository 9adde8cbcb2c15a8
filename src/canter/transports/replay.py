"""Recorded answers in place of the network, for tests of whatever sends requests."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from multidict import CIMultiDict

from canter.model import Fault, FaultKind, Request, Response

Answer = Response | Fault
Reply = Callable[[Request, int], Answer | Awaitable[Answer]]
Answers = Mapping[str, Sequence[Answer | Reply]]


class Sent(NamedTuple):
    """A request as the replay saw it. `at` is the running loop's time; `number` counts from 0 a URL."""

    at: float
    request: Request
    number: int


class ReplayTransport:
    """A `canter.protocols.Transport` that never opens a socket.

    `answers` maps a URL to what it answers the first time, the second and so on, the last of them
    for ever; an item is a Response, a Fault or a function of (request, number) that returns or
    awaits one. Or it is one such function for every URL. A URL that is not there has no host.

    An answer takes its `elapsed` seconds of the running loop's time, so that a loop with a virtual
    clock replays hours at once. `sent`: every request in order. `in_flight` and `most_in_flight`:
    requests not yet answered, now and at their most.
    """

    def __init__(self, answers: Answers | Reply) -> None:
        self._answers = answers
        self._asked: Counter[str] = Counter()
        self.sent: list[Sent] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.closed = False
        self.left: list[str] = []  # host keys

    async def send(self, request: Request) -> Response | Fault:
        """The next answer of the request's URL, held to the request's limits."""
        if self.closed:
            raise RuntimeError("the transport is closed")
        number = self._asked[request.url]
        self._asked[request.url] += 1
        self.sent.append(Sent(asyncio.get_running_loop().time(), request, number))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = _held_to(await self._answer(request, number), request)
            if answer.elapsed > 0:
                await asyncio.sleep(answer.elapsed)
            return answer
        finally:
            self.in_flight -= 1

    def leave(self, host: str) -> None:
        """Note that a host was left."""
        self.left.append(host)

    async def close(self) -> None:
        """Refuse further requests."""
        self.closed = True

    async def _answer(self, request: Request, number: int) -> Answer:
        if callable(self._answers):
            reply: Answer | Reply = self._answers
        else:
            row = self._answers.get(request.url)
            if not row:
                return Fault(FaultKind.NO_HOST, f"nothing was recorded for {request.url}")
            reply = row[min(number, len(row) - 1)]
        if not callable(reply):
            return reply
        found = reply(request, number)
        return await found if inspect.isawaitable(found) else found


def page(
    url: str,
    body: bytes = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float = 0.0,
) -> Response:
    """An answer to record. `seconds`: from the request to the last byte, and to the first."""
    return Response(url, status, CIMultiDict(headers or {}), body, seconds, seconds)


def _held_to(answer: Answer, request: Request) -> Answer:
    """What the request's limits leave of an answer."""
    limits = request.limits
    if answer.elapsed > limits.timeout:
        return Fault(FaultKind.TIMEOUT, f"not whole within {limits.timeout:g} s (timeout)", limits.timeout)
    if isinstance(answer, Fault):
        return answer
    body = answer.body
    if len(body) > limits.max_body:
        if not request.truncate:
            message = f"the body is over {limits.max_body:,} bytes (max_body raises the cap)"
            return Fault(FaultKind.TOO_LARGE, message, answer.elapsed, answer.status, answer.headers)
        body = body[: limits.max_body]
    if request.sink:
        request.sink.begin()
        request.sink.write(body)
    headers = CIMultiDict(answer.headers)
    return Response(request.url, answer.status, headers, body, answer.latency, answer.elapsed)
