"""A page in UTF-8 read by bytes gives what the page read by characters gives, or is parsed again."""

from __future__ import annotations

import random

import pytest

from canter.extraction import Extractor, Page
from canter.extraction.bytewise import is_plain
from canter.extraction.charset import strip_bom
from canter.extraction.html import Tree
from canter.extraction.page import WORTHWHILE
from canter.sites import Field, Site

TEXTS = (
    "é", "ü", "ß", "à", "’", "€", "–", "\U0001f600", "Ж", "価格", "”", "\xa0", "\u2028", "\u212a", "\u0130",
    "\ufeff", "\x85", "\u017f", "x", "text", "&amp;", "&nbsp;", "&eacute;", "&Atilde;", "&copy", "&#195;",
    "&#xA9;", "&#150;", "&#x80;", "&#10;", "&", "&rsquo;", "&szlig;", "&eacute", "&half;", "&#129;", "&#0;",
    "&angst;", "&#xe9", "&Auml",
)  # fmt: skip
MARKS = (
    "<", ">", "</", "<!--", "-->", "<![CDATA[", "]]>", "\x00", '"', "'", "=", "\n", "\r", "\x0c", "<table>",
    "</table>", "<tr>", "<td>", "<select>", "<option>", "<template>", "</template>", "<svg>", "<math>",
    "<mtext>", "<foreignObject>", "<p>", "</p>", "<b>", "<form>", "<frameset>", "<script>", "</script>",
    "<style>", "</style>", "<textarea>", "</textarea>", "<title>", "</title>", "<plaintext>", "<noscript>",
    "<li>", "<button>", "<nobr>", "<br>", "/>", "<col>",
)  # fmt: skip
TAGS = (
    "<a href=x>", "<font x='", "<font x=1>", "<body a=b>", "<h1 class='price ", "<div class=price>", "\r\n",
    '<div title="', "<span id=a ", "<meta charset=latin1>", "<link rel=canonical href='", "<i ", " ",
)  # fmt: skip
PIECES = [text.encode() for text in (*TEXTS, *MARKS, *TAGS)]
BROKEN = [b"\xff", b"\xc3", b"\xe2\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xa9", b"\xe9"]
SELECTORS = (
    "*", "title", "h1", "[class*=price]", "div.price", "p b", "td:nth-child(2)", "font", "body > *",
    ":not(p)", "#a", "[class~=price]", "[x='1']", ":empty", "script",
)  # fmt: skip


@pytest.mark.parametrize("pieces", [PIECES, PIECES + BROKEN], ids=["UTF-8", "broken"])
def test_tag_soup(pieces: list[bytes]) -> None:
    """All matches, texts and attributes, of pages made of whatever makes trouble."""
    draw = random.Random(1)
    again = 0
    for _ in range(1_500):
        content = strip_bom(b"".join(draw.choices(pieces, k=draw.randint(3, 60))))
        right = Tree(content, "utf-8")
        for selector in SELECTORS:
            for attr in (None, draw.choice(("class", "title", "href", "x"))):
                tree = Tree.by_bytes(content)
                assert tree.all(selector, attr) == right.all(selector, attr), (content, selector, attr)
                assert tree.first(selector, attr) == right.first(selector, attr), (content, selector, attr)
                again += tree.parsed_again
    assert 0 < again < 1_500 * len(SELECTORS) * 2 * 0.2  # else this would try only one of two ways


@pytest.mark.parametrize(
    ("html", "text", "again"),
    [
        ("<h1>Tea</h1>", "Tea", False),
        ("<h1>Tea &ndash; 5 &euro;</h1>", "Tea – 5 €", False),
        ("<h1>Café ’s 5 €&nbsp;&copy; 😀</h1>", "Café ’s 5 €\xa0© 😀", False),
        ("<h1>Caf&Atilde;&copy;</h1>", "CafÃ©", True),
        ("<h1>Caf&#195;&#169;</h1>", "CafÃ©", True),
        ("<h1>Gro&szlig;&nbsp;</h1>", "Groß\xa0", True),
        ("<h1>Tea</h1><p>&Atilde;&copy; é", "Tea", False),
    ],
)
def test_references(html: str, text: str, again: bool) -> None:
    """What looks like the bytes of a character and is none is told from it; the page is parsed again."""
    tree = Tree.by_bytes(html.encode())
    assert tree.first("h1") == text
    assert tree.parsed_again is again


