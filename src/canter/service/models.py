"""What goes over HTTP: requests and answers, with the examples that OpenAPI shows.

Times are UTC, ISO 8601 with milliseconds and a Z; spans are seconds, rates are per second.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

State = Literal["queued", "running", "finished", "cancelled", "failed"]
Status = Literal["healthy", "degraded", "unhealthy"]
Outcome = Literal["ok", "not_modified", "gone", "failed"]

MAX_URL = 2_000  # characters
MAX_SITES = 200  # of one body
CrawlId = Annotated[int, Field(ge=1, le=2**53 - 1, examples=[7])]

_AT = "2026-11-26T03:12:45.120Z"
_SITES: dict[str, Any] = {
    "acme": {"hosts": ["shop.acme.example"], "fields": {"price": {"css": ".price", "type": "money"}}},
}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


def _only(name: str, kind: str, other: str) -> dict[str, Any]:
    """For a schema: `name` must be there, and `other` not."""
    return {"required": [name], "properties": {name: {"type": kind}, other: {"type": "null"}}}


class NewCrawl(_Request):
    """A crawl to begin: of `urls`, or of a `source` that the site file names. It can only narrow what the
    server allows."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_only("urls", "array", "source"), _only("source", "string", "urls")],
            "examples": [
                {"urls": ["https://shop.acme.example/p/1", "https://shop.acme.example/p/2"]},
                {"source": "nightly", "limit": 1000},
                {"urls": ["https://shop.acme.example/p/1"], "sites": _SITES, "max_rate": 2.0},
            ],
        }
    )

    urls: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MAX_URL)]] | None,
        Field(min_length=1, description="URLs of pages; one that is none becomes a failed record."),
    ] = None
    source: Annotated[
        str | None, Field(min_length=1, max_length=200, description="A name from [sources] of the site file.")
    ] = None
    sites: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=200)], dict[str, Any]] | None,
        Field(max_length=MAX_SITES, description="Sites as in the site file, read before the server's own."),
    ] = None
    limit: Annotated[int | None, Field(ge=1, le=10**9, description="At most so many URLs.")] = None
    max_rate: Annotated[
        float | None,
        Field(gt=0, le=1e6, allow_inf_nan=False, description="Requests/s a host, if below the server's."),
    ] = None
    max_per_host: Annotated[
        int | None, Field(ge=1, le=10_000, description="Requests in flight a host, if below the server's.")
    ] = None
    pace: Annotated[
        Literal["adaptive"] | None, Field(description="adaptive: also where the server's pace is off.")
    ] = None
    allow_network: Annotated[
        list[Annotated[str, Field(max_length=50)]] | None,
        Field(max_length=100, description="Of the special networks that the server allows, only these."),
    ] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> NewCrawl:
        if (self.urls is None) == (self.source is None):
            raise ValueError("give either urls or source")
        return self


class CrawlsQuery(_Request):
    """Which crawls."""

    limit: Annotated[int, Field(ge=1, le=1_000, description="At most so many.")] = 100
    state: Annotated[State | None, Field(description="Only those in this state.")] = None


class RecordsQuery(_Request):
    """Which records."""

    outcome: Annotated[Outcome | None, Field(description="Only those with this outcome.")] = None
    changes: Annotated[bool, Field(description="Only those whose fields changed.")] = False


class HostsQuery(_Request):
    """Which hosts."""

    limit: Annotated[int, Field(ge=1, le=500, description="At most so many.")] = 500


class Login(_Request):
    """The key, for a cookie."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"key": "the value of CANTER_API_KEY"}]})

    key: Annotated[str, Field(min_length=1, max_length=1_000)]


class Problem(_Answer):
    """What is wrong, and what to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": "there is no crawl 12"}]})

    detail: str


class Invalid(_Answer):
    """A mistake in a request: where it is and what was expected."""

    loc: Annotated[list[str | int], Field(examples=[["body", "urls", 3]])]
    msg: Annotated[str, Field(examples=["String should have at most 2000 characters"])]
    type: Annotated[str, Field(examples=["string_too_long"])]


class Problems(_Answer):
    """Each mistake in a request."""

    detail: list[Invalid]


