"""The dashboard in a real browser, before a real service that crawls real shops on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, expect

from tests.live.browser import Visit, chromium, need_chromium
from tests.live.command import LOCAL, Command
from tests.live.servers import free_port
from tests.live.service import Service, serving
from tests.live.shop import Shop

pytestmark = pytest.mark.live

HOSTILE = ("<script>window.pwned = 1</script>", "<img src=x onerror='window.pwned = 2'>")
PAGES = 8  # of each shop
SITE = """
[sites.street]
hosts = [%s]
robots = false
[sites.street.fields]
title = "h1"
price = { css = ".price", type = "money" }
[sources]
nightly = "nightly.csv"
evening = "evening.csv"
"""
PHONE = {"width": 360, "height": 740}


class Street:
    """Three shops. Titles are hostile and change from visit to visit; each third page lacks its price."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.shops = [Shop(f"127.0.0.{n}") for n in (1, 2, 3)]
        for shop in self.shops:
            shop.answer = self._answer
        self._visits = 0

    def __enter__(self) -> Street:
        for shop in self.shops:
            self._stack.enter_context(shop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def urls(self, number: int = PAGES) -> list[str]:
        """Pages of each shop, the second has twice and the third three times as many."""
        return [url for n, shop in enumerate(self.shops, 1) for url in shop.urls(n * number)]

    def site_file(self) -> str:
        """One site for all shops."""
        hosts = ", ".join(f'"{shop.host}"' for shop in self.shops)
        return SITE % hosts

    async def _answer(self, request: web.Request) -> web.Response | None:
        if request.path == "/p/3":
            return web.Response(text="<h1>No price here</h1>", content_type="text/html")
        self._visits += 1
        title = HOSTILE[self._visits % 2].replace("<", "&lt;")
        return web.Response(
            text=f"<title>{title}</title><h1>{title} {self._visits}</h1><p class=price>$5</p>",
            content_type="text/html",
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    need_chromium()
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    """The shops."""
    with Street() as running:
        yield running


@contextmanager
def served(folder: Path, street: Street, *more: str, key: str = "") -> Iterator[Service]:
    """A service that knows the street."""
    command = Command(folder)
    command.write("sites.toml", street.site_file())
    with serving(command, "--workers", "1", *LOCAL, *more, key=key) as running:
        yield running


def crawl(service: Service, urls: list[str]) -> int:
    """Crawl some URLs to the end; the crawl's number."""
    begun = service.begin(urls=urls)
    assert service.ended(begun)["state"] == "finished"
    return begun


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, street: Street) -> Iterator[Service]:
    """A service that has crawled the street twice."""
    need_chromium()
    with served(tmp_path_factory.mktemp("service"), street) as running:
        for _ in range(2):
            crawl(running, street.urls())
        yield running


@pytest.fixture
def visit(browser: Browser, service: Service) -> Iterator[Visit]:
    """The dashboard as it looks on a desk."""
    with Visit(browser, service.url, color_scheme="light") as visit:
        yield visit


def loaded(page: Page) -> None:
    """Wait until the page is live and has its hosts."""
    expect(page.locator("#connection")).to_have_text("live")
    expect(page.locator("#host-rows tr")).to_have_count(3)


def test_it_loads_without_a_complaint_and_asks_nobody_else(visit: Visit) -> None:
    """No console error, no violation of the policy, no request to another origin; health is shown."""
    loaded(visit.page)
    expect(visit.page.locator("#health-text")).to_have_text("healthy")
    expect(visit.page.locator("#speed canvas")).to_be_visible()
    assert (visit.wrong, visit.violations, visit.elsewhere) == ([], [], [])


def test_the_policy_would_forbid_inline_script(visit: Visit) -> None:
    """The page's policy is in force: an inline script that is added to it does not run."""
    loaded(visit.page)
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.pwned = 3'}))"
    )
    assert visit.page.evaluate("window.pwned") is None
    assert any("script-src" in one for one in visit.violations)


