"""What every contender of Python is told alike: its fields, its command line, who it says it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FIELDS: dict[str, tuple[str, str | None]] = {  # name -> selector, attribute; goquery.go has the same
    "title": ("title", None),
    "heading": ("h1", None),
    "canonical": ("link[rel=canonical]", "href"),
    "price": ("[class*=price]", None),
}
USER_AGENT = "Canter-bench"
Record = dict[str, str | None]


class Order(NamedTuple):
    """A contender's command line: `URLS OUTPUT IN_FLIGHT [MORE...]`, a URL a line."""

    urls: list[str]
    output: str
    in_flight: int
    more: Sequence[str] = ()


def order(arguments: Sequence[str]) -> Order:
    """Read the command line."""
    urls, output, in_flight, *more = arguments
    return Order(Path(urls).read_text().split(), output, int(in_flight), more)


def tidy(text: str | None) -> str | None:
    """White space collapsed; an empty text is missing, as in Canter."""
    return " ".join((text or "").split()) or None
