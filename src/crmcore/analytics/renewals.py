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

__all__ = ["Cohorts", "Renewals", "survivors_of"]

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


def survivors_of(
    *, renewals: npt.ArrayLike, ended: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> list[FloatArray]:
    """Cohorts to fit a retention model to, out of a table of contracts.

    `renewals` (n) is how often each contract was renewed and `ended` (n) whether it has ended
    since; `weights` (n) tell how many contracts each row stands for. Those that ended make up
    one cohort, those still running one for each number of renewals: a model reads no more than
    how many were kept and lost at each renewal, whenever contracts began. InvalidInput where
    an argument cannot be what it claims.

        >>> cohorts = survivors_of(renewals=[0, 2, 2, 1], ended=[True, True, False, False])
        >>> [cohort.tolist() for cohort in cohorts]
        [[2.0, 1.0, 1.0, 0.0], [1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    checks = Checks()
    flags = Checks()
    made, over = checks.counts("renewals", renewals), flags.counts("ended", ended)
    if made.ndim != 1:
        checks.refuse("renewals", "must have one dimension")
    elif flags.faults or over.shape != made.shape or (over > 1).any():
        checks.refuse("ended", f"must be true or false, {made.size} in all")
    rows = checks.weights(weights, rows=made.size)
    checks.close()
    rows = np.ones(len(made)) if rows is None else rows
    cohorts = []
    if over.any():
        gone = np.bincount(made[over > 0].astype(np.int64), rows[over > 0])
        cohorts.append(np.append(gone[::-1].cumsum()[::-1], 0.0))
    ages, place = np.unique(made[over == 0], return_inverse=True)
    counts = np.bincount(place, rows[over == 0], len(ages))
    for age, count in zip(ages.tolist(), counts.tolist(), strict=True):
        cohorts.append(np.full(int(age) + 1, count))
    return cohorts


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
