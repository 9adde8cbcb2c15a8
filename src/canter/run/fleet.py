"""The worker processes of one store: crawls served by all of them, each host by one of them.

    owner (one thread)            fleet                        each worker
    serve(crawl), fed, cancel ──> orders ── pipe ──────────>   an engine a crawl
    attend() ────────────────>    reads, restarts, tells  <──  reports, log lines, "my part is over"
        listener.over(crawl) <──

A host belongs to one of 256 shards for good, a shard to one worker at a time; so nobody doubles a host's
pace. The store holds which worker has a shard: one that was given up for dead cannot commit.
"""

from __future__ import annotations

import multiprocessing.connection
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from canter.errors import CanterError
from canter.observe import Counts, News
from canter.policy import Policy, Terms
from canter.run.allotment import Allotment
from canter.run.deaths import Deaths
from canter.run.errands import Done, Errand
from canter.run.member import Member
from canter.run.messages import (
    Answer,
    Ask,
    Assignment,
    Claim,
    Deadly,
    Drain,
    End,
    Failed,
    Fed,
    Fetch,
    Fetched,
    Heard,
    Left,
    LogLine,
    Message,
    Over,
    Serve,
)
from canter.run.shards import Bundles
from canter.sites import SiteBook
from canter.stores.sqlite import SqliteCrawls
from canter.urls import BadUrl, parse_url

GRACE = 8.0  # seconds that what is in flight may take to finish
HURRY = 2.0  # seconds until a worker that does not end is killed
PATIENCE = 2.0  # seconds until shards are shared out, though nothing is known of their loads


class Listener(Protocol):
    """Is told what workers say, within `attend`."""

    def log(self, line: str, /) -> None:
        """A log line of a worker."""

    def notice(self, text: str, /) -> None:
        """Something the user should know."""

    def heard(self, crawl: int, news: News, /) -> None:
        """What a worker saw in a crawl since its last report."""

    def fetched(self, crawl: int, done: Done, /) -> None:
        """A sitemap that was asked for by `Fleet.fetch`."""

    def over(self, crawl: int, error: str | None, /) -> None:
        """A crawl is over in every worker: done, cancelled, or failed for this reason."""


@dataclass(slots=True)
class _Crawl:
    started: float
    since: float  # when it was served first, monotonic
    terms: Terms | None
    bound: tuple[tuple[str, str], ...]
    fed: bool = False
    draining: bool = False
    is_over: bool = False
    error: str | None = None
    errands: dict[int, _Errand] = field(default_factory=dict)  # by number
    asks: dict[tuple[int, int], _Errand] = field(default_factory=dict)  # by asker and number


@dataclass(slots=True)
class _Errand:
    """Something to be fetched by the worker that has the host; `member`: the one that was told."""

    order: Fetch | Ask
    url: str
    member: int | None = None


