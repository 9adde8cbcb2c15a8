"""Headless Chromium for the tests of the dashboard, and what a page does that it should not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

PATIENCE = 20_000  # ms that something may take to come about on a busy machine
expect.set_options(timeout=PATIENCE)

_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


def need_chromium() -> str:
    """The browser's path; without it the test is skipped, on CI it fails."""
    found = shutil.which("chromium")
    if found is None:
        reason = "chromium is missing: install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser."""
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of the browser, in a context of its own, that notes what goes wrong and what it asks for."""

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        self.origin = origin
        self.context = browser.new_context(locale="en", **options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(_VIOLATIONS)
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)

    def __enter__(self) -> Visit:
        self.page.goto(self.origin + "/")
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    @property
    def elsewhere(self) -> list[str]:
        """Requests to another origin; `data:` is none."""
        ours = urlsplit(self.origin).netloc
        return [url for url in self.asked if urlsplit(url).scheme != "data" and urlsplit(url).netloc != ours]

    @property
    def violations(self) -> list[str]:
        """What the Content-Security-Policy forbade."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        wider: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider
