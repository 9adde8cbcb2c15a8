"""A site of structured data alone is read without a parse, with the same answers as with one."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from canter.extraction import Extraction, Extractor, Page
from canter.extraction.shortcut import EVERY, Shortcut
from canter.extraction.structured import SOURCES, StructuredData, scanned
from canter.extraction.structured.absent import product_in_json, product_in_meta, products_in_attributes
from canter.extraction.structured.meta import _OFFER, _TYPES
from canter.extraction.structured.scanned import LARGEST, ScannedData, structured_data
from canter.sites import Field, Site
from tests.scan_soup import draw_page

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FIELDS = {
    "name": Field(structured="name", required=False),
    "brand": Field(structured=("brand", "description"), required=False),
    "price": Field(structured="price", type="money", required=False),
    "image": Field(structured="image", type="url", required=False),
    "sku": Field(structured="sku", required=False, many=True),
}
SITE = Site("shop", hosts=["*"], fields=FIELDS)
PARSED = Site("shop", hosts=["*"], fields={**FIELDS, "tree": Field(css="title", required=False)})
PRODUCT = '<script type="application/ld+json">{"@type":"Product","name":"Tea","image":"i.png"}</script>'
BARE = "<script type=application/ld+json>%s</script>"
BRAND = "<b itemprop=brand>B</b></div>"
LATE = "x" * 9000  # nobody looks for an encoding so far behind but the parser
Q, BACKSLASH = '"', chr(92)
WHOLE = PRODUCT.replace('"i.png"', '"i.png","brand":"B","sku":"1","offers":{"price":1,"priceCurrency":"EUR"}')


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are scanned however small."""
    monkeypatch.setattr(scanned, "SMALLEST", 0)


def page(content: bytes, kind: str = "text/html; charset=utf-8") -> Page:
    return Page("http://shop.example/p", 200, {"Content-Type": kind}, content)


def alike(content: bytes, kind: str = "text/html; charset=utf-8") -> bool:
    """Holds what is read, and from where, against a parse; whether it was read without one."""
    quick, slow = page(content, kind), page(content, kind)
    read, right = Extractor(SITE).read(quick), Extractor(PARSED).read(slow)
    assert slow.parsed
    without = right._replace(
        fields={name: value for name, value in right.fields.items() if name != "tree"},
        origins={name: origin for name, origin in right.origins.items() if name != "tree"},
    )
    assert read == without, content
    return not quick.parsed


def _scanned(content: Page) -> ScannedData:
    found = structured_data(content, by_scan=True)
    assert isinstance(found, ScannedData)
    return found


def test_tag_soup() -> None:
    """The same fields, places and problems, of pages with products in all four syntaxes, in any encoding."""
    draw = random.Random(2)
    kinds = ("text/html; charset=utf-8", "text/html", "text/html; charset=windows-1252")
    spared = sum(alike(draw_page(draw), draw.choice(kinds)) for _ in range(1_500))
    assert spared > 500


def test_the_corpus() -> None:
    """The same of every page of the corpus; most are read without a parse."""
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not at {CORPUS}")
    names = (CORPUS / "BENCH.txt").read_text("utf-8").split("\n")[:-1]
    spared = 0
    for name in names:
        content = (CORPUS / name).read_bytes()
        spared += alike(gzip.decompress(content) if name.endswith(".gz") else content, "text/html")
    assert spared > 0.8 * len(names)


@pytest.mark.parametrize(
    ("html", "spared"),
    [
        (PRODUCT, True),
        (f"<p>{PRODUCT}<base href='/img/'>", True),
        (
            f"{PRODUCT}<div itemscope itemtype='http://schema.org/Product'>{BRAND}",
            False,
        ),
        (f"{WHOLE}<div itemscope itemtype='http://schema.org/Product'><b itemprop=brand>C</b></div>", True),
        (f"{PRODUCT}<div itemscope itemtype=http://schema.org/BreadcrumbList></div>", True),
        (
            f"{PRODUCT}<div itemscope ITEMTYPE = 'x\nhttp://schema.org/&#67;ar'>{BRAND}",
            False,
        ),
        (f"{PRODUCT}<div itemscope itemtype='http://schema.org/Product", False),
        (f"{PRODUCT}<div vocab=http://schema.org/ typeof=Product><b property=brand>B</b></div>", False),
        (f"{PRODUCT}<script>typeof x == 'y'; typeof(a)</script>", True),
        (
            f"{PRODUCT}<meta property=og:type content=product><meta property=og:brand content='B &amp; C'>",
            True,
        ),
        (f"{PRODUCT}<meta property=&#111;g:type content=product><meta property=og:brand content=B>", True),
        (f"{PRODUCT}<meta property=og:type content=&#112;roduct><meta property=og:brand content=B>", True),
        (f"{PRODUCT}<meta property=og:price:amount content=5><meta name=og:brand content=B>", True),
        (f"{PRODUCT}<table><meta property=og:price:amount content=5><tr>", False),
        (f"{PRODUCT}{PRODUCT.replace('Tea', 'Nut')}<h1>Nut</h1>", False),
        (f"{PRODUCT}{PRODUCT.replace('Product', 'Organization')}", True),
        (f"<table>{PRODUCT}", False),
        (f"<table>{PRODUCT.replace('Product', 'Thing')}", True),
        (f"<table>{BARE % '{Q@typeQ:QPro&#100;uctQ,QnameQ:QTeaQ}'.replace('Q', '&quot;')}", False),
        (BARE % '<!--<script></script>{"@type":"Product","name":"Tea"}-->', False),
        (f"<table>{PRODUCT.replace('Product', 'Pro' + BACKSLASH + 'u0064uct')}", False),
        (f"<table>{PRODUCT.replace('Product', 'Pro' + BACKSLASH + 'duct').replace('{', '{a:1,')}", False),
        (f"<table>{PRODUCT.replace('Product', BACKSLASH + 'tProduct')}", False),
        (
            f"<table>{PRODUCT.replace(Q + 'Product' + Q, 'Product')}",
            False,
        ),
        (f"<table>{PRODUCT.replace('Product', 'Thing').replace('Tea', 'Product by Car')}", False),
        (f"<table>{PRODUCT.replace('Product', 'Thing').replace('Tea', 'Book a Car and go')}", True),
        ("<p>nothing", True),
        ("", True),
    ],
)
def test_when_a_parse_is_spared(html: str, spared: bool) -> None:
    """Where JSON-LD tells all, or nothing that could be another syntax names a product."""
    assert alike(html.encode()) is spared


