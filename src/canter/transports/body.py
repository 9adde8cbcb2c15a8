"""A body as it is put together."""

from __future__ import annotations

from canter.model import Sink

BEGINNING = 64 * 1024  # decoded bytes that are kept of a body that goes into a sink


class Body:
    """Up to `limit` bytes of a body: whole in memory, or in `sink` and its beginning here."""

    def __init__(self, limit: int, sink: Sink | None) -> None:
        self._limit = limit
        self._sink = sink
        self._pieces: list[bytes] = []
        self.size = 0  # bytes that came
        if sink:
            sink.begin()

    @property
    def over(self) -> bool:
        """Whether more than `limit` bytes came."""
        return self.size > self._limit

    def add(self, piece: bytes) -> int:
        """Take the next bytes in. How many of them are held in memory."""
        kept = piece[: max(self._limit - self.size, 0)]
        self.size += len(piece)
        if self._sink:
            self._sink.write(kept)
            if self.size > BEGINNING:
                return 0
        self._pieces.append(kept)
        return len(kept)

    def whole(self) -> bytes:
        """What is held."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
