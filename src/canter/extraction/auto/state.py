"""The page's product in its scripts: objects of embedded state, data layers and the like that hold its name.

Nothing is parsed but such objects: a name's own letters are looked for in the scripts' text, and where they
are the value of a key that names or numbers a thing, the braces around that key are one object. What is no
JSON is read as the literals of JavaScript are, where it is short. Time is linear in the scripts, and bounded
for each object.
"""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from canter.extraction.auto.objects import plain, tells
from canter.extraction.structured.repair import read_json

MAX_OBJECT = 65_536  # characters of an object that is read
MAX_ALL = 262_144  # characters of all of a page's
MAX_OBJECTS = 12  # of a page
MAX_PLACES = 60  # places of a name that are looked at
_MAX_LITERAL = 8_192  # characters of an object that is no JSON
_MAX_BACK = 16_384  # characters before a name in which its object begins
_MAX_NAME = 300
_MAX_RUN = 24
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .-]{2,}")
_NAMED = r"(?P<quote>[\"']?)(?P<key>[A-Za-z_$][\w$.-]{0,40})(?P=quote)\s{0,4}:\s{0,4}"
_KEY = re.compile(rf"{_NAMED}[\"']\Z")
_KEY_AND_LEAD = re.compile(rf"{_NAMED}(?P<open>[\"'])(?:(?!(?P=open))[^\\]|\\.){{1,200}}\Z", re.DOTALL)
_NUMBER_KEY = re.compile(rf"{_NAMED}\Z")
_DIGITS = re.compile(r"\d+")
_BEFORE = 60  # characters in which a key stands before its value
_TEXT = {quote: re.compile(rf"{quote}(?:[^{quote}\\]|\\.){{0,600}}{quote}", re.DOTALL) for quote in "\"'"}
# Of a text read backwards, from between two tokens: a quote that a backslash goes before ends no string.
_BACKWARDS = re.compile(
    r"\"[^\"]*(?:\"(?=\\)[^\"]*)*(?:\"|\Z)|'[^']*(?:'(?=\\)[^']*)*(?:'|\Z)|[{}]", re.DOTALL
)
_FORWARDS = re.compile(
    r"\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z)|[{}]", re.DOTALL
)
_NAME_KEY = re.compile(r"(?:.*name|.*title|label|headline)", re.DOTALL)
_NO_NAME = re.compile("(?:page|meta|seo|image|img|category|brand|shop|site|alt)")
_CODE_KEY = re.compile(r"(?:product|item|variant|article)?(?:sku|id|code|number|no|reference|ref)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(r"\w+")
_DECODER = json.JSONDecoder(strict=False)


class Stated(NamedTuple):
    """An object of a script that is the page's product; `where`: "script[3]"."""

    object: dict[str, Any]
    where: str


def stated(scripts: Sequence[str], names: Sequence[str], codes: Sequence[str]) -> Iterator[Stated]:
    """The objects that hold one of the names or, where none holds a name, one of the codes as their own."""
    text = "\n".join(scripts)
    ends = list(accumulate(len(each) + 1 for each in scripts))
    budget = MAX_ALL
    for wanted, is_key in ((names, _is_name), (codes, _is_code)):
        seen: set[tuple[int, int]] = set()
        found = 0
        for at, start, source in _places(text, wanted, is_key):
            if budget <= 0 or found >= MAX_OBJECTS:
                return
            if (start, len(source)) in seen:
                continue
            seen.add((start, len(source)))
            value, read = _telling(source, start)
            budget -= read
            if value is not None:
                found += 1
                yield Stated(value, f"script[{bisect_right(ends, at)}]")
        if found:
            return


def _is_name(key: str) -> bool:
    return bool(_NAME_KEY.fullmatch(key)) and not _NO_NAME.match(key)


def _is_code(key: str) -> bool:
    return bool(_CODE_KEY.fullmatch(key))


def _places(text: str, names: Iterable[str], is_key: Callable[[str], bool]) -> Iterator[tuple[int, int, str]]:
    """Where a name stands as the value of such a key, where its object opens, and in which text."""
    for (part, lead), wanted in _needles(names).items():
        at = -1
        for _ in range(MAX_PLACES):
            at = text.find(part, at + 1)
            if at < 0:
                break
            source, here = text, at
            if '\\"' in text[max(0, at - lead - 2) : at]:  # JSON within a string
                before = _unescaped(text[max(0, at - _MAX_BACK) : at])
                source, here = before + _unescaped(text[at : at + MAX_OBJECT]), len(before)
            key = _key(source, here, lead, wanted)
            if key is not None and is_key(plain(key[0])):
                start = _opening(source, key[1])
                if start is not None:
                    yield at, start, source


def _needles(names: Iterable[str]) -> dict[tuple[str, int], set[tuple[str, ...]]]:
    """What to look for: the letters of names that are never escaped, how far in they stand, and the names."""
    found: dict[tuple[str, int], set[tuple[str, ...]]] = {}
    for name in names:
        runs = list(_RUN.finditer(name[:_MAX_NAME]))
        run = max(runs, key=lambda each: (each.start() == 0 and len(each[0]) > 6, len(each[0])), default=None)
        if run is not None:
            found.setdefault((run[0][:_MAX_RUN].rstrip(), run.start()), set()).add(words(name))
    return found


def _unescaped(text: str) -> str:
    return text.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")


def _key(text: str, at: int, lead: int, wanted: set[tuple[str, ...]]) -> tuple[str, int] | None:
    """The key, and where it stands, of the text around a place, where that text is wanted.

    `lead`: how many characters of it go before the place; escaped ones take up to six times as many.
    """
    begin = max(0, at - _BEFORE - 6 * lead)
    if lead:
        key = _KEY_AND_LEAD.search(text, begin, at)
    elif text[at - 1 : at] in ('"', "'"):
        key = _KEY.search(text, begin, at)
    else:
        key = _NUMBER_KEY.search(text, begin, at)
        number = _DIGITS.match(text, at)
        return (key["key"], key.start()) if key and number and words(number[0]) in wanted else None
    if key is None:
        return None
    opening = key.start("open") if lead else at - 1
    string = _TEXT[text[opening]].match(text, opening)
    if string is None or words(_decoded(string[0])) not in wanted:
        return None
    return key["key"], key.start()


def _decoded(string: str) -> str:
    try:
        text = str(json.loads(f'"{string[1:-1]}"', strict=False))
    except ValueError:
        text = _ESCAPED.sub(r"\1", string[1:-1])
    return html.unescape(text)


def words(text: str) -> tuple[str, ...]:
    """What makes two names one."""
    return tuple(_WORD.findall(text.casefold()))


def _opening(text: str, at: int) -> int | None:
    """Where the braces around a key open."""
    nearest = text.rfind("{", max(0, at - _MAX_BACK), at)
    if nearest >= 0 and "}" not in text[nearest:at]:
        return nearest
    depth = 0
    for token in _BACKWARDS.finditer(text[max(0, at - _MAX_BACK) : at][::-1]):
        if token[0] == "}":
            depth += 1
        elif token[0] == "{":
            if not depth:
                return at - token.end()
            depth -= 1
    return None


def _telling(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """The object that opens at `start`, or the one around it where that alone tells more than a name.

    And how many characters were read for it.
    """
    found, read = _object(text, start)
    if found is None or tells(found):
        return found, read
    outer = _opening(text, start)
    around, more = _object(text, outer) if outer is not None else (None, 0)
    return (around if around is not None and tells(around) else None), read + more


def _object(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """The object that opens at `start`, and how many characters were read for it."""
    piece = text[start : start + MAX_OBJECT]
    try:
        value, end = _DECODER.raw_decode(piece)
        return (value if isinstance(value, dict) else None), end
    except RecursionError:
        return None, len(piece)
    except ValueError:
        closing = _closing(piece[:_MAX_LITERAL])
    if closing is None:
        return None, len(piece)
    values = [each for each in read_json(piece[:closing]) if isinstance(each, dict)]
    return (values[0] if values else None), closing + _MAX_LITERAL


def _closing(text: str) -> int | None:
    depth = 0
    for token in _FORWARDS.finditer(text):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if not depth:
            return token.end()
    return None
