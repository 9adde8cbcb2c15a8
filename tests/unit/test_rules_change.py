"""Fingerprints and differences between two records of a page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.rules.change import canonical, difference, fingerprint

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.sampled_from(["title", "price", "tags", "stock"]), VALUES)


def test_fingerprint_is_xxh3() -> None:
    """Stores written by one version are read by the next: the hash of nothing is the published one."""
    assert fingerprint(b"") % 2**64 == 0x2D06800538D394C2


@given(st.binary())
def test_fingerprint_fits_sqlite(data: bytes) -> None:
    """It is a signed 64-bit integer, and the same for the same bytes."""
    assert -(2**63) <= fingerprint(data) < 2**63
    assert fingerprint(data) == fingerprint(bytes(data))


def test_fingerprint_uses_both_signs() -> None:
    """No bit of the hash is thrown away."""
    signs = {fingerprint(str(n).encode()) < 0 for n in range(64)}
    assert signs == {True, False}


def test_canonical_ignores_order() -> None:
    """The same fields give the same bytes in any order, nested ones too."""
    one: dict[str, Any] = {"b": {"y": 1, "x": "é"}, "a": None}
    other: dict[str, Any] = {"a": None, "b": {"x": "é", "y": 1}}
    assert canonical(one) == canonical(other) == '{"a":null,"b":{"x":"é","y":1}}'.encode()


def test_canonical_refuses_what_is_not_json() -> None:
    """A value that the store could not give back is an error where it arises."""
    with pytest.raises(TypeError):
        canonical({"a": object()})


def test_difference_gives_old_values() -> None:
    """What changed is told by what it was."""
    old = {"price": {"amount": "9.99", "currency": "USD"}, "title": "Lamp", "stock": None}
    new = {"price": {"amount": "8.99", "currency": "USD"}, "title": "Lamp", "stock": 3}
    assert difference(old, new) == {"price": {"amount": "9.99", "currency": "USD"}, "stock": None}


def test_a_field_that_only_one_record_has_is_no_change() -> None:
    """New and removed rules change what is read, not the page."""
    assert difference({"title": "Lamp", "old": 1}, {"title": "Lamp", "new": 2}) == {}


def test_a_tuple_is_the_list_it_was_stored_as() -> None:
    """A function of the user's own may give tuples; the store gives lists back."""
    assert difference({"tags": ["a"], "n": 1}, {"tags": ("a",), "n": 2}) == {"n": 1}


@given(FIELDS, FIELDS)
def test_no_difference_exactly_when_canonical_agrees(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Over the fields both have, `changed` and `previous` never contradict each other."""
    shared = old.keys() & new.keys()
    same = canonical({name: old[name] for name in shared}) == canonical({name: new[name] for name in shared})
    assert (difference(old, new) == {}) == same