def test_events_change_what_is_shown(visit: Visit, service: Service, street: Street) -> None:
    """A crawl that begins elsewhere appears, is counted and is seen to finish, without a reload."""
    page = visit.page
    loaded(page)
    pages = page.locator("#tiles .tile", has=page.get_by_text("Pages", exact=True)).locator(".big")
    before = int(pages.inner_text().replace(",", ""))
    begun = crawl(service, street.urls())
    expect(pages).to_have_text(f"{before + len(street.urls()):,}")
    card = page.locator("#crawls li", has_text=f"Crawl {begun}")
    expect(card.locator(".tag")).to_have_text("finished")
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    expect(card).to_contain_text("3 pages failed")


def test_a_hostile_title_is_text(visit: Visit) -> None:
    """Markup that a page put into a field is shown as it is, in the latest changes, and does nothing."""
    page = visit.page
    loaded(page)
    expect(page.locator("#changes del").first).to_contain_text("window.pwned")
    shown = page.locator("#changes").inner_text()
    assert HOSTILE[0] in shown
    assert HOSTILE[1] in shown
    assert page.locator("#changes script, #changes img").count() == 0
    assert page.evaluate("window.pwned") is None


def test_failures_show_their_reason_and_request(visit: Visit) -> None:
    """The latest failures name page, error type, reason and the request's id."""
    row = visit.page.locator("#failures tr").first
    expect(row).to_contain_text("/p/3")
    expect(row.locator(".tag")).to_have_text("extraction")
    expect(row).to_contain_text("price")
    expect(row.locator("code")).to_have_text(re.compile(r"\S{3,}"))


def test_hosts_are_sorted_by_keyboard(visit: Visit, street: Street) -> None:
    """Enter on a column's heading sorts by it, once more the other way; aria-sort says so."""
    page = visit.page
    loaded(page)
    head = page.get_by_role("columnheader", name="Requests")
    first = page.locator("#host-rows tr").first.locator("a")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(first).to_have_text(street.shops[2].host)
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(first).to_have_text(street.shops[0].host)
    expect(page.get_by_role("columnheader", name="Host", exact=True)).to_have_attribute("aria-sort", "none")


def test_hosts_are_filtered(visit: Visit, street: Street) -> None:
    """A part of a name, or a kind; where nothing fits, it says so."""
    page = visit.page
    loaded(page)
    page.get_by_label("Filter hosts by name").fill("127.0.0.2")
    expect(page.locator("#host-rows tr")).to_have_count(1)
    page.get_by_label("Which hosts").select_option("paused")
    expect(page.locator("#no-hosts")).to_have_text("No host fits the filter.")


def test_a_host_has_a_page_with_its_rate_and_rejections(visit: Visit, street: Street) -> None:
    """Its link and its address lead there, its charts have words for who cannot see them."""
    page, host = visit.page, street.shops[1].host
    loaded(page)
    page.get_by_role("link", name=host, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=host)).to_be_visible()
    expect(page.locator("#host-rate canvas")).to_be_visible()
    expect(page.locator("#host-rate [role=img]")).to_have_attribute(
        "aria-label", re.compile("requests per second now")
    )
    expect(page.locator("#host-rejections [role=img]")).to_have_attribute(
        "aria-label", re.compile("0 rejections")
    )
    page.locator("#host-rate summary").click()
    expect(page.locator("#host-rate tbody tr").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1, name=host)).to_be_visible()
    page.get_by_role("link", name="All hosts").click()
    expect(page.locator("#host-rows tr")).to_have_count(3)
    assert (visit.wrong, visit.violations) == ([], [])


