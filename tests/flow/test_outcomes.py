"""What becomes of a page: each row of the contract's table, from the answer to the exported record."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from canter.extraction import Page
from canter.model import Fault, FaultKind, Record, Request, Response, utc_iso
from canter.sites import Field, Site
from canter.stores.sqlite import SqliteHistory
from canter.transports.replay import page
from tests.virtual import UTC, House, Run, Script, Web, fault, html, leads, row, status, title, urls

URL = "http://a.example/p0"
TITLE = {"title": Field(css="h1")}


def one(folder: Path, script: Script, *sites: Site, **settings: object) -> tuple[Record, Run]:
    """The record of one page whose answers are scripted, and the crawl."""
    crawl = House(folder, *sites, **settings).crawl([URL], Web({URL: script}))
    assert list(crawl.records) == [URL]
    return crawl.records[URL], crawl


def test_a_good_page(tmp_path: Path) -> None:
    """A page with its fields is `ok`, and its record says how it came about."""
    record, crawl = one(tmp_path, title("Lamp", seconds=0.25))
    assert (record.outcome, record.status, record.attempts, record.error, record.error_type) == (
        "ok", 200, 1, None, None,
    )  # fmt: skip
    assert record.fields == {"title": "Lamp"}
    assert (record.site, record.host, record.final_url, record.redirects) == ("shop", "a.example", URL, [])
    assert record.response_time == 0.25
    assert record.request_id == f"{crawl.crawl:x}-{(1 << 32) + 2:x}"
    assert record.fetched_at == utc_iso(UTC + crawl.times()[0] + 0.25)
    assert record.changed is None


@pytest.mark.parametrize("code", [404, 410])
def test_gone(tmp_path: Path, code: int) -> None:
    """404 and 410 are `gone`, asked once, no failure."""
    record, crawl = one(tmp_path, status(code))
    assert (record.outcome, record.error_type, record.error, record.status) == ("gone", None, None, code)
    assert len(crawl.pages()) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status(400), "permanent"), (status(401), "permanent"), (status(405), "permanent"),
        (status(451), "permanent"), (status(403), "blocked"), (fault(FaultKind.NO_HOST), "permanent"),
        (fault(FaultKind.TLS), "permanent"), (fault(FaultKind.ADDRESS), "refused"),
        (fault(FaultKind.TOO_LARGE), "too_large"), (page(URL, b"x" * 1_000_001), "too_large"),
        (page(URL, b"\x89PNG\r\n\x1a\n" + bytes(99), headers={"Content-Type": "image/png"}), "unsupported"),
    ],
)  # fmt: skip
def test_what_is_not_tried_again(tmp_path: Path, answer: Response | Fault, kind: str) -> None:
    """A failure that trying again cannot mend is asked for once."""
    record, crawl = one(tmp_path, answer, max_body=1_000_000)
    assert (record.outcome, record.error_type, record.attempts) == ("failed", kind, 1)
    assert record.error
    assert len(crawl.pages()) == 1


TRANSIENT = [
    status(500), status(502), status(504), status(522), status(408), status(425),
    fault(FaultKind.TIMEOUT), fault(FaultKind.CONNECT), fault(FaultKind.CUT), fault(FaultKind.DNS),
    fault(FaultKind.GARBLED), fault(FaultKind.ENCODING),
]  # fmt: skip


@pytest.mark.parametrize("bad", TRANSIENT)
def test_transient_failures_are_tried_three_times(tmp_path: Path, bad: Response | Fault) -> None:
    """A passing failure is tried three times, further and further apart, then ends."""
    record, crawl = one(tmp_path, bad)
    assert (record.outcome, record.error_type, record.attempts) == ("failed", "transient", 3)
    first, second, third = crawl.times()
    assert second - first >= bad.elapsed + 0.5
    assert third - second >= bad.elapsed + 1.0


def test_a_retry_that_succeeds(tmp_path: Path) -> None:
    """A page that comes at the third try is good, and says how often it was asked for."""
    record, _ = one(tmp_path, [status(500), fault(), title("Lamp")])
    assert (record.outcome, record.attempts, record.fields) == ("ok", 3, {"title": "Lamp"})


def test_attempts_can_be_set(tmp_path: Path) -> None:
    """A site's own number of attempts holds."""
    site = Site("eager", hosts=["*"], fields=TITLE, attempts=5)
    record, _ = one(tmp_path, status(500), site)
    assert record.attempts == 5


