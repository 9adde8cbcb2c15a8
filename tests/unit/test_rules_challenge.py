"""Pages that stand in for the one asked for are told from ordinary ones by general signs."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.model import Response
from canter.rules.challenge import LARGEST, challenge

PAGES = Path(__file__).parents[2].parent / "shared" / "corpus" / "pages"
URL = "https://h.example/lamp"


def answer(body: str | bytes, status: int = 200, **headers: str) -> Response:
    named = {"Content-Type": "text/html"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(URL, status, named, body if isinstance(body, bytes) else body.encode(), 0.1, 0.2)


def html(title: str, body: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"


CHALLENGES = {
    "a script while one waits": html(
        "Just a moment...",
        "<noscript>Enable JavaScript and cookies to continue</noscript>"
        "<script>window._cf_chl_opt={};</script>",
        '<meta http-equiv="refresh" content="390">',
    ),
    "a refusal with a ray": html(
        "Attention Required!", "<h1>Sorry, you have been blocked</h1><p>You cannot access h.example</p>"
    ),
    "a captcha behind a script": html(
        "h.example",
        '<p id="cmsg">Please enable JS and disable any ad blocker</p><script>var dd={"rt":"c"}</script>'
        '<script src="https://ct.captcha-delivery.com/c.js"></script>',
    ),
    "a button to hold": html("Robot or human?", '<div id="px-captcha"></div><p>Press &amp; Hold</p>'),
    "a refusal in upper case": "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied"
    "</H1>\nYou don't have permission to access \"http&#58;&#47;&#47;h\" on this server.<P>\n"
    "Reference&#32;&#35;18&#46;8d4e1602</BODY></HTML>",
    "an interstitial that posts": html(
        "", '<script>x.open("POST","/_sec/verify?provider=interstitial")</script>',
        "<meta http-equiv=\"refresh\" content=\"5; URL='/lamp?bm-verify=A'\">",
    ),
    "an incident in a frame": '<html><body><iframe src="/_Incapsula_Resource?SWUDNSAI=31">Request '
    "unsuccessful. Incapsula incident ID: 123-456</iframe></body></html>",
    "a firewall's noscript": html(
        "", '<script>window.gokuProps = {};</script><div id="challenge-container"></div><noscript>In order '
        "to continue, we need to verify that you're not a robot.</noscript>",
    ),
    "characters to type": html(
        "Shop", "<h4>Enter the characters you see below</h4><form><img src=/c.jpg><input type=text></form>"
    ),
    "a support number": html("Request Rejected", "The requested URL was rejected. Your support ID is: 12345"),
    "unusual traffic": html(URL, "<p>Our systems have detected unusual traffic from you.</p>"),
    "a captcha alone": '<form><div class="g-recaptcha" data-sitekey="k"></div><button>Go on</button></form>',
    "a cookie and a reload": "<html><script>document.cookie='a=1; path=/';location.reload();</script></html>",
    "a page that waits": html("", "<h1>One moment</h1>", '<meta http-equiv="refresh" content="5">'),
    "a heading": html("h.example", "<h1>Access denied</h1>"),
    "in German": html("Zugriff verweigert", "<h1>Zugriff verweigert</h1>"),
    "in Chinese": html("安全验证", "<p>请完成验证</p>"),
}  # fmt: skip

NEWSLETTER = '<form action="/news"><input type="email"><div class="g-recaptcha"></div></form>'
ORDINARY = {
    "a small product page": '<h1>Alder lamp</h1> <p class="price">$19.99</p>',
    "a newsletter with a captcha": html("Alder lamp", f"<h1>Alder lamp</h1><p>$19.99</p>{NEWSLETTER}"),
    "the same without a price": html("Alder lamp", f"<h1>Alder lamp</h1><p>In stock</p>{NEWSLETTER}"),
    "a captcha beside a heading": html("Lamp", "<h1>Alder lamp</h1><div class='h-captcha'></div>"),
    "an article": html("Access denied", "<h1>Access denied</h1>" + "<p>Locks have a long history.</p>" * 80),
    "a game of that name": html("Access Denied: the game", "<h1>Access Denied</h1><p>A game, 12.99 EUR</p>"),
    "a shirt that says so": html(
        "I am not a robot", "<h1>I am not a robot</h1>", '<script type="application/ld+json">{}</script>'
    ),
    "an application's shell": html(
        "Shop", "<noscript>You need to enable JavaScript to run this app.</noscript><div id='root'></div>"
        "<script src='https://js.datadome.co/tags.js'></script><script src='/main.js'></script>",
    ),
    "a shell behind a firewall": html("", "<div id=app></div><script src=/_Incapsula_Resource?S></script>"),
    "a script that counts": html(
        "Lamp", "<h1>Lamp</h1><script>document.cookie='seen=1';function go(){location.href='/x'}</script>"
    ),
    "a redirect": html("", "", '<meta http-equiv="refresh" content="0; url=https://h.example/new">'),
    "a ticker": html("Stock", "<h1>Stock of lamps</h1>", '<meta http-equiv="refresh" content="300">'),
    "a card": html("Card", "<h1>Security check card</h1><p>APR 19.99%</p>"),
    "a ticket": html("Jazz night", "<h1>Jazz night</h1><p>Event ID: 42. Reference #12660700</p>"),
    "a bolt": html("403 stainless bolt", "<h1>403 stainless bolt</h1><p>Press and hold to open the box</p>"),
    "a form": html("Contact", "<h1>Contact us</h1><form>Captcha: <input name=c></form>"),
    "a sign-in": html("Sign in", "<form><input type=email><input type=password><p class=captcha></form>"),
    "nothing": "<html><body></body></html>",
    "links": html("Shop", "<p>verify you are human</p>" + '<a href="/p">lamp</a>' * 21),
}  # fmt: skip


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_challenge_at_status_200(name: str) -> None:
    """Whoever made it, a page that stands in for the one asked for is known, and it is said by what."""
    assert challenge(answer(CHALLENGES[name]))
    assert challenge(answer(CHALLENGES[name].upper().replace("&AMP;", "&amp;"), 202)) or "script" in name


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_page(name: str) -> None:
    """No sign counts alone."""
    assert challenge(answer(ORDINARY[name])) is None


@pytest.mark.parametrize("status", [404, 410, 420, 429])
def test_a_status_that_says_enough_is_not_looked_behind(status: int) -> None:
    """What is gone is gone, and a rate limit passes."""
    assert challenge(answer(CHALLENGES["a captcha behind a script"], status)) is None


def test_failing_answers_need_the_machinery_of_a_challenge() -> None:
    """503 with a challenge's scripts is a challenge; words, and pages that reload, are those of errors."""
    assert challenge(answer(CHALLENGES["a script while one waits"], 503)) == "it loads _cf_chl_opt"
    for name in ("a refusal in upper case", "a page that waits", "a cookie and a reload"):
        assert challenge(answer(CHALLENGES[name], 503)) is None
    waiting = html("Please wait", '<p>Checking your browser</p><div class="h-captcha"></div>')
    assert challenge(answer(waiting, 503)) == "a captcha"
    assert challenge(answer(CHALLENGES["a captcha alone"], 500)) is None


