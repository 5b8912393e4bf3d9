"""Calendar periods in a row: months, or longer ones where months would be too many to see."""

from __future__ import annotations

import attrs
import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.report.figures import month_of

__all__ = ["Periods", "months_of"]

SIZES = {1: "month", 3: "quarter", 12: "year", 120: "decade", 1200: "century"}


def months_of(days: IntArray) -> IntArray:
    """The calendar months, counted from January 1970, of days counted from 1970-01-01."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


@attrs.frozen
class Periods:
    """`count` periods of `size` months; the first begins at month `first` since January 1970."""

    first: int
    size: int
    count: int

    @classmethod
    def over(cls, first: int, last: int, *, most: int) -> Periods:
        """From month `first` to month `last`, in the shortest periods that are at most `most`."""
        fitting = (size for size in SIZES if last // size - first // size < most)
        size = next(fitting, max(SIZES))
        return cls(first // size * size, size, last // size - first // size + 1)

    @property
    def name(self) -> str:
        """What one is called: `month`, `quarter`, `year`..."""
        return SIZES[self.size]

    def number(self, months: IntArray) -> IntArray:
        """Which period each month falls into, from 0; before the first it is negative."""
        return (months - self.first) // self.size

    def label(self, number: int, *, full: bool = False) -> str:
        """`Jan 1997`, `Q1 1997`, `1997`, `1990s`; in full `January 1997`, `first quarter...`."""
        month = self.first + number * self.size
        year = 1970 + month // 12
        match self.size:
            case 1:
                return month_of(month, full=full)
            case 3:
                return f"Q{month % 12 // 3 + 1} {year}"
            case 12:
                return str(year)
        return f"{year} to {year + self.size // 12 - 1}"

    @property
    def labels(self) -> list[str]:
        """The short label of each."""
        return [self.label(number) for number in range(self.count)]

    def is_open(self, number: int, day: int) -> bool:
        """Is this period not over by the end of `day`?"""
        after = self.first + (number + 1) * self.size
        return int(months_of(np.array([day + 1]))[0]) < after
