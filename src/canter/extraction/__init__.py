"""Extraction: a page and a site's rules in, typed fields out. Pure: no network, no clock.

Page -> Reading (what several fields need, made once)
     -> FieldReader per field: css, json -> text -> pattern -> type
     -> the site's own `parse`, whose values win; for the built-in site `auto`, evidence in place of rules
     -> Extraction
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from traceback import format_exception_only
from typing import Any, NamedTuple

from canter.errors import ConfigError
from canter.extraction import auto
from canter.extraction.content import not_text
from canter.extraction.fields import FieldReader, Origin, Reading
from canter.extraction.own import merge
from canter.extraction.page import Page
from canter.extraction.shortcut import Shortcut
from canter.extraction.sightings import Plan, Wanted
from canter.extraction.structured.scanned import pays_off
from canter.sites.auto import AUTO
from canter.sites.site import Field, Site

# Shares of a page's parse: what it spares to do it by bytes, what a scan costs that does not do.
BY_BYTES, SCAN = 0.2, 0.2

__all__ = ["Extraction", "Extractor", "Origin", "Page", "extract", "not_text"]


class Extraction(NamedTuple):
    """What a page gave: every declared field (None where missing), the required ones that are missing,
    a line for each thing that did not fit, and where each value that was found came from."""

    fields: dict[str, Any]
    missing: list[str]
    problems: list[str]
    origins: dict[str, Origin]


class Extractor:
    """A site's rules compiled. Raises ConfigError for a selector or parse function that cannot be used."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._parse = site.parse_function()
        fields = list(site.fields.values())
        self._by_selectors = self._parse is None and site is not AUTO and all(map(_by_selector, fields))
        self._by_scan = self._parse is None and site is not AUTO and all(map(_by_structured, fields))
        self._scan, self._bytes = Shortcut(), Shortcut()
        self._plan = Plan.of(list(_wanted(fields))) if self._by_selectors else None
        self._required = [name for name, field in site.fields.items() if field.required]
        self._readers = {
            name: FieldReader(name, field, site.locale)
            for name, field in site.fields.items()
            if not field.from_parse
        }

    def read(self, page: Page) -> Extraction:
        """The fields of a page. Raises nothing for what a page or a parse function does, but MemoryError.

        A value that `parse` gives wins over the rules' own, None does not.
        """
        quick = self._by_selectors and self._bytes.is_tried()
        if quick:
            page.prefer_quick(self._plan)
        by_scan = self._by_scan and pays_off(page) and self._scan.is_tried()
        reading = Reading(page, by_scan=by_scan)
        fields = self._by_evidence(reading) if self.site is AUTO else self._by_rules(reading)
        if quick:
            self._bytes.gained(-1 if page.parsed_again else BY_BYTES)
            if self._plan and page.parsed_share:
                self._plan.shortcut.gained(1 - page.parsed_share)
        if by_scan:
            self._scan.gained(-SCAN if page.parsed else 1)
        missing = [name for name in self._required if fields[name] is None]
        return Extraction(fields, missing, reading.problems, reading.origins)

    def _by_evidence(self, reading: Reading) -> dict[str, Any]:
        try:
            return auto.read(reading)
        except MemoryError:
            raise
        except Exception as error:
            reading.problems.append(f"{self.site.name}: {_reason(error)}")
            return dict.fromkeys(self.site.fields)

    def _by_rules(self, reading: Reading) -> dict[str, Any]:
        fields: dict[str, Any] = dict.fromkeys(self.site.fields)
        for name, reader in self._readers.items():
            try:
                fields[name] = reader.read(reading)
            except MemoryError:
                raise
            except Exception as error:
                reading.problems.append(f"{name}: {_reason(error)}")
        if self._parse is not None:
            try:
                merge(self._parse(reading.page), self._readers, reading, fields)
            except MemoryError:
                raise
            except (Exception, SystemExit) as error:
                reading.problems.append(f"parse: {_reason(error)}")
        return fields


def _by_selector(field: Field) -> bool:
    """Whether CSS alone, or nothing, of the page's tree is asked for."""
    return not (field.xpath or field.structured or field.label)


def _by_structured(field: Field) -> bool:
    """Whether nothing but structured data is asked for."""
    return bool(field.structured) and not (field.css or field.xpath or field.label or field.jmespath)


def _wanted(fields: Iterable[Field]) -> Iterator[Wanted]:
    for field in fields:
        every = field.many or field.index is not None or field.jmespath is not None
        yield Wanted(field.css, every)
    if any(field.type == "url" for field in fields):
        yield Wanted(("base[href]",), False)


def _reason(error: BaseException) -> str:
    text = " ".join("".join(format_exception_only(error)).split())
    return text.encode("utf-8", "replace").decode()[:500]


def extract(html: str | bytes, site: Site | str = "auto", url: str = "") -> dict[str, Any]:
    """One page's fields with no network: every declared field, None where missing.

    `site`: a Site, or "auto", the built-in one. `url` is what relative links start from. Raises ConfigError
    for a site that cannot be used. In a loop, make an `Extractor` once.
    """
    if isinstance(site, str):
        if site != AUTO.name:
            raise ConfigError(f"expected a Site, or {AUTO.name!r} for the built-in one, not {site!r}")
        site = AUTO
    if isinstance(html, str):
        page = Page(url, 200, {"Content-Type": "text/html; charset=utf-8"}, html.encode("utf-8", "replace"))
    else:
        page = Page(url, 200, {}, html)
    return Extractor(site).read(page).fields
