"""Numbers over time in bounded memory: a series that is full makes two steps one, of double length. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence


class Series:
    """Sums of `width` numbers a step. What is a mean is a sum over the number of samples, which is kept too.

    Steps without a sample are absent.
    """

    __slots__ = ("_capacity", "_rows", "_width", "step")

    def __init__(self, width: int, step: float, capacity: int) -> None:
        """`step`: seconds at first; `capacity`: steps at most, an even number."""
        self.step = step
        self._width = width + 2  # number of the step, samples, sums
        self._capacity = capacity
        self._rows = array("d")

    def __len__(self) -> int:
        return len(self._rows) // self._width

    def add(self, at: float, values: Sequence[float]) -> None:
        """A sample at `at` (UTC seconds, not before the last one's step)."""
        slot = at // self.step
        rows, width = self._rows, self._width
        if rows and slot <= rows[-width]:
            rows[1 - width] += 1
            for n, value in enumerate(values, 2 - width):
                rows[n] += value
            return
        if len(self) >= self._capacity:
            self._halve()
            self.add(at, values)
            return
        rows.extend((slot, 1.0, *values))

    def _halve(self) -> None:
        """Two steps become one."""
        old, width = self._rows, self._width
        self.step *= 2
        self._rows = rows = array("d")
        for n in range(0, len(old), width):
            slot = old[n] // 2
            if rows and rows[-width] == slot:
                for column in range(1, width):
                    rows[column - width] += old[n + column]
            else:
                rows.extend((slot, *old[n + 1 : n + width]))

    def __iter__(self) -> Iterator[tuple[float, int, list[float]]]:
        """The steps, the oldest first: when each began (UTC seconds), its samples, its sums."""
        for n in range(0, len(self._rows), self._width):
            slot, samples, *sums = self._rows[n : n + self._width]
            yield slot * self.step, int(samples), sums
