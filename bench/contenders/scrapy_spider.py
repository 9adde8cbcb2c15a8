"""Scrapy on the pages of a file: `python -m bench.contenders.scrapy_spider URLS OUTPUT.jsonl IN_FLIGHT`.

Set for speed and for the same manners as Canter: robots.txt obeyed, no cookies, no delay; uvloop,
no log, no telnet console. Its own duplicate filter, retries and decompression are on, as Canter's are.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess

from bench.contenders.rules import FIELDS, USER_AGENT, Record, order, tidy

SETTINGS = {
    "DOWNLOAD_DELAY": 0,
    "RANDOMIZE_DOWNLOAD_DELAY": False,
    "AUTOTHROTTLE_ENABLED": False,
    "ROBOTSTXT_OBEY": True,
    "COOKIES_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_ENABLED": False,
    "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
    "USER_AGENT": USER_AGENT,
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
        """The first match of each selector."""
        record: Record = {"url": response.url}
        for name, (css, attr) in FIELDS.items():
            found = response.css(css)[:1]
            record[name] = tidy(found.attrib.get(attr) if attr else found.xpath("string()").get())
        yield record


def main(arguments: list[str]) -> None:
    """Fetch the pages of a file; write JSON lines."""
    urls, output, in_flight, _ = order(arguments)
    process = CrawlerProcess(
        SETTINGS
        | {"CONCURRENT_REQUESTS": in_flight, "CONCURRENT_REQUESTS_PER_DOMAIN": in_flight}
        | {"FEEDS": {output: {"format": "jsonlines"}}}
    )
    process.crawl(Pages, urls=urls)
    process.start()


if __name__ == "__main__":
    main(sys.argv[1:])
