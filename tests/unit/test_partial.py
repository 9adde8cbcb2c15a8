"""The beginning of a page, where it was certain to do, told what the whole page tells."""

from __future__ import annotations

import gzip
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from canter.extraction import Extractor, Page
from canter.extraction.html import Tree
from canter.extraction.selectors import _CASELESS, Word, needs
from canter.extraction.shortcut import EVERY
from canter.extraction.sightings import SMALLEST, Plan, Wanted
from canter.sites import Field, Site
from tests import soup

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FILLER = b"<div>" + b"more " * 200 + b"</div>"


def part(content: bytes, *selectors: str, every: bool = False) -> Tree | None:
    """The tree of the beginning of a page that is cut at a `|`; None where it was not."""
    plan = Plan.of([Wanted((selector,), every) for selector in selectors])
    assert plan is not None
    before, _, after = content.partition(b"|")
    with soup.small_pages():
        seen = plan.sightings(before + after)
    assert seen is not None
    seen.cut, seen.selectors = len(before), frozenset(selectors)
    tree = Tree.beginning(before + after, "utf-8", seen)
    return tree if tree.is_part else None


def test_tag_soup() -> None:
    """What is certain by the beginning of 1,500 pages is what the whole page tells."""
    draw, counted = Random(1), Counter[str]()
    with soup.small_pages():
        for _ in range(1_500):
            soup.compare_part(draw, counted)
    assert min(counted["first"], counted["none"], counted["parsed whole"], counted["not cut"]) > 50, counted


def test_words_in_tags() -> None:
    """Where no word of a selector can stand where it has to, nothing matches, in 1,000 pages."""
    draw, counted = Random(2), Counter[str]()
    with soup.small_pages():
        for _ in range(1_000):
            soup.compare_words(draw, counted)
    assert min(counted["none"], counted["matches"]) > 100, counted


@pytest.mark.parametrize(
    ("html", "selector"),
    [
        ("<b><div><p class=x>a</p>|</b>", "div > p"),  # is moved into a new <b>
        ("<div><a><p class=x>a</p>|</a>", "div > p"),
        ("<p class=x>a</p><table><tr>|<p class=x>b", ".x"),  # goes before the table
        ("<table><td><p class=x>a</p>|", ".x"),
        ("<p class=x>a</p><template>|<p>", ".x"),
        ("<select><button><selectedcontent class=x></selectedcontent></button><option selected>|a", ".x"),
        ("<select><selectedcontent class=x></selectedcontent><option>a</option>|<option selected>b", ".x"),
        ("<p><b class=x>a</p><table>|</table>x", "table + .x"),  # is made again without a word of it
        ("<svg><foreignObject><p><b class=x>a</p></foreignObject>|</svg>x", "svg + .x"),
        ("<math><mtext><p><b class=x>a</p></mtext>|</math>x", "math + .x"),
        ("<frameset>|<frame class=x>", ".x"),
        ("<p class=x>a</p><script>|</script>", ".x"),  # the cut is in a script,
        ("<p class=x>a</p><div title='|'>", ".x"),  # an attribute,
        ("<p class=x>a</p><!-- |-->", ".x"),  # a comment
        ("<p class=x>a</p><plaintext>|<b>", ".x"),
        ("<head><noscript class=x><style>a</style>|<style>b</style>", ".x"),  # would be closed by the mark
    ],
)
def test_where_a_beginning_tells_nothing(html: str, selector: str) -> None:
    """What comes later would not only be appended: the page is parsed whole."""
    assert part(html.encode(), selector) is None
    whole = Tree(html.replace("|", "")).first(selector)
    tree = Tree.by_bytes(html.replace("|", "").encode())
    assert tree.first(selector) == whole


