"""The parser of sitemaps: any bytes, in any pieces."""

from __future__ import annotations

from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st

from canter.sitemaps.parse import SitemapParser

SITEMAP = b'<?xml version="1.0" encoding="UTF-8"?><urlset>'


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.integers(1, 50))
def test_any_bytes_are_read_or_refused(data: bytes, step: int) -> None:
    """Whatever a server sends, in whatever pieces, is entries or a reason; never an exception."""
    whole = SITEMAP + b"<url><loc>http://a/</loc></url></urlset>"
    for content in (data, b"<urlset><url><loc>" + data, whole + data):
        parser = SitemapParser()
        for at in range(0, len(content), step):
            parser.feed(content[at : at + step])
        parser.close()
        assert parser.broken is None or parser.broken
        assert parser.recognised or parser.broken


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1), max_size=20)
)
def test_what_was_written_is_read(names: list[str]) -> None:
    """Every URL that a sitemap holds comes out, in order, in whatever pieces it arrives."""
    entries = "".join(f"<url><loc>http://a.example/{escape(name)}/</loc></url>" for name in names)
    content = SITEMAP + entries.encode() + b"</urlset>"
    parser = SitemapParser()
    pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
    found = [entry for piece in pieces for entry in parser.feed(piece)] + parser.close()
    assert parser.broken is None
    assert [entry.loc for entry in found] == [f"http://a.example/{name}/" for name in names]
