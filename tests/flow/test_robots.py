"""robots.txt comes first, is obeyed, and is waited for."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from canter.model import Fault, FaultKind, Request, Response
from canter.sites import Field, Site
from tests.virtual import House, Run, Web, fault, html, leads, robots, row, status, title, urls

TITLE = {"title": Field(css="h1")}


def of_robots(*answers: Response | Fault) -> list[Response | Fault]:
    return list(answers)


def test_robots_is_asked_first_and_once_and_obeyed(tmp_path: Path) -> None:
    """No page is requested before robots.txt; forbidden ones never are, and say why."""
    web = Web({"http://a.example/robots.txt": robots("User-agent: *\nDisallow: /private")})
    crawl = House(tmp_path).crawl([*urls("a.example", 5), *urls("a.example", 3, "private/")], web)
    assert crawl.asked[0] == "http://a.example/robots.txt"
    assert sorted(crawl.asked[1:]) == urls("a.example", 5)
    for n in range(3):
        record = crawl.records[f"http://a.example/private/{n}"]
        assert (record.outcome, record.error_type, record.attempts) == ("failed", "blocked", 0)
        assert record.error == "robots.txt of a.example forbids it"
        assert record.request_id is None


def test_forbidden_pages_do_not_wait_for_the_pace(tmp_path: Path) -> None:
    """A thousand forbidden pages end without a request, and without a second each."""
    web = Web({"http://a.example/robots.txt": robots("User-agent: canter\nDisallow: /")})
    crawl = House(tmp_path).crawl(urls("a.example", 1_000), web)
    assert len(crawl.sent) == 1
    assert {record.error_type for record in crawl.rows} == {"blocked"}
    assert crawl.seconds < 10


def test_robots_false_asks_for_none(tmp_path: Path) -> None:
    """`robots = false` fetches the site's pages without asking."""
    site = Site("own", hosts=["*"], fields=TITLE, robots=False)
    crawl = House(tmp_path, site).crawl(urls("a.example", 3))
    assert sorted(crawl.asked) == urls("a.example", 3)


def test_robots_false_does_not_hold_for_somebody_elses_host(tmp_path: Path) -> None:
    """A redirect out of a `robots = false` site is subject to the robots.txt of where it leads."""
    site = Site("own", hosts=["own.example", "www.own.example"], fields=TITLE, robots=False)
    web = Web(
        {
            "http://own.example/p0": leads("http://www.own.example/p0"),
            "http://own.example/p1": leads("http://other.example/p1"),
            "http://other.example/robots.txt": robots("User-agent: *\nDisallow: /"),
        }
    )
    crawl = House(tmp_path, site).crawl(urls("own.example", 2), web)
    assert crawl.records["http://own.example/p0"].outcome == "ok"
    assert crawl.records["http://own.example/p1"].error_type == "blocked"
    assert [s.request.url for s in crawl.of("other.example")] == ["http://other.example/robots.txt"]
    assert "http://www.own.example/robots.txt" not in crawl.asked


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_refused_robots_allows(tmp_path: Path, code: int) -> None:
    """4xx but 429 means that there are no rules."""
    web = Web({"http://a.example/robots.txt": status(code)})
    crawl = House(tmp_path).crawl(urls("a.example", 2), web)
    assert [record.outcome for record in crawl.rows] == ["ok", "ok"]


@pytest.mark.parametrize("bad", [status(500), status(429), status(503, {"Retry-After": "5"}), fault()])
def test_pages_wait_for_robots_and_then_obey(tmp_path: Path, bad: Response | Fault) -> None:
    """429, 5xx and no answer keep the pages waiting; once the rules are known they hold."""
    rules = robots("User-agent: *\nDisallow: /p1")
    web = Web({"http://a.example/robots.txt": [bad, bad, rules]})
    crawl = House(tmp_path).crawl(urls("a.example", 3), web)
    assert crawl.asked[:3] == ["http://a.example/robots.txt"] * 3
    assert [crawl.records[url].outcome for url in urls("a.example", 3)] == ["ok", "failed", "ok"]
    assert crawl.records["http://a.example/p1"].error_type == "blocked"


