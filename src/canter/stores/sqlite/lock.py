"""One run at a time: an advisory lock that ends with its process, however that dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from canter.errors import StoreError, StoreInUse


class RunLock:
    """Held by the process that runs crawls on a store. Raises StoreInUse, naming the holder."""

    def __init__(self, store: Path) -> None:
        path = store.with_name(store.name + "-lock")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"{store}: cannot be locked: {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._fd, 100).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreInUse(
                f"{store}: is in use by process {holder}; wait for it or stop it, or name another --store"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next run in; doing it twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