@pytest.mark.parametrize(
    ("kind", "head", "text", "spared"),
    [
        ("text/html", "<meta charset=utf-8>", "é".encode(), True),
        ("text/html", "<meta charset=latin1>", b"\xe9", True),
        ("text/html; charset=koi8-r", "", b"\xe9", True),
        ("text/html; charset=gbk", "", b"\xb0\xa1\x81d", True),
        ("text/html; charset=iso-2022-jp", "", b"a", False),
        ("text/html; charset=utf-16le", "", b"e", False),
        ("text/html", "", "é".encode(), True),
        ("text/html", "", b"\x1b$B&!\x1b(B", False),
        ("text/html", "", b"e", True),
        ("text/html", "", b"\xe9", False),
        ("text/html", "\ufeff", "é".encode(), True),
        ("text/html", LATE + "<meta charset='UTF-8'>", "é".encode(), True),
        ("text/html", LATE + "<meta charset='latin1'>", "é".encode(), False),
        ("text/html", LATE + "<meta charset='utf-8x'><meta charset=&#108;atin1>", "é".encode(), False),
        (
            "text/html",
            LATE + "<meta http-equiv=content-type content='a;&#99;harset=latin1'>",
            b"\xc3\xa9",
            False,
        ),
        ("text/html", LATE + "<meta charset=iso-2022-jp>", b"\x1b$B&!\x1b(B", False),
        ("text/html", LATE + "<meta charset=utf-8><p a='" + "b" * 40_000 + "'>", "é".encode(), True),
    ],
)
def test_encodings(kind: str, head: str, text: bytes, spared: bool) -> None:
    """What the page says early, or UTF-8 that nothing contradicts; else a parse finds the encoding."""
    assert alike(head.encode() + WHOLE.encode().replace(b"Tea", text), kind) is spared


def test_large_and_small_pages_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marks of a page take memory, and a small page is parsed as quickly; neither is a failure."""
    assert not alike(WHOLE.encode() + b"x" * LARGEST)
    monkeypatch.setattr(scanned, "SMALLEST", 1_000)
    extractor = Extractor(SITE)
    for _ in range(EVERY):
        small = page(WHOLE.encode())
        extractor.read(small)
        assert small.parsed
    large = page(WHOLE.encode() + b"x" * 1_000)
    extractor.read(large)
    assert not large.parsed


def test_only_sites_of_structured_data_alone() -> None:
    """Another source, a parse function or `auto` needs the tree at any rate."""
    for other in (Field(css="p"), Field(label="x"), Field(xpath="//p"), Field(structured="name", css="p")):
        content = page(WHOLE.encode())
        Extractor(Site("s", hosts=["*"], fields={**FIELDS, "other": other})).read(content)
        assert content.parsed


def test_absence_is_never_claimed_of_what_is_there() -> None:
    """Where a syntax is said to tell of no product, the tree tells of none."""
    draw = random.Random(3)
    claims = 0
    for _ in range(1_500):
        content = page(draw_page(draw))
        Extractor(SITE).read(content)
        quick = _scanned(content)
        right = StructuredData(content.tree, content.url)
        for source in SOURCES:
            if not quick._may_tell(source):
                claims += 1
                assert right.product(source) is None, (content.content, source)
    assert claims > 1_500


def test_what_tells_of_a_product() -> None:
    """The words that are looked for are those of the tables."""
    assert all("price" in word for word in _OFFER["price"])
    assert all("product" in kind for kind in _TYPES)
    assert product_in_meta([None])
    assert product_in_json([None])
    assert products_in_attributes(b"<a itemtype='" + b"x" * 5_000 + b"'>") == {"microdata"}
    assert products_in_attributes(b"<a itemtype><b data-itemtype='x'> typeof x, typeof\n=") == {"rdfa"}


def test_a_shortcut_that_fails_is_left() -> None:
    """Where it costs more than it spares it is tried on one page of many, until it spares more again."""
    shortcut = Shortcut()
    for _ in range(20):
        assert shortcut.is_tried()
        shortcut.gained(0.5)
        shortcut.gained(-0.4)
    for _ in range(20):
        shortcut.gained(-0.4)
    assert sum(shortcut.is_tried() for _ in range(10 * EVERY)) == 10
    for _ in range(20):
        shortcut.gained(0.5)
    assert all(shortcut.is_tried() for _ in range(EVERY))


def test_a_site_whose_pages_need_a_parse_is_not_scanned() -> None:
    """The extractor gives the scan up, and reads the same as before."""
    extractor = Extractor(SITE)
    answers: list[Extraction] = [extractor.read(page(f"<table>{WHOLE}".encode())) for _ in range(EVERY)]
    assert all(answer == answers[0] for answer in answers)
    assert not extractor._scan.is_tried()
