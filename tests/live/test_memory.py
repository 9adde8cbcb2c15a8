"""Memory does not grow with the number of URLs: sources are streams, and what is in flight is bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.live.command import Command
from tests.live.servers import toml

pytestmark = pytest.mark.live

FEW, MANY = 5_000, 100_000
GROWTH = 60  # MB


def test_a_long_source_takes_no_more_memory(tmp_path: Path) -> None:
    """100,000 URLs sorted by host peak within 60 MB of 5,000, both processes together.

    Each names a site that there is not, so it ends without a request, as fast as the store takes it.
    """
    site: dict[str, dict[str, Any]] = {
        "sites.none": {"hosts": ["none.example"]},
        "sites.none.fields": {"title": "h1"},
    }
    peaks: list[float] = []
    for number in (FEW, MANY):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = Command(folder)
        command.write("sites.toml", toml(site))
        lines = (f"https://shop{n // 250}.example/p/{n},nobody\n" for n in range(number))
        command.write("urls.csv", "url,site\n" + "".join(lines))
        summary = command.crawl("urls.csv")
        assert summary["pages"] == summary["errors"]["extraction"] == number
        assert summary["requests"] == 0
        peaks.append(summary["peak_rss_mb"])
    assert peaks[1] - peaks[0] < GROWTH, peaks