@pytest.mark.parametrize("bad", [status(500), fault(FaultKind.TIMEOUT, 10.0)])
def test_no_robots_within_the_patience_blocks(tmp_path: Path, bad: Response | Fault) -> None:
    """Only when the host's patience is over are its pages given up, and no page was requested."""
    web = Web({"http://a.example/robots.txt": bad})
    crawl = House(tmp_path, host_patience=1_800.0).crawl(urls("a.example", 20), web)
    assert {record.error_type for record in crawl.rows} == {"blocked"}
    assert all("host down since" in str(r.error) and "robots.txt" in str(r.error) for r in crawl.rows)
    assert crawl.pages() == []
    assert 1_700 < crawl.seconds < 1_900
    assert len(crawl.sent) < 80


def test_a_host_that_does_not_exist_costs_one_request(tmp_path: Path) -> None:
    """A name that does not resolve ends all its pages as the pages themselves would end."""
    web = Web({"http://a.example/robots.txt": fault(FaultKind.NO_HOST, 0.01)})
    crawl = House(tmp_path).crawl(urls("a.example", 500), web)
    assert len(crawl.sent) == 1
    assert {record.error_type for record in crawl.rows} == {"permanent"}


def test_robots_redirects_on_the_same_host(tmp_path: Path) -> None:
    """robots.txt is followed over redirects, five of them."""
    web = Web(
        {
            "http://a.example/robots.txt": leads("/r1"),
            "http://a.example/r1": leads("/r2"),
            "http://a.example/r2": robots("User-agent: *\nDisallow: /p0"),
        }
    )
    crawl = House(tmp_path).crawl(urls("a.example", 2), web)
    assert crawl.records["http://a.example/p0"].error_type == "blocked"
    assert crawl.records["http://a.example/p1"].outcome == "ok"


def test_robots_redirects_to_another_host(tmp_path: Path) -> None:
    """The rules found on another host are the first one's; the other host keeps its own."""
    web = Web(
        {
            "http://a.example/robots.txt": leads("http://b.example/robots.txt"),
            "http://b.example/robots.txt": robots("User-agent: *\nDisallow: /p0"),
        }
    )
    crawl = House(tmp_path).crawl([*urls("a.example", 2), *urls("b.example", 2)], web)
    found = {url: record.error_type for url, record in crawl.records.items()}
    assert found == {
        "http://a.example/p0": "blocked", "http://a.example/p1": None,
        "http://b.example/p0": "blocked", "http://b.example/p1": None,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [FaultKind.ADDRESS, FaultKind.NO_HOST, FaultKind.TLS])
def test_robots_that_lead_where_nobody_may_go(tmp_path: Path, kind: FaultKind) -> None:
    """The host itself is well: its pages are blocked for want of a robots.txt, and told where it leads."""
    web = Web(
        {
            "http://a.example/robots.txt": leads("http://b.example/r"),
            "http://b.example/r": fault(kind),
        }
    )
    crawl = House(tmp_path).crawl(urls("a.example", 20), web)
    assert {(record.error_type, record.error) for record in crawl.rows} == {
        ("blocked", f"robots.txt cannot be had: it leads to http://b.example/r: a scripted {kind}")
    }
    assert crawl.asked == ["http://a.example/robots.txt", "http://b.example/r"]


def test_robots_that_loop_allow(tmp_path: Path) -> None:
    """A robots.txt that leads nowhere (a loop, over five hops) is one that is not there."""
    web = Web({f"http://a.example/{n}": leads(f"/{n + 1}") for n in range(20)} | {
        "http://a.example/robots.txt": leads("/0"), "http://b.example/robots.txt": leads("/robots.txt"),
    })  # fmt: skip
    crawl = House(tmp_path).crawl([*urls("a.example", 1), *urls("b.example", 1)], web)
    assert {record.outcome for record in crawl.rows} == {"ok"}


