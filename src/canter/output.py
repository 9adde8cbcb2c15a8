"""Where a command writes its result: a file that appears whole or not at all, or an open stream.

For the formats that are tables, also what their columns are.
"""

from __future__ import annotations

import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from canter.errors import CanterError
from canter.model import RECORD_KEYS, Record

RECORD_COLUMNS = tuple(key for key in RECORD_KEYS if key not in ("source", "fields"))
_NUMBERS = {"number", "percent", "integer"}


def field_types(declared: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The type of each field over all sites, from what each site declared.

    Where they differ: a type before none (""), money before all others, numbers of any kind are `number`,
    and else it is text. One list (`TYPE[]`) makes it a list.
    """
    found: dict[str, set[str]] = {}
    for fields in declared:
        for name, kind in fields.items():
            found.setdefault(name, set()).add(kind)
    return {name: _common(kinds) for name, kinds in found.items()}


def _common(kinds: set[str]) -> str:
    items = {kind.removesuffix("[]") for kind in kinds} - {""}
    many = "[]" if any(kind.endswith("[]") for kind in kinds) else ""
    if len(items) < 2:
        return (items.pop() if items else "") + many
    return ("money" if "money" in items else "number" if items <= _NUMBERS else "text") + many


def is_money(kind: str) -> bool:
    """Whether a field of this type takes two columns, NAME and NAME_currency."""
    return kind.removesuffix("[]") == "money"


def free_names(wanted: Iterable[str], fields: Iterable[str]) -> list[str]:
    """Names for columns that are neither record keys nor fields; they give way to those by an underscore."""
    taken = {*RECORD_COLUMNS, *fields}
    names = []
    for name in wanted:
        while name in taken:
            name += "_"  # noqa: PLW2901
        taken.add(name)
        names.append(name)
    return names


class Output:
    """Bytes to a path or a binary stream.

    A path is written as a temporary file beside it, which `close` puts in its place and `discard`
    removes: until then the old file stays. A device or a pipe is written straight. A stream is
    flushed, never closed, and its BrokenPipeError passes, so that a caller can end quietly.
    Everything else that fails raises a CanterError that names the path.
    """

    def __init__(self, target: str | Path | BinaryIO) -> None:
        self._final: str | None = None
        self._part: str | None = None
        if isinstance(target, str | Path):
            self.name = str(target)
            self._stream = self._open(os.path.realpath(target))
        else:
            self.name = str(getattr(target, "name", "the stream"))
            self._stream = target
        self._owned = isinstance(target, str | Path)
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether it was finished, given up, or failed."""
        return self._ended

    def write(self, data: bytes) -> None:
        """Append `data`. A failure discards the whole output."""
        try:
            self._stream.write(data)
        except OSError as error:
            self.discard()
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish: flushed to disk and put in its place. Does nothing after `discard` or a second time."""
        if self._ended:
            return
        try:
            self._stream.flush()
            if self._part and self._final:
                os.fsync(self._stream.fileno())
                self._stream.close()
                Path(self._part).replace(self._final)
            elif self._owned:
                self._stream.close()
        except OSError as error:
            self.discard()
            raise self._failed(error) from error
        self._ended = True

    def discard(self) -> None:
        """Give up: what stood at the path before stays."""
        if self._ended:
            return
        self._ended = True
        with suppress(OSError):
            if self._owned:
                self._stream.close()
        if self._part:
            with suppress(OSError):
                Path(self._part).unlink()

    def _open(self, path: str) -> BinaryIO:
        old = Path(path)
        try:
            if old.is_dir():
                raise CanterError(f"cannot write {self.name}: it is a directory; name a file in it")
            if old.exists() and not old.is_file():
                return old.open("wb")
            if old.exists() and not os.access(path, os.W_OK):
                raise PermissionError(13, "Permission denied")
            part = old.with_name(f".{old.name[:200]}.{secrets.token_hex(4)}.part")
            stream = part.open("xb")
            self._final, self._part = path, str(part)
            if old.exists():
                part.chmod(old.stat().st_mode & 0o777)
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        return stream

    def _failed(self, error: OSError | ValueError) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error
        reason = getattr(error, "strerror", None) or str(error)
        return CanterError(f"cannot write {self.name}: {reason}; nothing was changed there")


class FileSink(ABC):
    """Writes records to a path or a binary stream by the rules of `Output`.

    As a context manager it finishes the file, or leaves the old one when its body raises.
    """

    def __init__(self, target: str | Path | BinaryIO) -> None:
        self._output = Output(target)

    @abstractmethod
    def encode(self, records: Sequence[Record]) -> bytes:
        """The records as they stand in the file."""

    def write(self, records: Sequence[Record]) -> None:
        """Append the records. Raises CanterError when that fails; the old file then stays."""
        self._output.write(self.encode(records))

    def close(self) -> None:
        """Finish the file and put it in its place. Raises CanterError when that fails."""
        self._output.close()

    def discard(self) -> None:
        """Give the new file up; the old one stays."""
        self._output.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
