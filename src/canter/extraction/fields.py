"""The rules of one field, compiled once, and what they find in a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from canter.extraction.html import check_selector, check_xpath
from canter.extraction.label import Labels
from canter.extraction.page import Page, parse_json
from canter.extraction.structured import Found as Told
from canter.extraction.structured import Node, StructuredData, agreed, follow, parse_path
from canter.extraction.structured.scanned import structured_data
from canter.extraction.structured.typed import typed
from canter.extraction.values import MAX_TEXT, Hints, collapse, convert, convert_number
from canter.model import Value
from canter.sites.site import Field, Mistake

T = TypeVar("T")
Found = str | int | float | Told  # what a rule finds: a collapsed text, a number of JSON, structured data

_NOUNS = {
    "text": "text",
    "money": "money",
    "percent": "a percentage",
    "percent_range": "a range of percentages",
    "number": "a number",
    "integer": "a whole number",
    "date": "a date with its year",
    "availability": "an availability",
    "url": "a URL of http or https",
}


class Unfit(ValueError):
    """What a rule finds cannot be a field's value; the message says why."""


class Origin(NamedTuple):
    """Where a field's value came from.

    source: the kind of rule ("css", "label", ...), "parse" or "evidence"; rule: the one that found it
    (".price"), or the pieces of evidence ("jsonld[0], page: beside the title"); place: the structured data's
    place in the page; confidence: 0 to 1 where evidence was weighed.
    """

    source: str
    rule: str = ""
    place: str = ""
    confidence: float | None = None


class Reading:
    """One page while its fields are read: what several fields need is made once.

    `by_scan`: structured data alone is wanted, if it can be had without a parse.
    `problems` collects what went wrong, a line each; `origins` where each value that was found came from.
    """

    __slots__ = (
        "_base",
        "_by_scan",
        "_json",
        "_labels",
        "_scripts",
        "_structured",
        "origins",
        "page",
        "problems",
    )

    def __init__(self, page: Page, *, by_scan: bool = False) -> None:
        self.page = page
        self._by_scan = by_scan
        self.problems: list[str] = []
        self.origins: dict[str, Origin] = {}
        self._base: str | None = None
        self._json: list[Any] | None = None
        self._scripts: dict[str, list[list[Any]]] = {}
        self._structured: StructuredData | None = None
        self._labels: Labels | None = None

    @property
    def base(self) -> str:
        """The URL that the page's links start from."""
        if self._base is None:
            tree = self.structured.part("base") if self._by_scan else self.page.tree
            base = tree.first("base[href]", "href")
            url = convert("url", collapse(base), Hints(base=self.page.url)) if base else None
            self._base = url if isinstance(url, str) else self.page.url
        return self._base

    @property
    def structured(self) -> StructuredData:
        """The page's structured data."""
        if self._structured is None:
            self._structured = structured_data(self.page, by_scan=self._by_scan)
        return self._structured

    @property
    def labels(self) -> Labels:
        """The page's texts, to find labels in."""
        if self._labels is None:
            self._labels = Labels(self.page.tree)
        return self._labels

    def documents(self) -> list[Any]:
        """The answer's JSON, or nothing and a problem."""
        if self._json is None:
            try:
                self._json = [self.page.json()]
            except ValueError as error:
                self._json = []
                self.problems.append(f"the answer is not JSON: {error}")
        return self._json

    def scripts(self, selector: str) -> list[list[Any]]:
        """For each element that matches, its JSON or nothing."""
        if selector not in self._scripts:
            self._scripts[selector] = [list(_script(text or "")) for text in self.page.tree.all(selector)]
        return self._scripts[selector]


_ASSIGNED = re.compile(r"=\s*(?=[\[{])")


def _script(text: str) -> Iterator[Any]:
    """The JSON a script is, or the one it assigns: `window.state = {...};`."""
    try:
        yield parse_json(text.encode("utf-8", "replace"))
        return
    except ValueError:
        pass
    assigned = _ASSIGNED.search(text)
    if assigned:
        try:
            yield parse_json(text[assigned.end() :].rstrip("; \t\r\n").encode("utf-8", "replace"))
        except ValueError:
            return


