"""How many customers made 0, 1, 2... repeat purchases, and how many a model says."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.forecasts import MOST_GROUPS, CountsPurchases, answers, told
from crmcore.domain.errors import InvalidInput
from crmcore.domain.html import html_table

__all__ = ["FrequencyHistogram", "frequency_histogram"]

FEWEST = 5.0
"""A chi-square statistic wants so many expected in each group."""


@attrs.frozen(kw_only=True, eq=False)
class FrequencyHistogram:
    """Customers by their number of repeat purchases in calibration, in m groups.

    - `label` (m): 0, 1, 2... and the last one all above; `actual` (m), `expected` (m): customers.
    - `statistic`: the chi-square statistic of Pearson over the groups; from the top down, those
      of fewer than 5 expected are joined with the next lower one.
    - `degrees`: the groups that are left, less one, less the number of `estimated` parameters;
      `p_value` by them. Both None where that leaves none.
    """

    label: tuple[str, ...]
    actual: IntArray
    expected: FloatArray
    estimated: int
    statistic: float
    degrees: int | None
    p_value: float | None

    def _repr_html_(self) -> str:
        tested = (
            f"chi-square {self.statistic:.2f} with {self.degrees} degrees of freedom, "
            f"p = {self.p_value:.2g}"
            if self.degrees
            else f"chi-square {self.statistic:.2f}, too few groups for a test"
        )
        return html_table(
            zip(self.label, self.actual.tolist(), self.expected.tolist(), strict=True),
            header=("repeat purchases", "actual", "expected"),
            caption=f"{int(self.actual.sum()):,} customers by repeat purchases",
            note=tested,
        )


def frequency_histogram(
    model: CountsPurchases,
    *,
    frequency: npt.ArrayLike,
    T: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    groups: int = 8,
    estimated: int | None = None,
) -> FrequencyHistogram:
    """Customers with 0, 1, 2... repeat purchases in calibration: how many, and how many expected.

    Expected with k is the sum of P(X(T) = k) over customers, each with their own T (Fader,
    Hardie and Lee 2005, "Counting your customers" the easy way). `frequency` and `T`
    are (n,), from `summarize`; `weights` (n), whole numbers, tell how many customers each row
    stands for. `estimated` parameters were found from these customers; without it, those of a
    fitted model, and none of a model with known ones: say it, 0 perhaps, where the model was
    fitted to others. They come from whole
    histories, not from the groups, so that the p-value is rather too small (Chernoff and Lehmann
    1954). InvalidInput names all that is wrong.

        >>> class Coin:
        ...     def probability_of_n(self, *, n, t):
        ...         return 0.5 ** (n + 1)
        >>> seen = frequency_histogram(
        ...     Coin(), frequency=[0] * 25 + [1] * 10 + [3] * 5, T=1, groups=3)
        >>> seen.label, seen.actual.tolist(), seen.expected.tolist()
        (('0', '1', '2+'), [25, 10, 5], [20.0, 10.0, 10.0])
        >>> seen.statistic, seen.degrees  # 25/20 + 0/10 + 25/10
        (3.75, 2)
    """
    checks = Checks()
    x, age = checks.counts("frequency", frequency), checks.numbers("T", T)
    if not checks.faults:
        checks.same_shape(frequency=x, T=age)
    many = np.ones(()) if weights is None else checks.counts("weights", weights)
    if not checks.faults and many.ndim:
        checks.same_shape(frequency=np.atleast_1d(x), weights=many)
    checks.whole("groups", groups, least=2, most=MOST_GROUPS)
    answers(checks, "model", model, "probability_of_n")
    if estimated is not None:
        checks.whole("estimated", estimated)
    checks.close()
    x, age, many = (np.atleast_1d(column) for column in np.broadcast_arrays(x, age, many))
    customers = float(many.sum())
    found = _estimated(model, customers) if estimated is None else int(estimated)
    ages, place = np.unique(age, return_inverse=True)
    of_age = np.bincount(place, many, minlength=len(ages))
    counted = np.arange(groups - 1)
    asked = model.probability_of_n(n=np.repeat(counted, len(ages)), t=np.tile(ages, groups - 1))
    chance = told("probability_of_n", asked, rows=(groups - 1) * len(ages))
    below = chance.reshape(groups - 1, len(ages)) @ of_age
    expected = np.append(below, max(customers - float(below.sum()), 0.0))
    group = np.minimum(x, groups - 1).astype(np.int64)
    actual: FloatArray = np.bincount(group, many, minlength=groups).astype(np.float64)
    statistic, cells = _chi_square(actual, expected)
    degrees = cells - 1 - found
    return FrequencyHistogram(
        label=(*map(str, counted), f"{groups - 1}+"),
        actual=np.rint(actual).astype(np.int64),
        expected=expected,
        estimated=found,
        statistic=statistic,
        degrees=degrees if degrees > 0 else None,
        p_value=float(chi2.sf(statistic, degrees)) if degrees > 0 else None,
    )


def _estimated(model: Any, customers: float) -> int:
    """How many parameters a model found from these customers: those of a fitted one."""
    fit = getattr(model, "estimate", None)
    if fit is None:
        return 0
    if fit.n_customers != customers:
        raise InvalidInput.of(
            "estimated",
            f"must be given: the model was fitted to {fit.n_customers:,.12g} customers,"
            f" these are {customers:,.12g}",
        )
    return int(model.n_parameters)


def _chi_square(actual: FloatArray, expected: FloatArray) -> tuple[float, int]:
    """Pearson's statistic and over how many groups, those that expect few joined downwards."""
    seen, wanted = [0.0], [0.0]
    for made, told_of in zip(actual[::-1].tolist(), expected[::-1].tolist(), strict=True):
        if wanted[-1] >= FEWEST:
            seen.append(0.0)
            wanted.append(0.0)
        seen[-1] += made
        wanted[-1] += told_of
    if len(wanted) > 1 and wanted[-1] < FEWEST:  # group 0 itself expects few
        seen[-2] += seen.pop()
        wanted[-2] += wanted.pop()
    if wanted[0] == 0:
        return 0.0, 1
    gaps = np.array(seen) - np.array(wanted)
    return float((gaps**2 / np.array(wanted)).sum()), len(wanted)
