"""The project's benchmarks that are programs of the checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import canter
from canter.errors import ConfigError


def bench_in_checkout(name: str, arguments: Sequence[str]) -> NoReturn:
    """Become the program `bench.NAME` of the checkout that this package is installed from.

    Raises ConfigError where the package was installed without one.
    """
    checkout = Path(canter.__file__).parents[2]
    if not (checkout / "bench" / "machine.py").is_file():
        raise ConfigError(
            f"canter bench {name} is measured in a checkout of the project: clone it, then make .venv/.bench"
        )
    command = [sys.executable, "-P", "-m", f"bench.{name.replace('-', '_')}", *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": str(checkout)})  # noqa: S606
