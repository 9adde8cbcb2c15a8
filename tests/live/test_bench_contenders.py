"""The programs that `canter bench speed` runs beside Canter do the same work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.machine import measure
from bench.speed.contenders import CONTENDERS, Contender, Results, Terms, canter, canter_results
from bench.speed.serving import Served, site_file, web
from tests.live.servers import need_nginx

pytestmark = pytest.mark.live

CORE = min(os.sched_getaffinity(0))
URLS = 7
PAGES = [
    b"<!doctype html><title> Alder \n lamp </title><h1>Lamp</h1><h1>Other</h1>"
    b"<link rel=canonical href=/lamp><p class='old-price'><b>21.00</b> EUR</p><p class=price>19.00</p>",
    b"<!doctype html><meta charset=utf-8><title>Caf\xc3\xa9</title><div class=x-price-y>&euro; 3</div>",
    b"<!doctype html><meta charset=utf-8><title></title><h1> </h1><p>nothing</p>",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Three pages, each good for several URLs."""
    need_nginx()
    with web(tmp_path_factory.mktemp("served") / "web", PAGES, CORE) as running:
        yield running


@pytest.fixture(scope="module")
def ours(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What Canter reads from them."""
    folder = tmp_path_factory.mktemp("canter")
    (folder / "urls.txt").write_text("\n".join(served.urls(URLS)))
    (folder / "sites.toml").write_text(site_file(served.origins))
    measure(canter(Terms()), CORE, folder)
    return canter_results(folder)


def test_canter_reads_them(ours: Results) -> None:
    """The first match of each selector, white space collapsed; what is empty is missing."""
    assert len(ours) == URLS
    assert {"title": "Alder lamp", "heading": "Lamp", "canonical": "/lamp", "price": "21.00 EUR"} in [
        *ours.values()
    ]
    assert dict.fromkeys(("title", "heading", "canonical", "price")) in [*ours.values()]


@pytest.mark.parametrize("contender", CONTENDERS[1:], ids=lambda contender: contender.name)
def test_a_contender_reads_what_canter_reads(
    contender: Contender, served: Served, ours: Results, tmp_path: Path
) -> None:
    """Every page is fetched and stored with the same four fields: the comparison is fair."""
    if missing := contender.missing():
        if os.environ.get("CI") == "true" and contender.name != "goquery":
            pytest.fail(f"{contender.name} needs {missing}")
        pytest.skip(f"{contender.name} needs {missing}")
    (tmp_path / "urls.txt").write_text("\n".join(served.urls(URLS)))
    measure(contender.command(Terms(in_flight=4), tmp_path), CORE, tmp_path)
    assert contender.results(tmp_path) == ours
