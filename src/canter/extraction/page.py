"""A fetched page as extraction and users see it; text, tree and JSON are made when first asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from canter.extraction.charset import CUT_ANYWHERE, announced, declared, decode, implied, sniffed, strip_bom
from canter.extraction.html import Tree
from canter.extraction.sightings import SMALLEST, Plan
from canter.extraction.values import collapse
from canter.model import ErrorType

WORTHWHILE = 64 * 1024  # bytes of a page from which it pays to read it by bytes
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else 0 for byte in range(256))
_BIG_INTEGER = b"0" * 19  # digits: beyond 64 bits, which orjson would round


@dataclass(slots=True)
class Page:
    """One answer: `content` is the decoded body, `status` None without an answer, `response_time` seconds.

    `error` says why there is no good answer, None where there is one, and `error_type` of which kind it is
    (as on a record); `stopped` that whoever fetched was stopped first, and nothing is known of the page.
    """

    url: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    response_time: float | None = None
    error: str | None = None
    error_type: ErrorType | None = None
    stopped: bool = False
    _text: str | None = field(default=None, init=False, repr=False, compare=False)
    _tree: Tree | None = field(default=None, init=False, repr=False, compare=False)
    _charset: str | None = field(default=None, init=False, repr=False, compare=False)
    _quick: bool = field(default=False, init=False, repr=False, compare=False)
    _plan: Plan | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def charset(self) -> str:
        """The encoding of the content, as WHATWG names it: byte-order mark, header, `<meta>`, guess."""
        if self._charset is None:
            self._charset = self._declared() or sniffed(self.content)
        return self._charset

    @property
    def text(self) -> str:
        """The content as text; bytes that do not fit its encoding read as U+FFFD."""
        if self._text is None:
            self._text = decode(self.content, self.charset)
        return self._text

    @property
    def tree(self) -> Tree:
        """The content as a tree of HTML. Raises MemoryError where it does not fit."""
        if self._tree is None:
            self._tree = self._quick_tree() or Tree(self.content, self._charset or self._declared())
            self._charset = self._tree.charset
        return self._tree

    def prefer_quick(self, plan: Plan | None) -> None:
        """Have the tree, should one be asked for, made in the way that is quicker for selectors alone:
        by bytes, and with a plan of no more of the page than has to be."""
        self._quick, self._plan = True, plan

    def _quick_tree(self) -> Tree | None:
        if not self._quick or len(self.content) < SMALLEST:
            return None
        charset = self.early_charset() or implied(self.content)
        content = strip_bom(self.content)
        if self._plan and charset in CUT_ANYWHERE and (seen := self._plan.look(content)):
            return Tree.beginning(content, charset, seen)
        if charset == "utf-8" and len(content) >= WORTHWHILE:
            return Tree.by_bytes(content)
        return None

    @property
    def parsed_again(self) -> bool:
        """Whether a tree by bytes was made and did not do."""
        return self._tree is not None and self._tree.parsed_again

    @property
    def parsed_share(self) -> float | None:
        """What share of its bytes was parsed, over 1 where a part did not do; None without a tree."""
        return self._tree.parsed_share if self._tree else None

    @property
    def parsed(self) -> bool:
        """Whether the tree was made."""
        return self._tree is not None

    def early_charset(self) -> str | None:
        """The encoding where the page says it early enough to know it without a parse."""
        return self._charset or self._declared() or announced(self.content)

    def _declared(self) -> str | None:
        return declared(self.content, content_type(self.headers))

    def css(self, selector: str) -> list[str]:
        """Texts of all elements that match, white space collapsed. Raises ValueError for a bad selector."""
        return [collapse(text or "") for text in self.tree.all(selector)]

    def json(self) -> Any:
        """The content as JSON, UTF-8 where nothing else is declared. Raises ValueError where it is none."""
        charset = self._declared() or "utf-8"
        return parse_json(self.content if charset == "utf-8" else decode(self.content, charset).encode())


def content_type(headers: Mapping[str, str]) -> str | None:
    """The Content-Type of headers that may not look names up in any case."""
    value = headers.get("Content-Type") or headers.get("content-type")
    if value is None:
        value = next((text for name, text in headers.items() if name.lower() == "content-type"), None)
    return value


def parse_json(content: bytes) -> Any:
    """JSON in UTF-8, also with the slips that pages make: control characters, lone surrogates, NaN.

    Raises ValueError where it is none.
    """
    content = strip_bom(content)
    if _BIG_INTEGER not in content.translate(_DIGITS):  # a pattern would take longer than the parse
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(content.decode("utf-8", "replace"), strict=False)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
