"""The active window of hosts, and the heap of them by when each is ready.

A host rests in the store until the window has room. In the window it hands out one job at a time,
when its pace says so: robots.txt first, then its tasks, retries and redirects among them. It leaves
when nothing is left, or when its next turn is far away.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from canter.model import ErrorType, Outcome, Task, Verdict, utc_iso
from canter.policy import Pace, Policy, unclaimed
from canter.protocols import HostNote, HostRow, Work
from canter.robots import HostRobots
from canter.rules.schedule import RetryBudget
from canter.sites import Site

MAX_ACTIVE = 2_000  # hosts in the window
MAX_PACES = 20_000  # paces kept in memory, of active hosts and of resting ones
WIDEN = 64  # hosts taken into the window at a time
PARK = 30.0  # seconds: a host that must wait longer goes back to rest in the store
REFILL = 64  # tasks read from the store at a time
RECHECK = 0.5  # seconds until the store is asked again for hosts
_START = (-(2.0**60), -(2**63))


@dataclass(slots=True, eq=False)
class PageJob:
    """A task of the crawl; with `future`, a page that the library's user asked for by itself."""

    task: Task
    site: Site | None
    future: asyncio.Future[Any] | None = None

    @property
    def url(self) -> str:
        """The URL to request."""
        return self.task.target

    @property
    def unclaimed(self) -> bool:
        """A task that no site reads; a single fetch needs none."""
        return self.site is None and self.future is None

    @property
    def obeys_robots(self) -> bool:
        """Whether robots.txt holds for the page."""
        return self.site is None or self.site.robots is not False


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


@dataclass(slots=True, eq=False)
class PaceEntry:
    """A pace, and the active hosts that share it (`pace_key`)."""

    key: str
    pace: Pace
    hosts: list[Host] = field(default_factory=list)
    learned: bool = False  # there is something to remember


@dataclass(slots=True, eq=False)
class Host:
    """A host in the window. Times are the engine's, but `down_since` (UTC seconds, 0: well)."""

    row: HostRow
    paced: PaceEntry
    robots: HostRobots
    down_since: float
    budget: RetryBudget = field(default_factory=RetryBudget)
    jobs: deque[Job] = field(default_factory=deque)
    taken: set[tuple[int, int]] = field(default_factory=set)  # (key, home) read and not yet committed
    cursor: tuple[float, int] = _START
    read_at: float = -math.inf  # when to read the store again
    in_flight: int = 0
    parked: bool = False  # leaves the window once its notes are committed
    down: Verdict | None = None  # given up: what becomes of its remaining tasks
    turn: int = 0  # the valid entry in the heap

    @property
    def name(self) -> str:
        """The host key."""
        return self.row.name

    @property
    def pace(self) -> Pace:
        """When it may be asked again."""
        return self.paced.pace


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


