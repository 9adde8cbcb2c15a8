"""Where redirects lead a page: over hosts and their rules, with what may go along, to which record."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from multidict import CIMultiDict

from canter.model import Request, Response
from canter.sites import Field, Site
from canter.transports.replay import page
from tests.virtual import House, Run, Web, leads, robots, status, title

URL = "http://a.example/p0"
TITLE = {"title": Field(css="h1")}


def test_redirects_on_one_host(tmp_path: Path) -> None:
    """The record has the URL asked for, those it led over, and where it ended."""
    web = Web({URL: leads("/x"), "http://a.example/x": leads("y", 307)})
    crawl = House(tmp_path).crawl([URL], web)
    record = crawl.records[URL]
    assert record.final_url == "http://a.example/y"
    assert record.redirects == ["http://a.example/x", "http://a.example/y"]
    assert (record.outcome, record.attempts, record.host) == ("ok", 1, "a.example")


def test_redirects_to_another_host(tmp_path: Path) -> None:
    """A redirect waits for the pace and the robots.txt of the host it leads to."""
    web = Web({URL: leads("http://b.example/x"), "http://b.example/x": leads("https://a.example/z")})
    crawl = House(tmp_path).crawl([URL], web)
    record = crawl.records[URL]
    assert record.redirects == ["http://b.example/x", "https://a.example/z"]
    assert (record.outcome, record.final_url, record.host) == ("ok", "https://a.example/z", "a.example")
    assert crawl.asked == [
        "http://a.example/robots.txt", URL, "http://b.example/robots.txt", "http://b.example/x",
        "https://a.example/robots.txt", "https://a.example/z",
    ]  # fmt: skip


def test_a_thousand_redirects_to_one_host_keep_its_pace(tmp_path: Path) -> None:
    """Pages of many hosts that all lead to one are asked at that one's rate."""
    lines = [f"http://h{n}.example/" for n in range(200)]
    web = Web({line: leads(f"http://hub.example/{n}") for n, line in enumerate(lines)})
    crawl = House(tmp_path, max_rate=2.0).crawl(lines, web)
    times = crawl.times("hub.example")
    assert len(times) == 200
    assert all(later - earlier > 0.49 for earlier, later in pairwise(times))
    assert {record.outcome for record in crawl.rows} == {"ok"}


@pytest.mark.parametrize("hops", [10, 11])
def test_ten_redirects_are_followed(tmp_path: Path, hops: int) -> None:
    """Ten redirects are followed, the eleventh is `malformed`."""
    web = Web({f"http://a.example/p{n}": leads(f"/p{n + 1}") for n in range(hops)})
    record = House(tmp_path).crawl([URL], web).records[URL]
    assert len(record.redirects) == 10
    assert record.error_type == (None if hops == 10 else "malformed")


@pytest.mark.parametrize("to", ["/p0", "/x", "ftp://a.example/", "http://", "http://b.example/x"])
def test_redirects_that_lead_nowhere(tmp_path: Path, to: str) -> None:
    """A loop, over one host or two, and a target that cannot be fetched are `malformed`."""
    web = Web({URL: leads(to), "http://a.example/x": leads("/p0"), "http://b.example/x": leads(URL)})
    record = House(tmp_path).crawl([URL], web).records[URL]
    assert (record.outcome, record.error_type) == ("failed", "malformed")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_every_redirect_is_asked_for_with_get(tmp_path: Path, code: int) -> None:
    """All five lead on, relative to the URL that answered and without the fragment."""
    web = Web({URL: leads("//b.example/d/e#top", code), "http://b.example/d/e": leads("f?x#y", code)})
    record = House(tmp_path).crawl([URL], web).records[URL]
    assert (record.outcome, record.final_url) == ("ok", "http://b.example/d/f?x")
    assert record.redirects == ["http://b.example/d/e", "http://b.example/d/f?x"]


