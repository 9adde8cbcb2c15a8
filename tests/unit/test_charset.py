"""Character sets: the WHATWG order, labels and decoders, held to the corpus where it is there."""

from __future__ import annotations

import gzip
import html
import json
import random
from pathlib import Path

import pytest
import turbohtml

from canter.extraction import Page
from canter.extraction.charset import announced, charset_of, decode, encoding, implied, sniffed
from canter.extraction.html import Tree

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")

ORDER = [
    (b"\xef\xbb\xbfabc", "text/html; charset=latin1", "utf-8"),
    (b"\xff\xfea\0", "text/html; charset=utf-8", "utf-16le"),
    (b"\xfe\xff\0a", None, "utf-16be"),
    (b"", "text/html; charset=UTF-8", "utf-8"),
    (b"", 'text/html; charset="ISO-8859-1"', "windows-1252"),
    (b"", "text/html;charset=gb2312", "gbk"),
    (b"", "text/html; charset=Shift_JIS", "shift_jis"),
    (b"", "text/html; charset=utf-16", "utf-16le"),
    (b'<meta charset="iso-8859-2">', "text/html", "iso-8859-2"),
    (b"<META http-equiv=Content-Type content='text/html; charset=windows-1251'>", None, "windows-1251"),
    (b'<meta charset="iso-8859-2">', "text/html; charset=utf-8", "utf-8"),
    (b'<meta charset="iso-8859-2">caf\xc3\xa9', None, "iso-8859-2"),
    (b'<meta charset="utf-16">', None, "utf-8"),
    (b'<meta charset="x-user-defined">', None, "windows-1252"),
    (b'<!-- <meta charset="iso-8859-2"> --><p>caf\xc3\xa9', None, "utf-8"),
    (b" " * 1024 + b'<meta charset="iso-8859-2">', None, "iso-8859-2"),
    (b'<meta charset="no-such">caf\xc3\xa9', None, "utf-8"),
    (b"caf\xe9", "text/html; charset=base64", "windows-1252"),
    (b"caf\xe9", "text/html; charset=utf-7", "windows-1252"),
    (b"caf\xe9", "text/html; charset=\0", "windows-1252"),
    (b"", None, "windows-1252"),
]


@pytest.mark.parametrize(("body", "content_type", "name"), ORDER)
def test_the_order_of_evidence(body: bytes, content_type: str | None, name: str) -> None:
    """Byte-order mark, header, meta (early or late), UTF-8 that fits, then a guess; as in browsers."""
    assert charset_of(body, content_type) == name
    headers = {} if content_type is None else {"Content-Type": content_type}
    page = Page("", 200, headers, body)
    tree = page.tree
    assert (page.charset, tree.charset) == (name, name)


GUESSES = {
    "windows-1251": "Чёрный чайник из стали, объём полтора литра, цена с доставкой",
    "koi8-u": "Чёрный чайник из стали, объём полтора литра, цена с доставкой",
    "shift_jis": "ステンレスのやかん、容量は一リットル半、送料込みの価格です",
    "euc-jp": "ステンレスのやかん、容量は一リットル半、送料込みの価格です",
    "gbk": "不锈钢水壶，容量一升半，价格包含运费，今天发货",
    "big5": "不鏽鋼水壺，容量一公升半，價格包含運費，今天發貨",
    "euc-kr": "스테인리스 주전자, 용량은 일 리터 반이고 배송비가 포함된 가격입니다",
    "windows-1250": "Czajnik ze stali nierdzewnej, świeży żółty kolor, źródło zasilania, łącznie z dostawą",
    "windows-1253": "Ανοξείδωτος βραστήρας, χωρητικότητα ενάμισι λίτρο, τιμή με αποστολή",
    "windows-1252": "Größe und Qualität für Mädchen: der schönste Kessel, täglich geöffnet",
    "utf-8": "Größe und Qualität für Mädchen",
}