@pytest.mark.parametrize(
    ("html", "selector", "attr", "found", "is_part"),
    [
        ("<div><p class=x>a</p>|<p class=x>b", ".x", None, "a", True),
        ("<div><p class=x>a|<p class=x>b", ".x", None, "a", False),  # is not complete
        ("<div class=x>a|b</div>", ".x", "class", "x", False),
        ("<div><p class=y>a</p>|<p>b", ".price", None, None, True),
        ("<div><p class=y>a</p>|<p class=price>b", ".price", None, "b", False),
        ("<div>|<p class='a&#112;rice'>b", "[class*=price]", None, "b", False),  # the word is hidden
        ("<div>|<p class='a&fjlig;ord'>b", "[class*=jord]", None, "b", False),
        ("<div>|<p>fjord &fjlig;</p>", ".price", None, None, False),
        ("<div>|<p>&#8217; &#39; &#x27;</p>", ".price", None, None, True),  # these hide no letters
        ("<div>|<script>{'price': 1, \"price\": '.price'}</script>", ".price", None, None, True),
        ("<div>|<p class=Price>b", ".price", None, "b", False),  # quirks mode
        ("<!doctype html><div>|<p class=Price>b", ".price", None, None, True),
        ("<!doctype html><div>|<link rel=Canonical href=u>", "link[rel=canonical]", "href", "u", False),
        ("<title>a</title>|<body class=x>", "title", None, "a", True),
        ("<title>a</title>|<body>", "tbody", None, None, False),  # comes without a tag
        ("<div>|<table><td>", "tbody", None, "", False),
        ("<head class=x><title>a</title>|<script>b</script>", ".x", None, "ab", False),  # the mark ends it
        ("<div>|<H1>b", "h1", None, "b", False),
        ("<div>|<h1x>b", "h1", None, None, True),
    ],
)
def test_what_a_beginning_tells(
    html: str, selector: str, attr: str | None, found: str | None, is_part: bool
) -> None:
    """And what it does not."""
    tree = part(html.encode(), selector)
    assert tree is not None
    assert tree.first(selector, attr) == found
    assert tree.is_part is is_part


@pytest.mark.parametrize(
    "attribute",
    [
        "class='icecreamy'", "class=" + "x=" * 5_000 + "price", "class=" + " " * 9_000 + "price",
        "class" + "\n" * 600 + "= price", "class" + " " * 600 + "='price'",
        "class='" + "x " * 9_000 + "price'", "id='a'class=price", "x/class=price", "class =price",
        "class= =price", "CLASS\t=\t'a price'",
    ],
)  # fmt: skip
def test_attributes_that_are_hard_to_see(attribute: str) -> None:
    """Overlapping words, long values and much white space: that something may match is not overlooked."""
    html = f"<div>|<p {attribute}>b</p>".encode()
    selectors = ("[class*=icecream]", "[class*=creamy]", "[class*=price]")
    matching = [selector for selector in selectors if Tree(html).first(selector)]
    assert matching
    for selector in matching:
        tree = part(html, *selectors)
        assert tree is not None
        assert tree.first(selector) == "b"
        assert not tree.is_part


def test_all_matches() -> None:
    """All that match are told where none can come after the cut."""
    one = part(b"<div><p class=price>a</p><p class=price>b</p>|<p>c", ".price", every=True)
    more = part(b"<div><p class=price>a</p><p class=price>b</p>|<p class=price>c", ".price", every=True)
    assert one is not None
    assert one.all(".price") == ["a", "b"]
    assert one.is_part
    assert more is not None
    assert more.all(".price") == ["a", "b", "c"]
    assert not more.is_part


def test_what_was_not_looked_for() -> None:
    """Another selector, XPath, elements and texts are of the whole page."""
    html = b"<div><p class=price>a</p>|<h1>b</h1><p class=price>\xc3\xa9"
    for ask, answer in (
        (lambda tree: tree.first("h1"), "b"),
        (lambda tree: tree.xpath("//h1"), ["b"]),
        (lambda tree: [node.text for node in tree.elements("p")], ["a", "é"]),
        (lambda tree: [text.data for text in tree.texts()], ["a", "b", "é"]),
    ):
        tree = part(html, ".price")
        assert tree is not None
        assert ask(tree) == answer
        assert not tree.is_part


def test_late_attributes_of_the_roots_and_frames() -> None:
    """A later `<body>` or `<html>` may match an earlier place, a `<frameset>` may do away with the body."""
    html = b"<div>" + b"x" * SMALLEST + b"<p class=price>a</p>" + FILLER * 9
    plan = Plan.of([Wanted((".price",), False)])
    named = Plan.of([Wanted(("p.price",), False)])
    assert plan is not None
    assert named is not None
    assert plan.look(html)
    for late, which in ((b"<body class=price>", plan), (b"<HTML class=price>", plan), (b"<frameset>", named)):
        assert which.look(html + late) is None
    assert named.look(html + b"<body class=price>")


@pytest.mark.parametrize(
    ("selector", "words", "named"),
    [
        ("h1", [("<h1", None)], True), (".old-price", [("old-price", "class")], False),
        ("p#main-price.x", [("main-price", "id")], True), ("div > [itemprop='price']", [("price",
        "itemprop")], False), ("meta[property='og:price:amount']", [("amount", "property")], True), ("p.ab",
        [None], True), ("td, h2.price", [("<td", None), ("price", "class")], True), ("body .price",
        [("price", "class")], False), ("tbody", [None], True), ("[data-price]", [None], False),
        ("a:not(.b)[rel~=next]", [("next", "rel")], True), ("li:nth-child(2n + 1) > b.fjord", [None], True),
        ("*", [None], False),
    ],
)  # fmt: skip
def test_what_a_selector_needs(
    selector: str, words: list[tuple[str, str | None] | None], named: bool
) -> None:
    """The words of what matches, and whether every part names its tag."""
    need = needs(selector)
    assert need is not None
    assert [word and (word.text, word.attr) for word in need.words] == words
    assert need.named is named