def test_failures_say_how_far_they_came(tmp_path: Path) -> None:
    """`final_url` and `redirects` are on the record of a page that failed behind redirects."""
    lines = [f"http://a.example/{name}" for name in ("gone", "loop", "scheme", "down", "closed")]
    web = Web(
        {
            lines[0]: leads("/x"), "http://a.example/x": status(404),
            lines[1]: leads("/y"), "http://a.example/y": leads("/loop"),
            lines[2]: leads("/z"), "http://a.example/z": leads("ftp://files.example/z"),
            lines[3]: leads("http://b.example/down"), "http://b.example/down": status(500),
            lines[4]: leads("http://c.example/closed"),
            "http://c.example/robots.txt": robots("User-agent: *\nDisallow: /closed"),
        }
    )  # fmt: skip
    records = House(tmp_path).crawl(lines, web).records
    found = {u[17:]: (records[u].error_type, records[u].final_url, records[u].status) for u in lines}
    assert found == {
        "gone": (None, "http://a.example/x", 404),
        "loop": ("malformed", "http://a.example/y", 301),
        "scheme": ("malformed", "http://a.example/z", 301),
        "down": ("transient", "http://b.example/down", 500),
        "closed": ("blocked", "http://c.example/closed", None),
    }
    assert all(records[u].redirects == [records[u].final_url] for u in lines)
    assert "the scheme ftp: is not http: or https:" in str(records[lines[2]].error)
    assert "loop: back to http://a.example/loop" in str(records[lines[1]].error)
    assert "robots.txt of c.example forbids it" in str(records[lines[4]].error)


def test_two_locations_are_malformed(tmp_path: Path) -> None:
    """Which of them is meant nobody can tell; the crawl goes on."""
    both = CIMultiDict([("Location", "/x"), ("Location", "http://b.example/y")])
    crawl = House(tmp_path).crawl([URL, "http://a.example/p1"], Web({URL: page(URL, b"", 302, both)}))
    assert crawl.records[URL].error_type == "malformed"
    assert "2 different places" in str(crawl.records[URL].error)
    assert crawl.records["http://a.example/p1"].outcome == "ok"


def test_spellings_of_one_url_are_one_page(tmp_path: Path) -> None:
    """What a browser takes for the same URL is asked for once and has one record."""
    lines = [URL, "HTTP://A.example:80/p0#top", "http://a.example/x/../p0", "\thttp:\\\\a.example\\p0\n"]
    crawl = House(tmp_path).crawl(lines)
    assert [record.url for record in crawl.rows] == [URL]
    assert len(crawl.pages()) == 1


# ---- what goes along


def carried(crawl: Run, name: str) -> dict[str, str | None]:
    return {sent.request.url: sent.request.headers.get(name) for sent in crawl.pages()}


def test_a_site_s_headers_stay_with_its_origin(tmp_path: Path) -> None:
    """They go to the page's own scheme, host and port, and to https in place of http; no further."""
    site = Site("own", hosts=["*"], fields=TITLE, headers={"Authorization": "secret"})
    chain = [
        URL, "http://a.example/x", "https://a.example/y", "http://a.example:81/z", "http://b.example/z",
        "https://b.example/z", "http://a.example/back",
    ]  # fmt: skip
    crawl = House(tmp_path, site).crawl([URL], Web({here: leads(to) for here, to in pairwise(chain)}))
    assert crawl.records[URL].redirects == chain[1:]
    assert carried(crawl, "Authorization") == dict(
        zip(chain, ["secret", "secret", "secret", None, None, None, "secret"], strict=True)
    )


def test_nothing_secret_goes_back_to_http(tmp_path: Path) -> None:
    """What was sent encrypted is not sent in the clear."""
    site = Site("own", hosts=["*"], fields=TITLE, headers={"X-Key": "secret"})
    web = Web({"https://a.example/p0": leads(URL)})
    crawl = House(tmp_path, site).crawl(["https://a.example/p0"], web)
    assert carried(crawl, "X-Key") == {"https://a.example/p0": "secret", URL: None}


