"""What must not stand on a log line: passwords in URLs, tokens in queries, keys, cookies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "***"
MOST = 8_000  # characters of a text that are looked at; the rest is dropped

_WORDS = (
    r"token|secret|passw(?:or)?d|pwd|signature|credential|api[-_.]?key|access[-_.]?key|authorization|cookie"
)
_NAME = rf"(?:[\w.%+\[\]-]*(?:{_WORDS})[\w.%+\[\]-]*|key|sig|auth|sid|session(?:[-_.]?id)?|jwt|code)"

# scheme://user:password@host: everything before the last @ of the authority
_USERINFO = re.compile(r"([a-z][a-z0-9+.-]*:)?//[^\s/?#\"'<>\\]*@", re.IGNORECASE)
_QUERY = re.compile(rf"(?<![\w.%+\[\]-])({_NAME})(=)[^\s&#;\"'<>]*", re.IGNORECASE)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie2?|x-api-key)([\"']?\s*:\s*[\"']?)[^\r\n\"']*",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE)
_KEY = re.compile(rf"(?:{_NAME})", re.IGNORECASE)


def redact(text: str, known: Iterable[str] = ()) -> str:
    """The text without what looks like a secret, and without those that are `known` by their value."""
    text = text[:MOST]
    for secret in known:
        if secret:
            text = text.replace(secret, HIDDEN)
    if "@" in text:
        text = _USERINFO.sub(rf"\1//{HIDDEN}@", text)
    if "=" in text:
        text = _QUERY.sub(rf"\1\2{HIDDEN}", text)
    if ":" in text:
        text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


def redact_value(name: str, value: Any, known: Iterable[str] = ()) -> Any:
    """A named value, with whatever is in it; hidden altogether where the name is that of a secret."""
    if value is not None and _KEY.fullmatch(name):
        return HIDDEN
    if isinstance(value, str):
        return redact(value, known)
    if isinstance(value, Mapping):
        return {key: redact_value(str(key), item, known) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value("", item, known) for item in value]
    return value
