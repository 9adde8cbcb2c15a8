"""Progress as a user sees it: a bar with what matters on a terminal, whole lines elsewhere."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from canter.apps.progress import PlainProgress
from canter.apps.terminal import TerminalProgress
from canter.observe import Counts

COUNTS = Counts(
    errors=Counter(blocked=2, transient=7), hosts=Counter({"a.example": 3, "[b]b.example": 2, "c.example": 1})
)


def test_a_terminal_gets_a_bar_with_failures_and_names_below() -> None:
    """% and counts in the bar; below it failures, most first, and hosts by their names, never as markup."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    shown = TerminalProgress({"a.example": "harbor"}, console)
    shown.begin(7, resumed=False)
    shown.update(250, 1_000, True, COUNTS)
    shown.notice("[red]as it is")
    during = console.file.getvalue()  # type: ignore[attr-defined]
    shown.end()
    after = console.file.getvalue()[len(during) :]  # type: ignore[attr-defined]
    assert "begun: crawl 7" in during
    assert " 25 %" in during
    assert "250/1,000 pages" in during
    assert "failed: 7 transient, 2 blocked · busy: harbor, [b]b.example, c.example" in during
    assert "[red]as it is" in during
    assert "failed: 7 transient" in after
    assert "busy" not in after


def test_elsewhere_the_last_line_tells_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines on stderr with the same figures and no escapes; one at the end however short the run was."""
    shown = PlainProgress({"a.example": "harbor"})
    shown.begin(7, resumed=True)
    shown.update(250, 1_000, True, COUNTS)
    shown.end()
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert first == "resuming crawl 7"
    assert last.startswith("250 pages, 25% of 1,000, ")
    assert last.endswith("failed: 7 transient, 2 blocked, busy: harbor, [b]b.example, c.example")
