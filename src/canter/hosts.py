"""What the frontier keeps of a host while it is in the active window, and the paces hosts share."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from canter.learned import Pause, Seen, seen_of
from canter.model import Limits, Sink, Task, Verdict
from canter.pace import OpenPace, Sample
from canter.policy import Pace, Policy
from canter.protocols import HostNote, HostRow, Observer, PaceFacts, Work
from canter.robots import HostRobots
from canter.rules.schedule import RetryBudget
from canter.sites import Site

MAX_PACES = 20_000  # paces kept in memory, of active hosts and of resting ones
REMEMBER = 30.0  # seconds that what a pace learned may wait to be noted; a crash loses no more than a minute
AT_ONCE = 200  # paces noted with one batch, so that 2,000 of them do not hold up the loop
PAUSE = ("paused_until", "pause_reason")  # what every pace's memory says of now
START = (-(2.0**60), -(2**63))  # before every task


@dataclass(slots=True, eq=False)
class PageJob:
    """A task of the crawl; with `future`, a page that was asked for by itself.

    `bounds`: its own, in place of the site's; a longer body is cut there. `sink`: where its body goes.
    `patient`: it waits while a robots.txt cannot be had, as tasks do; other single fetches are told at once.
    `exempt`: it is another host's robots.txt itself. `unasked`: what becomes of it without a request.
    """

    task: Task
    site: Site | None
    future: asyncio.Future[Any] | None = None
    bounds: Limits | None = None
    sink: Sink | None = None
    patient: bool = False
    exempt: bool = False
    unasked: Verdict | None = None

    @property
    def url(self) -> str:
        """The URL to request."""
        return self.task.target


@dataclass(slots=True, eq=False)
class RobotsJob:
    """The robots.txt of `owner`; after a redirect it may be asked of another host."""

    owner: Host
    scheme: str
    hops: list[str]

    @property
    def url(self) -> str:
        """The URL to request."""
        return self.hops[-1]


Job = PageJob | RobotsJob


class Window(Protocol):
    """What the window of one crawl is to those of others, whose hosts share a pace with its own."""

    def stir(self, host: Host, now: float) -> None:
        """A permit of the host's pace has ended: it may be ready."""


@dataclass(slots=True, eq=False)
class PaceEntry:
    """A pace, the active hosts that share it (by `pace_key`, or in several crawls), and what is counted
    beside it.

    `offset` + engine time = UTC seconds.
    """

    key: str
    pace: Pace
    offset: float
    seen: Seen = field(default_factory=Seen)
    budget: RetryBudget = field(default_factory=RetryBudget)
    hosts: list[Host] = field(default_factory=list)
    learned: bool = False  # there is something to remember
    rejections: int = 0  # of earlier runs
    kept: Mapping[str, Any] = field(default_factory=dict)  # what a pace that learns nothing leaves as it was

    def set_floor(self) -> None:
        """Heed the longest crawl-delay of the hosts, and what their crawls ask for."""
        floors = (max(host.robots.crawl_delay() or 0.0, host.floor) for host in self.hosts)
        self.pace.set_floor(max(floors, default=0.0))

    def on_response(self, now: float, sample: Sample) -> Pause | None:
        """Tell the pace of an answer; the pause that it leads to."""
        pace = self.pace
        before = pace.paused_until
        pace.on_response(now, sample)
        if pace.paused_until <= before:
            return None
        self.seen.paused(now + self.offset, pace.paused_until + self.offset, pace.pause_reason or "paused")
        return self.seen.pause

    def memory(self, now: float) -> dict[str, Any]:
        """What the store remembers: `learned` tells how it is read again."""
        self.seen.rejections = self.rejections + self.pace.rejections
        return {**self.pace.memory(now), **self.kept, "seen": asdict(self.seen)}

    def owes(self, host: Host, now: float) -> bool:
        """Whether another crawl, which had its turn before `host` had one, is due at this pace."""
        return self.pace.rate < math.inf and any(
            other.window is not host.window and other.served < host.served and other.at <= now
            for other in self.hosts
        )


@dataclass(slots=True, eq=False)
class Host:
    """A host in the window of a crawl. Times are the engine's, but `down_since` (UTC seconds, 0: well)."""

    row: HostRow
    window: Window
    paced: PaceEntry
    robots: HostRobots
    down_since: float
    floor: float = 0.0  # seconds between requests at least, and
    most: float = math.inf  # requests in flight at most, by the terms of the crawl
    jobs: deque[Job] = field(default_factory=deque)
    aside: list[PageJob] = field(default_factory=list)  # wait for a robots.txt that cannot be had yet
    taken: set[tuple[int, int]] = field(default_factory=set)  # (key, home) read and not yet committed
    robots_last: bool = False  # its last turn went to trying again for a robots.txt that pages wait for
    cursor: tuple[float, int] = START
    read_at: float = -math.inf  # when to read the store again
    in_flight: int = 0
    parked: bool = False  # leaves the window once its notes are committed
    leaving: bool = False  # its shard goes to another worker
    down: Verdict | None = None  # given up: what becomes of its remaining tasks
    turn: int = 0  # the valid entry in the heap
    at: float = math.inf  # when that entry is due
    served: float = -math.inf  # its last turn; of hosts ready at once the one that waited longest goes
    gave_way: bool = False  # to another crawl, since its last turn

    @property
    def name(self) -> str:
        """The host key."""
        return self.row.name

    @property
    def pace(self) -> Pace:
        """When it may be asked again."""
        return self.paced.pace

    @property
    def awaited(self) -> bool:
        """Whether somebody in this process waits for one of its jobs."""
        return any(isinstance(job, RobotsJob) or job.future is not None for job in self.jobs)


