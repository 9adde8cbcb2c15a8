"""A worker's process: `python -m canter.run PIPE SLOT`, as `member.py` starts it.

Not by multiprocessing, which loads the parent's main module, the whole command line, in every process that it
starts, and keeps one of its own beside them.
"""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection


def main(arguments: list[str]) -> None:
    """The descriptors of the pipe and of the shared memory; the first message is where Python looks."""
    if len(arguments) != 2:
        sys.exit("this is started by `canter run`")
    pipe = Connection(int(arguments[0]))
    sys.path[:] = pipe.recv()
    from canter.run import worker

    worker.main(pipe, int(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
