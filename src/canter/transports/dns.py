"""Host names to addresses: c-ares on the loop's own sockets, no thread, one bounded cache.

Names are asked as they are written; search domains are not tried. /etc/hosts goes first, as
nsswitch.conf says it does, and `localhost` needs no server. A and AAAA are asked for together.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pycares
from pycares import errno

AT_ONCE = 64  # names asked for at once: 128 questions, and a common forwarder drops what is over 150
CACHED = 8192  # names; the window of active hosts is 2,000
MOST_ADDRESSES = 64  # of one answer; a hostile one may hold thousands
SHORTEST, LONGEST = 10.0, 3600.0  # s an answer is kept, whatever lifetime it claims
MISSING_FOR = 60.0  # s a missing name is
FAILED_FOR = 5.0  # s a failure is, so that the pages of a host do not ask again one by one

# c-ares keeps every answer for its lifetime and knows no bound (50,000 names took 77 MB), so a
# channel is used for so many names. Its end also lets a changed /etc/resolv.conf be read.
_RENEW_AFTER = 1000  # names
_RENEW_AGE = 60.0  # s

_TICK = 0.25  # s; no question waits less, so none asked meanwhile is due before
_NO_SORT = 1 << 7  # ARES_AI_NOSORT, which pycares does not name: sorting dials every address over UDP
_FINAL = {
    errno.ARES_ENOTFOUND: "there is no such name (NXDOMAIN)",
    errno.ARES_ENODATA: "the name has no address",
    errno.ARES_EBADNAME: "not a name that can be looked up",
}
_PASSING = {
    errno.ARES_ETIMEOUT: "no answer from the name server",
    errno.ARES_ECONNREFUSED: "the name server cannot be reached",
    errno.ARES_ESERVFAIL: "the name server failed (SERVFAIL)",
    errno.ARES_EREFUSED: "the name server refused (REFUSED)",
    errno.ARES_ECANCELLED: "the look-up was cancelled",
}


class NoSuchName(OSError):
    """The name does not exist, or has no address."""


class LookupFailed(OSError):
    """No name server gave an answer; that may pass."""


class _Answer(NamedTuple):
    addresses: tuple[str, ...] = ()
    problem: OSError | None = None


class _Question:
    __slots__ = ("answer", "askers")

    def __init__(self, answer: asyncio.Future[_Answer]) -> None:
        self.answer = answer
        self.askers = 0


class Names:
    """Looks names up. Create it inside a running loop.

    `servers`: addresses with ports, as `config.name_server` gives them; none: those of
    /etc/resolv.conf. `timeout`: seconds after which a question is sent again to a server that has
    not answered yet; of one that has c-ares knows what to expect (five times its usual time, 0.25 s
    at least). Each of the `tries` waits twice as long as the one before; fewer would lose names that
    a quick server takes a second to find. `now`: the clock of the
    cache, in seconds. `ipv6_first`: whether a host's IPv6 addresses stand before the others; by
    whether this machine reaches the Internet over it.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        timeout: float = 0.5,
        tries: int = 4,
        now: Callable[[], float] | None = None,
        ipv6_first: bool | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = now or self._loop.time
        self._options = {"servers": list(servers) or None, "timeout": timeout, "tries": tries}
        self._cache: dict[str, tuple[float, _Answer]] = {}  # name -> until when; the oldest first
        self._questions: dict[str, _Question] = {}
        self._line: dict[str, _Question] = {}  # not asked yet
        self._channel: _Channel | None = None
        self._channels: set[_Channel] = set()
        self._ipv6_first = _has_global_ipv6() if ipv6_first is None else ipv6_first
        self.asked = 0  # names sent to a server or looked for in /etc/hosts

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host, in the order to try them.

        Askers of one name share its look-up. Raises NoSuchName or LookupFailed.
        """
        name = host.rstrip(".").lower()
        answer = self._known(name) or await self._join(name)
        if answer.problem is not None:
            raise type(answer.problem)(*answer.problem.args)
        return answer.addresses

    def asking(self, host: str) -> bool:
        """Whether a name is being looked up."""
        return host.rstrip(".").lower() in self._questions

    def close(self) -> None:
        """End every look-up; those who wait for one get LookupFailed."""
        waiting = list(self._line)
        self._line.clear()
        for channel in list(self._channels):
            channel.close()
        for name in waiting:
            self._answered(name, None, errno.ARES_ECANCELLED)

    def _known(self, name: str) -> _Answer | None:
        until, answer = self._cache.get(name, (0.0, None))
        return answer if self._now() < until else None

    async def _join(self, name: str) -> _Answer:
        question = self._questions.get(name)
        if question is None:
            question = self._questions[name] = self._line[name] = _Question(self._loop.create_future())
            self._advance()
        question.askers += 1
        try:
            return await asyncio.shield(question.answer)
        finally:
            question.askers -= 1
            if not question.askers and self._line.get(name) is question:  # nobody wants it any more
                del self._line[name], self._questions[name]

    def _advance(self) -> None:
        while self._line and len(self._questions) - len(self._line) < AT_ONCE:
            name = next(iter(self._line))
            del self._line[name]
            self._ask(name)

    def _ask(self, name: str) -> None:
        self.asked += 1
        try:
            self._fresh_channel().ask(name, lambda found, status: self._answered(name, found, status))
        except UnicodeError:
            self._answered(name, None, errno.ARES_EBADNAME)
        except (pycares.AresError, OSError) as exc:
            self._end(name, _Answer(problem=LookupFailed(str(exc))), FAILED_FOR)

    def _fresh_channel(self) -> _Channel:
        old = self._channel
        if old and old.asked < _RENEW_AFTER and self._now() - old.began < _RENEW_AGE:
            return old
        self._channel = None
        new = _Channel(self._loop, self._options, self._now(), self._channels.discard)
        self._channels.add(new)
        self._channel = new
        if old:
            old.retire()
        return new

    def _answered(self, name: str, found: Any, status: int | None) -> None:
        if status is None:
            self._end(name, *self._read(found))
        elif status in _FINAL:
            self._end(name, _Answer(problem=NoSuchName(_FINAL[status])), MISSING_FOR)
        else:
            why = _PASSING.get(status) or str(errno.strerror(status))
            self._end(name, _Answer(problem=LookupFailed(why)), FAILED_FOR)

    def _read(self, found: Any) -> tuple[_Answer, float]:
        """The addresses and how long they hold: the shortest lifetime on the way to them."""
        nodes = found.nodes[:MOST_ADDRESSES]
        if not nodes:
            return _Answer(problem=NoSuchName(_FINAL[errno.ARES_ENODATA])), MISSING_FOR
        first = socket.AF_INET6 if self._ipv6_first else socket.AF_INET
        nodes.sort(key=lambda node: node.family != first)
        lifetime = min(part.ttl for part in (*nodes, *found.cnames))
        return _Answer(tuple(map(_text, nodes))), min(max(lifetime, SHORTEST), LONGEST)

    def _end(self, name: str, answer: _Answer, lifetime: float) -> None:
        self._cache.pop(name, None)
        self._cache[name] = (self._now() + lifetime, answer)
        if len(self._cache) > CACHED:
            del self._cache[next(iter(self._cache))]
        question = self._questions.pop(name, None)
        if question and not question.answer.done():
            question.answer.set_result(answer)
        self._loop.call_soon(self._advance)


class _Channel:
    """A c-ares channel whose sockets and clock the loop watches. `closed` is told when it is."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: dict[str, Any],
        began: float,
        closed: Callable[[_Channel], None],
    ) -> None:
        self._loop = loop
        self._closed = closed
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = 0
        self._retired = False
        self.began = began
        self.asked = 0
        flags = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_EDNS
        self._ares: pycares.Channel | None = pycares.Channel(
            flags=flags, sock_state_cb=self._watch, **options
        )

    def ask(self, name: str, tell: Callable[[Any, int | None], None]) -> None:
        """Look a name up; `tell` gets what pycares found or its error number, perhaps at once."""
        assert self._ares is not None

        def done(found: Any, status: int | None) -> None:
            self._waiting -= 1
            tell(found, status)
            if self._retired and not self._waiting:
                self._loop.call_soon(self.close)  # not from within c-ares

        self.asked += 1
        self._waiting += 1
        try:
            self._ares.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=_NO_SORT, callback=done)
        except BaseException:
            self._waiting -= 1
            raise
        self._set_timer()

    def retire(self) -> None:
        """Close as soon as nothing is being looked up."""
        self._retired = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """End what is being looked up; pycares frees the channel in a thread, when no socket is left."""
        if self._timer:
            self._timer.cancel()
        if self._ares:
            ares, self._ares = self._ares, None
            ares.cancel()
            ares.close()
            self._closed(self)

    def _watch(self, fd: int, readable: bool, writable: bool) -> None:
        loop = self._loop
        if readable:
            loop.add_reader(fd, self._process, fd, pycares.ARES_SOCKET_BAD)
        else:
            loop.remove_reader(fd)
        if writable:
            loop.add_writer(fd, self._process, pycares.ARES_SOCKET_BAD, fd)
        else:
            loop.remove_writer(fd)

    def _process(self, readable: int, writable: int) -> None:
        if self._ares:
            self._ares.process_fd(readable, writable)

    def _set_timer(self) -> None:
        if self._timer is None and self._ares and self._waiting:
            wait = min(max(self._ares.timeout(), 0.01), _TICK)  # type: ignore[no-untyped-call]
            self._timer = self._loop.call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._process(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
        self._set_timer()


def _text(node: Any) -> str:
    """The address of a node; a link-local one of /etc/hosts with its scope."""
    address: str = node.addr[0].decode()
    scope = node.addr[3] if node.family == socket.AF_INET6 else 0
    return f"{address}%{scope}" if scope else address


def _has_global_ipv6() -> bool:
    """Whether packets to the Internet would leave by IPv6 from a global address. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2000::1", 53))
            first = socket.inet_pton(socket.AF_INET6, probe.getsockname()[0])[0]
    except OSError:
        return False
    return 0x20 <= first < 0x40
