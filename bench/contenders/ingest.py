"""Ingest alone, as the parent of a run does it: `python -m bench.contenders.ingest STORE < URLS`."""

from __future__ import annotations

import sys
from pathlib import Path

from canter.config import Settings
from canter.feed import Feed
from canter.policy import Policy
from canter.sites import SiteBook
from canter.sources import STDIN, open_source
from canter.stores.sqlite import SqliteCrawls, SqliteIngest
from canter.stores.sqlite.schema import connect


def main(path: str, crawl: str = "") -> None:
    """Read standard input into a crawl of the store, a new one where none is named."""
    store = Path(path)
    crawls = SqliteCrawls(store, create=True)
    number = int(crawl) if crawl else crawls.begin([STDIN], [STDIN])
    policy = Policy(Settings(), SiteBook())
    ingest = SqliteIngest(connect(store, create=False), store, number, policy.shard_of)
    feed = Feed(crawls, ingest, {0: open_source(STDIN)})
    feed.start()
    feed.thread.join()
    if feed.error:
        raise feed.error
    print(crawls.get(number).queued)


if __name__ == "__main__":
    main(*sys.argv[1:])
