"""Canter refreshes product pages: known URLs, each host as fast as it allows and no faster.

Crawler     fetches pages and keeps their records
Site, Field what is known of a site and how its pages are read
extract     one page's fields, with no network
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from canter.crawler import Crawler
    from canter.errors import CanterError
    from canter.extraction import Page, extract
    from canter.model import Record
    from canter.sites import Field, Site, load_site_file

__all__ = ["CanterError", "Crawler", "Field", "Page", "Record", "Site", "extract", "load_site_file"]

_HOMES = {
    "CanterError": "errors", "Crawler": "crawler", "Field": "sites", "Page": "extraction", "Record": "model",
    "Site": "sites", "extract": "extraction", "load_site_file": "sites",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import canter` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'canter' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"canter.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