@pytest.mark.parametrize("name", GUESSES)
def test_a_page_that_declares_nothing_is_guessed(name: str) -> None:
    """A sentence of a shop is read right in each of these encodings with nothing that declares it."""
    text = GUESSES[name]
    body = f"<title>{text}</title>".encode({"koi8-u": "koi8-r", "gbk": "gb18030"}.get(name, name))
    assert Page("", 200, {}, body).css("title") == [text]
    assert decode(body, charset_of(body, None)) == f"<title>{text}</title>"


DECODERS = [
    ("windows-1252", b"\x80\x81\x8d\x8f\x90\x9d\xff", "€\x81\x8d\x8f\x90\x9dÿ"),
    ("x-user-defined", b"a\x80\xff", "a\uf780\uf7ff"),
    ("replacement", b"anything", "�"),
    ("utf-16le", b"a\0\0\xd8b\0", "a�b"),
    ("utf-16be", b"\0a\xd8\0", "a�"),
    ("gbk", b"\x80\xa2\xe3\x81\x30\x81\x30", "€€\x80"),
    ("gb18030", b"\xa8\xbc\x84\x31\xa4\x37", "ḿ�"),
    ("shift_jis", b"\x80\xb1\x81\x60\xf0\x40\x81", "\x80ｱ～\ue000�"),
    ("euc-jp", b"\x8e\xb1\x8f\xa2\xaf\xa1\xc1", "ｱ˘～"),
    ("iso-2022-jp", b"\x1b$B$\x22\x1b(Ja\x5c\x1b(Bb", "あa¥b"),
    ("big5", b"\x88\x62\x87\x40\xa3\xe1", "Ê̄䏰€"),
    ("euc-kr", b"\x81\x41\xb0\xa1", "갂가"),
    ("koi8-u", b"\xae\xa4", "ўє"),
    ("windows-874", b"\x81\xdb\xa1", "\x81�ก"),
    ("iso-8859-8-i", b"\xe0", "א"),
    ("macintosh", b"\xdb", "€"),
    ("utf-8", b"a\xe2\x82b\xf0\x9f\xff", "a�b��"),
]


@pytest.mark.parametrize(("name", "body", "text"), DECODERS)
def test_the_decoders_are_those_of_the_standard(name: str, body: bytes, text: str) -> None:
    """Where Python's codecs and WHATWG's differ, WHATWG's hold; text and tree agree."""
    assert encoding(name) == name
    assert decode(body, name) == text
    if name not in ("replacement", "utf-16le", "utf-16be"):  # which take the tags with them
        page = Page("", 200, {"Content-Type": f"text/html; charset={name}"}, b"<p>" + body + b"</p>")
        assert page.tree.first("p") == page.text[3:-4]


@pytest.mark.parametrize(
    ("label", "name"),
    [("latin1", "windows-1252"), (" UTF-8 ", "utf-8"), ("x-sjis", "shift_jis"),
     ("iso-2022-kr", "replacement"),
     ("unicode", "utf-16le"), ("hz-gb-2312", "replacement"), ("logical", "iso-8859-8-i"), ("rot13", None),
     ("utf-7", None), ("idna", None), ("", None), ("\ud800", None), ("x" * 9999, None)],
)  # fmt: skip
def test_labels_are_those_of_the_standard(label: str, name: str | None) -> None:
    """What WHATWG does not know is no label, whatever codec Python has under that name."""
    assert encoding(label) == name


@corpus
def test_titles_of_pages_that_are_not_utf8() -> None:
    """The eleven real pages read as a browser reads them, by declaration or by their own words."""
    rows = json.loads((CORPUS / "expected/charset.json").read_text("utf-8"))
    assert len(rows) == 11
    for name, row in rows.items():
        content = (CORPUS / name).read_bytes()
        page = Page("", 200, {}, gzip.decompress(content) if name.endswith(".gz") else content)
        title = html.unescape(row["title_under_declared"])
        assert page.css("title")[0] == " ".join(title.split()), name
        assert page.text.count("\ufffd") == row["bad_bytes_under_declared"], name
        decoder = row["whatwg_decoder"].replace("gb18030", "gbk")  # one decoder, two names
        assert page.charset == decoder, name


