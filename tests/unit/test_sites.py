"""Site files and the book of sites: what is refused and how it is said, and who claims which URL."""

from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.errors import ConfigError
from canter.extraction import Extractor
from canter.quantities import parse_bytes
from canter.sites import Field, Site, SiteBook, load_site_file
from canter.sites.book import HostRules, _overlap
from canter.urls import PageUrl, parse_url

ACME = """
[defaults]
max_rate = 20.0
allow_network = ["127.0.0.0/8"]

[sites.acme]
hosts = ["shop.acme.example", "*.acme.example", "127.0.0.1:8081"]
paths = ["/cards/*"]
max_rate = 20.0
pace_key = "acme-platform"
max_per_host = 20
pace = "adaptive"
robots = true
locale = "de"
headers = { Accept-Language = "de" }
timeout = 30
max_body = "16MiB"

[sites.acme.fields]
title = "h1.product-title"
price = { css = [".price-current", ".price"], type = "money", currency = "USD" }
apr   = { css = "td.apr", index = 1, type = "percent" }
image = { css = "img.hero", attr = "src", type = "url" }
description = { css = ".product-description", required = false }
tags  = { css = ".tag", many = true }
stock = { json = "offers[0].stock", type = "integer" }
"""


def page(url: str) -> PageUrl:
    parsed = parse_url(url)
    assert isinstance(parsed, PageUrl)
    return parsed


def site(name: str, **settings: Any) -> Site:
    return Site(name, **{"fields": {"title": "h1"}, **settings})


def claimed(book: SiteBook, url: str, name: str | None = None) -> str | None:
    found = book.claim(page(url), name)
    return found.name if found else None