@pytest.mark.parametrize(
    "selector",
    [
        "p:last-child", "p:only-child", "p:empty", "p:has(b)", "p:nth-last-child(2)", "p:nth-of-type(last)",
        "p:contains('x')", "a[b=c i]", r".a\:b", "x|y", "p:not(b c)", "p:nth-child(2 of .x)", ".é", "",
        "a >", "> a", "p:last-of-type", "a::before",
    ],
)  # fmt: skip
def test_selectors_that_look_forward(selector: str) -> None:
    """Or that are not understood: the page is parsed whole."""
    assert needs(selector) is None


def test_letter_case_of_values() -> None:
    """Words are looked for in any letter case wherever the parser compares them so."""
    for name in (
        *_CASELESS,
        "class",
        "id",
        "itemprop",
        "property",
        "name",
        "href",
        "content",
        "data-x",
        "title",
    ):
        for doctype in ("<!doctype html>", ""):
            matches = Tree(f"{doctype}<p {name}=PRICE>").first(f"[{name}=price]") is not None
            need = needs(f"[{name}=price]")
            assert need is not None
            word = need.words[0]
            assert isinstance(word, Word)
            assert word.is_caseless(quirks=not doctype) or not matches, name


def test_a_site_that_gains_nothing_is_read_whole() -> None:
    """After some pages in a row that had to be parsed twice only one in `EVERY` is tried."""
    extractor = Extractor(Site("shop", hosts=["*"], fields={"price": Field(css=".price")}))
    html = (
        b"<meta charset=utf-8>" + b"<div>x</div>" * 2_000 + b"<script>'<p class=price>'</script>" + FILLER * 9
    )
    tried = []
    for _ in range(300):
        page = Page("http://shop.example/", 200, {}, html + b"<p class=price>\xc3\xa9</p>" + FILLER * 9)
        assert extractor.read(page).fields == {"price": "é"}
        tried.append((page.parsed_share or 0) > 1)
    assert sum(tried[:5]) >= 1
    assert sum(tried[-EVERY * 3 :]) == 3


def test_pages_made_of_words() -> None:
    """A page that is nothing but what is looked for costs little time and memory."""
    plan = Plan.of([Wanted(("h1",), False), Wanted((".price",), False)])
    assert plan is not None
    for piece in (b"<h1>", b"price", b" class=price", b"'price", b"class = price ", b"<title", b"=" * 9):
        assert plan.look(piece * (4_000_000 // len(piece))) is None


@cache
def corpus() -> list[tuple[str, bytes]]:
    files = [path for path in sorted((CORPUS / "pages").rglob("*")) if path.is_file()]
    return [
        (path.name, gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        for path in files
    ]


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")
def test_real_pages() -> None:
    """Every page of the corpus, some fields of each kind: as read whole, and many by their beginning."""
    rules: dict[str, dict[str, Any]] = {
        "title": {"css": ["title"]}, "heading": {"css": ["h1", "h2"]}, "price": {"css": ["[itemprop=price]",
        "[class*=price]"]}, "canonical": {"css": "link[rel=canonical]", "attr": "href", "type": "url"},
        "image": {"css": "meta[property='og:image']", "attr": "content", "type": "url"},
    }  # fmt: skip
    sites = [
        Site(
            "four",
            hosts=["*"],
            fields={name: Field(**{**rule, "required": False}) for name, rule in rules.items()},
        ),
        Site(
            "lists",
            hosts=["*"],
            fields={"names": Field(css=("meta[name]",), attr="name", many=True, required=False)},
        ),
        Site("second", hosts=["*"], fields={"second": Field(css=("h2",), index=1, required=False)}),
    ]
    parts = 0
    for site in sites:
        extractor = Extractor(site)
        for name, content in corpus():
            page = Page("https://shop.example/p", 200, {}, content)
            quick, whole = extractor.read(page), Page("https://shop.example/p", 200, {}, content)
            whole._tree = Tree(content, whole.charset)
            assert quick == Extractor(site).read(whole), (site.name, name)
            assert page.charset == whole.charset, name
            parts += (page.parsed_share or 1) < 1
    assert parts > 200
