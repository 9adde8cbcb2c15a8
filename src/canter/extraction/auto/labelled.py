"""Values that stand beside a label: codes and brand of a product."""

from __future__ import annotations

import re
from collections.abc import Iterator

from canter.extraction.auto import words
from canter.extraction.auto.evidence import Evidence
from canter.extraction.auto.told import MAX_CODE, usable
from canter.extraction.auto.view import View, around, marks
from canter.extraction.auto.words import FIELD_OF_LABEL, NOTHING

_EDGE = " *#.:-–()\t"
_DIGIT = re.compile(r"\d")
_CAPITALS = re.compile(r"[A-Z]{2,}(?:[-_/][A-Z]+)*")
_PARTS = re.compile(r"\s*[|•]\s*")
# "Item # 4711", "Artikelnummer 4711": a label and one word with a digit, without a colon between.
# Most texts begin as no label does. Three letters tell the most; some labels have two.
_STARTS = frozenset(label[:3] for label in FIELD_OF_LABEL)
_SHORT = frozenset(label for label in FIELD_OF_LABEL if len(label) < 3)
_CODE_AFTER = re.compile(r"(?P<label>[^\d#№]{2,40}?)\s*[#№.]*\s+(?P<code>(?=[^\s]*\d)[^\s:;,()]{2,40})\.?")
_MAX_VALUES = 4
_LATER = 0.2  # a second value beside such labels
_MARKED = 0.6
_NEAR = 9  # texts from the title
_MAX_NAME = 40


class Labelled:
    """The product's labelled values of a page, found in one pass."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._found: dict[str, list[str]] = {}
        pieces = view.pieces
        for index, line in enumerate(view.folded.replace("：", ":").split("\n") if pieces else ()):
            folded = line.lstrip(_EDGE) if line[:1] in _EDGE else line
            if folded[:3] not in _STARTS and folded[:2] not in _SHORT:
                continue
            if len(folded) > 4 * MAX_CODE:
                continue
            for part in _PARTS.split(pieces[index]):
                field, text = _labelled(part)
                if field is None:
                    continue
                if not text:
                    text = next((each for each in pieces[index + 1 : index + 3] if each.strip(_EDGE)), "")
                self._found.setdefault(field, []).append(text.strip(_EDGE + "\u200e"))

    def texts(self, name: str) -> list[str]:
        """What stands beside a field's labels."""
        return [text for text in self._found.get(name, ()) if text]

    def evidence(self, name: str, *, sold: bool) -> Iterator[Evidence]:
        """The usable values beside a field's labels; the first is meant, as a rule.

        `sold`: whether the page sells anything; without, only codes with a digit count.
        """
        sure = {"gtin": 0.85, "brand": 0.65}.get(name, 0.7)
        seen: set[str] = set()
        for text in self._found.get(name, ()):
            if not (sold or (name != "brand" and _DIGIT.search(text))):
                continue
            if len(seen) < _MAX_VALUES and text not in seen and _is_value(name, text):
                yield Evidence(text, "page: beside a label", sure if not seen else _LATER)
                seen.add(text)
        if sold and not seen and name in ("brand", "sku"):
            yield from self._marked(name)

    def _marked(self, name: str) -> Iterator[Evidence]:
        """The text near the title whose element is named for the field, or that links to the brand's page."""
        around_title = self._view.title_index
        if around_title is None:
            return
        mark = words.BRAND if name == "brand" else words.SKU
        near = [*range(around_title + 1, around_title + _NEAR), *range(around_title - _NEAR, around_title)]
        for index in near:
            text = self._view.pieces[index] if 0 <= index < len(self._view.pieces) else ""
            if not _is_value(name, text) or (name == "brand" and not _is_name(text)):
                continue
            chain = around(self._view.nodes[index], 2)
            if any(mark.search(marks(each)) for each in chain) or (
                name == "brand" and any(words.BRAND_PATH.search(each.attr("href") or "") for each in chain)
            ):
                yield Evidence(text, "page: near the title", _MARKED)
                return


def _labelled(text: str) -> tuple[str | None, str]:
    """The field that a text's beginning labels, and what it says of it: "" where it says no more."""
    folded = text.lower().replace("：", ":")
    head, colon, _ = folded.partition(":")
    field = FIELD_OF_LABEL.get(head.strip(_EDGE))
    if field is not None:
        return field, text[len(head) + 1 :].strip() if colon else ""
    could = not colon and len(text) <= MAX_CODE and _DIGIT.search(text)
    match = _CODE_AFTER.fullmatch(text) if could else None
    field = FIELD_OF_LABEL.get(match["label"].lower().strip(_EDGE)) if match else None
    return (field, match["code"]) if match and field and field != "brand" else (None, "")


def _is_value(name: str, text: str) -> bool:
    """Whether a text can be the value: a code has a digit, or is a word in capitals."""
    if not text or not usable(name, text) or text.lower() in FIELD_OF_LABEL or text.lower() in NOTHING:
        return False
    return name == "brand" or bool(_DIGIT.search(text) or (name == "sku" and _CAPITALS.fullmatch(text)))


def _is_name(text: str) -> bool:
    """Whether a text can be a brand's name and no sentence, button or number."""
    return len(text) <= _MAX_NAME and any(map(str.isalpha, text)) and not words.NO_BRAND.match(text.lower())
