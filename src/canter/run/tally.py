"""How the pages of a crawl ended, by outcome and by error. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Self

from canter.model import Outcome
from canter.observe import Counts


class Tally:
    """`outcomes` has every outcome, `errors` those that occurred: numbers of pages."""

    def __init__(self, stored: Mapping[tuple[str, str | None], int]) -> None:
        """`stored`: by outcome and error type, as a store counts them."""
        self.outcomes = dict.fromkeys((outcome.value for outcome in Outcome), 0)
        self.errors: Counter[str] = Counter()
        for (outcome, error_type), number in stored.items():
            self.outcomes[outcome] += number
            if error_type:
                self.errors[error_type] += number

    def plus(self, counts: Counts) -> Self:
        """With what a run that goes on has counted since."""
        for outcome, number in counts.outcomes.items():
            self.outcomes[outcome] += number
        self.errors.update(counts.errors)
        return self

    @property
    def pages(self) -> int:
        """All that ended."""
        return sum(self.outcomes.values())

    def rate(self, seconds: float) -> float:
        """Pages a second."""
        return round(self.pages / seconds, 2) if seconds else 0.0
