"""Fingerprints, and what changed between two good records of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import xxhash

from canter.model import Fields

_UNSIGNED = (1 << 64) - 1


def fingerprint(data: bytes, seed: int = 0) -> int:
    """The 64-bit XXH3 hash of `data`, signed so that SQLite keeps it as an integer; `seed` makes it another.

    Not cryptographic: it tells whether a page is the one seen last, and a site that forges a
    collision hides a change of its own page from itself alone.
    """
    digest = xxhash.xxh3_64_intdigest(data, seed & _UNSIGNED)
    return digest - (1 << 64) if digest >> 63 else digest


def canonical(fields: Mapping[str, Any]) -> bytes:
    """`fields` as JSON with sorted keys: equal fields give equal bytes.

    Raises TypeError for a value that JSON cannot hold.
    """
    return _json(fields)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fields:
    """The old values of the fields that changed.

    A field that only one of the two has is a change of the rules, not of the page.
    Raises TypeError for a value that JSON cannot hold.
    """
    return {name: old[name] for name in new if name in old and _json(old[name]) != _json(new[name])}


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