def test_a_crawl_is_begun_and_cancelled(visit: Visit, service: Service, street: Street) -> None:
    """The dialogs do it, by keyboard too; what the service refuses is said in the dialog."""
    page = visit.page
    loaded(page)
    page.get_by_role("button", name="Start a crawl").click()
    expect(page.get_by_label("Name, from").locator("option")).to_have_text(["evening", "nightly"])
    page.get_by_label("URLs", exact=True).check()
    page.get_by_label("URLs, one a line").fill("http://a.example/" + "a" * 3_000)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#start-problem")).to_contain_text("urls")
    street.shops[0].delay = 5.0
    try:
        page.get_by_label("URLs, one a line").fill("\n".join(street.shops[0].urls(200)))
        page.get_by_role("button", name="Start", exact=True).click()
        card = page.locator("#crawls li").first
        expect(card.locator(".tag")).to_have_text("running")
        card.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel the crawl").click()
        expect(card.locator(".tag")).to_have_text("cancelled")
    finally:
        street.shops[0].delay = 0.0
    refusals = [line for line in visit.wrong if "422" not in line]  # Chromium notes the refusal above
    assert (refusals, visit.violations) == ([], [])


def test_colours_follow_the_system_and_a_choice_is_remembered(browser: Browser, service: Service) -> None:
    """Dark where the system is dark; the button goes to light, and a reload keeps that."""
    with Visit(browser, service.url, color_scheme="dark") as visit:
        page, root = visit.page, visit.page.locator("html")
        expect(root).to_have_attribute("data-theme", "dark")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Colours: system").click()
        expect(root).to_have_attribute("data-theme", "light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
        page.reload()
        expect(root).to_have_attribute("data-theme", "light")
        expect(page.get_by_role("button", name="Colours: light")).to_be_visible()


def test_a_phone_is_wide_enough(browser: Browser, service: Service, street: Street) -> None:
    """At 360 pixels nothing is wider than the window, on either page; hosts are sorted by a list."""
    with Visit(browser, service.url, viewport=PHONE, is_mobile=True, has_touch=True) as visit:
        page = visit.page
        expect(page.locator("#host-rows tr")).to_have_count(3)
        expect(page.locator("#changes tr").first).to_be_visible()
        assert visit.overflow == 0
        page.get_by_label("Sort by").select_option("requests")
        expect(page.locator("#host-rows tr").first.locator("a")).to_have_text(street.shops[2].host)
        page.locator("#host-rows a").first.click()
        expect(page.locator("#host-rate canvas")).to_be_visible()
        assert visit.overflow == 0


def test_a_lost_connection_is_said_and_mended(browser: Browser, tmp_path: Path, street: Street) -> None:
    """When the service goes a banner says so; when it is back the page goes on by itself."""
    port = ("--port", str(free_port()))
    with ExitStack() as stack:
        with served(tmp_path, street, *port) as service:
            visit = stack.enter_context(Visit(browser, service.url))
            page = visit.page
            expect(page.get_by_role("heading", level=1)).to_have_text("Ready for the first crawl")
            expect(page.locator("#no-crawls")).to_be_visible()
        expect(page.locator("#lost")).to_contain_text("trying again")
        page.get_by_role("button", name="Try now").click()
        expect(page.locator("#lost")).to_contain_text("trying again")  # nobody is there yet
        service = stack.enter_context(served(tmp_path, street, *port))
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#lost")).to_be_hidden()
        crawl(service, street.urls(1))
        expect(page.locator("#crawls li")).to_have_count(1)


def test_the_key_is_asked_for(browser: Browser, tmp_path: Path, street: Street) -> None:
    """With a key the login stands before the dashboard; a wrong one is refused, the right one opens it."""
    with ExitStack() as stack:
        service = stack.enter_context(served(tmp_path, street, key="a key of the test"))
        visit = stack.enter_context(Visit(browser, service.url))
        page = visit.page
        page.get_by_label("API key").fill("another")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the key.")
        page.get_by_label("API key").fill("a key of the test")
        page.keyboard.press("Enter")
        expect(page.locator("#connection")).to_have_text("live")
        assert visit.violations == []
        assert "a key of the test" not in page.content()
        assert page.evaluate("document.cookie") == ""
