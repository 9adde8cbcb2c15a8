"""The built-in site `auto` on the product pages with human labels: F1 by their benchmark's rules, and cost.

`python -m bench.auto [--half dev|held-out|both] [--errors] [--without-structured]`. The rules are those of
scrapinghub/product-extraction-benchmark: a value is right where it equals any of the labels (prices as
decimals); a wrong one is both a false positive and, where there is a label, a false negative. brand and name
are not part of that benchmark and compared without case. Shops are parted in two halves by the hash of their
names; the rules were written with the pages of one, `dev`, in sight. `--without-structured` takes JSON-LD,
microdata, RDFa and OpenGraph out of the pages first: what is read then is what their scripts and visible
texts tell.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from bench.corpus import CORPUS
from bench.machine import describe
from canter.extraction import Extractor, Page
from canter.sites import AUTO

PUBLISHED = {  # price, sku, availability on all 140 pages of the benchmark
    "Zyte": (0.918, 0.841, 0.957),
    "Diffbot": (0.824, 0.765, 0.943),
    "extruct": (0.685, 0.537, 0.626),
}
ATTRIBUTES = ("price", "sku", "availability", "brand", "name")
_OUT = frozenset({"OutOfStock", "SoldOut", "Discontinued"})


class Case(NamedTuple):
    """A page and its labels: attribute -> the values that are right; none of them where it has none."""

    site: str
    url: str
    content: bytes
    labels: dict[str, set[str]]

    @property
    def held_out(self) -> bool:
        """Whether its shop belongs to the half that the rules were written without."""
        return int(hashlib.sha256(self.site.encode()).hexdigest(), 16) % 2 == 1


class Score(NamedTuple):
    """Counts of one attribute."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 where there was nothing to find or to say."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else 1.0


def read(name: str) -> bytes:
    """A page of the corpus."""
    content = (CORPUS / name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content


def cases() -> Iterator[Case]:
    """The pages with human labels. Names are those of structured data, where exactly one product is told."""
    human = json.loads((CORPUS / "expected/peb_human.json").read_text("utf-8"))
    derived = json.loads((CORPUS / "expected/structured_derived.json").read_text("utf-8"))
    sites = {
        page["file"]: page for page in json.loads((CORPUS / "MANIFEST.json").read_text("utf-8"))["pages"]
    }
    for file, labels in human.items():
        found = {key: set(map(str, labels.get(key, ()))) for key in ("sku", "availability", "brand")}
        on_page = labels.get("price_on_page")
        prices = [on_page] if isinstance(on_page, str) else on_page or labels.get("price", ())
        found["price"] = {str(price).strip() for price in prices}
        single = derived.get(file, {}).get("single_product") or {}
        found["name"] = {single["name"]} if single.get("name") else set()
        yield Case(sites[file]["site"], labels["url"], read(file), found)


def told(fields: Mapping[str, Any]) -> dict[str, str | None]:
    """The fields as the benchmark's: a price without currency, and an availability that is one of two."""
    price, availability = fields["price"], fields["availability"]
    stock = None if availability is None else "OutOfStock" if availability in _OUT else "InStock"
    plain = {name: fields[name] for name in ("sku", "brand", "name")}
    return {**plain, "price": price["amount"] if price else None, "availability": stock}


def compare(attribute: str, labels: set[str], value: str | None) -> Score:
    """One page's counts for one attribute."""
    if value is None:
        return Score(missed=int(bool(labels)))
    if attribute == "price":
        right = Decimal(value) in {Decimal(label) for label in labels}
    elif attribute in ("brand", "name"):
        right = _words(value) in {_words(label) for label in labels}
    else:
        right = value in labels
    return Score(right=1) if right else Score(wrong=1, missed=int(bool(labels)))


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()


_STRUCTURED = 'script[type="application/ld+json" i], meta[property], meta[itemprop], meta[name^="twitter:" i]'
_ATTRIBUTES = frozenset(
    (
        "itemscope",
        "itemprop",
        "itemtype",
        "itemid",
        "itemref",
        "typeof",
        "property",
        "vocab",
        "resource",
        "about",
    )
)


def loaded(case: Case, *, without_structured: bool = False) -> Page:
    """A case's page with its tree, as it is or without its structured data."""
    page = Page(case.url, 200, {}, case.content)
    if without_structured:
        for element in page.tree.elements(_STRUCTURED):
            element.extract()
        for element in page.tree.elements(", ".join(f"[{name}]" for name in sorted(_ATTRIBUTES))):
            for name in _ATTRIBUTES.intersection(element.attrs):
                del element.attrs[name]
    assert page.tree
    return page


def evaluate(
    pages: Sequence[Case], *, errors: bool = False, without_structured: bool = False
) -> dict[str, Score]:
    """The counts of each attribute over the pages. A name without label is not counted, nor a brand."""
    totals = dict.fromkeys(ATTRIBUTES, Score())
    extractor = Extractor(AUTO)
    for case in pages:
        page = loaded(case, without_structured=without_structured)
        fields = told(extractor.read(page).fields)
        for attribute in ATTRIBUTES:
            labels = case.labels[attribute]
            if not labels and attribute in ("name", "brand"):
                continue
            score = compare(attribute, labels, fields[attribute])
            totals[attribute] = Score(*map(sum, zip(totals[attribute], score, strict=True)))
            if errors and (score.wrong or score.missed):
                print(
                    f"  {case.site} {attribute}: {fields[attribute]!r}, labelled {sorted(labels)} {case.url}"
                )
    return totals


def cost(pages: Sequence[Case], rounds: int = 7, *, without_structured: bool = False) -> tuple[float, float]:
    """ms a page beyond the parse, on average and for the slowest, the best of rounds."""
    extractor = Extractor(AUTO)
    times = []
    for case in pages:
        best = float("inf")
        for _ in range(rounds):
            page = loaded(case, without_structured=without_structured)
            began = time.process_time()
            extractor.read(page)
            best = min(best, time.process_time() - began)
        times.append(best * 1e3)
    return sum(times) / len(times), max(times)


def main() -> None:
    """Print what was measured beside what is published."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["dev", "held-out", "both"], default="both")
    parser.add_argument("--errors", action="store_true", help="name the pages that are wrong")
    parser.add_argument("--without-structured", action="store_true", help="take structured data out first")
    options = parser.parse_args()
    stripped = options.without_structured
    print(describe())
    everything = list(cases())
    for half, chosen in (
        ("dev", [case for case in everything if not case.held_out]),
        ("held-out", [case for case in everything if case.held_out]),
        ("both", everything),
    ):
        if options.half in (half, "both"):
            scores = evaluate(chosen, errors=options.errors and half != "both", without_structured=stripped)
            mean, slowest = cost(chosen, without_structured=stripped)
            row = ", ".join(f"{name} {score.f1:.3f}" for name, score in scores.items())
            print(f"{half}: {len(chosen)} pages of {len({case.site for case in chosen})} shops: F1 {row};"
                  f" {mean:.2f} ms a page beyond the parse, {slowest:.2f} at most")  # fmt: skip
    for name, values in PUBLISHED.items():
        print(
            f"published, all 140 pages: {name} price {values[0]}, sku {values[1]}, availability {values[2]}"
        )


if __name__ == "__main__":
    main()
