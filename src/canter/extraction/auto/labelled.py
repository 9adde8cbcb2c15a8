"""Values that stand beside a label: codes and brand of a product, APR and annual fee of a financial one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.told import MAX_CODE, usable
from canter.extraction.auto.view import View
from canter.extraction.auto.words import ANNUAL_FEE, APR, FIELD_OF_LABEL
from canter.extraction.fields import Reading
from canter.extraction.values import Hints, convert
from canter.model import Value

_EDGE = " *#.:-–()\t"
_NONE = re.compile(
    r"(?:none|no annual fee|keine|aucune|ninguna|nessuno|brak|free|kostenlos|gratis)\b", re.IGNORECASE
)
_DIGIT = re.compile(r"\d")


class Labelled:
    """The product's labelled values of a page, found in one pass."""

    def __init__(self, view: View) -> None:
        self._found: dict[str, list[str]] = {}
        pieces = view.pieces
        for index, piece in enumerate(view.folded.split("\n")):
            if len(piece) > 2 * MAX_CODE:
                continue
            head, colon, _ = piece.partition(":")
            field = FIELD_OF_LABEL.get(head.strip(_EDGE))
            if field is None:
                continue
            text = pieces[index][len(head) + 1 :].strip() if colon else ""
            if not text:
                text = next((each for each in pieces[index + 1 : index + 3] if each.strip(_EDGE)), "")
            self._found.setdefault(field, []).append(text.strip(_EDGE + "\u200e"))

    def texts(self, name: str) -> list[str]:
        """What stands beside a field's labels."""
        return [text for text in self._found.get(name, ()) if text]

    def evidence(self, name: str) -> Iterator[Evidence]:
        """The first usable value beside one of a field's labels."""
        for text in self._found.get(name, ()):
            code = name == "brand" or _DIGIT.search(text)
            if text and code and usable(name, text) and text.lower() not in FIELD_OF_LABEL:
                sure = {"gtin": 0.85, "brand": 0.65}.get(name, 0.7)
                yield Evidence(text, "page: beside a label", sure)
                return


def financial(name: str, reading: Reading, view: View, hints: Hints) -> Iterator[Evidence]:
    """The APR or the annual fee beside its label; "none" is no fee."""
    kind, labels = ("percent_range", APR) if name == "apr" else ("money", ANNUAL_FEE)
    for label in labels:
        words = label.lower()
        if words not in view.folded or not re.search(rf"(?<!\w){re.escape(words)}(?!\w)", view.folded):
            continue
        for text in reading.labels.beside(label)[:5]:
            value: Value = convert(kind, text, hints._replace(currency=None))
            if value is None and kind == "money" and _NONE.match(text):
                value = {"amount": "0", "currency": hints.currency}
            if isinstance(value, dict) and value["currency"] is None and value["amount"] != "0":
                value = None  # a footnote's number, as a rule
            if value is not None:
                yield Evidence(value, f"label: {label}", 0.8)
                return
