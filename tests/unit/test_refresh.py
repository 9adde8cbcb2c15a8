"""Where a page sends its reader on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.extraction import Page
from canter.extraction.refresh import refresh_of

TABLE = Path(__file__).parents[2].parent / "shared" / "corpus" / "tables" / "w3lib_html.json"
URL = "https://shop.example/a/b"


def leads(content: str, head: str = "") -> str | None:
    found = refresh_of(Page(URL, 200, {}, f'{head}<meta http-equiv="Refresh" content="{content}">'.encode()))
    return found.href if found else None


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0;url=/c", "https://shop.example/c"),
        ("0; URL = c#part", "https://shop.example/a/c"),
        ("5,url='c'; x", "https://shop.example/a/c"),
        ("1 c", "https://shop.example/a/c"),
        ("1;c", "https://shop.example/a/c"),
        (" .5 ; url=//other.example", "https://other.example/"),
        ("1;URLc", "https://shop.example/a/URLc"),
        ("1;url=https://me:secret@other.example/", "https://other.example/"),
        ("30;url=c", "https://shop.example/a/c"),
        ("31;url=c", None),
        ("99999999999999999999;url=c", None),
        ("0", None),
        ("0;", None),
        ("0x;url=c", None),
        ("soon;url=c", None),
        ("-1;url=c", None),
        ("", None),
        ("0;url=b", None),
        ("0;url=#top", None),
        ("0;url=javascript:alert(1)", None),
        ("0;url=http://", None),
    ],
)
def test_the_standard_s_syntax(content: str, target: str | None) -> None:
    """As the HTML standard reads it; one to the page itself, later than 30 s or not to http(s) is none."""
    assert leads(content) == target


def test_a_base_counts() -> None:
    """Relative URLs count from the page's base."""
    assert leads("0;url=c", '<base href="//cdn.example/x/">') == "https://cdn.example/x/c"
    assert leads("0;url=c", '<base href="http://[">') == "https://shop.example/a/c"


@pytest.mark.parametrize(
    "html",
    [
        '<noscript><meta http-equiv="refresh" content="0;url=/c"></noscript>',
        '<!-- <meta http-equiv="refresh" content="0;url=/c"> -->',
        '<script>"<meta http-equiv=refresh content=0;url=/c>"</script>',
        '<template><meta http-equiv="refresh" content="0;url=/c"></template>',
        '<p title="refresh">refresh</p>',
    ],
)
def test_what_only_looks_like_one(html: str) -> None:
    """In a comment, a script, a template or for readers without scripts: none."""
    assert refresh_of(Page(URL, 200, {}, html.encode())) is None


def test_the_first_that_names_a_place_counts_and_the_header_before_it() -> None:
    """One that only loads the page anew is passed over."""
    html = b"".join(b'<meta http-equiv=refresh content="%s">' % told for told in (b"5", b"1;/c", b"1;/d"))
    assert getattr(refresh_of(Page(URL, 200, {}, html)), "href", None) == "https://shop.example/c"
    by_header = refresh_of(Page(URL, 200, {"refresh": "0;url=/e"}, html))
    assert getattr(by_header, "href", None) == "https://shop.example/e"
    utf16 = refresh_of(Page(URL, 200, {}, '<meta http-equiv=refresh content="1;/c">'.encode("utf-16")))
    assert getattr(utf16, "href", None) == "https://shop.example/c"


CUT = "a tag that the page ends within is no tag to an HTML parser"
OF_SCRIPT = "asked of w3lib with `ignore_tags=[]`, which reads scripts and noscript too"
QUERY = "w3lib encodes the query for the page's encoding; Canter in UTF-8"


def test_w3lib_cases() -> None:
    """Every row of w3lib's own tests; the deviations are those listed."""
    if not TABLE.exists():
        pytest.skip(f"the shared corpus is not here: {TABLE}")
    cases: list[dict[str, Any]] = json.loads(TABLE.read_text())["cases"]
    wrong = []
    cases = [case for case in cases if case["func"] == "get_meta_refresh"]
    for case in cases:
        html, url, *charset = case["args"]
        body = html["__bytes_latin1__"].encode("latin-1") if isinstance(html, dict) else html.encode()
        headers = {"Content-Type": f"text/html; charset={(charset or ['utf-8'])[0]}"}
        found = refresh_of(Page(url, 200, headers, body))
        if (found.href if found else None) != case["result"][1]:
            if case["kwargs"]:
                wrong.append(OF_SCRIPT)
            elif body.endswith(b'newpage"'):
                wrong.append(CUT)
            else:
                wrong.append(QUERY if b"unit=" in body else str(case))
    assert sorted(wrong) == sorted([OF_SCRIPT, OF_SCRIPT, CUT, QUERY])
    assert len(cases) > 20


@given(st.text(max_size=60), st.text("0123456789.;,url= '\"/\t", max_size=60))
def test_anything_may_stand_there(text: str, near: str) -> None:
    """No content makes it raise."""
    for content in (text, near):
        raw = content.encode(errors="replace")
        html = b'<base href="%s"><meta http-equiv=refresh content="%s">' % (raw, raw)
        refresh_of(Page(URL, 200, {"Refresh": content}, b""))
        refresh_of(Page(URL, 200, {}, html))
