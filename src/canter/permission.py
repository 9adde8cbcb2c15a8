"""What an answer to a request for robots.txt does to the host whose pages wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from canter.endings import answer_fetch, no_robots
from canter.frontier import Frontier
from canter.hosts import Host, RobotsJob
from canter.model import Fault, Response, Verdict
from canter.policy import Policy
from canter.protocols import HostNote, Observer
from canter.rules.redirects import Redirect, follow
from canter.rules.robots import RobotsAnswer

_MAX_HOPS = 5  # RFC 9309, section 2.3.1.2
_HEAVY = 32_768  # characters; longer files take so long to parse that the loop would stand still


class Permission:
    """One for an engine. Engine time + `offset` = UTC seconds.

    `elsewhere` sees a request through that leads to a host of another worker.
    """

    def __init__(
        self,
        frontier: Frontier,
        policy: Policy,
        observer: Observer,
        offset: float,
        elsewhere: Callable[[RobotsJob], None],
    ) -> None:
        self._elsewhere = elsewhere
        self._frontier = frontier
        self._policy = policy
        self._observer = observer
        self._offset = offset

    async def answered(
        self, host: Host, job: RobotsJob, answer: Response | Fault, verdict: Verdict, now: float
    ) -> None:
        """`host` answered at `now`; after a redirect it need not be the job's owner.

        `verdict`: what the answer means as any page's.
        """
        if len(job.hops) <= _MAX_HOPS:
            led = follow(job.hops[0], answer, job.hops[1:])
            if isinstance(led, Redirect):
                job.hops.append(led.url.href)
                target = host if led.url.host == host.name else self._frontier.adopt(led.url.host, now)
                if target:
                    self._frontier.again(target, job, now)
                else:
                    self._elsewhere(job)
                return
        owner, utc = job.owner, now + self._offset
        fresh = RobotsAnswer.of(answer, utc)
        rules = fresh.rules()
        if rules and len(fresh.text) > _HEAVY:
            await asyncio.to_thread(rules.prepare, self._policy.agent)
        kind = answer.kind if isinstance(answer, Fault) else None
        refusal = verdict  # of a request to the pages' own host
        if len(job.hops) > 1 and verdict.message:
            verdict = replace(verdict, message=f"it leads to {job.url}: {verdict.message}")
            refusal = no_robots(verdict)
        known = owner.robots.answered(job.scheme, fresh, rules, kind, refusal)
        age = owner.robots.age(job.scheme, utc)
        self._observer.event(
            "robots", host=owner.name, url=job.url, status=answer.status, known=known,
            reason=verdict.message, age=None if age is None else round(age),
        )  # fmt: skip
        if known:
            self._known(owner, well=isinstance(answer, Response) and fresh.known, now=now)
        else:
            self.failed(job, verdict, now)

    def failed(self, job: RobotsJob, verdict: Verdict, now: float) -> None:
        """It cannot be had, as `verdict` says why: the owner's pages wait; single fetches are told at once.

        A host may answer by one scheme and not by the other: each scheme has its own patience.
        """
        owner, blocked = job.owner, no_robots(verdict)
        self._frontier.failed(owner, blocked, now)
        for fetch in self._frontier.backlog.take_fetches(owner, job.scheme):
            answer_fetch(fetch, None, blocked)
        patience, utc = self._policy.settings.host_patience, now + self._offset
        if owner.robots.failed(job.scheme, verdict.message or "", now, utc, patience):
            self._frontier.backlog.take_back(owner, now)
        else:
            self._frontier.backlog.set_aside(owner, now)
        self._frontier.schedule(owner, now)

    def _known(self, owner: Host, *, well: bool, now: float) -> None:
        self._frontier.notes.hosts.append(HostNote(owner.row.id, robots=owner.robots.to_json()))
        owner.paced.set_floor()
        if well:
            self._frontier.succeeded(owner)
        self._frontier.backlog.take_back(owner, now)
        self._frontier.schedule(owner, now)
