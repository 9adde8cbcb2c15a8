"""JSON as pages really write it: read wherever its meaning is plain, in time linear in its length."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from canter.extraction.page import parse_json

_START = re.compile(r"[\[{]")
_WRAPPING = re.compile(r"<!\[CDATA\[|\]\]>|<!--|-->")
# A quote ends a text only where what follows can follow a text: `"a 19" screen",` has one end.
# No possessive quantifiers: Python before 3.11.5 matches them wrongly. None is needed, for a text always
# ends, at the latest with the script, so that nothing is ever tried again.
_STRING = r'"(?:[^"\\]+|\\.|"(?!\s*(?:[,:}\]]|/[/*]|\Z)))*(?:"|\\?\Z)'
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})"
    r"|(?P<single>'(?:[^'\\]+|\\.|'(?!\s*(?:[,:}\]]|/[/*]|\Z)))*(?:'|\\?\Z))"
    r"|(?P<comment>/\*(?:[^*]+|\*(?!/))*(?:\*/|\Z)|//[^\n]*)"
    r"|(?P<word>[A-Za-z_$][\w$]*)"
    r"|(?P<space>\s+)",
    re.DOTALL,
)
_TRAILING = re.compile(r'("(?:[^"\\]+|\\.)*(?:"|\\?\Z))|,(?=\s*[,}\]])', re.DOTALL)
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}|(.)|\Z)|"', re.DOTALL)
_WORDS = {"undefined": "null", "None": "null", "True": "true", "False": "false"}
_DECODER = json.JSONDecoder(strict=False)
MAX_DOCUMENTS = 1000  # values that one script may hold side by side


def read_json(text: str) -> list[Any]:
    """The JSON values of a script, one as a rule; none where it holds nothing that can be read.

    Forgives comments, trailing commas, control characters, texts in single quotes, names without quotes,
    quotes within texts, HTML entities and CDATA around or instead of them, and JavaScript around the value.
    """
    try:
        return [parse_json(text.encode("utf-8", "replace"))]
    except ValueError:
        pass
    if '"' not in text and "&" in text:
        text = html.unescape(text)
    text = _WRAPPING.sub(" ", text) if "<!" in text or "]]>" in text else text
    start = _START.search(text)
    if start is None:
        return []
    text = text[start.start() :]
    found = list(_values(text))
    return found or list(_values(_TRAILING.sub(_kept, _TOKEN.sub(_strict, text))))


def _values(text: str) -> Iterator[Any]:
    """The objects and lists at the start of a text, side by side, up to what is neither."""
    at = 0
    for _ in range(MAX_DOCUMENTS):
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value
        following = re.compile(r"[\s,;]*(?=[\[{])").match(text, at)
        if following is None:
            return
        at = following.end()


def _strict(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "comment":
        return " "
    if kind == "word":
        known = text in ("true", "false", "null", "NaN", "Infinity", "e", "E")
        return text if known else _WORDS.get(text) or json.dumps(text)
    if kind == "space":
        return " "
    inner = text[1:-1] if len(text) > 1 and text[-1] == text[0] else text[1:]
    return f'"{_ESCAPE.sub(_escape, inner)}"'


def _escape(match: re.Match[str]) -> str:
    """An escape that JSON knows as it is, another as the character that JavaScript reads."""
    if match[0] == '"':
        return '\\"'
    if match[1] is not None:
        return match[1] if match[1] not in ('"', "\\") else match[0]
    return match[0] if len(match[0]) > 1 else "\\\\"


def _kept(match: re.Match[str]) -> str:
    return match[1] or ""
