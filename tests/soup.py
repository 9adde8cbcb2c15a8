"""Pages made of whatever makes trouble for whoever parses only their beginning, and what must hold for them.

`tests/unit/test_partial.py` asks for some of them, `python -m tests.fuzz.partial` for as many as there is
time for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from unittest.mock import patch

from canter.extraction import sightings
from canter.extraction.charset import CUT_ANYWHERE
from canter.extraction.html import Tree
from canter.extraction.selectors import needs
from canter.extraction.sightings import Plan, Wanted

TEXTS = (
    "é", "’", "x", "text", "&amp;", "&nbsp;", "&eacute;", "&Atilde;", "&copy", "&#112;rice",
    "&#x70;ric&#101;", "&#49;", "pri", "ce", "price", "&fjlig;", "1&#45;2", "\x00", "&lowbar;", "&#0000112",
    "&#112rice", "&#X70;rice", "sku", "price-box", "xprice", "PRICE", "Price", "title", "h1",
    "cano&#110;ical", "canonical", "old-price", "=price", "class=price", " class=price", "class= price",
    "class =price", '"price"', "'price'", "=",
)  # fmt: skip
MARKS = (
    "<", ">", "</", "<!--", "-->", "<![CDATA[", "]]>", '"', "'", "=", "\n", "\r", "\x0c", " ", "/", "<table>",
    "</table>", "<tr>", "<td>", "<tbody>", "<caption>", "<colgroup>", "<col>", "<select>", "</select>",
    "<option>", "<template>", "</template>", "<svg>", "</svg>", "<math>", "<mtext>", "<foreignObject>", "<p>",
    "</p>", "<b>", "</b>", "<a>", "</a>", "<i>", "<nobr>", "<form>", "</form>", "<frameset>", "<frame>",
    "<script>", "</script>", "<style>", "</style>", "<textarea>", "</textarea>", "<title>", "</title>",
    "<plaintext>", "<noscript>", "</noscript>", "<li>", "<dd>", "<button>", "</button>", "<br>", "/>",
    "<head>", "</head>", "<body>", "</body>", "</html>", "<html>", "<object>", "<marquee>", "<applet>",
    "<iframe>", "</iframe>", "<xmp>", "<ruby>", "<rt>", "<hr>", "<input>", "<input type=hidden>", "<image>",
    "<div>", "</div>", "</div>", "<div>", "<section>", "<h1>", "</h1>", "<h2>", "<span>", "</span>",
    "<address>", "<center>", "<svg><desc>", "<option selected>", "<selectedcontent>", "<menuitem>",
    "<details>", "<summary>",
)  # fmt: skip
TAGS = (
    "<a class=price>", "<b class='price'>", "<font class=price>", "<body class=price>", "<html class=price>",
    "<body class=sku id=x>", "<h1 class='price ", "<div class=price>", "<div class='price'>",
    '<span class="old-price x">', "<div class=sku>", "<p class=price>", "<p id=price>", "<td class=price>",
    "<td>", "<tr class=price>", '<div title="', "<div title='", "<div title=", '<div class="', "<div class='",
    "<div class = ", "<div CLASS=Price>", "<DIV class=PRICE>", "<span id=a ", "<meta charset=latin1>",
    "<link rel=canonical href=x>", "<link rel='Canonical' href='", "<meta itemprop=price content=", "<i ",
    "<div data-x='price'>", "<div data-class=price>", "<div/class=price>", "<div x=1/class=price>",
    "<div a='b'class=price>", "<svg class=price>", "<template class=price>", "<option class=price>",
    "<noscript><p class=price>", "<script>'<div class=price>'</script>", "<!--<div class=price>-->",
    "<head class=price>", "<h1>x</h1>", "<title>x</title>", "<div class==price>", "<div class =x=price>",
    "<div class= x=price>", "<div class=\tprice>", "<table><td class=price>", "<table class=price>",
    "<form class=price>", "<base href=/x>", "<h1/>", "<h1\n>", "<H1>", "<h1x>", "<h1",
)  # fmt: skip
POOLS = (
    (*TEXTS, *MARKS, *TAGS),
    (*MARKS, *TAGS),
    (*("<div>", "</div>", "<p>", "</p>", "text", " ") * 8, *TEXTS, *MARKS, *TAGS),
    (  # formatting elements, out of order
        "<b>", "</b>", "<a>", "</a>", "<div>", "</div>", "<p class=price>", "</p>", "x", "<i>", "</i>",
        "<div class=price>", "</div>", "<span class=price>",
    ),
    (  # heads
        "<noscript class=price>", "<style>a</style>", "</noscript>", "<link rel=canonical>",
        "<title>x</title>", "<meta itemprop=price content=x>", "<style>b</style>", "<script>a</script>",
        "<!--x-->", "<head>", "<base href=/x>", "<p>", "</head>",
    ),
    (  # tables, and what is put before them; scopes
        "<table>", "</table>", "<tr>", "<td class=price>", "<td>", "x", "<p class=price>",
        "<div class=price>", "</div>", "</p>", "<caption>", "<b class=price>",
        "<input type=hidden class=price>", "<select>", "<option class=price>", "</select>", "<template>",
        "</template>", "<object>", "</object>", "<marquee>", "<b>", "</b>", "<a>", "</a>", "<applet>",
    ),
    (  # frames in place of a body
        "<frameset>", "<frame>", "</frameset>", "<noframes class=price>", "</noframes>", "<div>", "</div>",
        "<p class=price>", "<script>a</script>", " ", "<br>", "<h1></h1>", "<title>x</title>",
    ),
)  # fmt: skip
CHARSETS = sorted(CUT_ANYWHERE)
BEGINNINGS = (
    b"<!doctype html>", b"<!doctype html>", b"", b"<!doctype html><body>", b"<!doctype html><html><head>",
    b"<body><div>",
)  # fmt: skip
SELECTORS = (
    ".price", "[class*=price]", "div.price", "div > .price", "p + .price", "b.price", "span.old-price",
    "#price", "h1", "title", "link[rel=canonical]", "meta[itemprop=price]", "[data-x=price]", "td.price",
    "body .price", "div:not(.sku) .price", "p:first-child", "div:nth-child(2)", "li, h1", "h1, .price",
    "[itemprop]", "a.price", "font.price", "tr.price", ".sku", "[class~=price]", "[class^=pri]",
    "div ~ .price", "base[href]", "svg.price", "*", "[class='price']", ".price-box", "h2", "b .price",
    ":root > body .price", "html .sku", "body.price", "[class$=price] [class$=price]", "noscript .price",
    "head.price", "template", "option.price", "caption", "span", "p", "dd", "tbody", "tr",
    "div.price:first-of-type", "div > b", "div > p",
    "* + b.price", "object + *", "svg + .price", "button .price", "noscript.price", "noscript", "a > div",
)  # fmt: skip


@contextmanager
def small_pages() -> Iterator[None]:
    """Pages of a few tags are cut, anywhere."""
    with patch.multiple(
        sightings, SMALLEST=0, MOST=1.0, SLACK=0, FEWEST=1, _CUT=re.compile(rb"<")
    ):  # fmt: skip
        yield


def page(draw: Random) -> tuple[bytes, str]:
    """Tag soup and its encoding: bytes that it knows and others."""
    pieces = [piece.encode() for piece in draw.choices(draw.choice(POOLS), k=draw.randint(3, 40))]
    charset = draw.choice(("utf-8", draw.choice(CHARSETS)))
    if charset != "utf-8" or draw.random() < 0.1:
        for _ in range(draw.randint(1, 4)):
            pieces.insert(draw.randrange(len(pieces)), draw.randbytes(2))
    return draw.choice(BEGINNINGS) + b"".join(pieces), charset


def compare_part(draw: Random, counted: Counter[str]) -> None:
    """One page, some selectors: what the beginning is certain of is what the whole page tells.

    `counted`: "accepted" answers by kind, and pages that were not cut or had to be parsed whole.
    """
    content, charset = page(draw)
    whole = Tree(content, charset)
    chosen = draw.sample(SELECTORS, draw.randint(1, 4))
    if draw.random() < 0.5:  # more that match
        chosen = [one for one in draw.sample(SELECTORS, 30) if whole.first(one) is not None][:4] or chosen
    plan = Plan.of([Wanted((selector,), draw.random() < 0.3) for selector in chosen])
    assert plan is not None
    with patch.object(sightings, "SLACK", draw.choice((0, 0, 5, 20, 60))):
        seen = plan.look(content)
    if seen is None or not Tree.beginning(content, charset, seen).is_part:
        counted["not cut" if seen is None else "parsed whole"] += 1
        return
    for selector in chosen:
        for attr in (None, "class", "id"):
            one, several = (Tree.beginning(content, charset, seen) for _ in range(2))
            told = one.first(selector, attr), several.all(selector, attr)
            right = whole.first(selector, attr), whole.all(selector, attr)
            assert told == right, (content, charset, seen.cut, selector, attr)
            counted["first" if told[1] else "none"] += one.is_part
            counted["all"] += several.is_part


WORDS = (
    "price", "Price", "PRICE", "price-box", "old-price", "ice-cream", "icecream", "sku", "canonical",
    "Canonical", "x", "creamy", "pricecreamy", "xprice", "priceprice", "&#112;rice", "pr&#x69;ce",
    "pric&#101", "fjord", "&fjlig;ord", "a", "skusku", "old&#45;price", "pricexold-price", "=price",
    "a=price", "reamy", "oldprice",
)  # fmt: skip
PIECES = (
    "<div", "<p", "<h1", "<H1", "<h1x", "<link", "<body", "<svg", "<td", " ", "\n", "/", "class", "CLASS",
    "id", "rel", "xclass", "=", "= ", " =", '"', "'", ">", "price", "PRICE", "pri", "ce", "old-price", "x",
    "&#112;", "\x00", "é", "<", "<script>", "</script>", "<!--", "-->", "<title>", "</title>",
)  # fmt: skip
TELLING = (
    ".price", "[class*=price]", "#price", "h1", "title", "link[rel=canonical]", "[data-x=price]", ".sku",
    ".price-box", ".old-price", "[class~=icecream]", ".creamy", "[class*=ice-c]", "[id^=pri]",
    "meta[itemprop=price]", ".fjord", "[class*=jord]", "[rel*=anon]", "td", "h1.price", "h1, .sku",
    "[class|=old]", "[class='x price']", ".reamy", ".rice",
)  # fmt: skip


def tag(draw: Random) -> str:
    """A tag with attributes, more or less."""

    def some(choices: str, most: int) -> str:
        return "".join(draw.choices(choices, k=draw.randint(0, most)))

    names = ("class", "CLASS", "id", "rel", "itemprop", "data-x", "xclass", "class", "Class", "title")
    made = "<" + draw.choice(("div", "p", "h1", "H1", "link", "meta", "body", "td", "h1x", "title", "tr"))
    made += draw.choice((" ", " ", "\n", "/", "\t", ""))
    for _ in range(draw.randint(0, 3)):
        quote = draw.choice(('"', "'", ""))
        between = " " if quote else draw.choice(("", "=", "/", '"', "'"))
        value = between.join(draw.choices(WORDS, k=draw.randint(1, 3)))
        made += draw.choice(names) + some(" \n", 1) + "=" + some(" \n", 1) + quote + value + quote
        made += some(" \n\t\f\r/ ", 2)
    made += draw.choice((">", ">", ">", "", "/>"))
    if draw.random() < 0.3:
        at = draw.randrange(len(made))
        made = made[:at] + draw.choice(PIECES) + made[at + draw.randint(0, 1) :]
    return made


def compare_words(draw: Random, counted: Counter[str]) -> None:
    """One page of tags: where nothing can match by its bytes, nothing does.

    `counted`: "none", where that was certain, and "matches", where something matched.
    """
    begin = draw.choice(("<!doctype html>", "", "<!doctype html><div ", "<!doctype html><div class="))
    made = (tag(draw) if draw.random() < 0.6 else draw.choice(PIECES) for _ in range(draw.randint(1, 6)))
    content = (begin + "".join(made) + draw.choice(("", ">", "'>", '">'))).encode()
    chosen = draw.sample(TELLING, draw.randint(1, 6))
    with patch.object(sightings, "AT_ONCE", draw.choice((4, 64))):
        plan = Plan.of([Wanted((selector,), False) for selector in chosen])
        assert plan is not None
        seen = plan.sightings(content)
    assert seen is not None
    if draw.random() < 0.5:
        for selector in chosen:
            need = needs(selector)
            assert need is not None
            seen.place([need], every=False)
    seen.cut = 0
    tree = Tree(content, "utf-8")
    for selector in chosen:
        found = tree.all(selector)
        if seen.nothing_after(selector):
            assert not found, (content, selector)
            counted["none"] += 1
        counted["matches"] += bool(found)
