"""Signals that come while a process is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

from canter.run.signals import held

ASK = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


def test_a_signal_in_the_block_is_taken_after_it() -> None:
    """Ctrl-C while a process is started is not lost and does not come too early."""
    seen: list[int] = []

    def take(number: int, _: FrameType | None) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGINT, take)
    try:
        with held(signal.SIGINT):
            os.kill(os.getpid(), signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_started_in_the_block_never_gets_them() -> None:
    """It is deaf from its first moment, before it has run a line of its own; one started later is not."""
    with held(signal.SIGINT):
        inside = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    outside = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert (inside.stdout, outside.stdout) == ("True\n", "False\n")