def test_the_language_goes_along_within_a_site(tmp_path: Path) -> None:
    """Accept-Language is no secret: without it a host of the same site would answer in another language."""
    headers = {"accept-language": "de", "Cookie": "secret"}
    own = Site("own", hosts=["a.example", "www.a.example"], fields=TITLE, headers=headers)
    web = Web({URL: leads("http://www.a.example/x"), "http://www.a.example/x": leads("http://c.example/y")})
    crawl = House(tmp_path, own).crawl([URL], web)
    assert [dict(sent.request.headers) for sent in crawl.pages()] == [headers, {"accept-language": "de"}, {}]


def test_another_site_s_headers_stay_at_home(tmp_path: Path) -> None:
    """A server cannot have Canter ask for a page of another site with that site's credentials."""
    own = Site("own", hosts=["a.example"], fields=TITLE, headers={"X-Key": "ours"})
    other = Site("other", hosts=["b.example"], fields={"t": "h1"}, headers={"X-Key": "theirs"})
    lines = [URL, "http://b.example/direct"]
    crawl = House(tmp_path, own, other).crawl(lines, Web({URL: leads("http://b.example/x")}))
    assert carried(crawl, "X-Key") == {
        URL: "ours", "http://b.example/x": None, "http://b.example/direct": "theirs",
    }  # fmt: skip
    assert (crawl.records[URL].site, crawl.records[URL].outcome) == ("own", "ok")


# ---- meta refresh


def refresh(content: str) -> Response:
    return page("", f'<meta http-equiv="refresh" content="{content}"><h1>Wait</h1>'.encode())


def test_meta_refresh_is_followed_on_request_only(tmp_path: Path) -> None:
    """A site that asks for it has its pages read where they lead; any other reads what it was given."""
    web = Web({URL: refresh("0;url=http://b.example/x"), "http://b.example/x": title("There")})
    record = House(tmp_path).crawl([URL], web).records[URL]
    assert (record.fields, record.redirects) == ({"title": "Wait"}, [])
    site = Site("own", hosts=["*"], fields=TITLE, follow_meta_refresh=True)
    (tmp_path / "own").mkdir()
    crawl = House(tmp_path / "own", site).crawl([URL], web)
    record = crawl.records[URL]
    assert (record.fields, record.redirects) == ({"title": "There"}, ["http://b.example/x"])
    assert "http://b.example/robots.txt" in crawl.asked


def test_meta_refresh_counts_in_the_same_chain(tmp_path: Path) -> None:
    """Ten hops in all, of either kind; a page that only loads itself anew is read."""
    site = Site("own", hosts=["*"], fields=TITLE, follow_meta_refresh=True)
    chain = {
        f"http://a.example/p{n}": leads(f"/p{n + 1}") if n % 2 else refresh(f"0;/p{n + 1}") for n in range(11)
    }
    again = {"http://a.example/q": refresh("5;url=/q"), "http://a.example/r": refresh("1;/s")}
    looped = {"http://a.example/s": leads("/r")}
    crawl = House(tmp_path, site).crawl([URL, *again], Web(chain | again | looped))
    assert (crawl.records[URL].error_type, len(crawl.records[URL].redirects)) == ("malformed", 10)
    assert crawl.records["http://a.example/q"].fields == {"title": "Wait"}
    assert "loop" in str(crawl.records["http://a.example/r"].error)


# ---- cookies


def shop(request: Request, _: int) -> Response:
    """Pages for those who come with a cookie; others are sent to fetch one."""
    cookie = request.headers.get("Cookie", "")
    if request.url.endswith("/robots.txt"):
        return status(404)
    if request.url.endswith("/hello"):
        return status(302, {"Location": "/p0", "Set-Cookie": "id=7; Path=/"})
    return title("Lamp") if cookie else leads("/hello", 302)


