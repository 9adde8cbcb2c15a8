"""What a fleet and its workers say to each other, through a pipe each. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

from canter.config import Settings
from canter.extraction import Page
from canter.model import Limits
from canter.observe import Counts, News
from canter.policy import Terms
from canter.run.deaths import PageId
from canter.run.errands import Done, Errand
from canter.sites import Site

Slot = (
    memoryview  # three 64-bit integers of shared memory: crawl, home and key of the page that is being read
)
SLOT = 3 * 8  # bytes
NOTHING = -1  # in its first place: no page is being read


def slot_of(shared: mmap) -> Slot:
    """Shared memory of SLOT bytes, as what it is for."""
    return memoryview(shared).cast("q")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every worker of a fleet needs to know when it starts.

    `import_path`: where Python looks for Canter, and for the `parse` functions of the sites.
    """

    store: Path
    settings: Settings
    sites: tuple[Site, ...]
    import_path: tuple[str, ...]


# ---- to a worker


class Claim(NamedTuple):
    """These shards are yours."""

    shards: frozenset[int]


class Leave(NamedTuple):
    """Let go of these shards; say when it is done."""

    shards: frozenset[int]


class Seats(NamedTuple):
    """Have at most so many requests in flight, of all crawls together."""

    number: int


class Serve(NamedTuple):
    """Take part in a crawl, begun at `started` (UTC seconds).

    `deadly`: pages that may not be read; `terms`: what it makes narrower for itself; `bound`: what its log
    lines carry beside its number; `keeps_time`: the seconds of this worker are those of the crawl.
    """

    crawl: int
    started: float
    deadly: tuple[PageId, ...]
    terms: Terms | None = None
    bound: tuple[tuple[str, str], ...] = ()
    keeps_time: bool = True


class Fed(NamedTuple):
    """Nothing more will be loaded for the crawl."""

    crawl: int


class Drain(NamedTuple):
    """Start nothing more for the crawl; what is in flight has `grace` seconds."""

    crawl: int
    grace: float


class Fetch(NamedTuple):
    """Fetch a sitemap for the crawl's feed."""

    crawl: int
    errand: Errand


class Ask(NamedTuple):
    """Fetch a page for another worker, `asker`; from a worker: have it fetched by whoever has its host.

    `number`: the asker's, for the answer; `robots`: it is a robots.txt.
    """

    crawl: int
    asker: int
    number: int
    url: str
    bounds: Limits | None
    robots: bool


class Answer(NamedTuple):
    """What came of an `Ask`: for the worker that asked, by way of the parent."""

    asker: int
    number: int
    page: Page


class Deadly(NamedTuple):
    """A page may not be read again: it killed its worker."""

    page: PageId


class End(NamedTuple):
    """Close what is open and end."""


Order = Claim | Leave | Seats | Serve | Fed | Drain | Fetch | Ask | Answer | Deadly | End


# ---- from a worker


@dataclass(slots=True)
class Report:
    """How a worker is. `lag`: how late its event loop was at worst since the last report, seconds.

    `cpu`: seconds since it began; `busy`: the share of the time since the last report that its event loop
    ran or waited for a processor; `rss_mb` and `peak_rss_mb`: of this process alone.
    """

    seats: int = 0  # requests it may have in flight
    in_flight: int = 0
    hosts: int = 0  # in the windows of its crawls
    crowded: bool = False  # a window is full: hosts of this worker rest that others could ask
    lag: float = 0.0
    cpu: float = 0.0
    busy: float = 0.0
    rss_mb: float = 0.0
    peak_rss_mb: float = 0.0
    counts: dict[int, Counts] = field(default_factory=dict)  # by crawl, since the process began


class LogLine(NamedTuple):
    """A line of its log."""

    text: str


class Heard(NamedTuple):
    """What it saw in a crawl since it said so last."""

    crawl: int
    news: News


class Fetched(NamedTuple):
    """A sitemap was fetched, or cannot be."""

    crawl: int
    done: Done


class Left(NamedTuple):
    """These shards may be claimed by another."""

    shards: frozenset[int]


class Over(NamedTuple):
    """Its part in a crawl is over: nothing is left, it was drained, or it failed."""

    crawl: int
    error: str | None
    counts: Counts


class Failed(NamedTuple):
    """It cannot work; one line says why."""

    error: str


class Ended(NamedTuple):
    """Its last word."""

    peak_rss_mb: float


Message = Report | LogLine | Heard | Fetched | Ask | Answer | Left | Over | Failed | Ended
