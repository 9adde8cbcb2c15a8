"""Runs `canter` in a folder of its own with an empty environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CANTER = [sys.executable, "-m", "canter"]


class Command:
    """The command in one folder: `run` waits, `start` does not (its own process group)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "canter.db"

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "200"}

    def write(self, name: str, text: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def run(
        self, *arguments: str, stdin: bytes | None = None, timeout: float = 120, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end."""
        return subprocess.run(
            [*CANTER, *arguments], cwd=self.folder, env=self._environment, capture_output=True,
            input=stdin, timeout=timeout, check=False, **more,
        )  # fmt: skip

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start it in a process group of its own."""
        return subprocess.Popen(
            [*CANTER, *arguments], cwd=self.folder, env=self._environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
        )  # fmt: skip

    def crawl(self, *arguments: str, **more: Any) -> dict[str, Any]:
        """`canter run ARGUMENTS --json` on loopback, pace off; its summary. It must exit 0 or 3."""
        done = self.run("run", *arguments, *LOCAL, "--json", **more)
        assert done.returncode in (0, 3), done.stderr.decode()
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def records(self, *arguments: str) -> list[dict[str, Any]]:
        """The records that `canter export` gives."""
        done = self.run("export", *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]


LOCAL = ("--allow-network", "127.0.0.0/8", "--pace", "off")
