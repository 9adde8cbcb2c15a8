"""What a team writes first: a task per URL, a semaphore, parsel, every result kept in a list.

`python -m bench.contenders.task_per_url URLS OUTPUT.jsonl IN_FLIGHT`. aiohttp as it comes, the whole text of
a page kept on its result, retries by a loop, one file written at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from parsel import Selector

from bench.contenders.rules import FIELDS, USER_AGENT, Record, order, tidy

ATTEMPTS = 3


@dataclass
class Result:
    """A page as it was fetched, and what was read from it."""

    url: str
    status: int = 0
    content: str = ""
    error: str | None = None
    fields: Record = field(default_factory=dict)


def read(html: str) -> Record:
    """The first match of each selector."""
    page = Selector(text=html)
    record: Record = {}
    for name, (css, attr) in FIELDS.items():
        found = page.css(css)[:1]
        record[name] = tidy(found.attrib.get(attr) if attr else found.xpath("string()").get())
    return record


async def fetch(session: aiohttp.ClientSession, limit: asyncio.Semaphore, url: str) -> Result:
    """One page, tried again where it fails."""
    result = Result(url)
    async with limit:
        for attempt in range(ATTEMPTS):
            try:
                async with session.get(url) as answer:
                    result.status = answer.status
                    result.content = await answer.text(errors="replace")
                    result.fields = read(result.content)
                    return result
            except (aiohttp.ClientError, TimeoutError) as error:
                result.error = str(error)
                await asyncio.sleep(2**attempt)
    return result


async def crawl(urls: list[str], in_flight: int) -> list[Result]:
    """Every URL at once, as far as the semaphore lets it."""
    limit = asyncio.Semaphore(in_flight)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers={"User-Agent": USER_AGENT}, timeout=timeout) as session:
        tasks = [asyncio.create_task(fetch(session, limit, url)) for url in urls]
        return await asyncio.gather(*tasks)


def main(arguments: list[str]) -> None:
    """Fetch the pages of a file; write JSON lines."""
    urls, output, in_flight, _ = order(arguments)
    results = asyncio.run(crawl(urls, in_flight))
    with Path(output).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"url": result.url, **result.fields}) + "\n" for result in results)


if __name__ == "__main__":
    main(sys.argv[1:])