def load(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "sites.toml"
    path.write_text(text, "utf-8")
    return load_site_file(path, check=Extractor)


def test_the_contracts_site_file_loads(tmp_path: Path) -> None:
    """Every key of the contract's example is taken, with the units it is written in."""
    sites, defaults, _ = load(tmp_path, ACME)
    (acme,) = sites
    assert defaults == {"max_rate": 20.0, "allow_network": ["127.0.0.0/8"]}
    assert acme.max_body == 16 * 1024 * 1024
    assert acme.fields["price"].css == (".price-current", ".price")
    assert acme.fields["title"] == Field(css="h1.product-title")
    assert acme.fields["stock"].jmespath == "offers[0].stock"
    assert acme.declared["apr"] == "percent"
    assert acme.declared["tags"] == "text[]"


def test_a_site_survives_pickling_and_keeps_its_fingerprint() -> None:
    """Sites travel to worker processes; the hash of their rules is the same there."""
    original = site("acme", hosts=["shop.acme.example"], locale="de", parse="json:loads")
    copy = pickle.loads(pickle.dumps(original))
    assert copy == original
    assert copy.fingerprint == original.fingerprint
    assert pickle.loads(pickle.dumps(SiteBook([original]))).sites == (original,)


def test_the_fingerprint_is_that_of_the_rules_alone() -> None:
    """How a site is asked does not change what its pages mean; how they are read does."""
    base = site("acme", hosts=["a.example"])
    assert base.fingerprint == site("other", max_rate=1.0, headers={"X-A": "1"}).fingerprint
    others = [
        site("acme", fields={"title": "h2"}),
        site("acme", fields={"name": "h1"}),
        site("acme", locale="de"),
        site("acme", parse=parse_bytes),
    ]
    prints = {one.fingerprint for one in (base, *others)}
    assert len(prints) == len(others) + 1
    assert all(-(2**63) <= value < 2**63 for value in prints)
    assert site("a", fields={"x": "a", "y": "b"}).fingerprint == 2642210008928985994, "stable over releases"


def test_fields_of_parse_are_declared_without_type() -> None:
    """A field with no rule of its own comes from the parse function, and only such a site may have one."""
    own = Site("own", fields={"stock": {"required": False}, "title": "h1"}, parse=parse_bytes)
    assert own.declared == {"stock": "", "title": "text"}
    with pytest.raises(ConfigError, match=r"fields\.stock: .*parse"):
        Site("own", fields={"stock": {"required": False}})


MISTAKES = [
    ("x = 1", "x: unknown table"),
    ("[sources]\na = 1", "sources.a: expected a file or a URL, or a list of them, not 1"),
    ("[sources]\na = []", "sources.a: expected a file or a URL, or a list of them, not []"),
    ("[sources]\na = ['x.txt', '-']", "sources.a: expected a file or a URL; standard input has no name"),
    ("sites = 3", "sites: expected a table"),
    ("[sites]\nacme = 3", "sites.acme: expected a table"),
    ("[defaults]\nspeed = 3", "defaults.speed: unknown key; expected one of allow_network"),
    ("[defaults]\nmax_rate = {a = 1}", "defaults.max_rate: expected a text or a number"),
    ("[sites.a]\nhosts = ['b.example']", "sites.a.fields: expected at least one field, or parse"),
    ("[sites.a]\nfields = 3", "sites.a.fields: expected a valid dictionary"),
    ("[sites.a]\nname = 'b'\nfields.x = 'h1'", "sites.a.name: unknown key"),
    ("[sites.a]\nspeed = 1\nfields.x = 'h1'", "sites.a.speed: unknown key; expected one of hosts, paths"),
    ("[sites.a]\nhosts = 'http://b.example'\nfields.x = 'h1'", "sites.a.hosts: expected a host such as"),
    ("[sites.a]\nhosts = 'b.*.example'\nfields.x = 'h1'", "sites.a.hosts: expected a host such as"),
    ("[sites.a]\nhosts = 'b.example:443'\nfields.x = 'h1'", "sites.a.hosts: expected no port"),
    ("[sites.a]\nhosts = [3]\nfields.x = 'h1'", "sites.a.hosts.0: expected a valid string"),
    ("[sites.a]\npaths = 'cards'\nfields.x = 'h1'", "sites.a.paths: expected a path such as /cards/*"),
    ("[sites.a]\nmax_rate = '5'\nfields.x = 'h1'", "sites.a.max_rate: expected a valid number, not '5'"),
    ("[sites.a]\nmax_rate = -1\nfields.x = 'h1'", "sites.a.max_rate: expected greater than or equal to 0"),
    ("[sites.a]\nmax_rate = nan\nfields.x = 'h1'", "sites.a.max_rate: expected a finite number"),
    ("[sites.a]\nmax_per_host = 0\nfields.x = 'h1'", "sites.a.max_per_host: expected greater than or equal"),
    ("[sites.a]\npace = 'fast'\nfields.x = 'h1'", "sites.a.pace: expected 'adaptive' or 'off', not 'fast'"),
    ("[sites.a]\nrobots = 1\nfields.x = 'h1'", "sites.a.robots: expected a valid boolean"),
    ("[sites.a]\nlocale = 'german'\nfields.x = 'h1'", "sites.a.locale: expected a locale such as de"),
    ("[sites.a]\nmax_body = '16 bananas'\nfields.x = 'h1'", "sites.a.max_body: expected bytes such as"),
    ("[sites.a]\nheaders = {User-Agent = 'x'}\nfields.x = 'h1'", "sites.a.headers.User-Agent: expected"),
    ('[sites.a]\nheaders = {X-A = "a\\r\\nb"}\nfields.x = "h1"', "sites.a.headers.X-A: expected a value"),
    ("[sites.a.fields]\nx = 3", "sites.a.fields.x: expected a selector or a table, not 3"),
    ("[sites.a.fields]\nx = 'p['", "sites.a.fields.x.css: expected a CSS selector, not 'p['"),
    ("[sites.a.fields]\nx = ''", "sites.a.fields.x.css: expected a CSS selector"),
    ("[sites.a.fields]\nx = {}", "sites.a.fields.x: expected css, xpath, structured, label or json"),
    (
        "[sites.a.fields]\nx = {type = 'money'}",
        "sites.a.fields.x.css: expected css, xpath, structured, label or json",
    ),
    ("[sites.a.fields]\nprice = {css = 'b', type = 'mony'}", "sites.a.fields.price.type: expected 'text', "),
    ("[sites.a.fields]\nx = {css = 'b', pattern = '('}", "sites.a.fields.x.pattern: expected a regular"),
    ("[sites.a.fields]\nx = {json = 'a['}", "sites.a.fields.x.json: expected a JMESPath expression"),
    ("[sites.a.fields]\nx = {json = 'a', attr = 'b'}", "sites.a.fields.x.attr: expected beside css"),
    ("[sites.a.fields]\nx = {css = 'b', many = true, index = 1}", "sites.a.fields.x.index: expected without"),
    ("[sites.a.fields]\nx = {css = 'b', currency = 'EUR'}", "sites.a.fields.x.currency: expected only with"),
    ("[sites.a.fields]\nx = {css = 'b', type = 'money', currency = '€'}", "sites.a.fields.x.currency: "),
    (
        "[sites.a.fields]\nx = {structured = 'offers..price'}",
        "sites.a.fields.x.structured: expected a path such",
    ),
    (
        "[sites.a.fields]\nx = {structured = 'offers[x]'}",
        "sites.a.fields.x.structured: expected a path such as",
    ),
    ("[sites.a.fields]\nx = {structured = ''}", "sites.a.fields.x.structured: expected a path such as sku"),
    ("[sites.a.fields]\nx = {structured = []}", "sites.a.fields.x.structured: expected a path such as sku"),
    ("[sites.a.fields]\nx = {structured = 3}", "sites.a.fields.x.structured: "),
    ("[sites.a.fields]\nx = {structured = 'a', json = 'b'}", "sites.a.fields.x.structured: expected without"),
    (
        "[sites.a.fields]\nx = {structured = 'a', attr = 'b'}",
        "sites.a.fields.x.attr: expected beside css or xpath",
    ),
    ("[sites.a.fields]\nx = {label = ': *'}", "sites.a.fields.x.label: expected words"),
    ("[sites.a.fields]\nx = {label = ['Fee', '']}", "sites.a.fields.x.label: expected the words of a label"),
    ("[sites.a.fields]\nx = {label = 'Fee', json = 'b'}", "sites.a.fields.x.label: expected without json"),
    (
        "[sites.a.fields]\nx = {xpath = '//p['}",
        "sites.a.fields.x.xpath: expected an XPath expression, not '//p['",
    ),
    ("[sites.a.fields]\nurl = 'a'", "sites.a.fields.url: expected a name that is no key of a record"),
    (
        "[sites.a.fields]\np = {css='b', type='money'}\np_currency = 'i'",
        "sites.a.fields.p_currency: expected",
    ),
    ("[sites.a]\nparse = 'no'", 'sites.a.parse: expected "module:function"'),
    ("[sites.a]\nparse = 'canter_no_such_module:f'", "sites.a.parse: expected an importable module"),
    ("[sites.a]\nparse = 'json:no_such'", "sites.a.parse: expected a function no_such in json ("),
    (
        "[sites.a]\nhosts='b.example'\nfields.x='a'\n[sites.c]\nhosts='b.example'\nfields.x='a'",
        "sites a and c",
    ),
    ("= 3", "expected TOML: "),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said[:40] for _, said in MISTAKES])