@dataclass(slots=True)
class Turn:
    """Request `job.url`; or, with a verdict, end the job without a request."""

    host: Host
    job: Job
    verdict: Verdict | None = None


@dataclass(slots=True)
class Notes:
    """What the next batch has to remember of hosts and tasks."""

    hosts: list[HostNote] = field(default_factory=list)
    paces: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    tasks: list[tuple[Task, float]] = field(default_factory=list)  # whose counts changed, due as it was

    def __bool__(self) -> bool:
        return bool(self.hosts or self.paces or self.tasks)


class Paces:
    """The paces of active hosts, and of many resting ones, by pace key; one for the crawls of a process."""

    def __init__(self, work: Work, policy: Policy, observer: Observer, offset: float) -> None:
        self._work = work
        self._policy = policy
        self._observer = observer
        self._offset = offset
        self._entries: OrderedDict[str, PaceEntry] = OrderedDict()
        self._unsaved: deque[tuple[float, PaceEntry]] = deque()  # by when they first had something to note

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, name: str, crawl: Policy) -> PaceEntry:
        """The pace that a host has, or shares.

        One of its own where the policy of the crawl wants it adaptive and it is off otherwise.
        """
        key, policy = self._policy.pace_key(name), self._policy
        if crawl is not policy and crawl.is_adaptive(name) and not policy.is_adaptive(name):
            key, policy = f"{key} adaptive", crawl
        entry = self._entries.get(key)
        if entry is None:
            entry = self._recall(key, name, policy)
            self._make_room()
            self._entries[key] = entry
        self._entries.move_to_end(key)
        entry.seen.used_by(name, self._policy.book.names(name))
        return entry

    def _recall(self, key: str, name: str, policy: Policy) -> PaceEntry:
        """The pace as an earlier run left it; afresh, and said so, where that cannot be read."""
        memory = self._work.memory(key)
        pace = policy.pace(name, memory, self._offset)
        if pace.warning:
            self._observer.event("pace_memory", host=name, reason=pace.warning)
        seen = seen_of(memory)
        kept = {}
        if memory and isinstance(pace, OpenPace) and not pace.warning:
            kept = {name: value for name, value in memory.items() if name not in PAUSE}
        return PaceEntry(key, pace, self._offset, seen, rejections=seen.rejections, kept=kept)

    def forget(self, hosts: Callable[[str], bool]) -> None:
        """Drop the paces of hosts that go to another worker; what they learned is in the store."""
        for key in [key for key, entry in self._entries.items() if not entry.hosts and hosts(key)]:
            del self._entries[key]

    def _make_room(self) -> None:
        if len(self._entries) >= MAX_PACES:
            resting = next((entry for entry in self._entries.values() if not entry.hosts), None)
            if resting:
                del self._entries[resting.key]

    def on_send(self, entry: PaceEntry, now: float) -> None:
        """A request of a host that has this pace goes out."""
        entry.pace.on_send(now)
        entry.seen.requests += 1
        if not entry.learned:
            entry.learned = True
            self._unsaved.append((now, entry))

    def remember(self, notes: Notes, now: float) -> None:
        """Note what the paces have learned that were used a while ago and not noted since, some at a time."""
        for _ in range(AT_ONCE):
            if not self._unsaved or self._unsaved[0][0] > now - REMEMBER:
                return
            note_pace(notes, self._unsaved.popleft()[1], now)

    def remember_all(self, notes: Notes, now: float) -> None:
        """Note what every pace that was used has learned since."""
        while self._unsaved:
            note_pace(notes, self._unsaved.popleft()[1], now)


def note_pace(notes: Notes, entry: PaceEntry, now: float) -> None:
    """Have the store remember what a pace has learned, if there is anything new."""
    if entry.learned:
        notes.paces[entry.key] = entry.memory(now)
        entry.learned = False


def facts_of(host: Host, now: float, offset: float) -> PaceFacts:
    """How a host is asked at the moment; `offset` + `now` = UTC seconds."""
    pace = host.pace
    limit = pace.rate if pace.rate < math.inf else None
    if pace.paused_until <= now:
        return PaceFacts(host.in_flight, limit)
    return PaceFacts(host.in_flight, limit, pace.paused_until + offset, pace.pause_reason)
