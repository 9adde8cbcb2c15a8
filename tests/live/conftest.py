"""What most of the live tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.shop import Shop


@pytest.fixture
def canter(tmp_path: Path) -> Command:
    """The command in an empty folder."""
    return Command(tmp_path)


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A small shop on loopback."""
    with Shop() as running:
        yield running