def test_only_html_is_looked_at() -> None:
    """JSON and images that hold such words are what they are."""
    page = CHALLENGES["unusual traffic"]
    assert challenge(answer(page, Content_Type="application/json")) is None
    assert challenge(Response(URL, 200, {}, page.encode(), 0.1, 0.2))
    assert challenge(Response(URL, 200, {}, b'{"say": "verify you are human"}', 0.1, 0.2)) is None


def test_size_alone_can_tell() -> None:
    """A page with much to see is ordinary, whatever its title."""
    text = "<p>Alder lamps are made of alder wood.</p>" * 100
    assert challenge(answer(html("Just a moment...", text))) is None
    padded = html("Just a moment...", "", f"<script>{'x' * 100_000}</script>")
    assert challenge(answer(padded))
    assert challenge(answer(html("Just a moment...", "", f"<script>{'x' * LARGEST}</script>"))) is None


def test_no_page_of_the_corpus_is_a_challenge() -> None:
    """Real pages of shops, banks and news: no false alarm at any status, and microseconds each."""
    if not PAGES.exists():
        pytest.skip(f"the shared corpus is not here: {PAGES}")
    count = 0
    began = time.process_time()
    for path in sorted(PAGES.rglob("*")):
        body = path.read_bytes() if path.is_file() else b""
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        if body.lstrip()[:1] != b"<":
            continue
        count += 1
        for status in (200, 403, 503):
            assert challenge(answer(body, status)) is None, path.name
    assert count >= 200
    assert time.process_time() - began < 60  # it takes well under a second


@pytest.mark.parametrize(
    "hostile",
    [
        "<" * 500_000, "<script>" * 60_000, "<!--" * 120_000, "<meta http-equiv=refresh " * 20_000,
        "<input " * 70_000, "<a-" + "a" * 500_000, "document.cookie " * 30_000, "&" * 500_000, "1 " * 250_000,
    ],
)  # fmt: skip
def test_hostile_markup_costs_little(hostile: str) -> None:
    """No markup makes the look at a page long."""
    began = time.process_time()
    challenge(answer(f"<title>captcha</title>{hostile}"))
    challenge(answer(f"<title>captcha</title>{hostile}"[: 64 * 1024], 503))
    challenge(answer(hostile[: 64 * 1024]))
    assert time.process_time() - began < 10  # it takes a fiftieth of a second


@given(st.binary(max_size=300), st.sampled_from([200, 202, 403, 503]))
def test_any_body_is_looked_at_without_harm(body: bytes, status: int) -> None:
    """A server can send what it likes."""
    for prefix in (b"", b"<title>captcha</title>", b"<script>"):
        mark = challenge(answer(prefix + body, status))
        assert mark is None or mark
