"""What structured data says, whatever its syntax: nodes with types and properties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Source = Literal["jsonld", "microdata", "rdfa", "opengraph"]
Scalar = str | int | float | bool
Item: TypeAlias = "Scalar | Node"

_SCHEMA = re.compile(
    r"(?:https?://(?:www\.)?schema\.org/|https?://(?:www\.)?(?:rdf\.)?data-vocabulary\.org/#?|schema:)(?=[\w-]+$)"
)


@dataclass(slots=True, eq=False)
class Node:
    """One thing that a page describes. Nodes may refer to each other in circles.

    types and names of properties are short where they are schema.org's ("Product", "price"), else as written.
    source and where: the syntax and the place in the page ("jsonld[0].@graph[2]"), for each value in it too.
    """

    source: Source
    where: str
    types: tuple[str, ...] = ()
    id: str | None = None
    properties: dict[str, list[Item]] = field(default_factory=dict)

    def get(self, name: str) -> list[Item]:
        """The values of a property; none where it has none."""
        return self.properties.get(name, [])

    def add(self, name: str, item: Item) -> None:
        """One more value of a property."""
        self.properties.setdefault(name, []).append(item)

    def nodes(self, name: str) -> list[Node]:
        """The values of a property that are nodes."""
        return [item for item in self.get(name) if isinstance(item, Node)]

    def text(self, name: str) -> str | None:
        """The first value of a property that is a text or a number, as text."""
        return next((str(item) for item in self.get(name) if not isinstance(item, Node)), None)


def short(name: str) -> str:
    """A type or property without schema.org's address."""
    match = _SCHEMA.match(name) if ":" in name else None
    return name[match.end() :] if match else name


def walk(roots: Iterable[Node]) -> Iterator[Node]:
    """The nodes and all that they hold, each once, roots first."""
    queue, seen = list(roots), set[int]()
    for node in queue:
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            queue.extend(
                item for items in node.properties.values() for item in items if isinstance(item, Node)
            )
