"""Renewals: what a model of contractual lifetimes reads about cohorts of customers.

A cohort began together; `survivors` counts those who were there at the beginning and after the
first, second, ... renewal. A cohort of which fewer renewals are known is simply shorter, which
is how those whose end has not come yet (right-censoring) are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, cast

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray

__all__ = ["Cohorts", "Renewals"]

Cohorts: TypeAlias = npt.ArrayLike | Sequence[npt.ArrayLike]
"""One cohort (m,), or several of any lengths."""


@attrs.frozen(eq=False)
class Renewals:
    """Of all cohorts together, how many were `kept` and `lost` at each renewal `t` = 1, 2, ...

    The three are (m,), of which the likelihood of any number of cohorts is a sum; renewals at
    which nobody was left are not listed. `customers` is how many began.
    """

    t: FloatArray
    kept: FloatArray
    lost: FloatArray
    customers: float

    @classmethod
    def checked(cls, checks: Checks, survivors: Cohorts) -> Renewals:
        """The renewals, or faults noted in `checks`; close it before using them."""
        cohorts = [
            _checked(checks, path, cohort) for path, cohort in _apart(survivors, "survivors")
        ]
        most = max(map(len, cohorts), default=0)
        kept, lost = np.zeros(most), np.zeros(most)
        if not checks.faults:
            for cohort in cohorts:
                kept[1 : len(cohort)] += cohort[1:]
                lost[1 : len(cohort)] += cohort[:-1] - cohort[1:]
        seen = np.flatnonzero(kept + lost)
        began = sum((float(cohort[0]) for cohort in cohorts if len(cohort)), 0.0)
        return cls(seen.astype(np.float64), kept[seen], lost[seen], began)


def _apart(survivors: Cohorts, path: str) -> list[tuple[str, npt.ArrayLike]]:
    """Each cohort with its path."""
    if isinstance(survivors, np.ndarray):
        if survivors.ndim < 2:
            return [(path, survivors)]
    elif not isinstance(survivors, (list, tuple)) or not any(map(np.ndim, survivors)):
        return [(path, cast(npt.ArrayLike, survivors))]
    return [(f"{path}[{place}]", cohort) for place, cohort in enumerate(survivors)]


def _checked(checks: Checks, path: str, cohort: npt.ArrayLike) -> FloatArray:
    """The survivors of one cohort, or faults."""
    if np.ndim(cohort) != 1:
        checks.refuse(path, "must have one dimension: the survivors of a cohort")
        return np.zeros(0)
    numbers = checks.numbers(path, cohort)
    more = np.zeros(len(numbers), bool)
    more[1:] = np.diff(numbers) > 0
    checks.refuse_where(more, path, "must not exceed the one before")
    return numbers
