"""A request that cannot be done."""

from __future__ import annotations


class Refused(Exception):
    """HTTP status, message, and for a body the key that is wrong."""

    def __init__(self, status: int, detail: str, key: tuple[str | int, ...] = ()) -> None:
        super().__init__(f"{'.'.join(map(str, key))}: {detail}" if key else detail)
        self.status, self.detail, self.key = status, detail, key
