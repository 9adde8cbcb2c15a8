"""The command `canter`. Data goes to stdout; progress, logs and notices to stderr."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from canter import __version__
from canter.apps.commands.bench import bench
from canter.apps.commands.options import EXIT_COULD_NOT_RUN
from canter.apps.commands.pages import check, extract
from canter.apps.commands.run import run
from canter.apps.commands.serve import serve
from canter.apps.commands.store import crawls, export, hosts, prune
from canter.apps.results import say
from canter.errors import CanterError

FIRST = """\
Canter refreshes product pages: known URLs, each host as fast as it allows and no faster.

  canter demo                        see it work on a small local market
  canter run urls.txt                refresh the URLs of a file by the rules in sites.toml
  canter export -o prices.csv        the table of the latest crawl
  canter serve                       the same over HTTP, with a dashboard
  canter --help                      every command, each with an example
"""

app = typer.Typer(
    pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None, no_args_is_help=False
)


class Level(StrEnum):
    """The least important log lines that are printed."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


@app.callback(invoke_without_command=True)
def _global(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    log_level: Annotated[
        Level | None, typer.Option(help="Log lines from this level on.  [default: warning]")
    ] = None,
    log_format: Annotated[LogFormat | None, typer.Option(help="Log lines for people or as JSON.")] = None,
) -> None:
    """Canter refreshes product pages: known URLs, each host as fast as it allows and no faster.

    Example: canter run urls.txt --sites sites.toml -o prices.csv
    """
    context.obj = {"log_level": log_level, "log_format": log_format}
    if version:
        print(f"canter {__version__}")  # noqa: T201
    elif context.invoked_subcommand is None:
        print(FIRST, end="")  # noqa: T201


def demo(
    context: typer.Context,
    pages: Annotated[int, typer.Option(min=1, max=10_000, help="Pages of each shop.")] = 110,
    serve: Annotated[
        bool, typer.Option("--serve", help="Crawl it day after day under the service, with its dashboard.")
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65_535, help="With --serve.  [default: any free port]")
    ] = 0,
) -> None:
    """See it work on a small local market of shops that hide their limits; about a minute and a half.

    Example: canter demo --pages 40
    """
    if serve:
        from canter.apps.demo_service import demo_service

        demo_service(pages, port, **context.obj)
        return
    from canter.apps.demo import demo as run_demo  # its web servers load on use

    raise typer.Exit(run_demo(pages, **context.obj))


for command in (run, serve, export, check, extract, crawls, prune, hosts, demo):
    app.command()(command)
app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command; every expected failure is one line and exit status 1."""
    try:
        app()
    except CanterError as error:
        say(f"canter: {error}")
        sys.exit(EXIT_COULD_NOT_RUN)
    except BrokenPipeError:  # `canter export | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
