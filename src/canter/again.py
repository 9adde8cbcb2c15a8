"""A kept page read once more, by the rules of today: the record it would have been. Pure."""

from __future__ import annotations

from canter.model import Record, request_id
from canter.policy import Policy, unclaimed
from canter.protocols import Kept
from canter.records import End, read_answer, visit_of


def record_again(kept: Kept, policy: Policy) -> Record:
    """The record of a kept page by its site's rules as they are now.

    It stands by itself as on first sight: `changed` is null and `previous` empty. A page that no site
    claims any more is a failure.
    """
    task, extraction = kept.task, None
    site = policy.site(task)
    if site is None:
        verdict = unclaimed(task)
    else:
        extraction, verdict = read_answer(policy.extractor(site), task.target, kept.answer)
    name = request_id(task.crawl, kept.number)
    end = End(task, site, verdict, kept.utc, kept.number, name, kept.answer, extraction)
    return visit_of(end).record
