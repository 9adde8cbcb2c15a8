"""What is looked for in the bytes of a page: the beginnings of what a walk through it has to heed.

One pass finds them all (Aho-Corasick, with SIMD): the first letters of a name, in any case.
"""

from __future__ import annotations

from collections.abc import Iterator

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from canter.extraction.scan.tokens import NAME

Mark = tuple[int, int, int]  # number of its pattern, where it begins, where it ends

COMMENT, BANG, CDATA, TYPE, NAMED = "<!--", "--!>", "<![CDATA[", "d+j", "<"
SCRIPT, SCRIPT_END, SVG, SVG_END, TABLE, TABLE_END = "script", "/script", "svg", "/svg", "table", "/table"
TEMPLATE, TEMPLATE_END, META, BASE = "template", "/template", "meta", "base"
RAW, LABEL, LABEL_END, UNDOING, OTHER = "raw", "label", "/label", "undoing", "other"

# Names of tags that matter, how many of their letters are looked for, and what they are.
_NAMES = {
    "script": (2, SCRIPT), "/script": (3, SCRIPT_END), "svg": (3, SVG), "/svg": (4, SVG_END),
    "table": (3, TABLE), "/table": (4, TABLE_END), "template": (3, TEMPLATE), "/template": (4, TEMPLATE_END),
    "meta": (4, META), "base": (4, BASE), "style": (3, RAW), "textarea": (3, RAW), "iframe": (2, RAW),
    "noembed": (3, RAW), "noframes": (3, RAW), "xmp": (2, RAW), "title": (3, RAW),
    "/title": (4, LABEL_END), "desc": (3, LABEL), "/desc": (4, LABEL_END),
    # What takes the elements before it out of the page, or repeats them.
    "frameset": (3, UNDOING), "selectedcontent": (3, UNDOING),
    # What is too rare to be worth its rules.
    "plaintext": (3, OTHER), "math": (4, OTHER), "foreignobject": (4, OTHER),
}  # fmt: skip
_COMMON = ("script", "/script", "svg", "/svg", "meta", "style", "title")  # told by their pattern alone
MARK_OF = {name.encode(): mark for name, (_, mark) in _NAMES.items()}


def _cases(name: str, letters: int) -> Iterator[str]:
    """The beginnings of a name in lower case, and up to the first letter that is not."""
    start = 1 if name.startswith("/") else 0
    yield name[:letters]
    for place in range(start + 1, letters):
        yield name[:place] + name[place].upper()


def _patterns() -> dict[bytes, str]:
    """Every pattern with what it is; of two that begin alike the longer comes first."""
    found = {b"<!--": COMMENT, b"--!>": BANG, b"<![CDATA[": CDATA}
    found |= {f"<{name}".encode(): _NAMES[name][1] for name in _COMMON}
    found |= {written.encode(): TYPE for written in ("d+j", "d+J", "D+j", "D+J")}
    for name, (letters, _) in _NAMES.items():
        for written in _cases(name, letters):
            found.setdefault(f"<{written}".encode(), NAMED)
        end = "/" if name.startswith("/") else ""
        found[f"<{end}{name.lstrip('/')[0].upper()}".encode()] = NAMED
    return found


_PATTERNS = _patterns()
KINDS = (*_PATTERNS.values(), "end")
END = len(_PATTERNS)  # number of the mark that a page ends with
find_marks = BytesAhoCorasick(
    list(_PATTERNS), matchkind=MatchKind.LeftmostFirst, implementation=Implementation.DFA
).find_matches_as_indexes


def told(content: bytes, mark: Mark) -> tuple[str, int, int]:
    """What a mark is, where it begins and where its pattern or name ends."""
    pattern, start, end = mark
    kind = KINDS[pattern]
    if kind is NAMED and (name := NAME.match(content, start)):
        kind, end = MARK_OF.get(name[1].lower(), NAMED), name.end()
    return kind, start, end
