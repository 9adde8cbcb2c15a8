"""What servers do wrong, each a scenario with a name: what the server does, and what must come of it.

`SCENARIOS` is the list; `tests.faultserver` plays it. `says` is for people; `kind` and `words` are the
fault that the transport reports, `status` the status it could still read, `error_type` what the
contract's table makes of it. A scenario without `kind` ends with a whole answer, whose body is `body`.
"""

from collections.abc import Mapping

from tests.scenarios.answers import NO_PAGES, OTHERS, WHOLE
from tests.scenarios.faults import CODED, CUT, GARBLED, SLOW, TOO_LARGE
from tests.scenarios.parts import CAP, TEXT, Scenario, Step, Steps, answer

FAULTS: Mapping[str, Scenario] = {**CUT, **GARBLED, **CODED, **TOO_LARGE}
SCENARIOS: Mapping[str, Scenario] = {**WHOLE, **NO_PAGES, **FAULTS, **SLOW, **OTHERS}

__all__ = [
    "CAP", "CODED", "CUT", "FAULTS", "GARBLED", "NO_PAGES", "OTHERS", "SCENARIOS", "SLOW", "TEXT",
    "TOO_LARGE", "WHOLE", "Scenario", "Step", "Steps", "answer",
]  # fmt: skip
