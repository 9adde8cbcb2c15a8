"""Make docs/images/demo.svg: `canter demo` in a real terminal, as it looks in the middle of its second crawl.

    .venv/bin/python docs/images/make.py

The demo runs on a pseudo-terminal; its output is played on a small screen that knows the few escape
sequences rich sends, and rich draws that screen. Takes as long as the demo.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 114, 44
UNTIL = re.compile(r"\b6\d %")  # the second crawl's bar, when the picture is taken
CRAWL = "begun: crawl 2"
TOKEN = re.compile(
    r"\r?(?P<newline>\n)|\x1b\[(?P<up>\d+)A|(?P<clear>\x1b\[2K)|\x1b\[\?25[lh]"
    r"|(?P<text>(?:\x1b\[[\d;]*m|[^\x1b\r\n])+)"
)


def screen(output: str) -> list[str]:
    """The lines of a terminal, with their colours, after a program sent `output`."""
    lines, row = [""], 0
    for token in TOKEN.finditer(output):
        if token["newline"]:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token["up"]:
            row -= int(token["up"])
        elif token["clear"]:
            lines[row] = ""
        elif token["text"]:
            lines[row] += token["text"]
    return lines


def main() -> None:
    """Run the demo until the picture's moment, draw it, end the demo as Ctrl-C does."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [Path(sys.executable).with_name("canter"), "demo"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    demo = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)  # noqa: S603
    os.close(theirs)
    output, lines = "", [""]
    while not any(UNTIL.search(line) for line in lines[-2:]):
        output += os.read(ours, 65_536).decode(errors="replace")
        lines = screen(output) if CRAWL in output else lines
    draw(lines)
    demo.terminate()
    demo.wait()


def draw(lines: list[str]) -> None:
    """The last lines of the screen under the command that made them."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in ["$ canter demo", *lines][-ROWS:]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    target = Path(__file__).with_name("demo.svg")
    without_web_fonts = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    console.save_svg(str(target), title="canter demo", code_format=without_web_fonts, unique_id="canter")


if __name__ == "__main__":
    main()
