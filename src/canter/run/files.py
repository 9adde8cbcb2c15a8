"""How many files this process may have open, and what that means for its connections."""

from __future__ import annotations

import contextlib
import resource

MOST_KEPT = 512  # connections
OTHERS = 64  # files that are no connections: the store's, pipes, name servers


def raise_file_limit() -> None:
    """Allow this process as many files as anybody may have allowed it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_in_flight(wanted: int) -> int:
    """Requests that there are files for.

    Each may take two: the connection that it dials, and the one before, which is still being closed.
    """
    return max(1, min(wanted, _for_connections() // 2))


def most_kept(in_flight: int) -> int:
    """With how many connections open none is kept after its answer."""
    return max(0, min(MOST_KEPT, _for_connections() - 2 * in_flight))


def _for_connections() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (limit if limit >= 0 else 1 << 20) - OTHERS
