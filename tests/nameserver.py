"""A name server of the tests' own over UDP: a zone of plain answers and of every way to fail."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Self

A, CNAME, AAAA = 1, 5, 28


class Trouble(Enum):
    """What may be done with a question instead of an answer; the value is the rcode, if there is one."""

    NXDOMAIN = 3
    SERVFAIL = 2
    REFUSED = 5
    NOTIMP = 4
    JUNK = -1  # bytes that are no answer
    STRANGE_ID = -2  # an answer to another question
    SILENCE = -3


@dataclass(frozen=True)
class Host:
    """Addresses of a name, IPv4 and IPv6 as they come; none is a name without any. `alias`: it is a CNAME."""

    addresses: tuple[str, ...] = ()
    ttl: int = 60
    alias: str | None = None


class NameServer(asyncio.DatagramProtocol):
    """Answers for `zone`; a value of two is for A and for AAAA. Names outside it are NXDOMAIN.

    `asked` counts the questions by (name, type), `open` those held back while `held` is set, `most`
    how many were so at once. `deaf` says how often a name is not heard before it is answered.
    """

    def __init__(self, zone: Mapping[str, Any]) -> None:
        self.zone = dict(zone)
        self.asked: Counter[tuple[str, int]] = Counter()
        self.deaf: Counter[str] = Counter()
        self.held = False
        self.open: list[tuple[bytes, Any]] = []
        self.most = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._transport.get_extra_info("sockname"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def questions(self, name: str) -> int:
        """How often the name was asked for, by any type."""
        return sum(count for (asked, _), count in self.asked.items() if asked == name)

    def release(self) -> None:
        """Answer what was held back, and everything after it."""
        self.held = False
        waiting, self.open = self.open, []
        for question, sender in waiting:
            self._answer(question, sender)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.held:
            self.open.append((data, addr))
            self.most = max(self.most, len(self.open))
        else:
            self._answer(data, addr)

    def _answer(self, question: bytes, sender: Any) -> None:
        name, kind, end = _read(question)
        self.asked[name, kind] += 1
        entry = self.zone.get(name, Trouble.NXDOMAIN)
        if isinstance(entry, tuple):
            entry = entry[kind == AAAA]
        if entry is Trouble.SILENCE or self.asked[name, kind] <= self.deaf[name]:
            return
        if entry is Trouble.JUNK:
            reply = b"\xff" * 40
        elif isinstance(entry, Trouble):
            reply = _reply(question, end, max(entry.value, 0), [])
        else:
            reply = _reply(question, end, 0, _records(self.zone, entry, name, kind))
        if entry is Trouble.STRANGE_ID:
            reply = bytes([reply[0] ^ 0xFF]) + reply[1:]
        self._transport.sendto(reply, sender)


def _records(zone: Mapping[str, Any], host: Host, name: str, kind: int) -> list[bytes]:
    records = []
    while host.alias is not None:
        records.append(_record(name, CNAME, host.ttl, _wire(host.alias)))
        name, host = host.alias, zone.get(host.alias, Host())
    addresses = map(ipaddress.ip_address, host.addresses)
    version = 4 if kind == A else 6
    return records + [
        _record(name, kind, host.ttl, one.packed) for one in addresses if one.version == version
    ]


def _read(question: bytes) -> tuple[str, int, int]:
    """The name, the type, and where the question ends."""
    at, labels = 12, []
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), struct.unpack_from("!H", question, at + 1)[0], at + 5


def _reply(question: bytes, end: int, rcode: int, records: list[bytes]) -> bytes:
    counts = struct.pack("!HHHH", 1, len(records), 0, 0)
    return question[:2] + bytes([0x81, 0x80 | rcode]) + counts + question[12:end] + b"".join(records)


def _record(name: str, kind: int, ttl: int, data: bytes) -> bytes:
    return _wire(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def _wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
