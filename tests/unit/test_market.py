"""The local market: its hidden policies in virtual time, its shops over loopback sockets."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from canter.apps.market import Market, MarketProcess
from canter.apps.policies import Failure, Policy, TokenBucket, failure
from canter.apps.shops import SHOPS, repriced
from canter.model import Outcome
from canter.urls import parse_url

SEED = 6  # of sixty pages some are cut, gone, moved and closed


def test_a_token_bucket_grants_its_burst_and_then_its_rate() -> None:
    """Asked as fast as it grants, a bucket of 6/s and burst 3 gives 3 + 6 a second, no more and no fewer."""
    bucket = TokenBucket(rate=6, burst=3)
    now, granted = 0.0, []
    while now < 10.0:
        wait = bucket.take(now)
        if not wait:
            granted.append(now)
        now += wait
    assert granted[:3] == [0.0] * 3
    assert granted[3:] == pytest.approx([number / 6 for number in range(1, len(granted) - 2)])
    assert len(granted) - 3 in (59, 60)


def test_a_token_bucket_never_saves_more_than_its_burst() -> None:
    """A long rest earns the burst only, and a refusal costs no token."""
    bucket = TokenBucket(rate=10, burst=2)
    assert [bucket.take(now) for now in (0, 0)] == [0.0, 0.0]
    assert [bucket.take(1_000.0) for _ in range(4)] == [0.0, 0.0, pytest.approx(0.1), pytest.approx(0.1)]
    assert bucket.take(1_000.1) == 0.0


def test_failures_are_the_share_promised_come_first_and_end() -> None:
    """12 % of requests fail when each page is asked for until it answers, and no page fails a third time."""
    requests, failed, kinds = 0, 0, set()
    for number in range(5_000):
        for attempt in (1, 2, 3):
            requests += 1
            trouble = failure(0.12, 1, f"/p/{number}", 1, attempt)
            if trouble is None:
                break
            failed += 1
            kinds.add(trouble)
        assert trouble is None
    assert failed / requests == pytest.approx(0.12, abs=0.01)
    assert kinds == set(Failure)


def test_failures_depend_on_page_and_day_only() -> None:
    """The same page fails in the same way on the same day; another day other pages fail."""
    days = [[failure(0.12, 1, f"/p/{number}", day, 1) for number in range(200)] for day in (1, 1, 2)]
    assert days[0] == days[1]
    assert days[0] != days[2]


def test_latency_stays_in_its_bounds() -> None:
    """The slow shop's delays spread over 300 to 600 ms."""
    policy = Policy(latency=(0.3, 0.6))
    delays = [policy.delay(1, f"/p/{number}", 1) for number in range(500)]
    assert 0.3 <= min(delays) < 0.31
    assert 0.59 < max(delays) < 0.6


def test_what_a_shop_bears_is_the_stricter_of_its_limit_and_its_crawl_delay() -> None:
    """The truth that a learned rate is held against."""
    assert Policy(rate=6).sustainable == 6
    assert Policy(crawl_delay=0.2).sustainable == 5
    assert Policy(rate=2, crawl_delay=0.2).sustainable == 2
    assert Policy(failures=0.12).sustainable is None


def test_the_shops_differ_as_a_market_does() -> None:
    """Six shops or more, with the limits, faults and rules that the demo shows."""
    policies = [shop.policy for shop in SHOPS]
    assert len(SHOPS) >= 6
    assert {6, 12, 25} <= {policy.rate for policy in policies}
    assert {(policy.reject, policy.retry_after) for policy in policies if policy.rate} >= {
        (429, True),
        (429, False),
        (503, False),
    }
    assert [policy.failures for policy in policies if policy.failures] == [0.12]
    assert any(policy.latency == (0.3, 0.6) for policy in policies)
    assert any(policy.crawl_delay == 0.2 and policy.closed for policy in policies)
    assert any(policy.gone for policy in policies)
    assert any(policy.moved for policy in policies)
    assert len({shop.rules for shop in SHOPS}) == len(SHOPS)


