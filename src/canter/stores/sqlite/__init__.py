"""The embedded store: one SQLite file, written by a run and read by anyone."""

from canter.stores.sqlite.crawls import CrawlRow, SourceRow, SqliteCrawls
from canter.stores.sqlite.history import SqliteHistory
from canter.stores.sqlite.ingest import BadRow, GoodRow, SqliteIngest
from canter.stores.sqlite.lock import RunLock
from canter.stores.sqlite.orders import Order, SqliteOrders
from canter.stores.sqlite.work import SqliteWork

__all__ = [
    "BadRow", "CrawlRow", "GoodRow", "Order", "RunLock", "SourceRow", "SqliteCrawls", "SqliteHistory",
    "SqliteIngest", "SqliteOrders", "SqliteWork",
]  # fmt: skip
