"""`canter run` without a site file: the built-in site `auto` reads every URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.shop import Shop

pytestmark = pytest.mark.live


def test_a_run_without_a_site_file(tmp_path: Path) -> None:
    """A folder without sites.toml is no mistake; one that is named and not there still is."""
    canter = Command(tmp_path)
    with Shop() as shop:
        canter.write("urls.txt", "\n".join(shop.urls(2)) + "\n")
        done = canter.run("run", "urls.txt", "--allow-network", "127.0.0.0/8", "--max-failures", "1")
    assert done.returncode == 0, done.stderr
    assert [record["site"] for record in canter.records()] == ["auto", "auto"]
    assert all("price" in record["fields"] for record in canter.records())
    assert canter.run("run", "urls.txt", "--sites", "none.toml").returncode == 1
