"""Reads a Dockerfile as the builder does: stages of instructions, lines joined, comments dropped."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

INSTRUCTIONS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals, its flags (`--from=build`) and the rest of its line."""

    name: str
    flags: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as the exec form gives it (a JSON list), else split at white space."""
        if self.rest.startswith("["):
            words: list[str] = json.loads(self.rest)
            return words
        return self.rest.split()


@dataclass(slots=True)
class Stage:
    """What follows one FROM. `name` is empty where it has none."""

    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """Its instructions of one name, in order."""
        return [one for one in self.instructions if one.name == name]


def stages(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, its global ARGs filled in. Raises ValueError for what is no instruction."""
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for line in _lines(path.read_text()):
        one = _instruction(line)
        if one.name == "FROM":
            image, _, name = re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], one.rest).partition(" AS ")
            found.append(Stage(image, name))
        elif not found:
            if one.name != "ARG":
                raise ValueError(f"{one.name} before the first FROM")
            key, _, value = one.rest.partition("=")
            arguments[key] = value
        else:
            found[-1].instructions.append(one)
    return found


def _lines(text: str) -> list[str]:
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.sub(r"\s*\\\n\s*", " ", "\n".join(kept)).splitlines()


def _instruction(line: str) -> Instruction:
    name, _, rest = line.partition(" ")
    if name not in INSTRUCTIONS:
        raise ValueError(f"{name} is no instruction")
    flags = {}
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        flags[match[1]] = match[2]
        rest = rest[match.end() :]
    return Instruction(name, flags, rest.strip())