class Summary(_Answer):
    """A crawl in numbers, as `canter run --json` gives them; `seconds` it was worked on."""

    pages: Annotated[int, Field(examples=[120_431])]
    ok: Annotated[int, Field(examples=[118_020])]
    not_modified: Annotated[int, Field(examples=[1_200])]
    gone: Annotated[int, Field(examples=[311])]
    failed: Annotated[int, Field(examples=[900])]
    errors: Annotated[dict[str, int], Field(examples=[{"transient": 700, "blocked": 200}])]
    requests: Annotated[int, Field(examples=[122_008])]
    rejected: Annotated[int, Field(examples=[41], description="Answers with status 429 or 503.")]
    seconds: Annotated[float, Field(examples=[612.4])]
    pages_per_second: Annotated[float, Field(examples=[196.65])]
    bytes: Annotated[int, Field(examples=[9_120_004_311])]
    resumed: Annotated[bool, Field(description="Whether it went on after the service had stopped.")]


class Progress(_Answer):
    """How far a crawl is. `total` grows until `fed`; `eta_seconds` null while it cannot be told."""

    done: Annotated[int, Field(examples=[120_431])]
    total: Annotated[int, Field(examples=[500_000])]
    fed: Annotated[bool, Field(description="Its sources were read to their end.")]
    pages_per_second: Annotated[float, Field(examples=[204.0], description="Over the last seconds.")]
    eta_seconds: Annotated[float | None, Field(examples=[1861.0])]


