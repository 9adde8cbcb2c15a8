"""Any bytes as a page: every source and type reads them, and `auto` too, without raising.

What comes out can be written as JSON: no lone surrogate, nothing that is no JSON type.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import atheris
import orjson

from tests.fuzz.runner import CORPUS, run

with atheris.instrument_imports(include=["canter"]):
    from canter.extraction import Extractor, Page
    from canter.sites import AUTO, Field, Site

_TYPES = ("Content-Type: none", "text/html", "text/html; charset=gb18030", "application/json; charset=x")
_LOCALES = ("en", "de", "fr-CH", None)
_LONGEST = 30_000  # bytes of a page


def _rules(locale: str | None) -> Site:
    css = {f"as_{name}": Field(css=("h1", "td", "[class]"), type=name, required=False) for name in (
        "text", "money", "percent", "percent_range", "number", "integer", "date", "availability", "url",
    )}  # fmt: skip
    others = {
        "told": Field(structured=("offers.price", "name"), type="money", many=True, required=False),
        "beside": Field(label=("Annual fee", "APR"), type="percent_range", required=False),
        "path": Field(xpath=("//a/@href", "count(//p)"), required=False),
        "json": Field(json="@", required=False, type="number"),
        "script": Field(css="script", json="*[0].price", required=False),
        "attribute": Field(css="*", attr="id", index=-1, pattern="(.)", required=False),
    }
    return Site("rules", fields=css | others, locale=locale)


_EXTRACTORS = [Extractor(_rules(locale)) for locale in _LOCALES]
_AUTO = Extractor(AUTO)


def target(data: bytes) -> None:
    """One page; its first byte chooses the header and the locale."""
    choice, content = (data[0], data[1:]) if data else (0, b"")
    headers = {"Content-Type": _TYPES[choice % 4]}
    page = Page("https://shop.example/p?x=1", 200, headers, content)
    for extractor in (_EXTRACTORS[choice // 4 % 4], _AUTO):
        try:
            read = extractor.read(page)
        except MemoryError:
            continue
        assert read.fields.keys() >= extractor.site.fields.keys()
        orjson.dumps([read.fields, read.missing, read.problems])
        broken = [line for line in read.problems if "Error: " in line]
        assert not broken, broken  # an exception that the last guard caught


def seeds() -> Iterator[bytes]:
    """The small pages of the corpus, where it is there, and a few short ones."""
    yield b"\0<h1>Lamp</h1><p class=price>$19.99</p><table><tr><th>APR<td>19.24% to 27.49%</table>"
    yield b'\x05<script type="application/ld+json">{"@type":"Product","name":"x","offers":[{"price":"1,5"}]}'
    yield b'\x0a{"a": [1, {"price": 1.5}]}'
    for path in sorted((CORPUS / "pages").rglob("*.gz"))[:150]:
        page = gzip.decompress(path.read_bytes())
        if len(page) < _LONGEST:
            yield b"\x01" + page


if __name__ == "__main__":
    run("extraction", target, seeds(), _LONGEST)
