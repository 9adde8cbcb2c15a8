"""A walk through the marks of a page, in the steps of the WHATWG tokenizer from one that matters to the next.

It gives the elements that are wanted where it is certain of three things: that their tags are tags (not in an
attribute, a comment, or the text of a script), that the parser makes them the elements they look like (not in
a template, or SVG's own), and that they stand in the tree in the order of the page (a table moves what does
not belong in it in front of it). Else it gives up: the page has to be parsed.
"""

from __future__ import annotations

from canter.extraction.scan import marks
from canter.extraction.scan.marks import (
    BANG,
    COMMENT,
    KINDS,
    MARK_OF,
    NAMED,
    SCRIPT,
    SCRIPT_END,
    SVG_END,
    Mark,
    told,
)
from canter.extraction.scan.tokens import (
    BOGUS_COMMENT,
    ENDS_NAME,
    HARMLESS,
    NAME,
    RAW_END,
    SPACE,
    TAG,
    TYPE_WITH_REFERENCE,
    comment_end,
    is_text,
    tag_end,
)

MOST_STEPS = 2000  # tags of a page that are gone through one by one


class Unsure(Exception):
    """The page has to be parsed."""


class Walk:
    """One way through a page's marks, up to some of them."""

    def __init__(self, content: bytes, found: list[Mark], wanted: str) -> None:
        """`wanted`: SCRIPT (those whose type may be JSON-LD's), META or BASE."""
        self.kept: list[bytes] = []
        self._content = content
        self._marks = found
        self._wanted = wanted
        self._next = 0
        self._text = 0  # up to here the page is understood, and here it is between tags
        self._passed = 0  # marks before this are within what is passed over
        self._steps = MOST_STEPS
        self._svg = 0  # as many are open at most
        self._svg_tag = 0  # where the last tag of one began
        self._labelled = False  # an SVG had a title or a description
        self._tables = 0  # as many are open at most
        self._templates = 0

    def until(self, last: int) -> None:
        """Go on up to a mark and what belongs to it. Raises Unsure."""
        marks = self._marks
        while self._next <= last:
            pattern, start, end = marks[self._next]
            self._next += 1
            if start >= self._passed and (handler := _HANDLERS[pattern]) is not None:
                handler(self, start, end)

    def named(self, start: int, _: int) -> None:
        """A tag whose name has to be read first."""
        name = NAME.match(self._content, start)
        handler = _BY_NAME.get(name[1].lower()) if name else None
        if name and handler:
            handler(self, start, name.end())

    def comment(self, start: int, _: int) -> None:
        """Passed over; proven only where something in it would matter if it were none."""
        self._passed = end = comment_end(self._content, start)
        if end < 0:
            raise Unsure
        if self._marks[self._next][1] < end and self._is_text(start):
            while (mark := self._marks[self._next])[1] < end:
                kind = KINDS[mark[0]]
                self._no(kind is BANG or (kind is COMMENT and self._content.startswith(b"!>", mark[2])))
                self._next += 1
            self._text = end

    def script(self, start: int, name_end: int) -> None:
        """Its text is passed over, whatever looks like a tag in it."""
        if self._content[name_end : name_end + 1] in ENDS_NAME and self._is_text(start):
            tag = self._tag_end(start)
            self._text = self._passed = end = self._script_end(tag)
            if self._wanted is SCRIPT and may_be_json(self._content, start, tag):
                self._keep(start, end)

    def _script_end(self, at: int) -> int:
        """Where the script whose text begins at `at` ends. One that may be escaped twice is not gone into."""
        escaped = False
        while self._next < len(self._marks):
            mark = self._marks[self._next]
            self._next += 1
            if mark[1] < at:
                continue
            kind, end = KINDS[mark[0]], mark[2]
            if kind is NAMED:
                kind, _, end = told(self._content, mark)
            if kind is COMMENT:
                escaped = True
            elif self._content[end : end + 1] in ENDS_NAME:
                if kind is SCRIPT_END:
                    return self._end_tag_end(end)
                if kind is SCRIPT and escaped:
                    raise Unsure
        raise Unsure

    def raw(self, start: int, name_end: int) -> None:
        """A title, a style and the like, and SVG's description."""
        harmless = HARMLESS.match(self._content, start)
        if harmless:
            self._passed = harmless.end()
            self._labelled = self._labelled or self._svg > 0
        elif self._content[name_end : name_end + 1] in ENDS_NAME:
            ending = RAW_END.get(self._content[start + 1 : name_end].lower())
            if ending is None:
                self._no(self._svg)
            elif self._is_text(start):
                end = ending.search(self._content, self._tag_end(start))
                if end is None:
                    raise Unsure
                self._text = self._passed = self._end_tag_end(end.end())

    def label_end(self, _: int, __: int) -> None:
        """Within a title of SVG there may still be elements of HTML; its end would then leave SVG open."""
        self._no(self._labelled)

    def svg(self, start: int, _: int) -> None:
        """Where SVG begins need not be proven: if it does not, neither does it matter where it ends.

        What is within it is proven on the condition that it begins.
        """
        if self._svg and not is_text(self._content, max(self._svg_tag, self._text), start):
            raise Unsure
        self._svg_tag = start
        pattern, end, name_end = self._marks[self._next]
        if KINDS[pattern] is SVG_END and self._content[name_end : name_end + 1] in ENDS_NAME:  # as a rule
            if not is_text(self._content, start, end):
                raise Unsure
            self._svg_tag = end
            self._next += 1
        else:
            self._svg += 1

    def svg_end(self, start: int, name_end: int) -> None:
        """Ends the innermost, which has no elements of HTML in it."""
        if self._svg and self._content[name_end : name_end + 1] in ENDS_NAME:
            if not is_text(self._content, max(self._svg_tag, self._text), start):
                raise Unsure
            self._svg -= 1
            self._svg_tag = start

    def cdata(self, _: int, __: int) -> None:
        """A comment in HTML, text in SVG."""
        self._no(self._svg or self._labelled)

    def table(self, start: int, _: int) -> None:
        """Counted for what is kept."""
        if self._is_text(start):
            self._tables += 1

    def table_end(self, start: int, _: int) -> None:
        """Ends the innermost, but not beyond a template."""
        if self._is_text(start):
            self._no(self._templates)
            self._tables -= self._tables > 0

    def template(self, start: int, _: int) -> None:
        """Its elements are none of the page's."""
        if self._is_text(start):
            self._templates += 1

    def template_end(self, start: int, _: int) -> None:
        """Always ends the innermost."""
        if self._is_text(start):
            self._templates -= self._templates > 0

    def other(self, _: int, __: int) -> None:
        """A page of another kind."""
        raise Unsure

    def meta(self, start: int, _: int) -> None:
        """Holds nothing."""
        if self._wanted is marks.META:
            self._keep_tag(start)

    def base(self, start: int, _: int) -> None:
        """Holds nothing."""
        if self._wanted is marks.BASE:
            self._keep_tag(start)

    def _keep_tag(self, start: int) -> None:
        if self._is_text(start):
            self._text = self._passed = end = self._tag_end(start)
            self._keep(start, end)

    def _keep(self, start: int, end: int) -> None:
        self._no(self._tables)
        self.kept.append(self._content[start:end])

    @staticmethod
    def _no(state: int) -> None:
        if state:
            raise Unsure

    def _tag_end(self, start: int) -> int:
        """The end of the tag, if it makes the element that it looks like."""
        end = tag_end(self._content, start)
        if end < 0 or self._svg or self._templates:
            raise Unsure
        return end

    def _end_tag_end(self, at: int) -> int:
        """The end of an end tag whose name ends at `at`."""
        if self._content.startswith(b">", at):
            return at + 1
        end = self._content.find(b">", at)
        if end < 0 or self._content[at:end].strip(SPACE):
            raise Unsure
        return end + 1

    def _is_text(self, place: int) -> bool:
        """Whether `place` is between tags; False where it is within one, which is passed over then."""
        if not is_text(self._content, self._text, place) and not self._step_to(place):
            return False
        self._text = place
        return True

    def _step_to(self, place: int) -> bool:
        """The same, tag by tag."""
        at = self._text
        while (at := self._content.find(b"<", at, place)) >= 0:
            self._steps -= 1
            end = self._token_end(at)
            if end < 0 or self._steps < 0:
                raise Unsure
            if end > place:
                self._text = self._passed = end
                return False
            at = end
        return True

    def _token_end(self, at: int) -> int:
        """Where the tag or comment that begins at `at` ends, or the text; -1 where the page ends first."""
        content = self._content
        if content.startswith(b"<!--", at):
            return comment_end(content, at)
        token = TAG.match(content, at) or BOGUS_COMMENT.match(content, at)
        if token:
            return token.end()
        begins = content[at + 1 : at + 2]
        return -1 if begins.isalpha() or begins in (b"/", b"!", b"?") else at + 1


