"""Make docs/images/dashboard.png: the dashboard in the middle of the second day of `canter demo --serve`.

    .venv/bin/python docs/images/dashboard.py [FILE] [light|dark]

Needs Debian's Chromium. Takes as long as a day and a half of the demo.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

PAGES = 200  # of each shop, so that the crawl lasts
SIZE = {"width": 1280, "height": 800}
UNTIL = re.compile(r"[67]\d %")  # how far the second crawl is when the picture is taken
PATIENCE = 300_000  # ms


def main() -> None:
    """Start the demo, wait for the picture's moment, take it, end the demo."""
    target = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).with_name("dashboard.png"))
    scheme = "dark" if "dark" in sys.argv[2:] else "light"
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is missing: install the Debian package chromium")
    command = [Path(sys.executable).with_name("canter"), "demo", "--serve", "--pages", str(PAGES)]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert demo.stderr is not None
        url = next(line for line in demo.stderr if "dashboard" in line).split()[-1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, locale="en")  # type: ignore[arg-type]
            page.goto(url)
            card = page.locator("#crawls li", has_text="Crawl 2")
            expect(card.locator(".percent")).to_have_text(UNTIL, timeout=PATIENCE)
            page.screenshot(path=target, full_page=True)
            browser.close()
    finally:
        demo.terminate()
        demo.wait()


if __name__ == "__main__":
    main()
