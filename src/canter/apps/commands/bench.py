"""`canter bench NAME`: the project's benchmarks. `pace` needs the package alone, the others a checkout."""

from __future__ import annotations

from typing import Annotated

import typer

bench = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The project's benchmarks.\n\nExample: canter bench speed --quick",
)


@bench.command()
def pace(
    hosts: Annotated[
        int | None, typer.Option(min=3, metavar="N", help="Steady hosts; half as many harder ones.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few hosts only.")] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="First seed of the random hosts.")] = None,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Hosts simulated at a time.")] = 2,
    rivals: Annotated[bool, typer.Option(help="What others do, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Measure how the pace finds hidden limits, beside what others do; in virtual time, some minutes of CPU.

    Example: canter bench pace --quick
    """
    from canter.apps.pace_bench import EVALUATION, bench_pace, hosts_of

    first = EVALUATION if seed is None else seed
    bench_pace(hosts_of(quick, hosts), first, processes, rivals=rivals, as_json=as_json)


def _of_the_checkout(name: str, what: str, example: str) -> None:
    """A benchmark that reads its own arguments, --help among them."""

    @bench.command(
        name,
        help=f"{what}\n\nExample: canter bench {name}{example}",
        context_settings={
            "allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": [],
        },
    )  # fmt: skip
    def command(context: typer.Context) -> None:
        from canter.apps.benching import bench_in_checkout

        bench_in_checkout(name, context.args)


_of_the_checkout("speed", "Canter beside Scrapy, Crawlee, Go and a bare loop on real pages.", " --quick")
_of_the_checkout(
    "ingest", "How fast sources are taken in, and what that takes from a crawl.", " --only intake"
)
_of_the_checkout("pace-servers", "The pace against real servers that limit.", " --only nginx")
_of_the_checkout("steps", "What each step of a page costs by itself.", "")
_of_the_checkout("parsers", "Two HTML parsers on real pages.", " speed")
_of_the_checkout("codings", "What content codings cost and save.", "")
_of_the_checkout("detectors", "Which detector reads pages right that declare no encoding.", "")
_of_the_checkout("dns", "Look-ups of 50,000 host names beside other ways.", " --runs 1")
_of_the_checkout("auto", "What the built-in site reads on pages with labels by people.", "")
