"""Sitemaps as sources: what is read, what is refused, what becomes a record, where reading goes on."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from canter.errors import SourceError
from canter.feed import sort_rows
from canter.rows import Chunk
from canter.sitemaps import Fetched, rows
from canter.sources import Position, Row, open_source

TABLES = Path(__file__).parents[2].parent / "shared" / "corpus" / "tables" / "sitemaps"
NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*locs: str, more: str = "") -> str:
    entries = "".join(f"<url><loc>{loc}</loc>{more}</url>" for loc in locs)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {NS}>{entries}</urlset>'


def index(*locs: str) -> str:
    return (
        f"<sitemapindex {NS}>{''.join(f'<sitemap><loc>{loc}</loc></sitemap>' for loc in locs)}</sitemapindex>"
    )


class Site:
    """Sitemaps by URL; a URL that is not there is a 404. `moved`: where one is found instead."""

    def __init__(self, folder: Path, files: dict[str, str | bytes]) -> None:
        self.folder = folder
        self.files = files
        self.moved: dict[str, str] = {}
        self.asked: Counter[str] = Counter()

    def fetch(self, url: str) -> Fetched:
        self.asked[url] += 1
        url = self.moved.get(url, url)
        content = self.files.get(url)
        if content is None:
            return Fetched(url, error="the server answered 404 (Not Found)")
        path = self.folder / f"fetched-{self.asked.total()}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Fetched(url, str(path))

    def chunks(self, url: str, start: Position | None = None) -> list[Chunk]:
        return list(open_source(url, fetch=self.fetch).chunks(start))

    def rows(self, url: str, start: Position | None = None) -> list[Row]:
        return [row for chunk in self.chunks(url, start) for row in chunk.rows]


def read(path: Path) -> list[Row]:
    return [row for chunk in open_source(str(path)).chunks() for row in chunk.rows]


def read_text(folder: Path, content: str | bytes, name: str = "s.xml") -> list[Row]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


def test_the_corpus(tmp_path: Path) -> None:
    """Every file of the table gives its URLs; what is a feed and no sitemap says so."""
    if not TABLES.exists():
        pytest.skip(f"the shared corpus is not here: {TABLES}")
    expected = json.loads((TABLES / "expected.json").read_text())["files"]
    for name, file in expected.items():
        if name.endswith("atom.xml"):
            with pytest.raises(SourceError, match="an Atom feed"):
                read(TABLES / name)
            continue
        good, bad = sort_rows(read(TABLES / name))
        assert [row.url.href for row in good] == file.get("locs", file.get("urls")), name
        assert bool(bad) is (name == "sitemaps/sitemap.index.xml")  # its entries have no <loc>


def test_what_an_entry_carries(tmp_path: Path) -> None:
    """lastmod and changefreq travel with the page; the priority becomes steps around the ordinary one."""
    more = "<lastmod> 2026-01-01 </lastmod><changefreq>daily</changefreq><priority>{}</priority>"
    for written, steps in (
        ("0.8", "30"),
        ("0.0", "-50"),
        ("1.0", "50"),
        ("7", "50"),
        ("0.5", None),
        ("x", None),
    ):
        (row,) = read_text(tmp_path, urlset("http://a.example/1", more=more.format(written)))
        columns = {"lastmod": "2026-01-01", "changefreq": "daily"} | ({"priority": steps} if steps else {})
        assert (row.line, row.url, row.columns) == (1, "http://a.example/1", columns)
    good, _ = sort_rows(read_text(tmp_path, urlset("http://a.example/1", more=more.format("0.3"))))
    assert good[0].priority == -20


@pytest.mark.parametrize(
    "text",
    [
        "<urlset><url><loc>http://a.example/1?x=1&amp;y=2</loc></url></urlset>",
        '<s:urlset xmlns:s="urn:any"><s:url><s:loc>http://a.example/1?x=1&amp;y=2</s:loc></s:url></s:urlset>',
        "<x:urlset><x:url><x:loc>http://a.example/1?x=1&amp;y=2</x:loc></x:url></x:urlset>",
        "\n <urlset><url><loc>\n <![CDATA[http://a.example/1?x=1&y=2]]> </loc></url></urlset>",
        "<!DOCTYPE urlset SYSTEM 'http://a.example/x.dtd'><urlset><url><loc>http://a.example/1?x=1&#38;y=2"
        "</loc></url></urlset>",
        "<urlset><!-- <url><loc>http://a.example/no</loc></url> --><url><image:image><image:loc>http://b/i</image:loc>"
        "</image:image><loc>http://a.example/1?x=1&amp;y=2</loc><image:loc>http://b/i</image:loc>"
        "<xhtml:link rel='alternate' hreflang='de' href='http://a.example/de'/></url></urlset>",
    ],
)
def test_forms_of_one_sitemap(tmp_path: Path, text: str) -> None:
    """Any prefix or none, CDATA, white space, a DTD that is not fetched; other namespaces are passed over."""
    assert [(row.url, row.error) for row in read_text(tmp_path, text)] == [
        ("http://a.example/1?x=1&y=2", None)
    ]


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "koi8-r", "shift_jis", "gb18030"],
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """A byte-order mark or the declaration says how to read it, encodings of several bytes included."""
    name = {"koi8-r": "\u0436", "shift_jis": "\u30d7", "gb18030": "\u4ef7"}.get(encoding, "\u00e9")
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = f"<?xml version='1.0' encoding='{declared}'?><urlset><url><loc>http://a.example/{name}</loc></url></urlset>"
    assert [row.url for row in read_text(tmp_path, text.encode(encoding))] == [f"http://a.example/{name}"]


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    """Packed or not, whatever the name; several members; packed twice; a packed list of URLs."""
    packed = gzip.compress(urlset("http://a.example/1").encode())
    halves = urlset("http://a.example/1").encode()
    for name, content in {
        "packed.xml": packed, "plain.xml.gz": halves, "any.gz": packed, "twice.xml.gz": gzip.compress(packed),
        "members.xml.gz": gzip.compress(halves[:50]) + gzip.compress(halves[50:]), "named.txt": packed,
        "list.txt.gz": gzip.compress(b"# pages\n\nhttp://a.example/1\n"), "plain.txt": halves,
    }.items():  # fmt: skip
        if name == "plain.xml.gz":
            name = "plain.xml"
        assert [row.url for row in read_text(tmp_path, content, name)] == ["http://a.example/1"], name
    rows_of_list = read_text(tmp_path, gzip.compress(b"# pages\n\nhttp://a.example/1\nno\n"), "list.gz")
    assert [(row.line, row.url) for row in rows_of_list] == [(3, "http://a.example/1"), (4, "no")]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (urlset("http://a.example/1")[:-9], "no element found"),
        (
            urlset("http://a.example/1").replace("</urlset>", "<url><loc>http://a/?x&y</loc></url>"),
            "invalid token",
        ),
        (urlset("http://a.example/1").encode() + b"\xff", "column"),
        (gzip.compress(urlset("http://a.example/1", *map(str, range(20_000))).encode())[:-9], "cut short"),
        (urlset("http://a.example/1").replace("</urlset>", f"<{'x' * 2_000_000}>"), "tag over 1024 KiB"),
    ],
)
def test_what_breaks_off(tmp_path: Path, broken: str | bytes, reason: str) -> None:
    """All before the break is taken, and the break is a record that names the file, the reason, the place."""
    found = read_text(tmp_path, broken)
    assert (found[0].url, found[0].error) == ("http://a.example/1", None)
    assert (found[-1].url, found[-1].line) == (str(tmp_path / "s.xml"), len(found))
    assert reason in (found[-1].error or "")
    assert "the rest is not read" in (found[-1].error or "")


def test_entries_that_cannot_be_used(tmp_path: Path) -> None:
    """An entry without a URL, with an overlong or a relative one is a record; the others are read."""
    text = urlset("x" * 70_000, "/relative", "http://a.example/1").replace(
        "<url>", "<url> http://a.example/bare </url><url><lastmod>2026</lastmod></url><url>", 1
    )
    good, bad = sort_rows(read_text(tmp_path, text))
    assert [row.url.href for row in good] == ["http://a.example/1"]
    assert [(row.line, row.error) for row in bad] == [
        (1, "a <url> without a <loc>"), (2, "a <url> without a <loc>"), (3, "its <loc> is over 64 KiB long"),
        (4, "not a URL: it does not begin with https:// or http://"),
    ]  # fmt: skip
    assert [row.url[:20] for row in bad] == [
        "http://a.example/bare"[:20], str(tmp_path / "s.xml")[:20], "x" * 20, "/relative",
    ]  # fmt: skip


LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            f'<!DOCTYPE u [<!ENTITY l0 "lol">{LOL}]><urlset><url><loc>&l9;</loc></url></urlset>',
            "declares an entity",
        ),
        (
            '<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>&x;</loc></url></urlset>',
            "declares an entity",
        ),
        ('<!DOCTYPE u [<!ENTITY % p SYSTEM "http://a.example/x"> %p;]><urlset/>', "declares an entity"),
        ("<!DOCTYPE html><html><body>Hello</body></html>", "a web page"),
        ("<!doctype html><p>unclosed & broken", "a web page"),
        ("<h1>Lamp</h1><p>of a server", "a web page"),
        ("<rss version='2.0'><channel/></rss>", "an RSS feed"),
        ("<products><product/></products>", "<products>"),
        ("", "it is empty"),
        (" \n ", "it is empty"),
        ("{}", "neither XML nor a list"),
        ("<?xml version='1.0' encoding='klingon'?><urlset/>", "encoding klingon is unknown"),
        ("<?xml version='1.0' encoding='zlib'?><urlset/>", "column"),
        ("<urlset", "not well-formed"),
    ],
)
def test_what_is_no_sitemap(tmp_path: Path, content: str, reason: str) -> None:
    """One line names the file, says what it is and what to do; entities are never expanded."""
    for name, packed in (("s.xml", content.encode()), ("s.xml.gz", gzip.compress(content.encode()))):
        with pytest.raises(SourceError) as caught:
            read_text(tmp_path, packed, name)
        assert reason in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_damaged_and_packed_tables_are_refused(tmp_path: Path) -> None:
    """gzip that is cut in its first bytes, and tables that are packed, say so."""
    for name, content in {
        "s.xml.gz": b"\x1f\x8b\x08",
        "t.csv.gz": gzip.compress(b"url\nhttp://a.example/\n"),
    }.items():
        with pytest.raises(SourceError, match="compressed"):
            read_text(tmp_path, content, name)


def test_an_index_leads_to_its_sitemaps(tmp_path: Path) -> None:
    """Nested ones, relative ones, packed ones and lists of text; each is read once, whoever lists it."""
    site = Site(
        tmp_path,
        {
            "https://a.example/sitemap.xml": index(
                "https://a.example/1.xml", "/more/index.xml", "/sitemap.xml"
            ),
            "https://a.example/1.xml": urlset("https://a.example/p1", "/p2", "https://b.example/p3"),
            "https://a.example/more/index.xml": index(
                "2.xml.gz", "https://a.example/sitemap.xml", "../1.xml"
            ),
            "https://a.example/more/2.xml.gz": gzip.compress(urlset("p4").encode()),
        },
    )
    found = site.rows("https://a.example/sitemap.xml")
    assert [(row.line, row.url, row.error) for row in found] == [
        (1, "https://a.example/p1", None), (2, "https://a.example/p2", None),
        (3, "https://b.example/p3", None), (4, "https://a.example/more/p4", None),
    ]  # fmt: skip
    assert (found[3].columns or {})["sitemap"] == "https://a.example/more/2.xml.gz"
    assert set(site.asked.values()) == {1}
    assert list(tmp_path.iterdir()) == []


def test_where_a_sitemap_was_found_counts(tmp_path: Path) -> None:
    """After a redirect relative URLs join the place it led to, and that place is not read again."""
    site = Site(tmp_path, {"https://b.example/s/x.xml": urlset("p")})
    site.files["https://a.example/"] = index("https://a.example/x.xml", "https://b.example/s/x.xml")
    site.moved["https://a.example/x.xml"] = "https://b.example/s/x.xml"
    assert [row.url for row in site.rows("https://a.example/")] == ["https://b.example/s/p"]


def test_a_listed_sitemap_that_fails_is_a_record(tmp_path: Path) -> None:
    """The others are read; the record has the sitemap's URL, who lists it, and why it cannot be read."""
    top = "https://a.example/sitemap.xml"
    site = Site(tmp_path, {top: index("/gone.xml", "/page", "ftp://a.example/x", "/good.xml", "/bad.xml")})
    site.files["https://a.example/page"] = "<!doctype html><title>x</title>"
    site.files["https://a.example/good.xml"] = urlset("/p")
    site.files["https://a.example/bad.xml"] = urlset("/q")[:-3]
    found = site.rows(top)
    assert [row.url for row in found if not row.error] == ["https://a.example/p", "https://a.example/q"]
    failed = {row.url: row for row in found if row.error}
    assert "404" in (failed["https://a.example/gone.xml"].error or "")
    assert "a web page" in (failed["https://a.example/page"].error or "")
    assert "scheme" in (failed["ftp://a.example/x"].error or "")
    assert "not well-formed" in (failed["https://a.example/bad.xml"].error or "")
    assert (failed["https://a.example/gone.xml"].columns or {})["sitemap"] == top
    assert len({row.line for row in found}) == len(found)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "404"), ("<html></html>", "a web page"), ("Not found", "neither XML"), (b"\0\1", "neither XML")],
)
def test_a_url_that_is_no_sitemap(tmp_path: Path, content: str | bytes | None, reason: str) -> None:
    """One line names the URL and why."""
    site = Site(tmp_path, {"https://a.example/s": content} if content is not None else {})
    with pytest.raises(SourceError, match=reason) as caught:
        site.rows("https://a.example/s")
    assert "https://a.example/s" in str(caught.value)