def test_whatever_else_is_asked_of_the_tree() -> None:
    """XPath, elements and texts see characters."""
    content = "<p title='é'>Ж</p>".encode()
    assert Tree.by_bytes(content).xpath("//p[.='Ж']/@title") == ["é"]
    assert Tree.by_bytes(content).elements("p")[0].text == "Ж"
    assert [text.data for text in Tree.by_bytes(content).texts()] == ["Ж"]
    assert Tree.by_bytes(content).all("p[title='é']") == ["Ж"]


@pytest.mark.parametrize(
    ("selector", "plain"),
    [
        ("h1", True), ("div.a > b, #c ~ d + e", True), ("[property='og:title']", True), ('a[b="x i"]', True),
        ("li:nth-child(2n+1):not(.x)", True), ("[a=b i]", False), ("[a='b' I ]", False), (".é", False),
        (r".a\:b", False), (":lang(de)", False), (":dir(rtl)", False), ("p:contains('x')", False),
        ("a::before", False), ("p:first", False),
    ],
)  # fmt: skip
def test_selectors_that_compare_text(selector: str, plain: bool) -> None:
    """What compares more than ASCII, or might, is for characters."""
    assert is_plain(selector) is plain


@pytest.mark.parametrize(
    ("kind", "head", "quick"),
    [
        ("text/html; charset=utf-8", "", True), ("text/html", "<meta charset=utf-8>", True),
        ("text/html", "", True), ("text/html; charset=latin1", "<meta charset=utf-8>", False),
        ("text/html", "<meta charset=latin1>", False), ("text/html", "\ufeff", True),
        ("text/html", "x" * 9_000 + "<meta charset=UTF-8>", True),
        ("text/html", "x" * 9_000 + "<meta charset=latin1>", False),
        ("text/html", "x" * 9_000 + "<script>s.charset = t.charset; charset='utf8'</script>", True),
        ("text/html", "x" * 9_000 + "<meta http-equiv=content-type content='chars&#101;t=koi8-r'>", False),
        ("text/html", "x" * 9_000 + "<meta http-equiv=content-type content='charset&equals;koi8-r'>", False),
        ("text/html", "x" * 9_000 + "<meta charset=shift&lowbar;jis>", False),
    ],
)  # fmt: skip
def test_only_pages_that_are_utf8(kind: str, head: str, quick: bool) -> None:
    """By mark, header, `<meta>`, or by their bytes where nothing says otherwise; none that are small."""
    body = f"{head}<h1>Tea</h1><p>é{'x' * WORTHWHILE}".encode()
    page = Page("http://shop.example/", 200, {"Content-Type": kind}, body)
    small = Page("http://shop.example/", 200, {"Content-Type": kind}, body.replace(b"x" * WORTHWHILE, b""))
    for one, by_bytes in ((page, quick), (small, False)):
        one.prefer_quick(None)
        assert one.tree.is_by_bytes is by_bytes
        assert one.tree.first("h1") == "Tea"


def test_a_site_whose_pages_are_parsed_again_is_read_by_characters() -> None:
    """After some pages in a row; and fields are the same all the while."""
    site = Site("shop", hosts=["*"], fields={"name": Field(css="h1")})
    extractor = Extractor(site)
    body = f"<meta charset=utf-8><h1>Gro&szlig;&nbsp;é</h1>{'x' * WORTHWHILE}".encode()
    pages = [Page("http://shop.example/", 200, {}, body) for _ in range(20)]
    for page in pages:
        assert extractor.read(page).fields == {"name": "Groß é"}
    again = [page.parsed_again for page in pages]
    assert again == [True] * 4 + [False] * 16


def test_an_answer_that_needs_no_tree_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON, however large, is not parsed as a page."""
    made: list[bytes] = []
    monkeypatch.setattr(Tree, "by_bytes", made.append)
    extractor = Extractor(Site("shop", hosts=["*"], fields={"name": Field(json="name")}))
    body = b'{"name": "Tea", "about": "%s"}' % (b"x" * WORTHWHILE)
    page = Page("http://shop.example/", 200, {"Content-Type": "application/json; charset=utf-8"}, body)
    assert extractor.read(page).fields == {"name": "Tea"}
    assert made == []
