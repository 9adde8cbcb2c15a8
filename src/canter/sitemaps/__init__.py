"""Sitemaps (sitemaps.org): parsed as a stream, and read as a source of URLs."""

from canter.sitemaps.rows import MAX_SITEMAP, Fetch, Fetched, SitemapRows
from canter.sitemaps.unpack import looks_like_sitemap, unpacked

__all__ = ["MAX_SITEMAP", "Fetch", "Fetched", "SitemapRows", "looks_like_sitemap", "unpacked"]
