"""Evidence for a field's value, and what pieces of evidence say together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from math import prod
from typing import NamedTuple

from canter.model import Value

THRESHOLD = 0.5  # below it a value is missing


class Evidence(NamedTuple):
    """A value, where it came from ("jsonld[0]", "page: beside the title"), and how sure it is, 0 to 1."""

    value: Value
    source: str
    confidence: float


DOUBT = 0.6  # what a rival takes away of its own weight
_SEEN = "page"  # how the sources begin that a reader of the page can see


def settle(
    found: Iterable[Evidence], same: Callable[[Value], Hashable], doubt: float = DOUBT
) -> Evidence | None:
    """The value that the evidence speaks for most; None without any.

    Values with the same key under `same` support each other as independent sources do; the value is that of
    the surest. The strongest rival takes away `doubt` times its own weight, half of that where the page
    shows its readers the value and not the rival; doubt 0 is for what a page may rightly say in several
    ways, as its name.
    """
    found = list(found)
    if len(found) < 2:
        return found[0]._replace(confidence=round(found[0].confidence, 3)) if found else None
    groups: dict[Hashable, list[Evidence]] = {}
    for each in found:
        groups.setdefault(same(each.value), []).append(each)
    ranked = sorted(((_together(group), group) for group in groups.values()), key=lambda pair: -pair[0])
    weight, group = ranked[0]
    rival, rivals = ranked[1] if len(ranked) > 1 else (0.0, [])
    if _is_seen(group) and not _is_seen(rivals):
        doubt /= 2
    value = max(group, key=lambda each: each.confidence).value
    sources = ", ".join(dict.fromkeys(each.source for each in group))
    return Evidence(value, sources, round(weight * (1 - doubt * rival), 3))


def _is_seen(group: list[Evidence]) -> bool:
    return any(each.source.startswith(_SEEN) for each in group)


def _together(group: list[Evidence]) -> float:
    """How sure independent sources are together; what one source says twice counts once."""
    strongest: dict[str, float] = {}
    for each in group:
        strongest[each.source] = max(each.confidence, strongest.get(each.source, 0.0))
    return 1 - prod(1 - confidence for confidence in strongest.values())