class Crawl(_Answer):
    """A crawl. `reason`: why it failed or was cancelled; `correlation_id`: of the request that began it, on
    each of its log lines."""

    id: CrawlId
    state: State
    reason: Annotated[str | None, Field(examples=[None])]
    source: Annotated[str | None, Field(examples=["nightly"])]
    correlation_id: Annotated[str | None, Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
    started: Annotated[
        str, Field(examples=["2026-11-26T03:00:00.000Z"], description="When it was asked for.")
    ]
    finished: Annotated[str | None, Field(examples=[None])]
    progress: Progress
    summary: Summary


class Crawls(_Answer):
    """The crawls of the store, the latest first."""

    crawls: list[Crawl]


class Sources(_Answer):
    """What a crawl may read, by name, sorted."""

    sources: Annotated[list[str], Field(examples=[["nightly"]])]


class Host(_Answer):
    """A host as it is asked now. Counts are since the service began; `rate`: requests/s of the last seconds,
    `limit`: requests/s that its pace allows, as learned."""

    host: Annotated[str, Field(examples=["shop.acme.example"])]
    rate: Annotated[float, Field(examples=[7.9])]
    limit: Annotated[float | None, Field(examples=[8.1])]
    requests: Annotated[int, Field(examples=[10_233])]
    rejections: Annotated[int, Field(examples=[3], description="Answers with status 429 or 503.")]
    failures: Annotated[int, Field(examples=[12], description="Pages that failed.")]
    in_flight: Annotated[int, Field(examples=[2])]
    paused_until: Annotated[str | None, Field(examples=[_AT])]
    pause_reason: Annotated[str | None, Field(examples=["429, Retry-After 30 s"])]


class Hosts(_Answer):
    """Hosts, those asked last first."""

    hosts: list[Host]


class HostPoint(_Answer):
    """A step of a host's history: its rate and limit, requests/s, and what was counted in the step."""

    at: Annotated[str, Field(examples=[_AT])]
    rate: Annotated[float, Field(examples=[7.9])]
    limit: Annotated[float | None, Field(examples=[8.1])]
    requests: Annotated[int, Field(examples=[40])]
    rejections: Annotated[int, Field(examples=[0])]
    failures: Annotated[int, Field(examples=[0])]


class HostHistory(_Answer):
    """A host over time, the oldest first. `step`: seconds from point to point; it doubles as time goes on."""

    host: Annotated[str, Field(examples=["shop.acme.example"])]
    step: Annotated[float, Field(examples=[2.0])]
    now: Host | None
    points: list[HostPoint]


class Point(_Answer):
    """A step of the service's history."""

    at: Annotated[str, Field(examples=[_AT])]
    pages_per_second: Annotated[float, Field(examples=[204.0])]
    requests_per_second: Annotated[float, Field(examples=[207.5])]
    failed_per_second: Annotated[float, Field(examples=[1.5])]
    rejected_per_second: Annotated[float, Field(examples=[0.0])]
    in_flight: Annotated[float, Field(examples=[64.0])]


class History(_Answer):
    """The service over time, the oldest first. `step`: seconds from point to point; it doubles."""

    step: Annotated[float, Field(examples=[1.0])]
    points: list[Point]


class Failure(_Answer):
    """A page that failed."""

    crawl: CrawlId
    url: Annotated[str, Field(examples=["https://shop.acme.example/p/1"])]
    host: Annotated[str | None, Field(examples=["shop.acme.example"])]
    error_type: Annotated[str | None, Field(examples=["extraction"])]
    error: Annotated[str | None, Field(examples=["not found: price"])]
    request_id: Annotated[str | None, Field(examples=["7-1c3"])]
    at: Annotated[str, Field(examples=[_AT])]


class Change(_Answer):
    """A field that is not what it was."""

    crawl: CrawlId
    url: Annotated[str, Field(examples=["https://shop.acme.example/p/1"])]
    field: Annotated[str, Field(examples=["price"])]
    old: Annotated[Any, Field(examples=[{"amount": "19.99", "currency": "USD"}])]
    new: Annotated[Any, Field(examples=[{"amount": "17.99", "currency": "USD"}])]
    at: Annotated[str, Field(examples=[_AT])]


class Latest(_Answer):
    """The latest failures and changes, the newest first."""

    failures: list[Failure]
    changes: list[Change]


class Worker(_Answer):
    """A worker process. `lag`: seconds by which its loop was late."""

    pid: Annotated[int | None, Field(examples=[4711])]
    alive: bool
    restarts: Annotated[int, Field(examples=[0])]
    in_flight: Annotated[int, Field(examples=[32])]
    lag: Annotated[float, Field(examples=[0.002])]
    rss_mb: Annotated[float, Field(examples=[118.5])]


class HealthStats(_Answer):
    """Counts since the service began; `total_response_time` and `event_loop_lag` in seconds."""

    requests_made: Annotated[int, Field(examples=[122_008])]
    successful_requests: Annotated[int, Field(examples=[121_700])]
    failed_requests: Annotated[int, Field(examples=[308])]
    total_response_time: Annotated[float, Field(examples=[18_402.7])]
    rejected_requests: Annotated[int, Field(examples=[41])]
    pages: Annotated[int, Field(examples=[120_431])]
    failed_pages: Annotated[int, Field(examples=[900])]
    bytes: Annotated[int, Field(examples=[9_120_004_311])]
    running_crawls: Annotated[int, Field(examples=[1])]
    queued_crawls: Annotated[int, Field(examples=[0])]
    last_page_age: Annotated[float | None, Field(examples=[0.4], description="null: none yet.")]
    event_loop_lag: Annotated[float, Field(examples=[0.001])]
    uptime: Annotated[float, Field(examples=[86_400.0])]


class Health(_Answer):
    """Whether the service does its work; `active_connections`: requests in flight to hosts."""

    status: Status
    active_connections: Annotated[int, Field(examples=[64])]
    stats: HealthStats
    reasons: Annotated[list[str], Field(examples=[[]])]
    workers: list[Worker]
    version: Annotated[str, Field(examples=["0.1.0"])]


class CrawlProgress(Progress):
    """How far one crawl is."""

    id: CrawlId
    state: State


class Stats(_Answer):
    """The event `stats`, once a second. Counts are since the service began."""

    at: Annotated[str, Field(examples=[_AT])]
    status: Status
    reasons: list[str]
    pages: Annotated[int, Field(examples=[120_431])]
    outcomes: Annotated[dict[str, int], Field(examples=[{"ok": 119_531, "failed": 900}])]
    errors: Annotated[dict[str, int], Field(examples=[{"transient": 700, "blocked": 200}])]
    requests: Annotated[int, Field(examples=[122_008])]
    rejected: Annotated[int, Field(examples=[41])]
    bytes: Annotated[int, Field(examples=[9_120_004_311])]
    pages_per_second: Annotated[float, Field(examples=[204.0])]
    requests_per_second: Annotated[float, Field(examples=[207.5])]
    in_flight: Annotated[int, Field(examples=[64])]
    lag: Annotated[float, Field(examples=[0.002], description="The most of any worker's loop.")]
    rss_mb: Annotated[float, Field(examples=[312.0], description="Of all processes.")]
    crawls: list[CrawlProgress]
