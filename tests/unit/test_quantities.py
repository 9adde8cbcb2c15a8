"""Sizes and spans as people write them."""

from __future__ import annotations

import pytest

from canter.quantities import parse_bytes, parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("500ms", 0.5), ("30m", 1800), ("1.5h", 5400), ("90d", 7_776_000), (7, 7)],
)
def test_spans(text: object, seconds: float) -> None:
    """Seconds, or a number with a unit."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1000, 1000),
        ("1000", 1000),
        ("16MiB", 16 << 20),
        ("2 kib", 2048),
        ("500kB", 500_000),
        ("1.5MiB", 3 << 19),
        ("1GiB", 1 << 30),
    ],
)
def test_sizes(text: object, size: int) -> None:
    """Bytes as a number, or a text with a binary or decimal unit."""
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "16 parsecs", "-1", "1e9", "\u0663MiB", True])
def test_what_is_neither_is_refused(text: object) -> None:
    """The error says what was expected."""
    for parse in (parse_bytes, parse_seconds):
        with pytest.raises(ValueError, match=r"^expected (bytes|seconds) such as"):
            parse(text)