def test_prices_change_for_about_three_products_in_ten_and_never_to_the_same() -> None:
    """A change is a change, and the same seed makes the same ones."""
    shop = SHOPS[0]
    before = shop.products(1_000, seed=1)
    after = [repriced(product, 1, shop.name, 2) for product in before]
    changed = [old for old, new in zip(before, after, strict=True) if old.cents != new.cents]
    assert 250 < len(changed) < 350
    assert after == [repriced(product, 1, shop.name, 2) for product in shop.products(1_000, seed=1)]
    assert shop.products(10, seed=2) != before[:10]


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with Market(pages_per_shop=60, seed=SEED) as market:
        yield market


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


def of(market: Market, shop: str) -> list[str]:
    host = next(truth.host for truth in market.truth if truth.name == shop)
    return [url for url in market.urls() if urlsplit(url).netloc == host]


async def get(client: aiohttp.ClientSession, url: str) -> tuple[int, str, str]:
    async with client.get(url, allow_redirects=False) as response:
        return response.status, response.headers.get("Retry-After", ""), await response.text()


async def test_every_shop_has_an_address_of_its_own(market: Market) -> None:
    """Host keys are the shops' own loopback addresses and ports, and URLs come shop by shop in turn."""
    truth, urls = market.truth, market.urls()
    assert len({shop.host.partition(":")[0] for shop in truth}) == len(SHOPS)
    assert [urlsplit(url).netloc for url in urls[: len(SHOPS)]] == [shop.host for shop in truth]
    assert len(set(urls)) == 60 * len(SHOPS)
    for url in urls:
        parsed = parse_url(url)
        assert getattr(parsed, "href", None) == url


async def test_the_site_file_claims_every_shop(market: Market) -> None:
    """The site file is TOML with a site a shop, and declares exactly the fields that are expected."""
    sites = tomllib.loads(market.site_file())["sites"]
    assert set(sites) == {shop.name for shop in market.truth}
    for shop in market.truth:
        assert sites[shop.name]["hosts"] == [shop.host]
        found = [market.expected(url).fields for url in of(market, shop.name)]
        assert {frozenset(fields) for fields in found if fields} == {frozenset(sites[shop.name]["fields"])}
    assert sites["kontor"]["locale"] == "de"


async def test_limits_answer_as_their_shops_say(market: Market, client: aiohttp.ClientSession) -> None:
    """Past its burst a shop refuses: 429 with Retry-After, 429 without, or 503; the stats count it."""
    for shop, status, hint in (("harbor", 429, "1"), ("pixel", 429, ""), ("anvil", 503, "")):
        answers = [await get(client, url) for url in of(market, shop)]
        rejected = [answer for answer in answers if answer[0] == status]
        assert rejected
        assert {answer[1] for answer in rejected} == {hint}
        assert market.stats[shop][str(status)] == len(rejected)
        assert sum(market.stats[shop].values()) == 60


async def test_pages_show_what_is_expected(market: Market, client: aiohttp.ClientSession) -> None:
    """Each shop's first page holds the printed form of its expected price or rates."""
    pages = {}
    for shop in market.truth:
        url = next(u for u in of(market, shop.name) if market.expected(u).outcome is Outcome.OK)
        fields = market.expected(url).fields
        assert fields is not None
        async with client.get(url) as response:
            assert response.status == 200 or shop.name == "wobble"
            pages[shop.name] = (await response.text(), fields)
    page, fields = pages["kontor"]
    whole, _, cents = fields["price"]["amount"].partition(".")
    assert f">{int(whole):,}".replace(",", ".") + f",{cents} €<" in page
    page, fields = pages["granite"]
    assert f"{fields['apr'][0]}% to {fields['apr'][1]}% variable" in page
    page, fields = pages["pixel"]
    assert f'"price": "{fields["price"]["amount"]}"' in page
    page, fields = pages["harbor"]
    assert f">${float(fields['price']['amount']):,.2f}</span>" in page


async def test_faults_come_first_and_then_the_page(market: Market, client: aiohttp.ClientSession) -> None:
    """The failing shop errs or cuts some pages short, and gives each within three tries."""
    for url in of(market, "wobble"):
        for _ in range(3):
            try:
                if (await get(client, url))[0] == 200:
                    break
            except aiohttp.ClientPayloadError:
                continue
        else:
            pytest.fail(f"{url} never answered")
    stats = market.stats["wobble"]
    assert stats["200"] == 60
    assert set(stats) - {"200"}
    assert set(stats) <= {"200", "500", "502", "cut"}


