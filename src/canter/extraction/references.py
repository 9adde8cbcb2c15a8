"""Character references that may stand for an ASCII letter, a digit or a hyphen, and so hide a word.

By number, that is; by name there is only `&fjlig;`, for two of them.
"""

from __future__ import annotations

import re

from canter.extraction.literals import Literals

MOST = 4096  # that are looked at
_BEGINNINGS = Literals([b"&fjlig", *(b"&#" + bytes([char]) for char in b"01456789xX")])
_LETTER = re.compile(
    rb"&fjlig;|"
    rb"&#0*(?:45|4[89]|5[0-7]|6[5-9]|[78]\d|9[07-9]|1[01]\d|12[0-2])(?!\d)|"
    rb"&#[xX]0*(?:2[dD]|3\d|[4-7][0-9a-fA-F])(?![0-9a-fA-F])"
)


def may_hide_words(content: bytes, since: int = 0) -> bool:
    """Whether there is such a reference, from an offset on, or too many of others to look at each."""
    starts = (start for _, start in _BEGINNINGS.find(content, since))
    return any(at >= MOST or _LETTER.match(content, start) for at, start in enumerate(starts))
