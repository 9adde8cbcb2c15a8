"""`canter bench`: the project's benchmarks that need nothing but the package."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Bench(StrEnum):
    """What can be measured."""

    PACE = "pace"


def bench(
    name: Annotated[
        Bench, typer.Argument(help="pace: against simulated hosts that hide their limits.")
    ] = Bench.PACE,
    hosts: Annotated[
        int | None, typer.Option(min=3, metavar="N", help="Steady hosts; half as many harder ones.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few hosts only.")] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="First seed of the random hosts.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Measure how the pace finds hidden limits, beside what others do; in virtual time, some minutes of CPU.

    Example: canter bench pace --quick
    """
    from canter.apps.benching import EVALUATION, bench_pace, hosts_of

    bench_pace(hosts_of(quick, hosts), EVALUATION if seed is None else seed, as_json=as_json)
