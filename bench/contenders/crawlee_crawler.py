"""Crawlee's ParselCrawler: `python -m bench.contenders.crawlee_crawler URLS OUTPUT.jsonl IN_FLIGHT`.

Set for speed and for the same manners as Canter: robots.txt obeyed, no browser's headers, no sessions, no
cookies, queue and results in memory (its file storage writes a file a page), all workers at once. Its HTTP
client is the one it comes with, impit; those for httpx and curl are extras.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from crawlee import ConcurrencySettings
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.http_clients import ImpitHttpClient
from crawlee.storage_clients import MemoryStorageClient

from bench.contenders.rules import FIELDS, USER_AGENT, Record, order, tidy


async def crawl(urls: list[str], in_flight: int) -> list[dict[str, Any]]:
    """All pages, so many at a time."""
    crawler = ParselCrawler(
        http_client=ImpitHttpClient(
            persist_cookies_per_session=False, browser=None, headers={"User-Agent": USER_AGENT}
        ),
        storage_client=MemoryStorageClient(),
        use_session_pool=False,
        respect_robots_txt_file=True,
        configure_logging=False,
        concurrency_settings=ConcurrencySettings(
            min_concurrency=in_flight, max_concurrency=in_flight, desired_concurrency=in_flight
        ),
    )

    @crawler.router.default_handler  # type: ignore[untyped-decorator, unused-ignore]  # without Crawlee
    async def read(context: ParselCrawlingContext) -> None:
        record: Record = {"url": context.request.url}
        for name, (css, attr) in FIELDS.items():
            found = context.selector.css(css)[:1]
            record[name] = tidy(found.attrib.get(attr) if attr else found.xpath("string()").get())
        await context.push_data(record)

    await crawler.run(urls)
    return [dict(item) async for item in (await crawler.get_dataset()).iterate_items()]


def main(arguments: list[str]) -> None:
    """Fetch the pages of a file; write JSON lines."""
    urls, output, in_flight, _ = order(arguments)
    records = asyncio.run(crawl(urls, in_flight))
    with Path(output).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


if __name__ == "__main__":
    main(sys.argv[1:])