@corpus
def test_every_case_of_html5lib() -> None:
    """The 82 pages of html5lib's encoding tests give the encoding that its authors expect."""
    table = json.loads((CORPUS / "tables/html_encoding_sniff.json").read_text("utf-8"))
    assert len(table["cases"]) == 82
    for case in table["cases"]:
        data = case["data"]
        body = data["__bytes_latin1__"].encode("latin-1") if isinstance(data, dict) else data.encode()
        assert charset_of(body, None) == case["encoding"].lower(), body[:200]
        assert Page("", 200, {}, body).tree.charset == case["encoding"].lower(), body[:200]


PIECES = [
    b"<meta charset=utf-8>", b"<META CHARSET='gbk'>", b"<meta charset=utf-16>",
    b"<meta charset=x-user-defined>",
    b'<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">', b'<meta charset="nonsense">',
    b"<meta content='text/html; charset=shift_jis' http-equiv=content-type>", b"<!-- <meta charset=gbk> -->",
    b"<meta name=x content='charset=koi8-r'>", b"<script>'<meta charset=gbk>'</script>", b"<!--",
    b"<textarea>",
    b"<noscript><meta charset=euc-kr></noscript>", b"<template><meta charset=big5></template>", b"<style>",
    b"<svg><meta charset=gb2312></svg>", b"<title>a<meta charset=big5></title>", b"<a title='", b"<frameset>",
    b'<?xml version="1.0" encoding="iso-8859-7"?>', b"\xc3\xa9", b"\xe9", b"\0",
    b"\x1b$B", b"\xcf\xf0\xe8\xe2\xe5\xf2", b"\x82\xb1\x82\xcc", b"<",
    b"<meta charset=", b" " * 980,
]  # fmt: skip


def test_a_guess_put_off_is_the_same_guess() -> None:
    """The encoding is the one that a parse with the guess beside it settles on, for text, tree and page."""
    found: set[str] = set()
    draw = random.Random(6)
    for _ in range(3_000):
        body = b"".join(draw.choices(PIECES, k=draw.randrange(1, 9)))
        expected = (turbohtml.parse(body, positions=False, detect_encoding=True).encoding or "").lower()
        assert Tree(body).charset == sniffed(body) == expected, body
        found.add(expected)
    assert len(found) > 10


CHARSETS = (
    "<meta charset=koi8-r>", "<meta charset=utf-8>", "<meta charset='UTF8 '>", "<META CHARSET = latin1>",
    "<meta http-equiv=content-type content='text/html; charset=", "koi8-r'>", "utf-8'>",
    "chars&#101;t=koi8-r", "<script>a.charset = 'latin1'</script>", "<script charset=utf-8>", "charset",
    "charset=", "&#x63;harset=gbk", "<!-- <meta charset=gbk> -->", "<p title='<meta charset=gbk>'>",
    "<meta charset&equals;gbk>", "é", "<p>",
    "<meta http-equiv='Content-Type' content='charset&equals;gbk'>", "<meta content='charset=gbk'>", " ",
    "'", "<meta charset='shift&lowbar;jis'>", "<meta name=charset content=gbk>", "<body>", ">", "\x1b$B",
    "Charset=x",
)  # fmt: skip


def test_what_is_known_of_an_encoding_without_a_parse() -> None:
    """A `<meta>` early on, or none that could say another than UTF-8: 3,000 pages are read in that."""
    draw = random.Random(1)
    known = 0
    for _ in range(3_000):
        begin = draw.choice(("", "<p>" + "x" * 1_100, "<p>" + "é" * 5_000))
        body = (begin + "".join(draw.choices(CHARSETS, k=draw.randint(1, 8))) + "é").encode()
        told = announced(body) or implied(body)
        if told is not None:
            known += 1
            assert told == Tree(body).charset, body
    assert 1_000 < known < 2_900


def test_pages_made_of_what_is_looked_for() -> None:
    """Only so many places are looked at; then nothing is known."""
    assert implied("é".encode() + b"charset=utf-8 " * 5_000) is None
    assert implied("é".encode() + b"&#10;" * 5_000) is None
    assert implied("é".encode() + b"charset=utf-8 &#10;" * 500) == "utf-8"