def test_a_url_may_lead_to_a_list_of_urls(tmp_path: Path) -> None:
    """The protocol's third form: text, a URL a line; a line that is none is a record."""
    site = Site(
        tmp_path, {"https://a.example/s.txt": "\ufeffhttps://a.example/1\r\n\r\nhttps://a.example/2\nno\n"}
    )
    good, bad = sort_rows(site.rows("https://a.example/s.txt"))
    assert [row.url.href for row in good] == ["https://a.example/1", "https://a.example/2"]
    assert [(row.line, row.url) for row in bad] == [(4, "no")]


def test_other_schemes_and_credentials_are_refused() -> None:
    """Only http and https, without a password, before anything is fetched."""
    for name in ("ftp://a.example/s.xml", "file:///etc/passwd", "https://me:secret@a.example/s.xml"):
        with pytest.raises(SourceError):
            open_source(name)


def test_depth_and_number_are_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that invents sitemaps without end is left after five levels, or after so many."""

    class Endless(Site):
        def fetch(self, url: str) -> Fetched:
            self.files[url] = index(f"{url}0", f"{url}1")
            return super().fetch(url)

    site = Endless(tmp_path, {})
    found = site.rows("https://a.example/")
    assert len(site.asked) == 2**6 - 1
    assert {row.error for row in found} == {"the sitemap cannot be read: it stands more than 5 sitemaps deep"}
    monkeypatch.setattr(rows, "MAX_SITEMAPS", 10)
    site = Endless(tmp_path, {})
    found = site.rows("https://a.example/")
    assert len(site.asked) <= 11
    assert sum("more than 10" in (row.error or "") for row in found) == 1


def test_a_fetched_sitemap_is_read_up_to_its_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than the cap is taken up to there, and said."""
    monkeypatch.setattr(rows, "MAX_SITEMAP", 200_000)
    content = gzip.compress(urlset(*(f"https://a.example/{n}" for n in range(50_000))).encode())
    found = Site(tmp_path, {"https://a.example/s": content}).rows("https://a.example/s")
    assert 1_000 < len(found) < 50_000
    assert "it is over" in (found[-1].error or "")