def test_the_retry_budget_holds(tmp_path: Path) -> None:
    """Of many failing pages on a host that lives, 10 and a fifth of the rest are retried soon, the others
    one every ten seconds; what is left when the host gave nothing good for its patience ends."""
    bad, good = urls("a.example", 200, "bad"), urls("a.example", 200, "good")
    crawl = House(tmp_path).crawl([*bad, *good], Web(dict.fromkeys(bad, status(500))))
    assert {record.outcome for record in crawl.rows if "good" in record.url} == {"ok"}
    last_first = max(sent.at for sent in crawl.pages() if not sent.number)
    retries = sorted(sent.at for sent in crawl.sent if sent.number and "bad" in sent.request.url)
    soon = sum(at < last_first + 60 for at in retries)
    assert soon <= 10 + 0.2 * 400 + (last_first + 60) / 10 + 1
    late = [at for at in retries if at > last_first + 200]
    assert len(late) > 20
    assert all(later - earlier > 5 for earlier, later in pairwise(late))
    assert crawl.seconds < last_first + 1_900


def test_a_challenge_page_is_blocked_and_slows_its_host(tmp_path: Path) -> None:
    """A challenge at status 200 is no page: asked once, `blocked`, and the host rests as after a 403."""
    challenge = page(URL, b"<title>Just a moment...</title><script>window._cf_chl_opt={}</script>")
    first, later = urls("a.example", 8, "first"), urls("a.example", 3, "later")
    queued = [*(row(url, priority=9) for url in first), row(URL, priority=5), *(row(url) for url in later)]
    crawl = House(tmp_path).crawl(queued, Web({URL: challenge}))
    assert (crawl.records[URL].outcome, crawl.records[URL].error_type) == ("failed", "blocked")
    assert crawl.records[URL].missing == []
    sent = {each.request.url: each.at for each in crawl.pages()}
    assert len(crawl.pages()) == len(sent) == 12
    assert min(sent[url] for url in later) >= sent[URL] + 30


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_pauses_the_host(tmp_path: Path, code: int) -> None:
    """Retry-After is kept by the whole host, and the refused page is no attempt."""
    web = Web({URL: [status(code, {"Retry-After": "20"}), title("Lamp")]})
    crawl = House(tmp_path).crawl([row(URL, priority=5), *urls("a.example", 5, "q")], web)
    refused = crawl.times()[0]
    assert crawl.pages()[0].request.url == URL
    assert crawl.times()[1] >= refused + 20
    assert crawl.pages()[1].request.url == URL
    assert (crawl.records[URL].outcome, crawl.records[URL].attempts) == ("ok", 1)


def test_rate_limits_end_after_ten(tmp_path: Path) -> None:
    """A page that is refused for ever is asked eleven times, and is no attempt at all."""
    record, crawl = one(tmp_path, status(429, {"Retry-After": "1"}))
    assert (record.outcome, record.error_type, record.attempts) == ("failed", "rate_limit", 0)
    assert len(crawl.pages()) == 11


def test_rate_limits_are_counted_over_parking(tmp_path: Path) -> None:
    """A host that rests in the store between two answers does not forget how often a page was refused."""
    record, crawl = one(tmp_path, status(429, {"Retry-After": "45"}))
    assert (record.error_type, len(crawl.pages())) == ("rate_limit", 11)
    assert crawl.seconds > 11 * 45 - 1


# ---- over several crawls


def test_not_modified(tmp_path: Path) -> None:
    """A page that answers 304 keeps the last fields on its record."""
    house = House(tmp_path)

    def answer(request: Request, _: int) -> Response:
        if request.headers.get("If-None-Match") == '"v1"':
            return status(304)
        return title("Lamp", {"ETag": '"v1"', "Last-Modified": "Sun, 15 Jun 2025 12:00:00 GMT"})

    web = Web({URL: answer})
    assert house.crawl([URL], web).records[URL].outcome == "ok"
    for _ in range(2):
        crawl = house.crawl([URL], web)
        record = crawl.records[URL]
        assert (record.outcome, record.status, record.fields) == ("not_modified", 304, {"title": "Lamp"})
        assert (record.changed, record.previous, record.error) == (False, {}, None)
        asked = crawl.pages()[0].request.headers
        assert asked == {"If-None-Match": '"v1"', "If-Modified-Since": "Sun, 15 Jun 2025 12:00:00 GMT"}