class FieldReader:
    """Reads one field. Raises ConfigError for a selector the parser does not take."""

    __slots__ = ("_attr", "_css", "_expression", "_hints", "_index", "_pattern", "field", "name")

    def __init__(self, name: str, field: Field, locale: str | None) -> None:
        _check(f"fields.{name}.css", field.css, check_selector)
        _check(f"fields.{name}.xpath", field.xpath, check_xpath)
        _check(f"fields.{name}.structured", field.structured, parse_path)
        self.name = name
        self.field = field
        self._css = field.css
        self._attr = field.attr
        self._index = field.index or 0
        self._pattern = re.compile(field.pattern) if field.pattern is not None else None
        self._expression = jmespath.compile(field.jmespath) if field.jmespath is not None else None
        self._hints = Hints(locale, field.currency)

    def read(self, reading: Reading) -> Value:
        """The field's value; None where it is missing, with a problem where a text was there."""
        try:
            found = self._found(reading)
        except Unfit as unfit:
            reading.problems.append(f"{self.name}: {unfit}")
            return None
        values = [value for item in found if (value := self.typed(item, reading)) is not None]
        if self.field.many:
            return values or None
        return values[0] if values else None

    def typed(self, item: Found, reading: Reading) -> Value:
        """What was found as the field's type; None and a problem where it does not fit."""
        kind = self.field.type
        hints = self._with_base(reading) if kind == "url" else self._hints
        if isinstance(item, Told):
            value, item = typed(kind, item, hints), item.value
        elif isinstance(item, str):
            value = convert(kind, item, hints)
        else:
            value = convert_number(kind, item, hints)
        if value is None:
            reading.problems.append(f"{self.name}: {_short(item)} is not {_NOUNS[kind]}")
        return value

    def _with_base(self, reading: Reading) -> Hints:
        in_page = self._expression is None or self._css
        return self._hints._replace(base=reading.base if in_page else reading.page.url)

    def _found(self, reading: Reading) -> list[Found]:
        """What the first rule that finds something finds: one item, or all where many are wanted."""
        unmatched: list[str] = []
        for source, rule, candidates in self._candidates(reading):
            found = [item for candidate in candidates if (item := self._narrowed(candidate, unmatched)) != ""]
            if found:
                place = found[0].where if isinstance(found[0], Told) else ""
                reading.origins[self.name] = Origin(source, rule, place)
                return found
        if unmatched:
            searched = f" (its first {MAX_TEXT:,} characters)" if len(unmatched[0]) > MAX_TEXT else ""
            reading.problems.append(f"{self.name}: the pattern is not in {_short(unmatched[0])}{searched}")
        return []

    def _candidates(self, reading: Reading) -> Iterator[tuple[str, str, Iterable[Any]]]:
        """Rule by rule, its kind, itself and what it gives before that is narrowed to a text or number."""
        expression = self._expression
        if expression is None:
            yield from self._in_page(reading)
        elif not self._css:
            for document in reading.documents():
                yield "json", "", self._chosen(_searched(expression, document))
        else:
            for selector in self._css:
                scripts = reading.scripts(selector)
                for documents in scripts if self.field.index is None else self._chosen(scripts):
                    for document in documents:
                        found = _searched(expression, document)
                        yield "css", selector, found if self.field.many else found[:1]

    def _in_page(self, reading: Reading) -> Iterator[tuple[str, str, Iterable[Any]]]:
        """The same for rules that read the page itself."""
        for selector in self._css:
            if self._index == 0 and not self.field.many:
                yield "css", selector, (reading.page.tree.first(selector, self._attr),)
            else:
                yield "css", selector, self._chosen(reading.page.tree.all(selector, self._attr))
        for expression in self.field.xpath:
            yield "xpath", expression, self._chosen(reading.page.tree.xpath(expression, self._attr))
        for path in self.field.structured:
            for product in reading.structured.products:
                yield "structured", path, self._chosen(self._told(product, path, reading))
        several = self.field.index is not None or self.field.many
        for label in self.field.label:
            texts = reading.labels.beside(label)
            yield "label", label, self._chosen(texts) if several else self._fit(texts)

    def _told(self, product: Node, path: str, reading: Reading) -> list[Told]:
        """The values of a path; none where one is wanted and several offers disagree."""
        steps = parse_path(path)
        found = follow(product, steps)
        if self.field.many or self.field.index is not None or agreed(found, steps):
            return found
        reading.problems.append(f"{self.name}: the offers disagree on {path}: {_short_all(found)}")
        return []

    def _fit(self, texts: list[str]) -> list[str]:
        """The first of the texts beside a label that fits the field; the first of all where none does."""
        for text in texts:
            narrowed = self._narrowed(text, [])
            if isinstance(narrowed, str) and narrowed and convert(self.field.type, narrowed, self._hints):
                return [text]
        return texts[:1]

    def _chosen(self, items: list[T]) -> list[T]:
        if self.field.many:
            return items
        return [items[self._index]] if -len(items) <= self._index < len(items) else []

    def _narrowed(self, item: Any, unmatched: list[str]) -> Found:
        """A text collapsed and narrowed by the pattern, a number as it is; "" where there is nothing."""
        if item is None:
            return ""
        if isinstance(item, Told):
            narrowed = self._narrowed(item.value, unmatched)
            return "" if narrowed == "" or isinstance(narrowed, Told) else item._replace(value=narrowed)
        if isinstance(item, bool):
            item = "true" if item else "false"
        if not isinstance(item, str | int | float):
            raise Unfit(f"expected a text or a number in the JSON, not {_short(item)}")
        if self._pattern is None:
            return collapse(item) if isinstance(item, str) else item
        text = collapse(str(item))
        match = self._pattern.search(text[:MAX_TEXT])
        if match is None:
            if text:
                unmatched.append(text)
            return ""
        return collapse((match[1] if self._pattern.groups else match[0]) or "")


def _check(key: str, rules: tuple[str, ...], check: Callable[[str], object]) -> None:
    for rule in rules:
        try:
            check(rule)
        except ValueError as error:
            raise Mistake(key, str(error)) from error


def _searched(expression: ParsedResult, document: Any) -> list[Any]:
    try:
        result = expression.search(document)
    except JMESPathError as error:
        raise Unfit(f"the JSON does not fit the expression: {error}") from error
    return result if isinstance(result, list) else [result]


def _short_all(found: list[Told]) -> str:
    return ", ".join(dict.fromkeys(_short(each.value) for each in found[:5]))


def _short(item: object) -> str:
    text = repr(item if not isinstance(item, str) else item[:100])
    return text if len(text) <= 80 else text[:77] + "..."