class Frontier:
    """Decides which host goes next. Engine time + `offset` = UTC seconds."""

    def __init__(self, work: Work, policy: Policy, *, offset: float) -> None:
        self._work = work
        self._policy = policy
        self._offset = offset
        self._patience = policy.settings.host_patience
        self._started = -math.inf  # UTC seconds: when the crawl began
        self._heap: list[tuple[float, int, Host]] = []
        self._turns = 0
        self._paces: OrderedDict[str, PaceEntry] = OrderedDict()
        self._widen_at = -math.inf
        self.active: dict[int, Host] = {}
        self.crawl: int | None = None
        self.notes = Notes()

    # ---- handing out

    def next(self, now: float) -> Turn | None:
        """The next turn of a host that is ready; its pace has been told of the request."""
        while self._heap and self._heap[0][0] <= now:
            _, turn, host = heapq.heappop(self._heap)
            if turn != host.turn:
                continue
            if not host.jobs:
                self._refill(host, now)
            found = self._pick(host, now)
            if found:
                host.in_flight += 1
                if found.verdict is None:
                    host.pace.on_send(now)
                    host.paced.learned = True
            self.schedule(host, now)
            if found:
                return found
        return None

    def ready_at(self) -> float:
        """When the next host is ready; `math.inf` when every one waits for an answer or a commit."""
        while self._heap and self._heap[0][1] != self._heap[0][2].turn:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def _pick(self, host: Host, now: float) -> Turn | None:
        """What the host would do now, if it may."""
        if not host.jobs or self._turn_at(host, now) > now:
            return None
        job = host.jobs[0]
        if isinstance(job, PageJob):
            if host.down:
                return Turn(host, host.jobs.popleft(), host.down)
            if job.unclaimed:
                return Turn(host, host.jobs.popleft(), unclaimed(job.task))
            if job.obeys_robots:
                if not host.robots.known(job.url):
                    scheme, url = host.robots.ask(job.url)
                    return Turn(host, RobotsJob(host, scheme, [url]))
                if verdict := host.robots.verdict(job.url):
                    return Turn(host, host.jobs.popleft(), verdict)
        return Turn(host, host.jobs.popleft())

    def _turn_at(self, host: Host, now: float) -> float:
        """When the host's next step may be taken."""
        if not host.jobs:
            return host.read_at if host.down else max(host.read_at, host.pace.ready_at(now))
        job = host.jobs[0]
        if isinstance(job, PageJob):
            if host.down or job.unclaimed:
                return now
            if job.obeys_robots:
                if not host.robots.known(job.url):
                    return max(host.robots.next_try(job.url), host.pace.ready_at(now))
                if host.robots.verdict(job.url):
                    return now
        return host.pace.ready_at(now)

    # ---- what happened to a turn

    def ended(self, host: Host, now: float) -> None:
        """A turn of the host is over: whoever shares its pace may be ready now."""
        host.in_flight -= 1
        for sharer in host.paced.hosts:
            self.schedule(sharer, now)

    def again(self, host: Host, job: Job, now: float) -> None:
        """The job goes first at its host's next turn (a redirect, a rate limit)."""
        host.jobs.appendleft(job)
        self.schedule(host, now)

    def failed(self, host: Host, verdict: Verdict, now: float) -> None:
        """The host did not answer as one in good health; it is given up when that lasts."""
        utc = now + self._offset
        if not host.down_since:
            host.down_since = utc
            self.notes.hosts.append(HostNote(host.row.id, down_since=utc))
        ready = host.pace.ready_at(now)
        wait = ready - now if ready < math.inf else 0.0
        if utc + wait >= host.down_since + self._patience and not host.down:
            longer = wait >= self._patience
            why = f"it asks to wait {wait:.0f} s" if longer else f"host down since {utc_iso(host.down_since)}"
            host.down = Verdict(
                Outcome.FAILED, verdict.error_type or ErrorType.TRANSIENT, f"{why}: {verdict.message}"
            )

    def succeeded(self, host: Host) -> None:
        """The host answered well."""
        if host.down_since:
            host.down_since = 0.0
            self.notes.hosts.append(HostNote(host.row.id, down_since=0.0))
        host.down = None

    def settled(self, tasks: list[Task], now: float) -> None:
        """The tasks' ends are committed; hosts that wait for that go on or leave."""
        touched = {}
        for task in tasks:
            host = self.active.get(task.host)
            if host:
                host.taken.discard((task.key, task.home))
                touched[host.row.id] = host
        for host in touched.values():
            host.read_at = min(host.read_at, now)
            self.schedule(host, now)

    # ---- the window

    def widen(self, now: float) -> bool:
        """Take more hosts into the window; False when there are none, or not yet."""
        room = min(WIDEN, MAX_ACTIVE - len(self.active))
        if self.crawl is None or now < self._widen_at or room <= 0:
            return False
        rows = self._work.hosts(self.crawl, now + self._offset, room, self.active.keys())
        for row in rows:
            self._activate(row, now)
        if len(rows) < room:
            self._widen_at = now + RECHECK
        return bool(rows)

    def widen_at(self) -> float:
        """When asking the store for more hosts is worth it again; `math.inf` without a crawl."""
        return math.inf if self.crawl is None or len(self.active) >= MAX_ACTIVE else self._widen_at

    def exhausted(self) -> bool:
        """Whether the crawl has nothing left: no host in the window, none resting."""
        return not self.active and (self.crawl is None or self._work.next_wake(self.crawl, ()) is None)

    def begin(self, crawl: int | None, started_utc: float, now: float) -> None:
        """Serve the tasks of a crawl from now on (None: of none)."""
        self.crawl = crawl
        self._started = started_utc
        self._widen_at = -math.inf
        for host in list(self.active.values()):
            host.cursor, host.read_at = _START, now
            self.schedule(host, now)

    def adopt(self, name: str, now: float) -> Host:
        """The host of that name, taken into the window where it is not."""
        row = self._work.host(self.crawl or 0, name)
        host = self.active.get(row.id)
        if host:
            host.parked = False
            return host
        return self._activate(row, now)

    def _activate(self, row: HostRow, now: float) -> Host:
        entry = self._entry(self._policy.pace_key(row.name), row.name)
        robots = HostRobots(row.name, self._policy.agent, row.robots, self._started)
        if delay := robots.crawl_delay():
            entry.pace.set_floor(delay)
        host = Host(row, entry, robots, row.down_since)
        entry.hosts.append(host)
        self.active[row.id] = host
        self.schedule(host, now)
        return host

    def _entry(self, key: str, name: str) -> PaceEntry:
        entry = self._paces.get(key)
        if entry is None:
            entry = PaceEntry(key, self._policy.pace(name, self._work.memory(key), self._offset))
            self._paces[key] = entry
        self._paces.move_to_end(key)
        if len(self._paces) > MAX_PACES:
            oldest = next(iter(self._paces.values()))
            if not oldest.hosts:
                del self._paces[oldest.key]
        return entry

    def remember(self, now: float) -> None:
        """Note what every pace that was used has learned since."""
        for entry in self._paces.values():
            if entry.learned:
                self.notes.paces[entry.key] = entry.pace.memory(now)
                entry.learned = False

    def _release(self, host: Host, now: float) -> None:
        self.active.pop(host.row.id, None)
        if host in host.paced.hosts:
            host.paced.hosts.remove(host)
        if host.paced.learned and not host.paced.hosts:
            self.notes.paces[host.paced.key] = host.pace.memory(now)
            host.paced.learned = False

    # ---- when a host's next turn is

    def schedule(self, host: Host, now: float) -> None:
        """Enter the host in the heap at its next turn, or let it leave the window."""
        self._turns += 1
        host.turn = self._turns
        if host.row.id not in self.active or host.parked:
            return
        at = self._turn_at(host, now)
        if not host.in_flight and not any(_asked_for(job) for job in host.jobs):
            if at == math.inf and not host.jobs and not host.taken:
                self._release(host, now)
                return
            if now + PARK < at < math.inf and len(host.taken) == len(host.jobs):
                self._park(host, at)
                return
        if at < math.inf:
            heapq.heappush(self._heap, (at, host.turn, host))

    def _park(self, host: Host, at: float) -> None:
        """Back to rest in the store until `at`; what changed in memory goes there with it."""
        host.parked = True
        self.notes.hosts.append(HostNote(host.row.id, not_before=at + self._offset))
        self.notes.tasks += [
            (job.task, job.task.due)
            for job in host.jobs
            if isinstance(job, PageJob) and (job.task.waits or job.task.hops)
        ]
        host.jobs.clear()

    def noted(self, notes: list[HostNote], now: float) -> None:
        """The notes are committed: hosts that parked with them leave the window."""
        for note in notes:
            host = self.active.get(note.host)
            if host and host.parked and note.not_before is not None:
                self._release(host, now)

    def arrived(self, names: set[str], now: float) -> None:
        """Redirected tasks were put into the queues of these hosts."""
        if not names:
            return
        self._widen_at = -math.inf
        for host in [host for host in self.active.values() if host.name in names]:
            host.cursor, host.read_at = _START, now
            self.schedule(host, now)

    def _refill(self, host: Host, now: float) -> None:
        """Read the host's next tasks that are due; sets when to read again where there are none."""
        if self.crawl is None:
            host.read_at = math.inf
            return
        host.read_at = self._read(host, now, REFILL)
        if not host.jobs and host.cursor != _START:
            host.cursor = _START  # tasks may have come in before the cursor since
            host.read_at = self._read(host, now, REFILL + len(host.taken))

    def _read(self, host: Host, now: float, limit: int) -> float:
        assert self.crawl is not None
        for task in self._work.tasks(self.crawl, host.row.id, host.cursor, limit):
            if task.due > now + self._offset:
                return now if host.jobs else task.due - self._offset
            host.cursor = (task.due, task.key)
            identity = (task.key, task.home)
            if identity not in host.taken:
                host.taken.add(identity)
                host.jobs.append(PageJob(task, self._policy.site(task)))
        return now if host.jobs else math.inf


def _asked_for(job: Job) -> bool:
    """Whether somebody in this process waits for the job."""
    return isinstance(job, RobotsJob) or job.future is not None