def test_a_mistake_is_one_line_with_file_key_and_what_was_expected(
    tmp_path: Path, text: str, said: str
) -> None:
    """A wrong site file is refused with a line that says where and what."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'sites.toml'}: {said}")
    assert "\n" not in line


def test_a_site_made_in_code_is_refused_the_same_way() -> None:
    """The library gives a ConfigError too, not an error of the validator behind it."""
    with pytest.raises(ConfigError, match=r"^fields\.price\.type: expected 'text'"):
        Site("acme", fields={"price": {"css": "b", "type": "mony"}})
    with pytest.raises(ConfigError, match=r"^type: expected 'text'"):
        Field(css="b", type="mony")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are not UTF-8 are ConfigErrors that name the file."""
    (tmp_path / "latin.toml").write_bytes(b"[sites.caf\xe9]")
    for name, said in (("none.toml", "No such file"), (".", "directory"), ("latin.toml", "UTF-8")):
        with pytest.raises(ConfigError, match=said) as caught:
            load_site_file(tmp_path / name, check=Extractor)
        assert str(tmp_path / name) in str(caught.value)


def test_parse_is_imported_from_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function beside the site file is found; a module that fails to import is refused with its reason."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "canter_own_shop.py").write_text("def parse(page):\n    return {'title': 'x'}\n")
    (tmp_path / "canter_bad_shop.py").write_text("raise RuntimeError('two\\nlines')\n")
    (tmp_path / "canter_quit_shop.py").write_text("raise SystemExit(3)\n")
    (own,), *_ = load(tmp_path, "[sites.a]\nparse = 'canter_own_shop:parse'")
    function = own.parse_function()
    assert function is not None
    assert function(None) == {"title": "x"}
    with pytest.raises(ConfigError, match=r"sites\.a\.parse: .*RuntimeError: two lines$"):
        load(tmp_path, "[sites.a]\nparse = 'canter_bad_shop:parse'")
    with pytest.raises(ConfigError, match=r"sites\.a\.parse: .*SystemExit: 3$"):
        load(tmp_path, "[sites.a]\nparse = 'canter_quit_shop:parse'")