def test_robots_on_a_host_that_asks_to_wait_for_a_year(tmp_path: Path) -> None:
    """A robots.txt that leads to a host which cannot be asked ends with the patience, not with the year."""
    web = Web(
        {"http://a.example/robots.txt": leads("http://b.example/robots.txt")},
        b_example=status(429, {"Retry-After": "31536000"}),
    )
    crawl = House(tmp_path, host_patience=600.0).crawl(urls("a.example", 3), web)
    assert {record.error_type for record in crawl.rows} == {"blocked"}
    assert len(crawl.of("b.example")) == 1
    assert crawl.seconds < 800


def test_each_scheme_has_its_own(tmp_path: Path) -> None:
    """http and https of one host are two robots.txt, and one pace."""
    web = Web(
        {
            "http://a.example/robots.txt": robots("User-agent: *\nDisallow: /p0"),
            "https://a.example/robots.txt": robots("User-agent: *\nDisallow: /p1"),
        }
    )
    crawl = House(tmp_path, max_rate=1.0).crawl(
        [f"{s}://a.example/p{n}" for s in ("http", "https") for n in (0, 1)], web
    )
    ok = {url for url, record in crawl.records.items() if record.outcome == "ok"}
    assert ok == {"http://a.example/p1", "https://a.example/p0"}
    times = [sent.at for sent in crawl.sent]
    assert all(later - earlier > 0.99 for earlier, later in pairwise(times))


def test_crawl_delay_is_a_floor(tmp_path: Path) -> None:
    """Requests keep the crawl-delay, whatever the pace would allow."""
    web = Web({"http://a.example/robots.txt": robots("User-agent: *\nCrawl-delay: 7")})
    crawl = House(tmp_path).crawl(urls("a.example", 20), web)
    times = [sent.at for sent in crawl.sent]
    assert all(later - earlier >= 7 for earlier, later in pairwise(times))
    assert crawl.seconds < 20 * 7 * 1.1 + 10


def test_a_long_crawl_delay_holds_over_parking(tmp_path: Path) -> None:
    """A host that rests in the store between its requests still keeps its crawl-delay."""
    web = Web({"http://a.example/robots.txt": robots("User-agent: *\nCrawl-delay: 100")})
    crawl = House(tmp_path).crawl(urls("a.example", 6), web)
    times = [sent.at for sent in crawl.sent]
    assert len(times) == 7
    assert all(later - earlier >= 100 for earlier, later in pairwise(times))


def test_crawl_delays_of_hosts_that_share_a_pace(tmp_path: Path) -> None:
    """Of hosts that share one limit the longest crawl-delay holds, in whatever order they answer."""
    site = Site("mall", hosts=["*.mall.example"], fields=TITLE, pace_key="mall")
    web = Web({"http://a.mall.example/robots.txt": robots("User-agent: *\nCrawl-delay: 9")})
    crawl = House(tmp_path, site).crawl([*urls("a.mall.example", 5), *urls("b.mall.example", 5)], web)
    asked = [urlsplit(url).netloc[0] for url in crawl.asked]
    assert "ab" * 5 in "".join(asked) or "ba" * 5 in "".join(asked)  # in turn
    known = asked.index("a")
    times = [sent.at for sent in crawl.sent]
    last = max(n for n, host in enumerate(asked) if host == "a")
    assert all(later - earlier >= 9 for earlier, later in pairwise(times[known + 1 : last + 1]))


def test_a_new_crawl_asks_again(tmp_path: Path) -> None:
    """An answer serves for its own crawl only while the host gives a new one."""
    house = House(tmp_path)
    web = Web({"http://a.example/robots.txt": [robots("User-agent: *\nDisallow: /p0")]})
    assert house.crawl(urls("a.example", 2), web).records["http://a.example/p0"].error_type == "blocked"
    second = house.crawl(urls("a.example", 2))
    assert second.asked[0] == "http://a.example/robots.txt"
    assert {record.outcome for record in second.rows} == {"ok"}


@pytest.mark.parametrize(("age", "outcome"), [(80_000.0, "ok"), (90_000.0, "failed")])
def test_a_copy_under_a_day_old_serves(tmp_path: Path, age: float, outcome: str) -> None:
    """While robots.txt cannot be had, yesterday's copy is obeyed; an older one is not."""
    house = House(tmp_path)
    house.crawl(
        urls("a.example", 2), Web({"http://a.example/robots.txt": robots("User-agent: *\nDisallow: /p0")})
    )
    house.utc += age
    second = house.crawl(urls("a.example", 2), Web({"http://a.example/robots.txt": status(500)}))
    assert second.records["http://a.example/p0"].error_type == "blocked"
    assert second.records["http://a.example/p1"].outcome == outcome
    assert len(second.pages()) == (outcome == "ok")


