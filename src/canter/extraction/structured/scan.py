"""JSON-LD from a page's bytes without a tree, for sites that need nothing else of it.

The scan reads tags as the HTML standard's tokeniser does. Where the tree could answer otherwise (templates,
odd SVG, a comment within a script, encodings that do not hold ASCII) it says so and leaves it to the tree.
"""

from __future__ import annotations

import re

from canter.extraction.charset import decode, strip_bom
from canter.extraction.structured.jsonld import jsonld
from canter.extraction.structured.model import Node

_REST = (  # of a tag, behind its name
    rb"(?:[\t\n\f\r /]++|[^\t\n\f\r />][^\t\n\f\r />=]*+"
    rb"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])[^\t\n\f\r >]*+))?+)*+>"
)
_END = rb"(?=[\t\n\f\r />])"
_RAW = rb"script|style|textarea|title|xmp|iframe|noembed|noframes"
_ODD = rb"plaintext|template|math|frameset"
_FOREIGN = (  # what ends or changes SVG
    rb"script|style|textarea|xmp|iframe|noembed|noframes|foreignobject|svg|/svg|b|big|blockquote|body|br|/br|"
    rb"center|code|dd|div|dl|dt|em|embed|h[1-6]|head|hr|i|img|li|listing|menu|meta|nobr|ol|p|/p|pre|ruby|s|small|span|"
    rb"strong|strike|sub|sup|table|tt|u|ul|var|font"
)


def _ordinary(special: bytes) -> re.Pattern[bytes]:
    """Text and tags up to a special one."""
    name = rb"(?!(?i:" + special + rb")" + _END + rb")/?[a-zA-Z][^\t\n\f\r />]*+"
    return re.compile(rb"(?:[^<]++|<" + name + _REST + rb"|<(?![a-zA-Z/!?]))*+")


_PAGE = _ordinary(_RAW + rb"|svg|" + _ODD)
_SVG = _ordinary(_FOREIGN + rb"|" + _ODD)
_TAG = re.compile(rb"<([a-zA-Z]++)" + _END + _REST)
_SVG_END = re.compile(rb"</svg" + _END + _REST, re.IGNORECASE)
_COMMENT = re.compile(rb"<!--(?!-?>)(?:[^-]++|-(?!-!?>))*+-->")
_DOCTYPE = re.compile(rb"<![a-zA-Z][^>]*+>")
_TYPE = re.compile(
    rb"[\t\n\f\r /](?i:type)[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >]*+))"
)
_ENTITY = re.compile(rb"type[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"[^\"&]*+&|'[^'&]*+&|[^\t\n\f\r \"'&]*+&)")
_WANTED = b"application/ld+json"
_ASCII_BASED = re.compile(r"utf-8|windows-\d+|iso-8859-[\w-]+|koi8-\w|gbk|gb18030|big5|euc-\w+|macintosh")


def jsonld_of(content: bytes, charset: str) -> list[Node] | None:
    """The nodes that the page's tree would give; None where only the tree can tell."""
    scripts = scripts_of(content) if _ASCII_BASED.fullmatch(charset) else None
    if scripts is None:
        return None
    texts = (decode(script, charset).replace("\r\n", "\n").replace("\r", "\n") for script in scripts)
    return jsonld(text.replace("\0", "\ufffd") for text in texts if text)


def scripts_of(content: bytes) -> list[bytes] | None:
    """The contents of the scripts of JSON-LD; None where only the tree can tell."""
    content = strip_bom(content)
    lower = content.lower()
    last = lower.rfind(b"ld+json")
    if b"ld&" in lower or _entity_in_type(lower):
        return None
    found: list[bytes] = []
    at = 0
    while at <= last:
        match = _PAGE.match(content, at)
        at = match.end() if match else at
        if at > last:
            break
        following = _special(content, at, found)
        if following is None:
            return None
        at = following
    return found


def _entity_in_type(lower: bytes) -> bool:
    """Whether a script's type may be written with an entity."""
    at = lower.find(b"<script")
    while at >= 0:
        tag = lower[at : lower.find(b">", at)]
        if b"&" in tag and (tag.count(b'"') % 2 or tag.count(b"'") % 2 or _ENTITY.search(tag)):
            return True
        at = lower.find(b"<script", at + 7)
    return False


def _special(content: bytes, at: int, found: list[bytes]) -> int | None:
    """Where what is no ordinary tag ends; a script of JSON-LD is noted. None where only the tree can tell."""
    skipped = _COMMENT.match(content, at) or _DOCTYPE.match(content, at)
    if skipped:
        return skipped.end()
    tag = _TAG.match(content, at)
    if tag is None:
        return None
    name = tag[1].lower()
    if name == b"svg":
        inner = None if tag[0].endswith(b"/>") else _SVG.match(content, tag.end())
        end = _SVG_END.match(content, inner.end()) if inner else None
        return end.end() if end else None
    if name in _ODD.split(b"|"):
        return None
    end = re.compile(rb"</" + name + _END, re.IGNORECASE).search(content, tag.end())
    if end is None or (name == b"script" and b"<!--" in content[tag.end() : end.start()]):
        return None
    kind = _TYPE.search(tag[0]) if name == b"script" else None
    if kind and (kind[1] or kind[2] or kind[3] or b"").lower() == _WANTED:
        if tag[0].lower().count(b"type") > 1:
            return None
        found.append(content[tag.end() : end.start()])
    return end.start()
