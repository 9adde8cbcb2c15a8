"""Source rows into queue rows."""

from __future__ import annotations

from canter.feed import sort_rows
from canter.sources import Row


def test_rows_are_urls_or_records_of_their_own() -> None:
    """A URL is normalised; what is none keeps its first 2,000 characters and a reason."""
    good, bad = sort_rows(
        [
            Row(1, "HTTP://A.example:80/x#y", None, None),
            Row(2, "mailto:a@b.example", None, None),
            Row(3, "x" * 5_000, {"name": "n"}, "too long"),
            Row(4, "http://user:secret@a.example/", None, None),
        ]
    )
    assert [row.url.href for row in good] == ["http://a.example/x"]
    assert [row.line for row in bad] == [2, 3, 4]
    assert "mailto:" in bad[0].error
    assert (len(bad[1].url), bad[1].error, bad[1].columns) == (2_000, "too long", {"name": "n"})
    assert "password" in bad[2].error


def test_site_and_priority_are_heeded_and_the_rest_travels() -> None:
    """A priority that is no number counts as none; an endless one is capped."""
    columns = [
        {"site": " acme ", "priority": "5", "name": "n"},
        {"priority": "high"},
        {"priority": "1e300", "site": ""},
        {"priority": "nan"},
    ]
    good, _ = sort_rows(Row(n, f"http://a.example/{n}", c, None) for n, c in enumerate(columns))
    assert [row.priority for row in good] == [5, 0, 100_000, 0]
    assert good[0].info == {"columns": {"name": "n"}, "site": "acme"}
    assert good[1].info is None
