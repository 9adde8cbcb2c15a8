"""What a site's rules find in one page, and by which rule: the findings of `canter check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from canter.extraction import Extraction, Extractor, Origin, Page, not_text
from canter.sites import AUTO, Field, Site

_NOT_A_PLACE = {"type", "currency", "required"}  # keys of a field that do not say where its value is
_RULES = ("css", "xpath", "structured", "label")  # keys that do, and of which there can be several
_NO_CONTENT = 204
_SHOWN = 300  # characters of a value on a terminal


@dataclass(frozen=True, slots=True)
class Finding:
    """One field of a page. `source`: the rule that found it, or those that did not; `confidence`: 0 to 1,
    where evidence was weighed; `problem`: what a rule found that does not fit."""

    name: str
    value: Any
    type: str
    source: str
    confidence: float | None
    required: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Check:
    """One page by one site's rules. `error`: why it could not be read; `problems`: of no single field."""

    page: str
    site: str
    error: str | None
    fields: list[Finding]
    problems: list[str]

    @property
    def missing(self) -> list[str]:
        """The required fields that were not found."""
        return [field.name for field in self.fields if field.required and field.value is None]

    @property
    def good(self) -> bool:
        """Whether a crawl would make it a record with outcome `ok`."""
        return self.error is None and not self.missing


def check_page(name: str, page: Page, site: Site) -> Check:
    """Try a site's rules on a page; `name` is what the user called it."""
    read = Extraction(dict.fromkeys(site.fields), [], [], {})
    error = page.error
    if error is None and (what := not_text(page.headers.get("Content-Type"), page.content)):
        error = f"not a text but {what}"
    if error is None and page.status == _NO_CONTENT and not page.content:
        return Check(name, site.name, None, [], ["an empty 204: good, and without fields"])
    if error is None:
        try:
            read = Extractor(site).read(page)
        except MemoryError:
            error = "its tree does not fit in memory"
    problems = read.problems
    fields = []
    for field_name, value in read.fields.items():
        field = site.fields.get(field_name)
        origin = read.origins.get(field_name) if value is not None else None
        own = [line for line in problems if line.startswith(f"{field_name}: ")]
        problems = [line for line in problems if line not in own]
        fields.append(
            Finding(
                name=field_name, value=value, type=(field.declared if field else "") or "any",
                source=_source(site, field, origin), confidence=origin.confidence if origin else None,
                required=field is not None and field.required,
                problem="; ".join(line.removeprefix(f"{field_name}: ") for line in own) or None,
            )
        )  # fmt: skip
    return Check(name, site.name, error, fields, problems)


def _source(site: Site, field: Field | None, origin: Origin | None) -> str:
    """Where a value came from; where there is none, all the rules that looked for one."""
    if field is None or field.from_parse:
        return "parse"
    if origin is None:
        return "evidence" if site is AUTO else _described(field)
    if origin.source in ("parse", "evidence"):
        return origin.rule or origin.source
    alone = {rule: (origin.rule,) if rule == origin.source else () for rule in _RULES}
    described = _described(field.model_copy(update=alone))
    return f"{described}, {origin.place}" if origin.place else described


def _described(field: Field) -> str:
    """Where a field looks, in the words of the site file: `css .price, attr content`."""
    rules = field.model_dump(exclude_defaults=True, by_alias=True)
    places = ((key, value) for key, value in rules.items() if key not in _NOT_A_PLACE)
    return ", ".join(key if value is True else f"{key} {_listed(value)}" for key, value in places)


def _listed(value: Any) -> str:
    return " | ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def printable(text: str) -> str:
    """A text of a page without anything that a terminal would act on: each such character as its code."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: Any) -> str:
    """A value as it stands in a record, on one line."""
    if value is None:
        return "missing"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return printable(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")


def print_checks(checks: Sequence[Check]) -> None:
    """The findings for people, on stdout: a table on a terminal, plain lines elsewhere."""
    console = Console(highlight=False) if sys.stdout.isatty() else None
    for check in checks:
        title = f"{printable(check.page)} by the rules of {printable(check.site)}"
        if console:
            _print_table(console, title, check)
        else:
            _print_plain(title, check)


def _print_table(console: Console, title: str, check: Check) -> None:
    console.print(Text(title, style="bold"))
    if check.error:
        console.print(Text(f"  {printable(check.error)}", style="red"))
    table = Table(box=None, header_style="bold")
    for column in ("field", "value", "type", "source", ""):
        table.add_column(column, overflow="fold")
    for field in [] if check.error else check.fields:
        style = "" if field.value is not None else "red" if field.required else "dim"
        cells = (shown(field.value), field.type, _found_by(field), _remark(field))
        table.add_row(Text(printable(field.name)), Text(cells[0], style), *map(Text, cells[1:]))
    if table.row_count:
        console.print(table)
    for problem in check.problems:
        console.print(Text(f"  {printable(problem)}", style="red"))


def _print_plain(title: str, check: Check) -> None:
    lines = [title]
    lines += [f"  error: {printable(check.error)}"] if check.error else []
    for field in [] if check.error else check.fields:
        remark = _remark(field)
        lines.append(
            f"  {printable(field.name)}: {shown(field.value)} ({field.type}; {_found_by(field)})"
            + (f" -- {remark}" if remark else "")
        )
    lines += [f"  {printable(problem)}" for problem in check.problems]
    print("\n".join(lines))  # noqa: T201


def _found_by(field: Finding) -> str:
    sure = "" if field.confidence is None else f", {field.confidence:.0%} sure"
    return printable(field.source) + sure


def _remark(field: Finding) -> str:
    need = "" if field.value is not None else "required" if field.required else "optional"
    return printable("; ".join(part for part in (need, field.problem) if part))


def as_dict(check: Check) -> dict[str, Any]:
    """The findings as JSON-able values."""
    return {**asdict(check), "missing": check.missing, "good": check.good}
