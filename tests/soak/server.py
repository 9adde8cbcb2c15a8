"""Many hosts of which each eighth page or so fails at first, evenly over the faults there are."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tests.faultserver import FaultServer
from tests.scenarios import FAULTS, NO_PAGES, SCENARIOS, SLOW, Scenario, Step, Steps, answer

_PAGE = (
    b"<!doctype html><title>Page %d</title><h1>Page %d</h1><p class=price>$%d.99</p>" + b"<p>words</p>" * 400
)
_LIMITED = Scenario(
    "429 that asks to wait.",
    [answer(b"", "Retry-After: 1", status="429 Too Many Requests"), Step.KEEP],
    status=429,
)
_LASTING = frozenset({"no_content", "no_content_with_body"})  # not wrong, and no page: left out
KINDS: Mapping[str, Scenario] = {
    name: scenario
    for name, scenario in {**FAULTS, **SLOW, **NO_PAGES, "rate_limited": _LIMITED}.items()
    if name not in _LASTING
}


class SoakServer(FaultServer):
    """`/p/N` on each host is a page; where `faults` names a scenario for N, only from the second time on.

    A page over a cap and one that is gone stay so. `share`: of the pages that fail.
    """

    def __init__(self, hosts: Sequence[str], pages: int, share: float) -> None:
        super().__init__(*hosts)
        kinds = list(KINDS)
        faulty = random.Random(1).sample(range(pages), round(pages * share))
        self.faults = {number: kinds[turn % len(kinds)] for turn, number in enumerate(faulty)}
        self._pages = pages
        self._due = {number: name for number, name in self.faults.items() if not lasts(name)}
        self.asked = 0  # for pages

    def urls(self) -> list[str]:
        """The pages, spread over the hosts."""
        hosts = self.hosts
        return [f"http://{hosts[n % len(hosts)]}:{self.port}/p/{n}" for n in range(self._pages)]

    def _chosen(self, name: str) -> Steps:
        if not name.startswith("/p/"):
            return super()._chosen(name)
        self.asked += 1
        self.requests.clear()  # half a million of them would be this server's own leak
        self.heads.clear()
        number = int(name.removeprefix("/p/"))
        fault = self._due.pop(number, None)
        if fault is None and lasts(self.faults.get(number)):
            fault = self.faults[number]
        if fault is not None:
            return KINDS[fault].steps
        return [answer(_PAGE % (number, number, number), "Content-Type: text/html"), Step.KEEP]


def lasts(fault: str | None) -> bool:
    """Whether asking again gives the same."""
    return fault == "missing" or (fault is not None and KINDS[fault].error_type == "too_large")


assert SCENARIOS.keys() >= KINDS.keys() - {"rate_limited"}
