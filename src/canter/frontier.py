"""The active window of hosts, and the heap of them by when each is ready.

A host rests in the store until the window has room. In the window it hands out one job at a time,
when its pace says so: robots.txt first, then its tasks, retries and redirects among them. It leaves
when nothing is left, or when its next turn is far away.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from canter.backlog import Backlog, give_back, is_task
from canter.hosts import START, Host, Job, Notes, Paces, PageJob, RobotsJob, Turn, facts_of, note_pace
from canter.model import ErrorType, Outcome, Task, Verdict, utc_iso
from canter.policy import Policy
from canter.protocols import HostNote, HostRow, Observer, PaceFacts, Work
from canter.robots import HostRobots
from canter.rules.robots import MAX_AGE

MAX_ACTIVE = 2_000  # hosts in the window
WIDEN = 64  # hosts taken into the window at a time
PARK = 30.0  # seconds: a host that must wait longer goes back to rest in the store
RECHECK = 0.5  # seconds until the store is asked again for hosts
GIVE_WAY = 0.002  # seconds that a host waits for another crawl to take its turn


class Frontier:
    """Decides which host goes next. Engine time + `offset` = UTC seconds.

    `paces` may be shared with other crawls; `stirred` is called when one of them made a host ready,
    `left` is told the name of each host that leaves the window with nothing to do.
    """

    def __init__(
        self,
        work: Work,
        policy: Policy,
        observer: Observer,
        paces: Paces,
        *,
        offset: float,
        stirred: Callable[[], None],
        left: Callable[[str], None],
    ) -> None:
        self._work = work
        self._policy = policy
        self._observer = observer
        self._offset = offset
        self._left = left
        self._patience = policy.settings.host_patience
        self._started = -math.inf  # UTC seconds: when the crawl began
        self._heap: list[tuple[float, float, int, Host]] = []  # at, last served, turn
        self._turns = 0
        self._paces = paces
        self._stirred = stirred
        self._widen_at = -math.inf
        self.active: dict[int, Host] = {}
        self.backlog = Backlog(work, policy, offset)
        self.notes = Notes()

    @property
    def crawl(self) -> int | None:
        """The crawl whose tasks are served."""
        return self.backlog.crawl

    # ---- handing out

    def next(self, now: float) -> Turn | None:
        """The next turn of a host that is ready; its pace has been told of the request."""
        while self._heap and self._heap[0][0] <= now:
            *_, turn, host = heapq.heappop(self._heap)
            if turn != host.turn:
                continue
            host.at = math.inf
            if not host.jobs and host.read_at <= now:
                self.backlog.refill(host, now, len(self.active))
            if not host.gave_way and host.paced.owes(host, now):
                host.gave_way = True
                self._enter(host, now + GIVE_WAY)
                continue
            found = self._pick(host, now)
            if found:
                host.in_flight += 1
                host.served, host.gave_way = now, False
                if found.verdict is None:
                    self._paces.on_send(host.paced, now)
            self.schedule(host, now)
            if found:
                return found
        return None

    def ready_at(self) -> float:
        """When the next host is ready; `math.inf` when every one waits for an answer or a commit."""
        while self._heap and self._heap[0][2] != self._heap[0][3].turn:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def _pick(self, host: Host, now: float) -> Turn | None:
        """What the host would do now, if it may."""
        if self._turn_at(host, now) > now:
            return None
        waiting = self._first_waiting(host)
        in_turn = not (host.robots_last and host.jobs)  # a slow pace is for both
        host.robots_last = bool(waiting and in_turn and self._robots_at(host, waiting, now) <= now)
        if waiting and host.robots_last:
            return self._ask_robots(host, waiting)
        if not host.jobs:
            return None
        job = host.jobs[0]
        if host.down:
            return Turn(host, host.jobs.popleft(), host.down)
        if isinstance(job, PageJob):
            if job.unasked:
                return Turn(host, host.jobs.popleft(), job.unasked)
            if self.backlog.obeys(job):
                if not host.robots.known(job.url):
                    return self._ask_robots(host, job)
                if verdict := host.robots.verdict(job.url):
                    return Turn(host, host.jobs.popleft(), verdict)
        return Turn(host, host.jobs.popleft())

    def _turn_at(self, host: Host, now: float) -> float:
        """When the host's next step may be taken."""
        self._heed_wait(host, now)
        if host.in_flight >= host.most and not host.down:
            return math.inf
        at = self._job_at(host, now)
        waiting = self._first_waiting(host)
        return min(at, self._robots_at(host, waiting, now)) if waiting else at

    def _job_at(self, host: Host, now: float) -> float:
        """When its first job may be done."""
        if not host.jobs:
            return host.read_at if host.down else max(host.read_at, host.pace.ready_at(now))
        if host.down:
            return now
        job = host.jobs[0]
        if isinstance(job, PageJob):
            if job.unasked:
                return now
            if self.backlog.obeys(job):
                if not host.robots.known(job.url):
                    return self._robots_at(host, job, now)
                if host.robots.verdict(job.url):
                    return now
        return host.pace.ready_at(now)

    def _ask_robots(self, host: Host, job: PageJob) -> Turn:
        scheme, url = host.robots.ask(job.url)
        return Turn(host, RobotsJob(host, scheme, [url]))

    def _robots_at(self, host: Host, job: PageJob, now: float) -> float:
        """When the robots.txt that a job waits for may be asked for."""
        return max(host.robots.next_try(job.url), host.pace.ready_at(now))

    def _first_waiting(self, host: Host) -> PageJob | None:
        """Of the jobs set aside, the one whose robots.txt is tried next."""
        if not host.aside:
            return None
        return min(host.aside, key=lambda job: host.robots.next_try(job.url))

    # ---- what happened to a turn

    def ended(self, host: Host, now: float) -> None:
        """A turn of the host is over: whoever shares its pace may be ready now."""
        host.in_flight -= 1
        for sharer in host.paced.hosts:
            if sharer.window is self:
                if sharer.at > now:  # else it is looked at again when it is its turn
                    self.schedule(sharer, now)
            else:
                sharer.window.stir(sharer, now)

    def stir(self, host: Host, now: float) -> None:
        """A permit of the host's pace, which another crawl had, has ended."""
        self.schedule(host, now)
        self._stirred()

    def again(self, host: Host, job: Job, now: float) -> None:
        """The job goes first at its host's next turn (a redirect, a rate limit)."""
        if host.leaving and isinstance(job, PageJob) and not job.future:
            self.notes.tasks += give_back(host, [job])
        else:
            host.jobs.appendleft(job)
        self.schedule(host, now)

    def failed(self, host: Host, verdict: Verdict, now: float) -> None:
        """The host did not answer as one in good health; it is given up when that lasts."""
        utc = now + self._offset
        if not host.down_since:
            host.down_since = utc
            self.notes.hosts.append(HostNote(host.row.id, down_since=utc))
        if max(utc, host.pace.paused_until + self._offset) >= host.down_since + self._patience:
            why = f"host down since {utc_iso(host.down_since)}: {verdict.message}"
            self._give_up(host, verdict.error_type or ErrorType.TRANSIENT, why)

    def _heed_wait(self, host: Host, now: float) -> None:
        """Give up a host that asks for a longer wait than the host's patience."""
        wait = host.pace.paused_until - now
        if wait >= self._patience:
            why = f"the host asks to wait {wait:.0f} s ({host.pace.pause_reason}), beyond the host's patience"
            self._give_up(host, ErrorType.RATE_LIMIT, why)

    def _give_up(self, host: Host, error_type: ErrorType, why: str) -> None:
        if not host.down:
            host.down = Verdict(Outcome.FAILED, error_type, why)
            host.jobs.extend(host.aside)
            host.aside.clear()
            host.cursor, host.read_at = START, -math.inf  # what waits for a later time ends now
            self._observer.event("host_down", host=host.name, reason=why)

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

    def widen_now(self) -> None:
        """The store may have more hosts than it had."""
        self._widen_at = -math.inf

    def widen_at(self) -> float:
        """When asking the store for more hosts is worth it again; `math.inf` without a crawl."""
        return math.inf if self.crawl is None or len(self.active) >= MAX_ACTIVE else self._widen_at

    def exhausted(self) -> bool:
        """Whether the crawl has nothing left: no host in the window, none in the store, whosever it is."""
        return not self.active and (self.crawl is None or not self._work.left(self.crawl))

    def begin(self, crawl: int | None, started_utc: float, now: float) -> None:
        """Serve the tasks of a crawl from now on (None: of none)."""
        self.backlog.crawl = crawl
        self._started = started_utc
        self.widen_now()
        for host in list(self.active.values()):
            host.cursor, host.read_at = START, now
            self.schedule(host, now)

    def adopt(self, name: str, now: float) -> Host | None:
        """The host of that name, taken into the window where it is not; None where another worker has it."""
        row = self._work.host(self.crawl or 0, name)
        host = self.active.get(row.id)
        if host is None and self._work.owns(row.id):
            host = self._activate(row, now)
        return host

    def _activate(self, row: HostRow, now: float) -> Host:
        since = now + self._offset - MAX_AGE if self.crawl is None else self._started
        robots = HostRobots(row.name, self._policy.agent, row.robots, since)
        paced = self._paces.of(row.name, self._policy)
        host = Host(row, self, paced, robots, row.down_since, *self._policy.bounds(row.name))
        paced.hosts.append(host)
        if robots.crawl_delay() or host.floor:
            host.paced.set_floor()
        self.active[row.id] = host
        self.schedule(host, now)
        return host

    def remember(self, now: float) -> None:
        """Note what paces have learned, so that a crash loses little of it; some of them at each call."""
        self._paces.remember(self.notes, now)

    def remember_all(self, now: float) -> None:
        """Note what every pace that was used has learned since."""
        self._paces.remember_all(self.notes, now)

    def paces(self, names: Iterable[str], now: float) -> dict[str, PaceFacts]:
        """How those of the hosts that are in the window are asked."""
        wanted = set(names)
        return {
            host.name: facts_of(host, now, self._offset)
            for host in self.active.values()
            if host.name in wanted
        }

    def awaited(self) -> Iterator[PageJob]:
        """The single fetches that somebody still waits for and that are not in flight."""
        for host in self.active.values():
            yield from (job for job in host.jobs if isinstance(job, PageJob) and job.future)

    def _release(self, host: Host, now: float) -> None:
        del self.active[host.row.id]
        host.paced.hosts.remove(host)
        if host.floor:
            host.paced.set_floor()
        if host.leaving and now < (ready := host.pace.ready_at(now)) < math.inf:
            self.notes.hosts.append(HostNote(host.row.id, not_before=ready + self._offset))
        if not host.paced.hosts:
            note_pace(self.notes, host.paced, now)
        self._left(host.name)

    # ---- shards that go to another worker

    def leave(self, shards: frozenset[int], now: float) -> None:
        """Let go of the hosts of these shards: what is in flight ends, what waits goes back to the store."""
        for host in list(self.active.values()):
            if host.row.id >> 32 in shards and not host.leaving:
                host.leaving = True
                tasks = [job for job in (*host.jobs, *host.aside) if is_task(job)]
                host.jobs = deque(job for job in host.jobs if not is_task(job))
                host.aside.clear()
                self.notes.tasks += give_back(host, tasks)
                self.schedule(host, now)

    def holds(self, shards: frozenset[int]) -> bool:
        """Whether a host of these shards is in the window."""
        return any(host >> 32 in shards for host in self.active)

    # ---- when a host's next turn is

    def schedule(self, host: Host, now: float) -> None:
        """Enter the host in the heap at its next turn, or let it leave the window."""
        if self.active.get(host.row.id) is not host or host.parked:
            return
        if host.leaving:
            host.read_at = math.inf
        at = self._turn_at(host, now)
        leaves = at == math.inf and not (host.jobs or host.taken or host.robots.asking)
        far = now + PARK < at < math.inf and len(host.taken) == len(host.jobs) + len(host.aside)
        if host.in_flight or not (leaves or far) or host.awaited or (far and host.robots.fleeting):
            self._enter(host, at)
            return
        self._enter(host, math.inf)
        if leaves:
            self._release(host, now)
        else:
            self._park(host, at)

    def _enter(self, host: Host, at: float) -> None:
        """Make `at` the host's place in the heap; `math.inf`: none."""
        if at == host.at:
            return
        self._turns += 1
        host.turn, host.at = self._turns, at
        if at < math.inf:
            heapq.heappush(self._heap, (at, host.served, host.turn, host))

    def _park(self, host: Host, until: float) -> None:
        """Back to rest in the store; what changed in memory goes there with it."""
        host.parked = True
        failing = host.robots.to_json() if host.aside else None
        self.notes.hosts.append(HostNote(host.row.id, not_before=until + self._offset, robots=failing))
        self.notes.tasks += give_back(host, [*host.jobs, *host.aside])
        host.jobs.clear()
        host.aside.clear()
        host.taken.clear()
        host.cursor, host.read_at = START, -math.inf

    def noted(self, notes: list[HostNote], now: float) -> None:
        """The notes are committed: hosts that parked with them leave, unless one was wanted meanwhile."""
        for note in notes:
            host = self.active.get(note.host)
            if host and host.parked and note.not_before is not None:
                host.parked = False
                if host.jobs:
                    self.schedule(host, now)
                else:
                    self._release(host, now)

    def arrived(self, names: set[str], now: float) -> None:
        """Redirected tasks were put into the queues of these hosts."""
        if not names:
            return
        self.widen_now()
        for host in [host for host in self.active.values() if host.name in names]:
            host.cursor, host.read_at = START, now
            self.schedule(host, now)