def may_be_json(content: bytes, start: int, end: int) -> bool:
    """Whether the type in a script's tag may be JSON-LD's: it has its letters, or references for letters."""
    return b"d+j" in content[start:end].lower() or has_odd_type(content, start, end)


def has_odd_type(content: bytes, start: int, end: int) -> bool:
    """Whether the type in a script's tag may be JSON-LD's without its letters."""
    return content.find(b"&", start, end) >= 0 and bool(TYPE_WITH_REFERENCE.search(content, start, end))


_BY_MARK = {
    COMMENT: Walk.comment, NAMED: Walk.named, SCRIPT: Walk.script, marks.SVG: Walk.svg,
    marks.SVG_END: Walk.svg_end, marks.META: Walk.meta, marks.BASE: Walk.base, marks.RAW: Walk.raw,
    marks.LABEL: Walk.raw, marks.LABEL_END: Walk.label_end, marks.TABLE: Walk.table,
    marks.TABLE_END: Walk.table_end, marks.TEMPLATE: Walk.template, marks.TEMPLATE_END: Walk.template_end,
    marks.CDATA: Walk.cdata, marks.OTHER: Walk.other,
}  # fmt: skip
_HANDLERS = tuple(_BY_MARK.get(kind) for kind in KINDS)
_BY_NAME = {name: _BY_MARK[mark] for name, mark in MARK_OF.items() if mark in _BY_MARK}