def test_an_older_copy_with_a_long_crawl_delay(tmp_path: Path) -> None:
    """A host whose crawl-delay is known from yesterday only is not asked for robots.txt again and again."""
    house = House(tmp_path)
    web = Web({"http://a.example/robots.txt": [robots("User-agent: *\nCrawl-delay: 100"), status(500)]})
    house.crawl(urls("a.example", 1), web)
    second = house.crawl(urls("a.example", 6), web)
    assert {record.outcome for record in second.rows} == {"ok"}
    assert all(later.at - earlier.at >= 100 for earlier, later in pairwise(second.sent))
    assert len(second.sent) == 7


def test_a_resumed_crawl_keeps_its_rules(tmp_path: Path) -> None:
    """What was learned before a stop is not asked for again."""
    house = House(tmp_path)
    first = house.crawl(urls("a.example", 2))
    second = house.crawl(urls("a.example", 3, "q"), crawl=first.crawl)
    assert "http://a.example/robots.txt" in first.asked
    assert sorted(second.asked) == urls("a.example", 3, "q")


def test_robots_requests_carry_nothing_of_a_site(tmp_path: Path) -> None:
    """A site's headers go to its pages, not to robots.txt."""
    site = Site("own", hosts=["*"], fields=TITLE, headers={"X-Token": "secret"})
    seen: dict[str, str | None] = {}

    def answer(request: Request, number: int) -> Response:
        path = urlsplit(request.url).path
        seen[path] = request.headers.get("X-Token")
        return status(404) if path == "/robots.txt" else html(request)

    House(tmp_path, site).crawl(urls("a.example", 1), answer)
    assert seen == {"/robots.txt": None, "/p0": "secret"}


# ---- one scheme's robots.txt cannot be had


def of_scheme(scheme: str, number: int) -> list[str]:
    return [f"{scheme}://a.example/{scheme}{n}" for n in range(number)]


def outcomes(crawl: Run, scheme: str) -> set[str | None]:
    return {record.error_type for record in crawl.rows if record.url.startswith(f"{scheme}:")}


@pytest.mark.parametrize("bad", [status(503), fault(FaultKind.CONNECT), fault(FaultKind.TIMEOUT, 10.0)])
def test_one_scheme_does_not_hold_up_the_other(tmp_path: Path, bad: Response | Fault) -> None:
    """Where http has no robots.txt to be had, pages by https go on; those by http end with the patience."""
    web = Web({"http://a.example/robots.txt": bad})
    lines = [*of_scheme("http", 300), *of_scheme("https", 300)]
    crawl = House(tmp_path, host_patience=900.0).crawl(lines, web)
    assert outcomes(crawl, "https") == {None}
    assert outcomes(crawl, "http") == {"blocked"}
    assert all("robots.txt cannot be had" in str(r.error) for r in crawl.rows if r.url.startswith("http:"))
    assert max(sent.at for sent in crawl.pages()) < 400
    assert 890 < crawl.seconds < 2 * 900 + 200
    assert crawl.asked.count("http://a.example/robots.txt") < 120
    assert all(sent.request.url.startswith("https:") for sent in crawl.pages())


def test_pages_that_waited_go_on(tmp_path: Path) -> None:
    """Once its robots.txt is there a scheme's pages are asked for, by its rules."""
    rules = robots("User-agent: *\nDisallow: /http7$")
    web = Web({"http://a.example/robots.txt": [status(500)] * 4 + [rules]})
    crawl = House(tmp_path).crawl([*of_scheme("http", 200), *of_scheme("https", 50)], web)
    assert crawl.records["http://a.example/http7"].error_type == "blocked"
    assert Counter(record.outcome for record in crawl.rows) == {"ok": 249, "failed": 1}
    assert len(crawl.pages()) == 249


