"""The table of `canter bench pace` for the pacer on trial."""

from __future__ import annotations

import argparse

from bench.pacer.host import HostPace
from canter.apps.benching import bench_pace, hosts_of
from canter.simulation.population import EVALUATION


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.pacer", description=__doc__)
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--seed", type=int, default=EVALUATION)
    given = parser.parse_args()
    bench_pace(hosts_of(True, given.hosts), given.seed, as_json=False, pace=HostPace)


if __name__ == "__main__":
    main()
