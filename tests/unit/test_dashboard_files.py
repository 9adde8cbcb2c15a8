"""The dashboard's files by themselves: whole, from nowhere else, with no way for text to become markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from canter.service.access import is_open
from canter.service.app import DASHBOARD

VENDOR = DASHBOARD / "vendor"
PAGES = sorted(DASHBOARD.glob("*.html"))
SCRIPTS = sorted(DASHBOARD.glob("*.js"))
STYLES = sorted(DASHBOARD.glob("*.css"))
OURS = [*PAGES, *SCRIPTS, *STYLES]


def name(path: Path) -> str:
    """A test's name for a file."""
    return path.name


def referred(path: Path) -> list[str]:
    """The files that a page or a module asks for, as paths under /static/."""
    text = path.read_text()
    if path.suffix == ".html":
        return [
            found for found in re.findall(r'(?:src|href)="([^"#]+)"', text) if found.startswith("static/")
        ]
    return [f"static/{found}" for found in re.findall(r'from "\./([^"]+)"', text)]


@pytest.mark.parametrize("path", [*PAGES, *SCRIPTS], ids=name)
def test_what_a_file_asks_for_is_there(path: Path) -> None:
    """Every script, style, picture and module that is named is in the package."""
    for wanted in referred(path):
        assert (DASHBOARD / wanted.removeprefix("static/")).is_file(), wanted
    assert path.suffix != ".html" or referred(path)


def test_every_module_is_used() -> None:
    """There is no module that nothing asks for."""
    wanted = {found.removeprefix("static/") for path in [*PAGES, *SCRIPTS] for found in referred(path)}
    assert {path.name for path in [*SCRIPTS, *STYLES]} <= wanted


def test_the_login_needs_only_what_is_given_without_the_key() -> None:
    """Its page and files are among those that need no key."""
    assert all(is_open(f"/{wanted}") for wanted in referred(DASHBOARD / "login.html"))
    assert not any(is_open(f"/{wanted}") for wanted in referred(DASHBOARD / "index.html"))


@pytest.mark.parametrize("path", OURS, ids=name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    """No address of another origin; the name of SVG's namespace is none."""
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text, re.IGNORECASE)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_has_nothing_inline(path: Path) -> None:
    """No script, style, style attribute or listener in the HTML: the policy would refuse it."""
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_text_never_becomes_markup(path: Path) -> None:
    """No way from a text to HTML or to code is used."""
    text = path.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cssText", text
    )


def test_every_element_that_a_script_looks_for_is_in_the_page() -> None:
    """An id in a script is an id of index.html, and ids are there once."""
    ids = re.findall(r'\sid="([^"]+)"', (DASHBOARD / "index.html").read_text())
    assert len(set(ids)) == len(ids)
    wanted = {found for path in SCRIPTS for found in re.findall(r'byId\("([^"]+)"\)', path.read_text())}
    assert wanted <= set(ids)


def test_the_library_comes_with_its_licence_and_version() -> None:
    """uPlot's own text names the version that is noted, and its licence lies beside it."""
    noted = re.search(r"uPlot (\d+\.\d+\.\d+)", (VENDOR / "README").read_text())
    assert noted
    assert f"(v{noted[1]})" in (VENDOR / "uPlot.iife.min.js").read_text()[:200]
    assert "MIT License" in (VENDOR / "uPlot.LICENSE").read_text()


@pytest.mark.parametrize("path", OURS, ids=name)
def test_a_file_is_short(path: Path) -> None:
    """As everywhere: no file of ours passes 400 lines."""
    assert len(path.read_text().splitlines()) <= 400