def test_few_pages_among_many_that_wait_are_found(tmp_path: Path) -> None:
    """Also where the store holds thousands of pages that wait in front of them."""
    web = Web({"http://a.example/robots.txt": status(500)})
    late = [row(url, priority=-5) for url in of_scheme("https", 5)]
    crawl = House(tmp_path, host_patience=900.0).crawl([*map(row, of_scheme("http", 5_000)), *late], web)
    assert outcomes(crawl, "https") == {None}
    assert outcomes(crawl, "http") == {"blocked"}
    assert max(sent.at for sent in crawl.pages()) < 300
    assert crawl.seconds < 2 * 900 + 200


def test_a_scheme_is_given_up_while_the_other_goes_on(tmp_path: Path) -> None:
    """Each scheme has the host's patience to itself: good answers by https do not keep http waiting."""
    web = Web(
        {
            "http://a.example/robots.txt": status(500),
            "https://a.example/robots.txt": robots("User-agent: *\nCrawl-delay: 20"),
        }
    )
    crawl = House(tmp_path, host_patience=600.0).crawl(
        [*of_scheme("http", 20), *of_scheme("https", 100)], web
    )
    assert outcomes(crawl, "https") == {None}
    assert outcomes(crawl, "http") == {"blocked"}
    asked = [sent.at for sent in crawl.sent if sent.request.url == "http://a.example/robots.txt"]
    assert 600 <= asked[-1] - asked[0] < 700
    assert crawl.seconds > 2_000
    assert all("cannot be had since" in str(r.error) for r in crawl.rows if r.url.startswith("http:"))


def test_redirects_to_a_scheme_that_waits(tmp_path: Path) -> None:
    """A page that http sends to https waits for https's robots.txt without holding up the others."""
    web = Web(
        {f"http://a.example/http{n}": leads(f"https://a.example/http{n}") for n in range(0, 40, 2)}
        | {"https://a.example/robots.txt": [status(500)] * 3 + [robots("")]}
    )
    crawl = House(tmp_path).crawl(of_scheme("http", 40), web)
    assert outcomes(crawl, "http") == {None}
    assert len([record for record in crawl.rows if record.redirects]) == 20
    assert len(crawl.pages()) == 60


def test_the_log_says_how_old_the_rules_are(tmp_path: Path) -> None:
    """0 for a fresh robots.txt, the age of the copy where yesterday's serves, none where there is none."""
    house = House(tmp_path)
    url = "http://a.example/robots.txt"
    web = Web(
        {
            url: [robots("User-agent: *\nDisallow: /x"), status(500)],
            "http://b.example/robots.txt": status(500),
        }
    )
    house.crawl(urls("a.example", 1), web)
    house.utc += 50_000
    second = house.crawl([*urls("a.example", 1), *urls("b.example", 1)], web)
    told = [details for name, details in second.events if name == "robots"]
    [copy] = [t for t in told if t["host"] == "a.example"]
    assert (copy["status"], copy["known"]) == (500, True)
    assert 50_000 <= copy["age"] < 50_100
    assert {t["age"] for t in told if t["host"] == "b.example"} == {None}


def test_noindex_is_not_ours(tmp_path: Path) -> None:
    """Lines, headers and meta tags that speak to search engines forbid no fetch."""
    page_of = title("Lamp", {"X-Robots-Tag": "noindex, nofollow"})
    web = Web(
        {"http://a.example/robots.txt": robots("User-agent: *\nNoindex: /"), "http://a.example/p0": page_of}
    )
    assert House(tmp_path).crawl(urls("a.example", 1), web).rows[0].outcome == "ok"


def test_a_large_robots_is_obeyed(tmp_path: Path) -> None:
    """Half a megabyte is parsed beside the loop, and holds."""
    text = "User-agent: *\n" + "".join(f"Disallow: /private/{n}/\n" for n in range(4_000)) + "Disallow: /p1\n"
    crawl = House(tmp_path).crawl(urls("a.example", 3), Web({"http://a.example/robots.txt": robots(text)}))
    assert {record.url[-2:]: record.error_type for record in crawl.rows} == {
        "p0": None,
        "p1": "blocked",
        "p2": None,
    }
