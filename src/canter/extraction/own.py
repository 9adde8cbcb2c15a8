"""What a site's own `parse` function gives, as plain values that a record can hold."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from canter.extraction.fields import FieldReader, Origin, Reading
from canter.extraction.values import convert, convert_number
from canter.model import RECORD_KEYS, Value


def merge(
    given: object, readers: Mapping[str, FieldReader], reading: Reading, fields: dict[str, Any]
) -> None:
    """Put what `parse` gave into the fields. Its values win over those of the rules, None does not.

    A field with rules keeps its type: its value is read as the text of the page would be.
    """
    if not isinstance(given, Mapping):
        reading.problems.append(f"parse: expected a dict, not {type(given).__name__}")
        return
    for name, value in given.items():
        if not isinstance(name, str) or not name or name in RECORD_KEYS:
            reading.problems.append(f"parse: {name!r:.80} cannot be the name of a field")
            continue
        try:
            plain = orjson.loads(orjson.dumps(value, default=_exact))
        except orjson.JSONEncodeError as error:
            reading.problems.append(f"{name}: parse gave what JSON cannot hold: {error}")
            plain = None
        reader = readers.get(name)
        typed = plain if reader is None or plain is None else _typed(plain, reader, reading)
        if typed is not None:
            reading.origins[name] = Origin("parse")
        if typed is not None or name not in fields:
            fields[name] = typed


def _exact(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 100:
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _typed(value: Any, reader: FieldReader, reading: Reading) -> Value:
    """A value of `parse` as its field's type; one that has its shape already is checked and kept."""
    if reader.field.many:
        items = value if isinstance(value, list) else [value]
        return [typed for item in items if (typed := _one(item, reader, reading)) is not None] or None
    return _one(value, reader, reading)


def _one(value: Any, reader: FieldReader, reading: Reading) -> Value:
    kind = reader.field.type
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return reader.typed(value, reading)
    shaped: Value = None
    if kind == "money" and isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        amount = _number("number", value["amount"])
        if isinstance(amount, str) and isinstance(value["currency"], str | None):
            shaped = {"amount": amount, "currency": value["currency"]}
    elif kind == "percent_range" and isinstance(value, list) and len(value) == 2:
        ends = [_number("percent", end) for end in value]
        shaped = ends if None not in ends else None
    if shaped is None:
        reading.problems.append(f"{reader.name}: parse gave {value!r:.80}, which is not {kind}")
    return shaped


def _number(kind: str, value: object) -> Value:
    if isinstance(value, str):
        return convert(kind, value)
    return convert_number(kind, value) if isinstance(value, int | float) else None
