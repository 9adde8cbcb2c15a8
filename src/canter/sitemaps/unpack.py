"""Files as they are or compressed with gzip, told by their first bytes; and what is in them."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

_MAGIC = b"\x1f\x8b"
_TWICE = 2  # a packed file that its server packed once more
_ROOTS = (b"<?xml", b"<urlset", b"<sitemapindex")


@contextmanager
def unpacked(path: str) -> Iterator[BufferedReader]:
    """The file open for reading, unpacked.

    Opening and reading raise OSError; reading what is packed also EOFError and zlib.error where it is
    damaged.
    """
    with Path(path).open("rb") as file:
        reader = file
        for _ in range(_TWICE):
            if reader.peek(2)[:2] != _MAGIC:
                break
            reader = BufferedReader(gzip.GzipFile(fileobj=reader, mode="rb"))
        yield reader


def looks_like_sitemap(head: bytes) -> bool:
    """Whether a file that begins so is XML."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head[2:].replace(b"\0", b"")
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(_ROOTS)
