"""Records as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence

import orjson

from canter.model import Record
from canter.output import FileSink


class JsonlSink(FileSink):
    """One JSON object a line, its keys those of the contract's record."""

    def encode(self, records: Sequence[Record]) -> bytes:
        """The records as lines of UTF-8."""
        try:
            return b"".join([orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records])
        except TypeError:
            # Lone surrogates and integers over 64 bits, which a page's own JSON can hold.
            return b"".join([json.dumps(record.to_dict()).encode() + b"\n" for record in records])