def test_validators_are_for_the_same_rules(tmp_path: Path) -> None:
    """A page that was read by other rules is asked for whole; so is one behind a redirect."""
    house = House(tmp_path)
    house.crawl([URL], Web({URL: title("Lamp", {"ETag": '"v1"'})}))
    house = House(tmp_path, Site("shop", hosts=["*"], fields={"title": Field(css="h1, h2")}))
    crawl = house.crawl([URL], Web({URL: leads("/x"), "http://a.example/x": title("Lamp", {"ETag": '"x"'})}))
    assert [sent.request.headers for sent in crawl.pages()] == [{}, {}]
    assert [s.request.headers for s in house.crawl([URL], Web()).pages()] == [{}]


def test_304_to_a_plain_request(tmp_path: Path) -> None:
    """304 where nothing was asked to be the same is a broken answer, tried again."""
    record, crawl = one(tmp_path, status(304))
    assert (record.error_type, len(crawl.pages())) == ("transient", 3)


def test_changes_over_three_crawls(tmp_path: Path) -> None:
    """`changed` is null on first sight, then tells; `previous` has the old values."""
    house = House(tmp_path)
    found = [house.crawl([URL], Web({URL: title(text)})).records[URL] for text in ("A", "A", "B", "B")]
    assert [record.changed for record in found] == [None, False, True, False]
    assert [record.previous for record in found] == [{}, {}, {"title": "A"}, {}]
    assert [record.fields["title"] for record in found] == ["A", "A", "B", "B"]
    again = [house.records(record.crawl or 0)[0] for record in found]
    assert again == found


def test_a_failure_in_between_is_no_change(tmp_path: Path) -> None:
    """What changed is told against the last good record, whatever failed since."""
    house = House(tmp_path)
    house.crawl([URL], Web({URL: title("A")}))
    for bad in (status(404), status(500), page(URL, b"<p>no title", headers={"Content-Type": "text/html"})):
        assert house.crawl([URL], Web({URL: bad})).records[URL].changed is None
    same = house.crawl([URL], Web({URL: title("A")})).records[URL]
    assert (same.changed, same.previous) == (False, {})
    house.crawl([URL], Web({URL: status(404)}))
    other = house.crawl([URL], Web({URL: title("B")})).records[URL]
    assert (other.changed, other.previous) == (True, {"title": "A"})


# ---- extraction


def test_what_is_found_of_a_bad_page_is_kept(tmp_path: Path) -> None:
    """A required field that is missing fails the page; the fields found stay on its record."""
    site = Site("own", hosts=["*"], fields={"title": Field(css="h1"), "price": Field(css=".p", type="money")})
    record, crawl = one(tmp_path, title("Lamp"), site)
    assert (record.outcome, record.error_type, record.missing) == ("failed", "extraction", ["price"])
    assert record.fields == {"title": "Lamp", "price": None}
    assert len(crawl.pages()) == 1


def test_an_empty_204_is_good(tmp_path: Path) -> None:
    """An empty 204 is `ok` with no field, whatever the page held before, and no change of it."""
    house = House(tmp_path)
    web = Web({URL: [title("Lamp"), status(204), title("Lamp")]})
    found = [house.crawl([URL], web).records[URL] for _ in range(3)]
    assert [record.outcome for record in found] == ["ok", "ok", "ok"]
    assert [record.fields["title"] for record in found] == ["Lamp", None, "Lamp"]
    assert [record.changed for record in found] == [None, None, False]


OFFER = (
    b'<script type="application/ld+json">{"@type": "Product", "name": "Lamp", "sku": "L-1", "offers": '
    b'{"price": "19.99", "priceCurrency": "EUR", "availability": "https://schema.org/InStock"}}</script>'
)


def test_an_unclaimed_url_is_read_by_auto(tmp_path: Path) -> None:
    """A URL that no site claims gives the fields of the built-in site, typed in exports too."""
    site = Site("own", hosts=["b.example"], fields=TITLE)
    house = House(tmp_path, site)
    crawl = house.crawl([URL, "http://b.example/p0"], Web({URL: page("", OFFER)}))
    record = crawl.records[URL]
    assert (record.outcome, record.site) == ("ok", "auto")
    assert record.fields["price"] == {"amount": "19.99", "currency": "EUR"}
    assert (record.fields["sku"], record.fields["gtin"]) == ("L-1", None)
    assert crawl.records["http://b.example/p0"].fields == {"title": "A title"}
    with closing(SqliteHistory(house.path)) as history:
        assert history.declared(crawl.crawl)["auto"]["price"] == "money"