def test_memory_does_not_grow_with_a_sitemap(tmp_path: Path) -> None:
    """Ten times the entries, and hardly more memory."""
    peaks = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.xml"
        path.write_text(urlset(*(f"https://a.example/{n}" for n in range(count))))
        tracemalloc.start()
        read_rows = sum(len(chunk.rows) for chunk in open_source(str(path)).chunks())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert read_rows == count
    assert peaks[1] - peaks[0] < 512 * 1024


def test_reading_goes_on_after_the_sitemaps_that_were_read(tmp_path: Path) -> None:
    """The position counts an index's sitemaps: those before it are not fetched again, numbers go on."""
    top = "https://a.example/sitemap.xml"
    site = Site(tmp_path, {top: index(*(f"/{n}.xml" for n in range(4)))})
    for n in range(4):
        site.files[f"https://a.example/{n}.xml"] = urlset(f"/{n}/a", f"/{n}/b")
    chunks = site.chunks(top)
    at = chunks[2].position
    site.asked.clear()
    again = site.rows(top, Position(*json.loads(json.dumps(list(at)))))
    assert [(row.line, row.url) for row in again] == [
        (n * 2 + k + 1, f"https://a.example/{n}/{'ab'[k]}") for n in (2, 3) for k in (0, 1)
    ]
    assert set(site.asked) == {top, "https://a.example/2.xml", "https://a.example/3.xml"}


def test_an_index_that_changed_is_read_from_its_start(tmp_path: Path) -> None:
    """Sitemaps that moved within an index, or left it, never hide others."""
    top = "https://a.example/sitemap.xml"
    site = Site(tmp_path, {f"https://a.example/{n}.xml": urlset(f"/{n}/a") for n in range(5)})
    site.files[top] = index("/0.xml", "/1.xml", "/2.xml", "/3.xml")
    at = site.chunks(top)[2].position
    for changed in ("/4.xml", "/0.xml", "/1.xml", "/2.xml"), ("/4.xml",), ():
        site.files[top] = index(*changed)
        assert [row.url for row in site.rows(top, at)] == [
            f"https://a.example{name.removesuffix('.xml')}/a" for name in changed
        ]


def test_a_url_is_itself_across_runs(tmp_path: Path) -> None:
    """Whether a source is the same one: a file by its size and time, a URL by its text."""
    assert open_source("https://a.example/s.xml").identity() == {"url": "https://a.example/s.xml"}
    path = tmp_path / "s.xml"
    path.write_text(urlset("https://a.example/1"))
    assert (open_source(str(path)).identity() or {})["size"] == path.stat().st_size
