"""One sitemap file from bytes to entries, as they come: pure, in constant memory.

Elements are known by their local names, whatever the namespace: sites write many, with any prefix or
none. What other namespaces add (images, videos, news, translations) is passed over. Entities that the
file declares are never expanded, external ones and DTDs never fetched; expat alone would do the first.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple
from xml.parsers import expat

MAX_VALUE = 64 * 1024  # characters of a value; URLs have 2,048 at most by the protocol
MAX_TAG = 1024 * 1024  # bytes of a tag, comment or instruction, which expat holds until it ends

_OWN = 4_000  # characters
_HEAD = 1024  # bytes looked at before parsing begins
_ROOTS = ("urlset", "sitemapindex")
_ENTRIES = {"url": False, "sitemap": True}
_VALUES = frozenset({"loc", "lastmod", "changefreq", "priority"})
_WEB_PAGE = "it is a web page"
_OTHERS = {
    "html": "a web page",
    "feed": "an Atom feed",
    "rss": "an RSS feed",
    "rdf": "an RSS feed",
} | dict.fromkeys(("head", "title", "meta", "body", "div", "h1", "p", "script"), "a web page")
_TOO_LONG = f"its <loc> is over {MAX_VALUE // 1024} KiB long"

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
_HTML = re.compile(rb"<!doctype\s+html|<html\b", re.IGNORECASE)
# What expat does not decode: encodings of several bytes a character.
_WIDE = frozenset(
    {
        "gb2312", "gbk", "gb18030", "hz", "big5", "big5hkscs", "shift_jis", "cp932", "euc_jp", "iso2022_jp",
        "euc_kr", "cp949", "johab",
    }
)  # fmt: skip


class Entry(NamedTuple):
    """A page, or (`sitemap`) another sitemap; `columns`: what else stands in the entry.

    With `error` set it cannot be used, and `loc` is what there is of it.
    """

    loc: str
    sitemap: bool
    columns: dict[str, str] | None = None
    error: str | None = None


class _Refused(Exception):
    """What is not read on purpose."""


class _NoSitemap(Exception):
    """What the file is instead."""


class SitemapParser:
    """Feed it bytes, take its entries.

    `broken`: why nothing more will come ("it is ..."), with its place, None while all is well.
    `recognised`: it has turned out to be a sitemap; where that never happens, `broken` says what it is.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self.recognised = False
        self._head = b""
        self._expat: expat.XMLParserType | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._fed = 0
        self._depth = 0
        self._prefix = ""  # of the entry's tag
        self._sitemap: bool | None = None  # within an entry: of which kind
        self._value = ""  # within a value: its name
        self._text: list[str] = []
        self._length = 0
        self._values: dict[str, str] = {}
        self._own = ""  # text of the entry outside its values
        self._entries: list[Entry] = []

    def feed(self, data: bytes) -> list[Entry]:
        """The entries that `data` completes."""
        if self.broken:
            return []
        if self._expat is None:
            self._head += data
            if len(self._head) < _HEAD:
                return []
            data = self._begin()
        return self._parse(data, final=False)

    def close(self) -> list[Entry]:
        """The entries that the end of the file completes."""
        if self.broken:
            return []
        data = self._begin() if self._expat is None else b""
        if self._expat is None:
            return []
        return self._parse(data, final=True)

    # ---- bytes

    def _begin(self) -> bytes:
        """Choose the encoding by the first bytes, which are given back."""
        head = self._head.removeprefix(codecs.BOM_UTF8).lstrip()
        if not head:
            self.broken = "it is empty"
            return b""
        declared = _DECLARED.match(head)
        name = ""
        if declared:
            try:
                name = codecs.lookup(declared.group(1).decode()).name
            except LookupError:
                self.broken = f"its encoding {declared.group(1).decode()} is unknown"
                return b""
        if name in _WIDE:
            self._decoder = codecs.getincrementaldecoder(name)("replace")
        known = "utf-8" if name in _WIDE or name == "utf-8" else None
        self._expat = parser = expat.ParserCreate(known)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._refuse_entity
        return head

    def _parse(self, data: bytes, final: bool) -> list[Entry]:
        parser = self._expat
        if parser is None:
            return []
        if self._decoder:
            data = self._decoder.decode(data, final).encode()
        self._fed += len(data)
        try:
            parser.Parse(data, final)
            if self._fed - max(parser.CurrentByteIndex, 0) > MAX_TAG and not final:
                raise _Refused(f"it has a tag over {MAX_TAG // 1024} KiB long")
        except _NoSitemap as error:
            self.broken = str(error)
        except (expat.ExpatError, _Refused, ValueError, LookupError) as error:
            self._break(error, parser)
        entries, self._entries = self._entries, []
        return entries

    def _break(self, error: Exception, parser: expat.XMLParserType) -> None:
        if not self.recognised and not isinstance(error, _Refused) and _HTML.search(self._head):
            self.broken = _WEB_PAGE
        elif isinstance(error, expat.ExpatError):
            place = f"at line {error.lineno}, column {error.offset + 1}"
            self.broken = f"it is not well-formed XML ({expat.ErrorString(error.code)}) {place}"
        else:
            place = f"at line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber + 1}"
            self.broken = f"{error} {place}"

    # ---- elements

    def _start(self, tag: str, _: dict[str, str]) -> None:
        self._depth += 1
        prefix, name = _split(tag)
        if self._depth == 1:
            self._root(name)
        elif self._depth == 2 and name in _ENTRIES:
            self._sitemap, self._prefix = _ENTRIES[name], prefix
            self._values, self._own = {}, ""
        elif self._depth == 3 and self._sitemap is not None and prefix == self._prefix and name in _VALUES:
            self._value, self._text, self._length = name, [], 0

    def _root(self, name: str) -> None:
        if name in _ROOTS:
            self.recognised = True
            return
        lower = name.lower()
        raise _NoSitemap(f"it is {_OTHERS.get(lower, f'XML of another kind, <{name[:40]}>')}")

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._depth == 2 and self._value:
            text = "".join(self._text).strip()
            if text:
                self._values.setdefault(self._value, text)
            self._value = ""
        elif self._depth == 1 and self._sitemap is not None:
            self._add(self._sitemap)
            self._sitemap = None

    def _add(self, sitemap: bool) -> None:
        values = self._values
        loc = values.pop("loc", "")
        error = None
        if not loc:
            loc = " ".join(self._own.split())
            error = f"a <{'sitemap' if sitemap else 'url'}> without a <loc>"
        elif len(loc) > MAX_VALUE:
            error = _TOO_LONG
        self._entries.append(Entry(loc, sitemap, values or None, error))

    def _characters(self, text: str) -> None:
        if self._value and self._depth == 3 and self._length <= MAX_VALUE:
            self._text.append(text)
            self._length += len(text)
        elif self._depth == 2 and self._sitemap is not None and len(self._own) < _OWN:
            self._own += text[:_OWN]

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise _Refused(f"it declares an entity, {name[:40]!r}, which no sitemap needs,")


def _split(tag: str) -> tuple[str, str]:
    prefix, _, name = tag.rpartition(":")
    return prefix, name