class Fleet:
    """Starts, watches and restarts at most `most` workers. Not thread-safe: one thread owns it, and on
    Linux workers end with that thread.

    `lasting`: crawls come and go, so that there are `most` workers from the beginning, whatever is to do.
    `members` tell how each worker is; `counts(crawl)` what was done in a crawl; `error` why nothing can be
    done any more. Methods raise StoreError where the store cannot be read.
    """

    def __init__(
        self, assignment: Assignment, most: int, listener: Listener, *, lasting: bool = False
    ) -> None:
        self._assignment = assignment
        self._most = most
        self._listener = listener
        self._policy = Policy(assignment.settings, SiteBook(assignment.sites))
        self._store = SqliteCrawls(assignment.store, create=False)
        self._deaths = Deaths()
        self._allotment = Allotment(assignment.settings.max_concurrent, self._bundles())
        self._crawls: dict[int, _Crawl] = {}
        self._lasting = lasting
        self._shared = False  # the shards are shared out
        self._closing = False
        self.members: list[Member] = []
        self.error: CanterError | None = None

    # ---- for the owner

    def start(self) -> None:
        """Start the first worker; the others follow when there is something for them to do."""
        self._add_member()

    def serve(
        self,
        crawl: int,
        started: float,
        terms: Terms | None = None,
        bound: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Have a crawl, begun at `started` (UTC seconds), served beside those that are.

        `terms`: what it makes narrower for itself; `bound`: what its log lines carry beside its number.
        """
        self._crawls[crawl] = _Crawl(started, time.monotonic(), terms, bound)
        for member in self.members:
            self._send_crawl(member, crawl)

    def fed(self, crawl: int) -> None:
        """Nothing more will be loaded: the crawl is over when what is in the store is done."""
        self._crawls[crawl].fed = True
        self._tell_all(Fed(crawl))

    def fetch(self, crawl: int, errand: Errand) -> None:
        """Have a sitemap fetched by the worker that has its host; `Listener.fetched` gets the answer."""
        self._crawls[crawl].errands[errand.number] = _Errand(Fetch(crawl, errand), errand.url)

    def cancel(self, crawl: int, grace: float = GRACE) -> None:
        """Start nothing more of a crawl; what is in flight has `grace` seconds. Again, to hurry it."""
        self._crawls[crawl].draining = True
        self._tell_all(Drain(crawl, grace))
        self._conclude(crawl)

    def drain(self, grace: float = GRACE) -> None:
        """Cancel every crawl."""
        for crawl in self.active:
            self.cancel(crawl, grace)

    def attend(self, timeout: float) -> None:
        """Wait so long, in seconds, for workers to say something; hear it, and replace those that died."""
        if not self._shared and self.members:
            self._share_out()
        if self._shared:
            self._balance()
            self._send_errands()
        waitable = [member.waitable for member in self.members if not member.ended]
        multiprocessing.connection.wait(waitable, timeout)
        for member in self.members:
            if not member.ended:
                self._look_after(member)

    def close(self) -> None:
        """End every worker; what they have not committed is still due."""
        self._closing = True
        self._tell_all(End())
        deadline = time.monotonic() + HURRY
        while not all(member.ended for member in self.members) and time.monotonic() < deadline:
            self.attend(0.05)
        for member in self.members:
            member.end(max(0.0, deadline - time.monotonic()))
        self._store.close()

    def kill(self) -> None:
        """End every worker at once; every crawl is over."""
        self._closing = True
        for member in self.members:
            member.kill()
            member.serving.clear()
        for crawl in self.active:
            self._conclude(crawl)

    # ---- how it is

    @property
    def active(self) -> list[int]:
        """The crawls that are served."""
        return [number for number, crawl in self._crawls.items() if not crawl.is_over]

    def counts(self, crawl: int) -> Counts:
        """What was done in a crawl since it was served, by all workers."""
        total = Counts()
        for member in self.members:
            total.merge(member.counts(crawl))
        return total

    def forget(self, crawl: int) -> None:
        """Nobody will ask for the counts of a crawl that is over any more."""
        del self._crawls[crawl]
        self._deaths.forget(crawl)
        for member in self.members:
            member.forget(crawl)

    @property
    def peak_rss_mb(self) -> float:
        """The most that each worker held, together."""
        return sum(member.peak_rss_mb for member in self.members)

    # ---- shards

    def _share_out(self) -> None:
        """Give every shard to a worker, once something is known of how much there is to do where."""
        crawls = [self._crawls[number] for number in self.active]
        loads = self._store.loads(self.active)
        waited = any(time.monotonic() - crawl.since > PATIENCE for crawl in crawls)
        known = loads or waited or any(crawl.fed or crawl.errands for crawl in crawls)
        if not (known or self._lasting):
            return
        most = self._most if loads or self._lasting else 1
        shares = self._allotment.shares({} if self._lasting else loads, most)
        while len(self.members) < len(shares):
            self._add_member()
        self._shared = True
        self._allotment.share_out(self.members, shares)

    def _bundles(self) -> Bundles:
        """Shards whose hosts share a pace: those that had another shard before they shared it."""
        shards: defaultdict[str, set[int]] = defaultdict(set)
        if any(site.pace_key for site in self._assignment.sites):
            for name, shard in self._store.shards():
                if (key := self._policy.pace_key(name)) != name:
                    shards[key] |= {shard, self._policy.shard_of(name)}
        return Bundles(shards.values())

    def _balance(self) -> None:
        self._allotment.balance(
            self.members,
            time.monotonic(),
            lambda: self._store.loads(self.active),
            lambda: self._add_member() if len(self.members) < self._most else None,
        )

    def _owner(self, url: str) -> Member | None:
        """The worker that has the shard of a URL's host; None while it moves."""
        parsed = parse_url(url)
        if isinstance(parsed, BadUrl):
            return self.members[0]
        shard = self._store.shard_of(parsed.host)
        if shard is None:
            shard = self._policy.shard_of(parsed.host)
        return self._allotment.owner(self.members, shard)

    def _send_errands(self) -> None:
        """Sitemaps for a feed, and pages that one worker asks of another, to whoever has the host."""
        for number in self.active:
            crawl = self._crawls[number]
            for errand in [*crawl.errands.values(), *crawl.asks.values()]:
                if errand.member is None and not crawl.draining and (owner := self._owner(errand.url)):
                    errand.member = owner.number
                    owner.send(errand.order)

    # ---- workers

    def _add_member(self) -> Member:
        member = Member(len(self.members), self._assignment)
        self.members.append(member)
        self._begin(member)
        return member

    def _begin(self, member: Member) -> None:
        """Start a worker, or the successor of one that died, and tell it all that it has to know."""
        member.start()
        if member.shards:
            member.send(Claim(member.shards))
        if self._shared:
            self._allotment.seat(self.members)
        for crawl in self.active:
            self._send_crawl(member, crawl)

    def _send_crawl(self, member: Member, number: int) -> None:
        crawl = self._crawls[number]
        if crawl.draining:
            return
        member.serving.add(number)
        member.send(
            Serve(number, crawl.started, self._deaths.of(number), crawl.terms, crawl.bound, not member.number)
        )
        if crawl.fed:
            member.send(Fed(number))

    def _tell_all(self, order: Fed | Drain | Deadly | End) -> None:
        for member in self.members:
            member.send(order)

    def _look_after(self, member: Member) -> None:
        alive = member.alive  # looked at first: what it said before it died is still heard
        for message in member.messages():
            self._hear(member, message)
        if not alive and not member.ended:
            self._died(member)

    def _hear(self, member: Member, message: Message) -> None:
        match message:
            case LogLine(text):
                self._listener.log(text)
            case Left(shards):
                self._allotment.left(member, shards)
            case Answer(asker, number):
                for crawl in self._crawls.values():
                    if crawl.asks.pop((asker, number), None):
                        self.members[asker].send(message)
            case Failed(error):
                member.ended = True
                self._give_up(CanterError(error))
            case Heard() | Ask() | Fetched() | Over() if message.crawl in self._crawls:
                self._hear_of(self._crawls[message.crawl], member, message)

    def _hear_of(self, crawl: _Crawl, member: Member, message: Heard | Ask | Fetched | Over) -> None:
        """What a worker says of a crawl."""
        match message:
            case Heard(number, news):
                self._listener.heard(number, news)
            case Ask():
                ask = message._replace(asker=member.number)
                crawl.asks[member.number, ask.number] = _Errand(ask, ask.url)
            case Fetched(number, done) if crawl.errands.pop(done.number, None):
                self._listener.fetched(number, done)
            case Over(number, error, _):
                member.serving.discard(number)
                if error and not crawl.error:
                    crawl.error = error
                    self.cancel(number)
                self._conclude(number)

    def _conclude(self, number: int) -> None:
        """Say that a crawl is over once it is so for every worker."""
        crawl = self._crawls[number]
        if not crawl.is_over and not any(number in member.serving for member in self.members):
            crawl.is_over = True
            self._listener.over(number, crawl.error)

    def _died(self, member: Member) -> None:
        """Replace a worker that died; the page that it was reading twice is not read again."""
        page, code = member.reading, member.exit_code
        member.bury()
        if self._closing:
            member.ended = True
            return
        now = time.monotonic()
        if self._deaths.note(page, now) and page:
            self._tell_all(Deadly(page))
        if self._deaths.hopeless(now):
            member.ended = True
            self._give_up(
                CanterError(f"workers die again and again (exit code {code}); run the same command to go on")
            )
            return
        self._listener.notice(f"a worker died (exit code {code}) and is started again; nothing is lost")
        self._allotment.died(member)
        for crawl in self._crawls.values():
            crawl.asks = {key: ask for key, ask in crawl.asks.items() if key[0] != member.number}
            for errand in [*crawl.errands.values(), *crawl.asks.values()]:
                if errand.member == member.number:
                    errand.member = None
        member.serving.clear()
        self._begin(member)
        for crawl_number in self.active:
            self._conclude(crawl_number)

    def _give_up(self, error: CanterError) -> None:
        """Nothing can be done any more: every crawl is over."""
        self.error = self.error or error
        for number in self.active:
            self._crawls[number].error = self._crawls[number].error or str(self.error)
        self.kill()
