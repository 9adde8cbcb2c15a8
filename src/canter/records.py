"""From a task's end to its record, and to what the page is remembered by. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from canter import __version__
from canter.extraction import Extraction, Extractor, Page, not_text
from canter.model import (
    ErrorType,
    Fault,
    Fields,
    Outcome,
    PageState,
    Record,
    Response,
    Task,
    Verdict,
    utc_iso,
)
from canter.protocols import Visit
from canter.rules.change import canonical, difference, fingerprint
from canter.sites import Site
from canter.urls import host_of

GOOD = Verdict(Outcome.OK)
_READABLE = (None, ErrorType.EXTRACTION, ErrorType.TOO_LARGE)


class End(NamedTuple):
    """How a task ended. `utc`: UTC seconds; `number`: of the last request, 0 where none was sent."""

    task: Task
    site: Site | None
    verdict: Verdict
    utc: float
    number: int
    request_id: str | None
    answer: Response | Fault | None = None
    extraction: Extraction | None = None
    mark: int | None = None  # of what was read, by `mark_of`
    last: Callable[[], Fields | None] = lambda: None  # the last good fields
    keep: bool = False  # the answer was handed to extraction, and such are kept


def mark_of(url: str, answer: Response) -> int:
    """The fingerprint of what is read of an answer from `url`: body, type and address; and of who reads."""
    beside = (__version__, url, answer.headers.get("Content-Type") or "")
    return fingerprint(answer.body, fingerprint("\n".join(beside).encode()))


def is_unchanged(page: PageState, site: Site, mark: int) -> bool:
    """Whether reading the page again would give its last good fields.

    Never with a `parse` function: it may look at anything.
    """
    return (
        page.body == mark
        and page.fields is not None
        and page.rules == site.fingerprint
        and site.parse is None
    )


def judge(extraction: Extraction) -> Verdict:
    """A page that was read is good when none of its required fields is missing."""
    if not extraction.missing:
        return GOOD
    problems = "; ".join(extraction.problems[:5]) or f"not found: {', '.join(extraction.missing)}"
    return Verdict(Outcome.FAILED, ErrorType.EXTRACTION, problems)


def read_answer(extractor: Extractor, url: str, answer: Response) -> tuple[Extraction | None, Verdict]:
    """What a site's rules find in an answer from `url`, and what that means for the page."""
    if what := not_text(answer.headers.get("Content-Type"), answer.body):
        return None, _failed(ErrorType.UNSUPPORTED, f"not a text but {what}")
    try:
        extraction = extractor.read(Page(url, answer.status, answer.headers, answer.body, answer.elapsed))
    except MemoryError:
        return None, _failed(ErrorType.TOO_LARGE, "its tree does not fit in memory")
    return extraction, judge(extraction)


def _failed(error_type: ErrorType, message: str) -> Verdict:
    return Verdict(Outcome.FAILED, error_type, message)


def visit_of(end: End) -> Visit:
    """The record of a task's end and what the store has to keep of it."""
    fields, good = _fields(end)
    page: PageState | None = None
    value: bytes | None = None
    changed: bool | None = None
    previous: Fields = {}
    if good:
        data = canonical(fields)
        mark = fingerprint(data)
        seen_before = end.task.page.fields is not None
        if mark != end.task.page.fields:
            value = data
            previous = difference(end.last() or {}, fields) if seen_before else {}
        if seen_before:
            changed = bool(previous)
        page = _page_state(end, mark)
    elif end.verdict.outcome is Outcome.NOT_MODIFIED:
        changed = False
    record = _record(end, fields, changed, previous)
    return Visit(end.task, record, end.number, end.utc, page, value, _worth_keeping(end))


def _worth_keeping(end: End) -> Response | None:
    """The answer, where it was read, or could be by other rules or with more memory."""
    answer = end.answer
    if end.keep and isinstance(answer, Response) and end.verdict.error_type in _READABLE:
        return answer
    return None


def _fields(end: End) -> tuple[Fields, bool]:
    """The record's fields, and whether they are a good page's own."""
    declared: Fields = dict.fromkeys(end.site.declared) if end.site else {}
    if end.extraction is not None:
        found = declared | end.extraction.fields
        return found, end.verdict.outcome is Outcome.OK
    if end.verdict.outcome is Outcome.NOT_MODIFIED:
        last = end.last() or {}
        return declared | {n: v for n, v in last.items() if n in declared or not declared}, False
    return declared, False


def _page_state(end: End, fields: int) -> PageState:
    answer = end.answer
    assert isinstance(answer, Response)
    assert end.site is not None
    own = not end.task.hops  # a validator of where a redirect led is not the page's own
    return PageState(
        etag=answer.headers.get("ETag") if own else None,
        modified=answer.headers.get("Last-Modified") if own else None,
        rules=end.site.fingerprint,
        body=end.mark,
        fields=fields,
    )


def _record(end: End, fields: Fields, changed: bool | None, previous: Fields) -> Record:
    task, verdict, answer = end.task, end.verdict, end.answer
    assert verdict.outcome is not None
    return Record(
        url=task.url, final_url=task.target, redirects=list(task.hops),
        site=end.site.name if end.site else None, host=host_of(task.url) or None, crawl=task.crawl,
        request_id=end.request_id, fetched_at=utc_iso(end.utc), status=answer.status if answer else None,
        outcome=verdict.outcome.value, error_type=verdict.error_type.value if verdict.error_type else None,
        error=verdict.message if verdict.outcome is Outcome.FAILED else None, attempts=task.attempt,
        response_time=round(answer.elapsed, 4) if answer else None, from_cache=False, changed=changed,
        previous=previous, missing=list(end.extraction.missing) if end.extraction else [], line=task.line,
        source=dict(task.columns or {}), fields=fields,
    )  # fmt: skip
