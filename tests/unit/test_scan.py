"""Elements found in the bytes of a page are those of its tree, or the page is said to need a parse."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from canter.extraction.charset import CUT_ANYWHERE, parsed
from canter.extraction.scan import MOST_MARKS, Scan
from canter.extraction.scan.walk import MOST_STEPS
from tests.scan_soup import KINDS, compare, draw_page

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
JSON = '<script type="application/ld+json">{"name":"a"}</script>'
BARE = "<script type=application/ld+json>{}</script>"
META = '<meta property="og:title" content="a">'


def test_tag_soup() -> None:
    """Pages of whatever makes trouble for a walk that does not tokenize: none is understood wrongly."""
    draw = random.Random(1)
    understood = 0
    for _ in range(4_000):
        content = draw_page(draw)
        understood += sum(bool(compare(content, wanted)) for wanted in KINDS)
    assert understood > 2_500


@pytest.mark.parametrize(
    "html",
    [
        # quotes and brackets in attributes and texts
        f"<a title='x > y'>it's \"so\" <b></b>{JSON}",
        f'<a href="?a=">x</a>{JSON}',
        f"<a b='c='>x</a>{JSON}",
        f"<p title='<script type=application/ld+json>'>x</p>{JSON}",
        f"a < b {JSON}",
        f"<a b = 'c'>{JSON}",
        f'<p x="<!--">{JSON}<p y="-->">',
        f"<a b='{'c' * 9000}='>{JSON}",
        f"<p x='</script>'>{JSON}",
        # comments
        f"<!-- <script> it's a=\" -->{JSON}",
        f"<!-->{JSON}-->",
        f"<!--->{JSON}-->",
        f"<!-- a -- b -->{JSON}",
        f'<!doctype html PUBLIC "a>{JSON}">',
        f"<?php x='?>{JSON}",
        f"</ a='>{JSON}",
        f"<![CDATA[ a='> ]]>{JSON}",
        # text that holds no tags
        f"<script>a = '<b>' + \"</scr\" + 'ipt>';</script>{JSON}",
        f"<script><!-- x //--></script>{JSON}",
        f"<script>'<script>'</script>{JSON}",
        f"<script src='a'/>x</script>{JSON}",
        f"<style>a > b</style>{JSON}",
        f"<style><!-- <script> --></style>{JSON}",
        f"<TITLE>a <b> </Title>{JSON}",
        f"<xmp><script></xmp>{JSON}",
        f"<textarea><script></textarea>{JSON}",
        f"<iframe><p x='</iframe>{JSON}",
        f"<scripts>{JSON}",
        f"<script>'</scripts><svg>'</script>{JSON}",
        f"<noscript><img></noscript>{JSON}",
        f"<noembed></b></noembed>{JSON}",
        f"<noframes><b></noframes>{JSON}",
        # SVG and what is apart
        f"<svg><path d='m'/></svg>{JSON}",
        f"<svg><g><svg></svg></g></svg>{JSON}",
        f"<SVG></SVG>{JSON}",
        f"<svg><title>a &lt; b</title><style>a{{}}</style></svg>{JSON}",
        f"<a x='<svg><b></b></svg>'>{JSON}",
        f"<table><tr><td></table>{JSON}",
        f"<select><option></select>{JSON}",
        f"<template><p></template>{JSON}",
        f"<div><template></template>{JSON}",
        f"{JSON}<table><td>",
        # the elements themselves
        JSON.upper().replace("NAME", "x"),
        JSON.replace('"application/ld+json"', "application/ld+json"),
        JSON.replace("type=", "data-a='>' type = "),
        JSON.replace("<script", "<script\n"),
        f"{JSON}{JSON}</html>",
        JSON.replace("</script", "</script\n"),
        JSON.replace("{", "<!-- {"),
        JSON.replace("{", "{\r\n\x00é"),
        JSON.replace("application", "&#97;pplication"),
        f"<script type=application/ld&#43;json>{{}}</script>{JSON}",
        f"<script a='{'b' * 40_000}'></script>{JSON}",
        f"{JSON}<plaintext>",
        f"{JSON}<!--",
        f"{JSON}<svg><math>",
    ],
)
def test_what_is_understood(html: str) -> None:
    """Everyday markup needs no parse, however its quotes, comments and scripts look."""
    assert compare(html.encode(), "json")


@pytest.mark.parametrize(
    "html",
    [
        f"<a b='x>{JSON}",
        f"<a x='<svg>'></a><p x='</svg>'>{JSON}",
        f"<a b = \n'x>{JSON}",
        f"<a b={' ' * 100}'x>{JSON}",
        f"<!-- {JSON}",
        f"<!-- <b> --!>{JSON}-->",
        f"<!-- <!--!>{JSON}-->",
        f"<script><!-- <script> </script>{JSON}-->",
        f"<script>{JSON[:30]}",
        f"{JSON}{JSON[:40]}",
        f"<style>a{JSON}",
        f"<title><b>{JSON}",
        f"<svg>{JSON}",
        f"<svg><b x='</svg>'>{JSON}",
        f"<math>{JSON}",
        f"<svg><svg></svg>{JSON}",
        f"<svg><style>a</style><g x='</svg>'></g>{JSON}",
        f"<svg><svg><svg></svg></svg>{JSON}",
        f"<table><p x='</table>'>{JSON}",
        f"<template><p x='</template>'>{JSON}",
        f"{JSON}{'<script></script>' * 600}",
        f"<svg><a x='<svg></svg></svg>'></a>{JSON}",
        f"<svg><desc><b></desc></svg>{JSON}",
        f"<plaintext>{JSON}",
        f"<table>{JSON}",
        f"<svg><title>a</title></svg></title>{JSON}",
        f"<svg><foreignObject></svg>{JSON}",
        f"<template>{JSON}",
        f"<template><table></template>{JSON}",
        f"<table><template></table></template>{JSON}",
        f"{JSON}<frameset>",
        f"<svg><![CDATA[ <b> ]]></svg>{JSON}",
        f"<selectedcontent>{JSON}",
        f"<svg><title><b></title></svg>{JSON}",
        f"<svg><title/>a</title></svg>{JSON}",
        f"<svg><script>a</script></svg>{JSON}",
        f"<p>{JSON[:-2]}",
        f"<template><style> <b> </style></template>{JSON}",
        f"<svg><template></svg>{JSON}",
        f"{JSON[:-1]} a='>'>",
        f"{JSON}<script type=application/ld&#43;json>{{}}</script>",
        f"{JSON}<script a='{'b' * 40_000}'></script>",
        f"{'<a b=c></a>' * MOST_STEPS}<a b='c='>{JSON}",
        f"<svg></svgs>{JSON}",
        f"<style/x='>'>a</style x>{JSON}",
        f"<svg><style><b></style></svg>{JSON}",
        f"<template><svg></template>{JSON}",
        f"<p x='<svg>'>{JSON}",
    ],
)
def test_what_needs_a_parse(html: str) -> None:
    """Where the walk cannot tell, or does not go into it, it says so."""
    assert compare(html.encode(), "json") is None


@pytest.mark.parametrize(
    "html",
    [
        f"<a b=c{JSON}",
        f'a<b<x ==">{BARE}',
        f'<a b="x>{JSON}',
        f"<a {JSON}",
        f"<p x='<!-- '>{JSON}<p y='-->'>",
        f"<iframe title='a> </iframe> <b c='x'>{JSON}",
        f'<iframe title="a> </iframe> <b c="x"> {JSON} </iframe>',
        f"<p x='<title>'>{JSON}</title>'>",
        f"<a x=\"<iframe y='\">{JSON}' ></iframe>",
        f"<textarea>{JSON}</textarea>",
        f"<script>'{JSON}'",
        f"<x y='<svg><title>'>{JSON}</title>",
        f"<a '{JSON}",
        f"<!DOCTYPE a '{JSON}",
        f"<title x='>{JSON}</title>'>",
        f"<p a='\"'>{JSON}<p b=\"'\">",
        f"<svg><style>{JSON}</style></svg>",
        f"<p x='a' <!-- y='>{JSON} -->",
    ],
)
def test_what_is_never_understood_wrongly(html: str) -> None:
    """Traps: the scan may be sure of them or not, but what it says is so."""
    for wanted in KINDS:
        compare(html.replace("{", "{").encode(), wanted)
        compare(html.replace(JSON, META + JSON + META).encode(), wanted)


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        (META * 3, 3),
        (f"<head>{META}</head><body><p>{META}", 2),
        (f"<script>'{META}'</script>{META}", 1),
        (f"<!-- {META} -->{META}", 1),
        (f"<noscript>{META}</noscript>", 1),
        ("<META NAME=a CONTENT='b &amp; c'/>", 1),
        ("<metadata><meta-x>", 0),
        (f"<table>{META}", None),
        (f"<svg>{META}", None),
        (f"<template>{META}", None),
        (f"{META}<p x='", 1),
        (f"<select>{META}</select>", 1),
        (f"<p x='{META}'>{META}", 1),
        ("<meta a='>", None),
        (f"{META}<frameset>", None),
    ],
)
def test_metas(html: str, kept: int | None) -> None:
    """`<meta>` is found wherever it stands, or the page needs a parse."""
    metas = compare(html.encode(), "meta")
    assert (None if metas is None else len(metas)) == kept


def test_bases() -> None:
    """`<base>` in the order of the page."""
    assert compare(b"<base target=x><BASE href='a'><basefont><base href=b>", "base") == [
        {"target": "x"},
        {"href": "a"},
        {"href": "b"},
    ]


def test_whatever_may_be_a_tag() -> None:
    """Tags of `<meta>` are told wherever they stand; too long a one, or one of too many, is unknown."""
    assert Scan(f"<script>'<meta a>'</script><!-- <meta b='>'> -->{META}".encode()).metas == [
        b"<meta a>",
        b"<meta b='>'>",
        META.encode(),
    ]
    assert Scan(b"<meta a='" + b"b" * 40_000 + b"'>").metas == [None]
    assert Scan(b"<meta>" * 5_000).metas[-1] is None


def test_the_corpus() -> None:
    """On every page of the corpus, in whatever encoding that keeps ASCII, nothing is understood wrongly."""
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not at {CORPUS}")
    sure = asked = 0
    for path in sorted((CORPUS / "pages").rglob("*")):
        if path.suffix not in (".html", ".gz") or asked > 1500:
            continue
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        if (parsed(content).encoding or "").lower() in CUT_ANYWHERE:
            asked += len(KINDS)
            sure += sum(compare(content, wanted) is not None for wanted in KINDS)
    assert sure > 0.9 * asked


@pytest.mark.parametrize(
    "piece",
    [
        "<script>",
        "<!--",
        "<svg>",
        "<svg><title>a</title></svg>",
        "<table>",
        "<a b='c='>",
        "<template>",
        "<style>",
        "<meta ",
        "<meta a='",
        "<script type=application/ld+json ",
        "d+j",
        "<title>",
        "'",
        "<x ",
        "</svg>",
        "<p x=\"'",
    ],
)
def test_hostile_pages_take_linear_time(piece: str) -> None:
    """As many pieces as are looked at are done with; with a step of square time this would hang."""
    content = piece.encode() * (MOST_MARKS - 5) + JSON.encode() + META.encode()
    scan = Scan(content)
    for wanted in KINDS:
        scan.elements(wanted)
    assert len(scan.metas) < 1_000
    assert len(list(scan.json_texts())) <= 2


def test_too_many_marks() -> None:
    """Of a page of more marks than real ones have nothing is known."""
    scan = Scan(b"<svg></svg>" * MOST_MARKS + JSON.encode())
    assert [scan.elements(wanted) for wanted in KINDS] == [None] * len(KINDS)
    assert scan.metas == list(scan.json_texts()) == [None]