async def test_a_cut_answer_ends_before_its_length(market: Market, client: aiohttp.ClientSession) -> None:
    """A cut page announces its whole length and breaks off, so that a client can tell."""
    url = next(u for u in of(market, "wobble") if failure(0.12, SEED, urlsplit(u).path, 1, 1) is Failure.CUT)
    with pytest.raises(aiohttp.ClientPayloadError):
        await get(client, url)
    assert market.stats["wobble"] == {"cut": 1}


async def test_robots_rules_closed_pages_and_their_count(
    market: Market, client: aiohttp.ClientSession
) -> None:
    """One shop has a robots.txt; a closed page that is fetched all the same shows in the stats."""
    abbey = of(market, "abbey")
    base = abbey[0].rpartition("/abbey")[0]
    assert (await get(client, f"{base}/robots.txt"))[2] == (
        "User-agent: *\nDisallow: /members/\nCrawl-delay: 0.2\n"
    )
    closed = [url for url in abbey if "/members/" in url]
    assert closed
    assert all(market.expected(url) == (Outcome.FAILED, None) for url in closed)
    await get(client, closed[0])
    assert market.stats["abbey"] == {"robots.txt": 1, "closed": 1}
    harbor = of(market, "harbor")[0].rpartition("/harbor")[0]
    assert (await get(client, f"{harbor}/robots.txt"))[0] == 404


async def test_gone_and_moved_pages(market: Market, client: aiohttp.ClientSession) -> None:
    """A dropped product answers 404 or 410; a moved one redirects within its shop to the page."""
    gone = next(url for url in of(market, "harbor") if market.expected(url).outcome is Outcome.GONE)
    assert (await get(client, gone))[0] in (404, 410)
    anvil = next(shop for shop in SHOPS if shop.name == "anvil")
    path = next(product.path for product in anvil.products(60, seed=SEED) if product.kind == "moved")
    moved = next(url for url in of(market, "anvil") if urlsplit(url).path == path)
    async with client.get(moved) as response:
        assert (response.status, str(response.url)) == (200, f"{moved}/now")
        assert [step.status for step in response.history] == [301]


async def test_the_next_day_changes_what_is_expected_and_served(
    market: Market, client: aiohttp.ClientSession
) -> None:
    """Known products cost something else on the next day, on the page as in the expectation."""
    urls = of(market, "granite")
    before = {url: market.expected(url).fields for url in urls}
    market.next_day()
    changed = [url for url in urls if market.expected(url).fields != before[url]]
    assert 0 < len(changed) < len(urls)
    fields = market.expected(changed[0]).fields
    assert fields is not None
    assert f"${float(fields['annual_fee']['amount']):,.2f}" in (await get(client, changed[0]))[2]
    async with Market(pages_per_shop=60, seed=SEED) as twin:
        twin.next_day()
        here, there = market.urls(), twin.urls()
        assert [market.expected(url) for url in here] == [twin.expected(url) for url in there]
    with pytest.raises(KeyError):
        market.expected(there[0])


def test_a_market_in_its_own_process_obeys_its_pipe() -> None:
    """It hands over its map, changes the day, tells its stats, and ends when told to."""
    with MarketProcess(pages_per_shop=5, seed=SEED) as market:
        assert len(market.map.urls) == 5 * len(SHOPS)
        assert set(tomllib.loads(market.map.site_file)["sites"]) == {shop.name for shop in market.map.truth}
        before = market.expected()
        assert set(before) == set(market.map.urls)
        market.next_day()
        assert market.expected() != before
        assert market.stats() == {shop.name: {} for shop in SHOPS}
        process = market._process
    assert process.exitcode == 0


def test_a_market_ends_with_its_parent() -> None:
    """After kill -9 of the parent the market's process ends by itself: the pipe's end is its sign."""
    code = (
        "import time\nfrom canter.apps.market import MarketProcess\n"
        "if __name__ == '__main__':\n"
        "    market = MarketProcess(pages_per_shop=1)\n"
        "    print(market._process.pid, flush=True)\n    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) != parent.pid
    parent.kill()
    # The market holds the parent's standard output open, so that its end is the market's end.
    assert parent.communicate(timeout=30)[0] == b""