def test_the_most_specific_host_claims() -> None:
    """Host with port, then host on any port, then the longest wildcard; a wildcard is not its own root."""
    book = SiteBook(
        [
            site("port", hosts=["shop.acme.example:8081"]),
            site("exact", hosts=["shop.acme.example"]),
            site("deep", hosts=["*.eu.acme.example"]),
            site("wild", hosts=["*.acme.example"]),
            site("ip", hosts=["127.0.0.1:8081", "[::1]:8081"]),
        ]
    )
    assert claimed(book, "http://shop.acme.example:8081/") == "port"
    assert claimed(book, "http://shop.acme.example:9000/") == "exact"
    assert claimed(book, "https://shop.acme.example/") == "exact"
    assert claimed(book, "https://a.b.eu.acme.example/") == "deep"
    assert claimed(book, "https://eu.acme.example/") == "wild"
    assert claimed(book, "https://acme.example/") == "auto"
    assert claimed(book, "https://notacme.example/") == "auto"
    assert claimed(book, "http://127.0.0.1:8081/x") == "ip"
    assert claimed(book, "http://[::1]:8081/x") == "ip"
    assert claimed(book, "http://127.0.0.1/x") == "auto"


def test_hosts_are_normalised_as_urls_are() -> None:
    """Upper case and international names in a site file mean the same host as in a URL."""
    book = SiteBook([site("a", hosts=["Shop.BÜCHER.example"]), site("all", hosts=["*"])])
    assert claimed(book, "https://shop.bücher.example/") == "a"
    assert claimed(book, "https://anything.example/") == "all"


def test_the_longest_path_claims_and_others_fall_through() -> None:
    """Paths are globs over the whole path; a URL no path claims goes to the next less specific site."""
    book = SiteBook(
        [
            site("cards", hosts=["a.example"], paths=["/cards/*"]),
            site("gold", hosts=["a.example"], paths=["/cards/gold/*", "/gold.html"]),
            site("item", hosts=["a.example"], paths=["/item.php?id=*"]),
            site("café", hosts=["a.example"], paths=["/café/*"]),
            site("rest", hosts=["*.example"]),
        ]
    )
    assert claimed(book, "https://a.example/cards/1") == "cards"
    assert claimed(book, "https://a.example/cards/1?x=/gold.html") == "cards"
    assert claimed(book, "https://a.example/cards/gold/1") == "gold"
    assert claimed(book, "https://a.example/gold.html?from=mail") == "gold"
    assert claimed(book, "https://a.example/goldxhtml") == "rest"
    assert claimed(book, "https://a.example/item.php?id=5") == "item"
    assert claimed(book, "https://a.example/item.php?page=5") == "rest"
    assert claimed(book, "https://a.example/café/1") == "café"
    assert claimed(book, "https://a.example/CARDS/1") == "rest"


def test_many_stars_do_not_multiply() -> None:
    """A path of twenty stars is decided at once, also where nothing matches."""
    book = SiteBook([site("a", hosts=["a.example"], paths=["/" + "*a" * 20 + "*b", "/?" + "*a" * 20 + "*b"])])
    assert claimed(book, "https://a.example/" + "a" * 1_900) == "auto"
    assert claimed(book, "https://a.example/?" + "a" * 1_900) == "auto"
    assert claimed(book, "https://a.example/" + "a" * 1_900 + "b") == "a"


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_glob_claims_what_the_plain_expression_would(glob: str, path: str) -> None:
    """However its regular expression is made faster."""
    book = SiteBook([site("a", hosts=["a.example"], paths=[f"/{glob}"])])
    plain = re.fullmatch(glob.replace("*", ".*"), path) is not None
    assert (claimed(book, f"https://a.example/{path}") == "a") == plain


