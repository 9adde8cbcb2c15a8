"""Sizes and spans as people write them, on the command line, in the environment and in site files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SPANS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_QUANTITY = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)\s*", re.ASCII)


def parse_seconds(value: object) -> object:
    """`"30m"`, `"1.5h"`, `"90d"` as seconds; what is no text as it is. Raises ValueError."""
    return _quantity(value, _SPANS, "expected seconds such as 90, 30m or 12h")


def parse_bytes(value: object) -> object:
    """`"16MiB"`, `"500kB"` as bytes; what is no text as it is. Raises ValueError."""
    size = _quantity(value, _SIZES, "expected bytes such as 16777216 or 16MiB")
    return int(size) if isinstance(value, str) and isinstance(size, float) else size


def _quantity(value: object, units: Mapping[str, float], expected: str) -> object:
    if isinstance(value, bool):
        raise ValueError(expected)
    if not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value)
    if not match or match[2].lower() not in units:
        raise ValueError(expected)
    return float(match[1]) * units[match[2].lower()]


Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]
