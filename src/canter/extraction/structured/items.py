"""Microdata and RDFa Lite: marked elements to nodes. Each element is looked at a bounded number of times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from canter.extraction.html import Element, Text, Tree
from canter.extraction.structured.model import Item, Node, short

MAX_VALUES = 100_000  # of a page; a page of references to references could ask for the square of its length
_URL_ATTRIBUTE = {
    "a": "href", "area": "href", "link": "href", "audio": "src", "embed": "src", "iframe": "src",
    "img": "src",
    "source": "src", "track": "src", "video": "src", "object": "data", "data": "value", "meter": "value",
    "time": "datetime",
}  # fmt: skip
_SCHEMA = re.compile(r"(?i:https?://(?:www\.)?schema\.org)")
_PREFIXES = {
    "schema": "http://schema.org/", "og": "http://ogp.me/ns#", "dc": "http://purl.org/dc/terms/",
    "dcterms": "http://purl.org/dc/terms/", "foaf": "http://xmlns.com/foaf/0.1/",
    "gr": "http://purl.org/goodrelations/v1#", "v": "http://rdf.data-vocabulary.org/#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#", "cc": "http://creativecommons.org/ns#",
}  # fmt: skip


class _Nearest:
    """The nearest of some elements around another; what was found on the way is remembered."""

    def __init__(self, around: Iterable[Element]) -> None:
        self._around = set(around)
        self._known: dict[Any, Element | None] = {}

    def of(self, element: Element) -> Element | None:
        """The nearest around an element, not itself."""
        passed: list[Any] = []
        node: Any = element.parent
        while node is not None and node not in self._known and node not in self._around:
            passed.append(node)
            node = node.parent
        found = node if node is None or node in self._around else self._known[node]
        self._known.update(dict.fromkeys(passed, found))
        return found


def items(tree: Tree) -> tuple[list[Node], list[Node]]:
    """The nodes of microdata and of RDFa that no other node of theirs holds, in the order of the page."""
    scopes = tree.elements("[itemscope], [typeof]")
    scoped = [element for element in scopes if element.attr("itemscope") is not None]
    typed = len(scoped) < len(scopes) or any(element.attr("typeof") is not None for element in scoped)
    return (_microdata(tree, scoped) if scoped else []), (_rdfa(tree) if typed else [])


def _microdata(tree: Tree, scopes: list[Element]) -> list[Node]:
    nodes = {
        element: Node(
            "microdata",
            f"microdata[{number}]",
            tuple(short(kind) for kind in (element.attr("itemtype") or "").split()),
            element.attr("itemid"),
        )
        for number, element in enumerate(scopes)
    }
    wanted = {name for element in scopes for name in (element.attr("itemref") or "").split()}
    targets: dict[str, Element] = {}
    if wanted:
        for element in tree.elements("[id]"):
            name = element.attr("id") or ""
            if name in wanted:
                targets.setdefault(name, element)
    scope_of = _Contents(nodes, set(targets.values()))
    for element in tree.elements("[itemprop]"):
        scope_of.place(element)
    held: set[int] = set()
    budget = MAX_VALUES
    for element, node in nodes.items():
        names = (element.attr("itemref") or "").split()
        for marked in scope_of.all(element, [targets[name] for name in names if name in targets]):
            budget -= 1
            if budget < 0:
                break
            item: Item = nodes[marked] if marked in nodes else _microdata_value(marked)
            if item is node:
                continue
            if isinstance(item, Node):
                held.add(id(item))
            for name in dict.fromkeys((marked.attr("itemprop") or "").split()):
                node.add(short(name), item)
    return [node for node in nodes.values() if id(node) not in held]


class _Contents:
    """Which marked elements stand in which item, and in which element that an itemref names."""

    def __init__(self, scopes: Iterable[Element], targets: set[Element]) -> None:
        self._scopes = set(scopes)
        self._targets = targets
        self._nearest = _Nearest(self._scopes | targets)
        self._in_scope: dict[Element, list[Element]] = {}
        self._in_target: dict[Element, list[Element]] = {}
        self._inner: dict[tuple[Element, bool], list[Element]] = {}  # targets within a scope or a target
        for target in targets:
            around = self._nearest.of(target)
            if around is not None:
                self._inner.setdefault((around, around in self._scopes), []).append(target)

    def place(self, element: Element) -> None:
        """Note where an element with `itemprop` stands."""
        if element in self._targets:
            self._in_target.setdefault(element, []).append(element)
            return
        around = self._nearest.of(element)
        if around is not None:
            places = self._in_scope if around in self._scopes else self._in_target
            places.setdefault(around, []).append(element)

    def all(self, scope: Element, references: list[Element]) -> Iterable[Element]:
        """The marked elements of an item: its own, then those of the elements it names."""
        yield from self._in_scope.get(scope, [])
        pending = [*self._inner.get((scope, True), []), *references]
        seen: set[Element] = set()
        for target in pending:
            if target not in seen:
                seen.add(target)
                yield from self._in_target.get(target, [])
                if target not in self._scopes:
                    pending.extend(self._inner.get((target, False), []))


def _microdata_value(element: Element) -> str:
    """`content` wherever it stands, as pages use it; then what HTML says for the element."""
    content = element.attr("content")
    if content is not None:
        return content
    named = _URL_ATTRIBUTE.get(element.tag)
    value = element.attr(named) if named else None
    return _text(element) if value is None else value


def _rdfa(tree: Tree) -> list[Node]:
    marked = tree.elements("[typeof], [property], [resource], [about]")
    scopes = [
        element
        for element in marked
        if element.attr("typeof") is not None
        or (element.attr("property") is None and (element.attr("resource") or element.attr("about")))
    ]
    contexts = _Contexts(tree)
    nodes: dict[Element, Node] = {}
    for number, element in enumerate(scopes):
        context = contexts.of(element)
        types = tuple(context.name(kind) for kind in (element.attr("typeof") or "").split())
        name = next(
            (value for key in ("about", "resource", "href", "src") if (value := element.attr(key))), None
        )
        nodes[element] = Node("rdfa", f"rdfa[{number}]", types, name)
    nearest, held = _Nearest(nodes), set[int]()
    for element in marked:
        around = nearest.of(element) if element.attr("property") is not None else None
        if around is None:
            continue
        item: Item = nodes[element] if element in nodes else _rdfa_value(element)
        if isinstance(item, Node):
            held.add(id(item))
        for name in dict.fromkeys((element.attr("property") or "").split()):
            nodes[around].add(contexts.of(element).name(name), item)
    return [node for node in nodes.values() if id(node) not in held and (node.types or node.properties)]


def _rdfa_value(element: Element) -> str:
    for name in ("content", "resource", "href", "src", "datetime"):
        value = element.attr(name)
        if value is not None:
            return value
    return _text(element)


def _text(element: Element) -> str:
    """The text that a reader sees."""
    if element.select_one("script, style") is None:
        return element.text
    hidden = {node for each in element.select("script, style") for node in each.children}
    return "".join(node.data for node in element.descendants if isinstance(node, Text) and node not in hidden)


class _Context:
    """What short names mean in a part of the page."""

    def __init__(self, vocab: str, prefixes: dict[str, str]) -> None:
        self.vocab, self.prefixes = vocab, prefixes

    def name(self, given: str) -> str:
        """A type or property in full, but schema.org's in short."""
        prefix, colon, rest = given.partition(":")
        if colon:
            known = self.prefixes.get(prefix.lower())
            return short(given if known is None else known + rest)
        return short(self.vocab + given)


class _Contexts:
    """The contexts of a page by its `vocab` and `prefix` attributes."""

    def __init__(self, tree: Tree) -> None:
        elements = tree.elements("[vocab], [prefix]")
        self._nearest = _Nearest(elements)
        self._at: dict[Element, _Context] = {}
        self._outer = _Context("", _PREFIXES)
        for element in elements:
            around = self._nearest.of(element)
            outer = self._outer if around is None else self._at[around]
            words = (element.attr("prefix") or "").split()
            pairs = zip(words[::2], words[1::2], strict=False)
            named = {name.rstrip(":").lower(): address for name, address in pairs}
            vocab = element.attr("vocab")
            if vocab is not None and _SCHEMA.fullmatch(vocab.strip()):
                vocab = f"{vocab.strip()}/"  # as it was meant
            self._at[element] = _Context(
                outer.vocab if vocab is None else vocab.strip(),
                {**outer.prefixes, **named} if named else outer.prefixes,
            )

    def of(self, element: Element) -> _Context:
        """The context that holds at an element."""
        if element in self._at:
            return self._at[element]
        around = self._nearest.of(element)
        return self._outer if around is None else self._at[around]