def test_a_name_from_the_source_wins_if_it_exists() -> None:
    """The source's column `site` overrides the hosts; a name nobody has is as if it were not there."""
    book = SiteBook([site("a", hosts=["a.example"]), site("b")])
    assert claimed(book, "https://a.example/", "b") == "b"
    assert claimed(book, "https://a.example/", "unknown") == "a"
    assert claimed(book, "https://z.example/", "unknown") is None


TIES: list[tuple[list[str], list[str], bool]] = [
    ([], [], True),
    (["/a/*"], ["/a/*"], True),
    (["/a*"], ["/*a"], True),
    (["/a/*"], ["/b/*"], False),
    (["/a/*"], ["/a/b/*"], False),
    (["/a"], [], False),
    (["/x", "/ab*"], ["/*ab"], True),
]


@pytest.mark.parametrize(("one", "other", "tie"), TIES)
def test_a_tie_is_refused_and_names_both(one: list[str], other: list[str], tie: bool) -> None:
    """Two sites that claim some URL equally well are refused before the first request."""
    sites = [site("one", hosts=["a.example"], paths=one), site("two", hosts=["a.example"], paths=other)]
    if tie:
        with pytest.raises(ConfigError, match="one and two"):
            SiteBook(sites)
    else:
        assert len(SiteBook(sites).sites) == 2


@given(st.text("ab*", max_size=6), st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_globs_that_share_a_path_overlap(one: str, other: str, path: str) -> None:
    """If any path matches both globs the tie is seen, whichever way round."""

    def matches(glob: str) -> bool:
        return re.fullmatch(glob.replace("*", ".*"), path) is not None

    if matches(one) and matches(other):
        assert _overlap(one, other)
    assert _overlap(one, other) == _overlap(other, one)


def test_of_two_sites_with_one_name_one_is_refused() -> None:
    """A name means one site."""
    with pytest.raises(ConfigError, match="two sites are named a"):
        SiteBook([site("a"), site("a", hosts=["b.example"])])


def test_host_rules_are_the_strictest_of_the_sites_of_a_host() -> None:
    """Sites that share a host share its limits: the lowest rate, the fewest at once, the careful pace."""
    book = SiteBook(
        [
            site("a", hosts=["a.example"], paths=["/a/*"], max_rate=5, max_per_host=9, pace="off"),
            site("b", hosts=["a.example"], max_rate=2.5, pace_key="shared"),
            site("c", hosts=["*.example"], max_rate=0, max_per_host=4, pace="adaptive", pace_key="wide"),
            site("off", hosts=["127.0.0.1"], pace="off"),
        ]
    )
    assert book.host_rules("a.example") == HostRules(2.5, 4, "adaptive", "shared")
    assert book.host_rules("z.example:8080") == HostRules(0.0, 4, "adaptive", "wide")
    assert book.host_rules("127.0.0.1:8081") == HostRules(None, None, "off", "127.0.0.1:8081")
    assert book.host_rules("other.test") == HostRules(None, None, None, "other.test")


@pytest.mark.parametrize("size", [0, -1, True, "", "0", "MiB", "16 TiB", 1.5])
def test_what_is_no_size_is_refused(size: object) -> None:
    """One line that names the key, what was expected and what was there; never a guess."""
    with pytest.raises(ConfigError, match=r"^max_body: expected .*, not ") as error:
        Site("s", fields={"title": "h1"}, max_body=size)
    assert repr(size) in str(error.value)


def test_sizes_and_spans_are_written_as_on_the_command_line() -> None:
    """A site takes the same texts as an option, and plain numbers."""
    site = Site("s", fields={"title": "h1"}, max_body="2 kib", timeout="1.5m", read_timeout="500ms")
    assert (site.max_body, site.timeout, site.read_timeout) == (2048, 90.0, 0.5)
    assert Site("s", fields={"title": "h1"}, max_body=1000, timeout=30).max_body == 1000


def test_sources_are_named(tmp_path: Path) -> None:
    """A file or several, from the folder of the site file; URLs as they are."""
    site_file = load(
        tmp_path, "[sources]\nnightly = 'urls.txt'\nall = ['/x/a.csv', 'https://a.example/s.xml']"
    )
    assert site_file.sources == {
        "nightly": (str(tmp_path / "urls.txt"),),
        "all": ("/x/a.csv", "https://a.example/s.xml"),
    }
