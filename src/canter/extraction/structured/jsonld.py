"""JSON-LD: from the texts of scripts, or from the bytes of a page without a tree, to nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from canter.extraction.structured.model import Node, short
from canter.extraction.structured.repair import read_json

SCRIPTS = 'script[type="application/ld+json" i]'
MAX_NODES = 50_000  # of a page
_KEYWORDS = frozenset({"@type", "@id", "@context", "@graph", "@value", "@language", "@reverse"})
_SCALARS = (str, int, float)
_VALUES = ("@value", "@list", "@set")


def jsonld(scripts: Iterable[str]) -> list[Node]:
    """The nodes at the top of the scripts' documents, their graphs and lists, references resolved."""
    builder = _Builder()
    for number, script in enumerate(scripts):
        for value in read_json(script):
            builder.document(value, f"jsonld[{number}]")
    builder.resolve()
    return builder.roots


class _Builder:
    """Makes nodes of JSON without recursion, so that depth costs no stack."""

    def __init__(self) -> None:
        self.roots: list[Node] = []
        self._work: list[tuple[Node, dict[str, Any]]] = []
        self._named: dict[str, Node] = {}
        self._references: list[tuple[list[Any], int, str]] = []
        self._count = 0

    def document(self, value: Any, where: str) -> None:
        """One script's value: an object, a list of them, or graphs."""
        pending = [(value, where)]
        while pending:
            value, where = pending.pop()
            if isinstance(value, list):
                pending.extend((item, f"{where}[{n}]") for n, item in reversed(list(enumerate(value))))
            elif isinstance(value, dict):
                if "@graph" in value:
                    pending.append((value["@graph"], f"{where}.@graph"))
                if value.keys() - {"@graph", "@context", "@id"} or "@graph" not in value:
                    self._root(value, where)
        while self._work:
            self._fill(*self._work.pop())

    def _root(self, value: dict[str, Any], where: str) -> None:
        node = self._node(value, where)
        if node is not None:
            self.roots.append(node)

    def _node(self, value: dict[str, Any], where: str) -> Node | None:
        self._count += 1
        if self._count > MAX_NODES:
            return None
        name = value.get("@id")
        types = value.get("@type")
        listed = types if isinstance(types, list) else [types]
        node = Node(
            "jsonld",
            where,
            tuple(short(kind.strip()) for kind in listed if isinstance(kind, str)),
            name if isinstance(name, str) else None,
        )
        self._work.append((node, value))
        return node

    def _fill(self, node: Node, value: dict[str, Any]) -> None:
        for key, given in value.items():
            if key not in _KEYWORDS:
                name = short(key)
                items = [given] if isinstance(given, _SCALARS) else self._items(given, node, name)
                if items:
                    node.properties[name] = items
        if node.id is not None and (node.properties or node.types):
            self._named.setdefault(node.id, node)

    def _items(self, given: Any, owner: Node, key: str) -> list[Any]:
        """The values of one property; lists within lists are one list."""
        if isinstance(given, str | int | float):
            return [given]
        items: list[Any] = []
        pending = [given]
        while pending:
            value = pending.pop()
            if isinstance(value, list):
                pending.extend(reversed(value))
            elif isinstance(value, dict):
                inner = next((value[name] for name in _VALUES if name in value), None)
                if inner is not None:
                    pending.append(inner)
                    continue
                node = self._node(value, f"{owner.where}.{key}[{len(items)}]")
                if node is None:
                    continue
                if value.keys() == {"@id"} and node.id is not None:
                    self._references.append((items, len(items), node.id))
                items.append(node)
            elif isinstance(value, _SCALARS):
                items.append(value)
        return items

    def resolve(self) -> None:
        """Put the nodes in place of what only names them."""
        for items, at, name in self._references:
            items[at] = self._named.get(name, items[at])
