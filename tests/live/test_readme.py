"""README: what it prints can be typed in, in order, and does what it says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from canter.apps.cli import app

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def block(language: str, containing: str) -> str:
    """The one block of code that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [code for code in blocks if containing in code]
    return str(found)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def bash(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Type a script in; what it started in the background ends with it."""
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(
        ["bash", "-c", f"trap 'kill $(jobs -p)' EXIT\n{script}"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_examples_do_what_the_readme_says(tmp_path: Path) -> None:
    """The shell example as printed, on another port, gives the record that is quoted; so does the library."""
    port = str(free_port())
    (tmp_path / ".venv").symlink_to(BIN.parent)
    (tmp_path / "example.py").write_text(block("python", "canter.Crawler").replace("8081", port))
    shell = block("sh", "canter run").replace("8081", port)
    wait = f"until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do :; done\n"
    typed = shell.replace("echo 'http:", f"{wait}echo 'http:", 1)
    changed = (
        "sed -i s/19.99/17.50/ shop/lamp.html\n.venv/bin/canter run urls.txt --allow-network 127.0.0.0/8\n"
        ".venv/bin/canter export --changes\n.venv/bin/python example.py\n"
    )
    done = bash(tmp_path, f"set -e\n{typed}\n{changed}")
    assert done.returncode == 0, done.stderr
    first, second, library = done.stdout.splitlines()
    quoted = re.search(r'`("fields":.*?)`;', README)
    assert quoted is not None
    assert quoted[1] in first
    assert json.loads(second)["previous"] == {"price": {"amount": "19.99", "currency": "USD"}}
    assert library == "ok {'title': 'Alder lamp', 'price': {'amount': '17.50', 'currency': 'USD'}}"


def test_every_command_and_option_that_is_named_exists() -> None:
    """No `canter COMMAND`, `--option` or `make TARGET` of the README is made up."""
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    commands |= {str(group.name) for group in app.registered_groups}
    assert set(re.findall(r"\bcanter ([a-z]+)", README)) <= commands
    known = "".join(
        subprocess.run(
            [sys.executable, "-m", "canter", command, "--help"],
            env={"COLUMNS": "200"}, capture_output=True, text=True, check=True,
        ).stdout
        for command in ("run", "demo")
    )  # fmt: skip
    others = {"--help", "--changes", "--outcome", "--keep", "--url", "--directory", "--bind"}
    assert {name for name in re.findall(r"--[a-z][a-z-]+", README) if name not in known} <= others
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake (demo|test|bench|lock|lint)\b", README)) <= targets


def test_every_file_that_is_linked_exists() -> None:
    """Links and the picture lead somewhere."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert "docs/images/demo.svg" in links
    assert [link for link in links if not (ROOT / link).exists()] == []
