"""The fields that every contender reads, and how many requests each may have in flight."""

from __future__ import annotations

FIELDS: dict[str, tuple[str, str | None]] = {  # name -> selector, attribute
    "title": ("title", None),
    "heading": ("h1", None),
    "canonical": ("link[rel=canonical]", "href"),
    "price": ("[class*=price]", None),
}
IN_FLIGHT = 64