def test_cookies_are_off_by_default(tmp_path: Path) -> None:
    """Without them no request carries any, and a page behind them is a loop."""
    crawl = House(tmp_path).crawl([URL], shop)
    assert set(carried(crawl, "Cookie").values()) == {None}
    assert crawl.records[URL].error_type == "malformed"


def test_cookies_set_on_redirects_count(tmp_path: Path) -> None:
    """A site that asks for cookies sends back what it was given on the way, and may be led back."""
    site = Site("own", hosts=["*"], fields=TITLE, cookies=True)
    crawl = House(tmp_path, site, max_per_host=1).crawl([URL, "http://a.example/p1"], shop)
    assert crawl.records[URL].outcome == crawl.records["http://a.example/p1"].outcome == "ok"
    first = [s for s in crawl.pages() if not s.request.headers.get("Cookie")]
    assert len(first) == 2
    assert len(crawl.pages()) in (4, 5)
    robots_sent = [s.request.headers for s in crawl.sent if s.request.url.endswith("/robots.txt")]
    assert robots_sent == [{}]


def test_a_real_loop_ends_with_cookies_too(tmp_path: Path) -> None:
    """Two rounds, and no third."""
    site = Site("own", hosts=["*"], fields=TITLE, cookies=True)
    web = Web({URL: leads("/x"), "http://a.example/x": leads("/p0")})
    crawl = House(tmp_path, site).crawl([URL], web)
    assert "loop" in str(crawl.records[URL].error)
    assert len(crawl.pages()) == 4


def test_sites_never_see_each_other_s_cookies(tmp_path: Path) -> None:
    """Nor other hosts, nor a site that did not ask for cookies, on the same host neither."""
    sites = [
        Site("one", hosts=["a.example"], paths=["/one/*"], fields=TITLE, cookies=True),
        Site("two", hosts=["a.example"], paths=["/two/*"], fields=TITLE, cookies=True),
        Site("none", hosts=["a.example"], fields=TITLE),
    ]

    def answer(request: Request, _: int) -> Response:
        return (
            status(404)
            if "robots" in request.url
            else title("x", {"Set-Cookie": f"c={request.url[17:20]}; Path=/"})
        )

    lines = [f"http://a.example/{name}/{n}" for n in range(2) for name in ("one", "two", "non")]
    crawl = House(tmp_path, *sites, max_per_host=1).crawl(lines, answer)
    seen: dict[str, list[str | None]] = {}
    for sent in crawl.pages():
        seen.setdefault(sent.request.url[17:20], []).append(sent.request.headers.get("Cookie"))
    assert seen == {"one": [None, "c=one"], "two": [None, "c=two"], "non": [None, None]}


def test_cookies_stay_where_the_rules_say(tmp_path: Path) -> None:
    """Another host or port gets none, the site's own Cookie header goes before those of the jar."""
    site = Site("own", hosts=["*"], fields=TITLE, cookies=True, headers={"Cookie": "own=1"})
    web = Web(
        {
            URL: status(302, {"Location": "http://a.example/x", "Set-Cookie": "id=7"}),
            "http://a.example/x": leads("http://a.example:81/y"),
            "http://a.example:81/y": leads("http://b.example/z"),
            "http://b.example/z": leads("https://a.example/end"),
        }
    )
    crawl = House(tmp_path, site).crawl([URL], web)
    assert list(carried(crawl, "Cookie").values()) == ["own=1", "own=1; id=7", None, None, "own=1; id=7"]


def test_a_crawl_begins_without_cookies(tmp_path: Path) -> None:
    """They are kept for one crawl, in memory."""
    site = Site("own", hosts=["*"], fields=TITLE, cookies=True)
    house = House(tmp_path, site)
    for _ in range(2):
        crawl = house.crawl([URL], Web({URL: title("Lamp", {"Set-Cookie": "id=7"})}))
        assert list(carried(crawl, "Cookie").values()) == [None]
