"""What a service may do: its store, its settings and sites, and how much may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canter.config import Settings
from canter.sites import Site


@dataclass(frozen=True, slots=True)
class Plan:
    """`sources`: what each name of [sources] stands for; `workers`: processes.

    `running`: crawls at once; `queued`: that may wait beyond them; `urls`: of one body.
    """

    store: Path
    settings: Settings
    sites: tuple[Site, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    workers: int = 1
    running: int = 8
    queued: int = 100
    urls: int = 50_000