def test_a_site_that_there_is_not_is_a_clear_error(tmp_path: Path) -> None:
    """A URL whose source names an unknown site ends without a request, and says which."""
    crawl = House(tmp_path, Site("own", hosts=["b.example"], fields=TITLE)).crawl([row(URL, site="none")])
    record = crawl.records[URL]
    assert (record.outcome, record.error_type, record.attempts) == ("failed", "extraction", 0)
    assert "the source names the site 'none'" in str(record.error)
    assert crawl.sent == []


def by_hand(found: Page) -> dict[str, object]:
    """A site's own parse function."""
    if "boom" in found.text:
        raise ValueError("no such page")
    return (
        {"length": len(found.content), "url": found.url}
        if "bad" in found.text
        else {"length": len(found.content)}
    )


def test_a_parse_function(tmp_path: Path) -> None:
    """A site's own function gives fields; what it raises is a failed page that says so."""
    site = Site("own", hosts=["*"], parse=by_hand, fields={"length": Field()})
    web = Web({URL: title("Lamp"), "http://a.example/p1": title("boom"), "http://a.example/p2": title("bad")})
    crawl = House(tmp_path, site).crawl(urls("a.example", 3), web)
    assert crawl.records[URL].fields == {"length": 13}
    failed = crawl.records["http://a.example/p1"]
    assert (failed.error_type, failed.missing) == ("extraction", ["length"])
    assert "no such page" in str(failed.error)
    assert crawl.records["http://a.example/p2"].fields == {"length": 12}


# ---- what travels with a URL


def test_columns_line_site_and_priority(tmp_path: Path) -> None:
    """Other columns come out on the record; the site named reads the page; priority goes first."""
    plain = Site("plain", hosts=["*"], fields=TITLE)
    named = Site("named", fields={"heading": Field(css="h1")})
    lines = [
        row("http://a.example/low", 1, -5),
        row("http://a.example/mid", 2, columns={"sku": "7", "shelf": "B"}),
        row("http://a.example/high", 3, 9, site="named"),
        row("http://a.example/lost", 4, 20, site="nobody"),
    ]
    crawl = House(tmp_path, plain, named).crawl(lines)
    assert [url[-4:] for url in crawl.asked] == [".txt", "lost", "high", "/mid", "/low"]
    mid, high = crawl.records["http://a.example/mid"], crawl.records["http://a.example/high"]
    assert (mid.line, mid.source, mid.site) == (2, {"sku": "7", "shelf": "B"}, "plain")
    assert (high.site, high.fields, high.source) == ("named", {"heading": "A title"}, {})


def test_what_travels_survives_retries_moves_and_parking(tmp_path: Path) -> None:
    """Line, columns and site are the same after a retry, a redirect to another host and a long pause."""
    named = Site("named", fields={"heading": Field(css="h1")})
    line = row(URL, 42, 3, columns={"sku": "7"}, site="named")
    web = Web(
        {
            URL: [status(500), leads("http://b.example/x")],
            "http://b.example/x": [status(429, {"Retry-After": "50"}), status(502), title("Lamp")],
        }
    )
    record = House(tmp_path, named).crawl([line], web).records[URL]
    assert (record.outcome, record.attempts, record.line, record.source, record.site, record.fields) == (
        "ok", 3, 42, {"sku": "7"}, "named", {"heading": "Lamp"},
    )  # fmt: skip
    assert record.redirects == ["http://b.example/x"]


def test_what_observers_and_callers_see_is_what_is_exported(tmp_path: Path) -> None:
    """A record is the same to the observer, to `deliver` and in the export, whatever its outcome."""
    house = House(tmp_path)
    lines = urls("a.example", 8)
    answers: list[Script] = [
        title("Lamp"), status(404), status(500), status(204), leads("http://b.example/"), leads("/p0"),
        page("", b"<p>", headers={"Content-Type": "text/html"}), fault(FaultKind.TLS),
    ]  # fmt: skip
    for _ in range(2):
        crawl = house.crawl(lines, Web(dict(zip(lines, answers, strict=True))))
        assert {record.url: record for record in crawl.live} == crawl.records
        assert {record.url: record for record in crawl.committed} == crawl.records
        assert len(crawl.committed) == len(crawl.live) == 8


def test_html_is_the_default(tmp_path: Path) -> None:
    """The harness itself: a page that nobody scripted has a title."""
    record, _ = one(tmp_path, html)
    assert record.fields == {"title": "A title"}
