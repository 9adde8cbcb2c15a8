"""Scrapy on the pages of a file: `python -m bench.contenders.scrapy_spider URLS OUTPUT.jsonl`.

Set for speed and for the same manners as Canter: robots.txt obeyed, no cookies, no delay; uvloop,
no log, no telnet console. Its own duplicate filter, retries and decompression are on, as Canter's are.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess

from bench.contenders.rules import FIELDS, IN_FLIGHT

SETTINGS = {
    "CONCURRENT_REQUESTS": IN_FLIGHT,
    "CONCURRENT_REQUESTS_PER_DOMAIN": IN_FLIGHT,
    "DOWNLOAD_DELAY": 0,
    "RANDOMIZE_DOWNLOAD_DELAY": False,
    "AUTOTHROTTLE_ENABLED": False,
    "ROBOTSTXT_OBEY": True,
    "COOKIES_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_ENABLED": False,
    "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
    "USER_AGENT": "Canter-bench",
}


class Pages(scrapy.Spider):  # type: ignore[misc, unused-ignore]  # Any where Scrapy is not installed
    """Reads the four fields of each page."""

    name = "pages"
    urls: list[str]

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """A request a URL."""
        for url in self.urls:
            yield scrapy.Request(url)

    def parse(self, response: Any) -> Any:
        """The first match of each selector, white space collapsed."""
        record: dict[str, str | None] = {"url": response.url}
        for name, (css, attr) in FIELDS.items():
            found = response.css(css)[:1]
            text = found.attrib.get(attr) if attr else found.xpath("string()").get()
            record[name] = " ".join((text or "").split()) or None
        yield record


def main(urls: str, output: str) -> None:
    """Fetch the pages of the file `urls`; write JSON lines."""
    process = CrawlerProcess(SETTINGS | {"FEEDS": {output: {"format": "jsonlines"}}})
    process.crawl(Pages, urls=Path(urls).read_text().split())
    process.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
