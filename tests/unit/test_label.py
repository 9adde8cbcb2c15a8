"""The value beside a label."""

from __future__ import annotations

import time
from typing import Any

import pytest

from canter.extraction import Extractor, Page
from canter.extraction.html import Tree
from canter.extraction.label import Labels, words
from canter.sites import Site


def beside(html: str, label: str) -> list[str]:
    return Labels(Tree(html)).beside(label)


@pytest.mark.parametrize(
    "text",
    ["annual fee", "ANNUAL FEE:", "Annual  Fees*", "Annual fee (1)", "Fee, annual", "The annual fee¹",
     "annual-fee", "Annual\u00a0fee†"],
)  # fmt: skip
def test_a_label_is_its_words(text: str) -> None:
    """Case, punctuation, white space, footnote marks, a plural s, little words and order do not matter."""
    assert words(text) == words("Annual fee")
    assert beside(f"<dl><dt>{text}</dt><dd>$95</dd></dl>", "Annual fee") == ["$95"]


@pytest.mark.parametrize(
    "text", ["fee", "annual membership fee", "late fee", "annual fee waived", "annuals", ""]
)
def test_other_words_are_another_label(text: str) -> None:
    """Every word counts: a longer or shorter label is another one."""
    assert beside(f"<dl><dt>{text}</dt><dd>$95</dd></dl>", "Annual fee") == []


PLACES = [
    "<table><tr><th>Weight</th><td>3 kg</td></tr></table>",
    "<table><tr><td><b>Weight:</b></td><td> <p>3 kg</p> </td></tr></table>",
    "<table><tr><td>Weight</td><td></td><td>3 kg</td></tr></table>",
    "<table><tr><th scope=row>Weight</th><td>3 kg</td></tr></table>",
    "<table><thead><tr><th>Name</th><th>Weight</th></tr></thead><tbody><tr><td>x<td>3 kg</tbody></table>",
    "<table><tr><th colspan=2>Name<th>Weight<tr><td>x<td>y<td>3 kg</table>",
    "<table><thead><tr><td>Name</td><td>Weight</td></tr></thead><tr><td>x</td><td>3 kg</td></tr></table>",
    "<dl><dt>Size</dt><dd>L</dd><dt>Weight</dt><dd>3 kg</dd></dl>",
    "<dl><div><dt><span>Weight</span></dt><dd>3 kg</dd></div></dl>",
    "<dl><dt>Weight</dt><dt>Mass</dt><dd>3 kg</dd></dl>",
    "<div><div>Weight</div><div>3 kg</div></div>",
    "<div><div><span>Weight:</span></div><div><span>3 kg</span></div></div>",
    "<div><div><div>Weight</div></div> <!-- c --> <div>3 kg</div></div>",
    "<ul><li><b>Weight</b>: 3 kg</li></ul>",
    "<ul><li><b>Weight:</b> 3 kg</li></ul>",
    "<ul><li>Weight: 3 kg</li></ul>",
    "<ul><li>Weight – 3 kg</li></ul>",
    "<p>Weight 3 kg</p>",
    "<p><span>Weight</span><span>3 kg</span></p>",
    "<p>Weight:<br>3 kg</p>",
    "<p>weight\u003a 3 kg<br>Size: 2</p>",
    "<table><tr><td>WEIGHT</td><td>3 kg<script>x()</script></td></tr></table>".replace(
        "<script>x()</script>", ""
    ),
]


@pytest.mark.parametrize("html", PLACES)
def test_the_value_is_beside_its_label(html: str) -> None:
    """Tables by row and by column, definition lists, pairs of elements, one text for both."""
    assert beside(html, "Weight")[:1] == ["3 kg"]


def test_a_label_in_several_elements_is_one() -> None:
    """A label with a part in bold is still that label, and read once."""
    assert beside("<dl><dt>Annual <b>membership</b> fee</dt><dd>$95</dd></dl>", "annual membership fee") == [
        "$95"
    ]


@pytest.mark.parametrize(
    "html",
    ["<title>Weight</title><p>x", "<script>Weight: 3</script>", "<style>Weight: 3</style>", "<p>Weight</p>",
     "Weight", "<select><option>Weight<option>Size</select>", "<table><tr><th>Weight</th></tr></table>",
     "<dl><dt>Weight</dl>",
     "<p>The weight of a kettle is 3 kg</p>", "<main><h2>Weight</h2></main><p>3 kg</p>"],
)  # fmt: skip
def test_what_is_not_beside_a_label_is_not_its_value(html: str) -> None:
    """Scripts, titles, choices, prose and the next section hold no value of a label."""
    assert beside(html, "Weight") == []


PAGE = """<nav><a>Annual fee</a><a>Contact</a></nav>
<table><thead><tr><th>Card</th><th>Annual fee</th><th>Purchase APR</th></tr></thead>
<tbody><tr><td>Gold</td><td>$95 a year</td><td>19.24% to 27.49%</td></tr>
<tr><td>Basic</td><td>$0</td><td>22.24%</td></tr></tbody></table>"""
RULES: list[tuple[dict[str, Any], Any]] = [
    ({"label": "annual fee", "type": "money"}, {"amount": "95", "currency": "USD"}),
    ({"label": "annual fee"}, "Contact"),
    ({"label": "annual fee", "index": -1, "type": "money"}, {"amount": "0", "currency": "USD"}),
    ({"label": "APR for purchases", "type": "percent_range"}, ["19.24", "27.49"]),
    ({"label": "purchase APR", "type": "percent", "many": True}, ["19.24", "22.24"]),
    ({"label": ["Yearly fee", "Annual fee"], "pattern": r"\$(\d+)", "type": "integer"}, 95),
    ({"label": "Late fee", "type": "money"}, None),
    ({"css": "h9", "label": "purchase APR"}, "19.24% to 27.49%"),
]


@pytest.mark.parametrize(("rule", "value"), RULES)
def test_a_label_as_a_field(rule: dict[str, Any], value: Any) -> None:
    """The first place whose value fits the type; index, many, pattern and several labels."""
    got = Extractor(Site("a", fields={"x": rule})).read(Page("https://a.example/", 200, {}, PAGE.encode()))
    assert got.fields["x"] == value


@pytest.mark.parametrize(
    "html",
    ["<div>" * 50_000 + "Weight", "<table><tr>" + "<td>Weight" * 20_000, "<p>Weight</p>" * 20_000,
     "<b>Weight" * 20_000, "<dl>" + "<dt>Weight" * 20_000, "Weight" * 50_000 + " " * 500_000 + "Weight: 3",
     "<table>" + "<tr><th>Weight<th>x" * 5_000, "<table><tr><th>Weight<th>x" + "<tr><td>1<td>2" * 20_000],
)  # fmt: skip
def test_a_hostile_page_takes_bounded_time(html: str) -> None:
    """Depth, wide rows and thousands of places of one label do not multiply."""
    began = time.process_time()
    beside(html, "Weight")
    assert time.process_time() - began < 3


def test_scripts_do_not_use_up_the_places_of_a_label() -> None:
    """Only texts that a reader can see are looked at, however many scripts before them hold the word."""
    scripts = '<script>x = {"fee": "Annual fee"}</script>' * 300
    assert beside(f"{scripts}<table><tr><th>Annual fee<td>$95</table>", "Annual fee") == ["$95"]
