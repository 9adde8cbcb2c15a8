"""How this process holds its memory: bounded, and kept from page to page."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
from collections.abc import Iterator
from pathlib import Path

HEADROOM = 512 << 20  # bytes of address space beyond what is in use
_COLLECT = (50_000, 20, 100)  # new objects, and rounds of each generation, before a collection
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """Within it a page whose tree would take gigabytes gets a MemoryError, and the process lives."""
    _share_arenas()
    before = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError, IndexError):
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        wanted = in_use + HEADROOM
        hard = before[1]
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def keep_freed_memory() -> None:
    """Have glibc keep what a parsed page frees for the next one, instead of giving it back each time."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def collect_seldom() -> None:
    """Have the collector of cycles leave alone what is there, and look at the rest seldom.

    A crawl makes next to none (60,000 pages without the collector took no more memory than with it), but
    a batch of records that waits for its commit is enough to set it off, every few pages.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


def _share_arenas() -> None:
    """glibc reserves 64 MiB of address space for the heap of nearly every thread, which the bound counts."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def rss_mb() -> tuple[float, float]:
    """What this process holds now and what it held at most, in MB.

    Not by getrusage alone: its maximum begins with that of the process that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text()
        now, most = (int(status.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    except (OSError, ValueError, IndexError):  # another system
        now = most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return now, most
