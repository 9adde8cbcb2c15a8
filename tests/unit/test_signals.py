"""Signals that come while a process is started."""

from __future__ import annotations

import signal
import subprocess
import sys

from canter.run.signals import held

ASK = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


SEND = """
import os, signal
from canter.run.signals import held

seen = []
signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
with held(signal.SIGINT):
    os.kill(os.getpid(), signal.SIGINT)
    print(seen)
print(seen == [signal.SIGINT])
"""


def test_a_signal_in_the_block_is_taken_after_it() -> None:
    """Ctrl-C while a process is started is not lost and does not come too early.

    In a process of one thread: elsewhere the kernel may give the signal to another one.
    """
    done = subprocess.run([sys.executable, "-c", SEND], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nTrue\n"


def test_a_process_started_in_the_block_never_gets_them() -> None:
    """It is deaf from its first moment, before it has run a line of its own; one started later is not."""
    with held(signal.SIGINT):
        inside = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    outside = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert (inside.stdout, outside.stdout) == ("True\n", "False\n")
