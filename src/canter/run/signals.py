"""Signals while a process is started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held(*numbers: signal.Signals) -> Iterator[None]:
    """These signals wait until the end of the block; a process started in it never gets them.

    A new Python takes most of a second before it can say what it ignores, and Ctrl-C goes to every
    process of the terminal: without this one would end there, in the middle of an import.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
