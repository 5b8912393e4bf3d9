"""Money expected and spent in the holdout, by what was known of customers before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks
from crmcore.analytics.conditional_expectations import (
    By,
    ConditionalExpectations,
    by_history,
    checked_groups,
)
from crmcore.analytics.forecasts import answers, each_once, histories_of, told
from crmcore.analytics.lifetime_value import PurchaseModel, SpendModel, lifetime_value

__all__ = ["conditional_values"]


def conditional_values(
    *,
    purchases: PurchaseModel,
    value: SpendModel,
    t: float,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,
    monetary_value: npt.ArrayLike,
    holdout_value: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    by: By = "frequency",
    groups: int = 8,
) -> ConditionalExpectations:
    """Expected and actual spend in the holdout, by groups of customers with like histories.

    Expected is `lifetime_value` over the horizon `t` without a discount: purchases expected, times
    the value expected of each. All columns are (n,), as `summarize(..., amount=...,
    holdout_until=...)` gives them, in one currency, and `t` is its `holdout_length`; groups and
    `weights` are those of `conditional_expectations`. A few large amounts make a mean uncertain:
    mind `error`. InvalidInput names all that is wrong.

        >>> from crmcore.analytics import BetaGeoNBDProcess, GammaGammaSpend
        >>> seen = conditional_values(
        ...     purchases=BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426),
        ...     value=GammaGammaSpend(p=6.25, q=3.74, v=15.44), t=39,
        ...     frequency=[2, 2], recency=30.43, T=38.86, monetary_value=22.35,
        ...     holdout_value=[20, 50], groups=3)
        >>> seen.label, seen.expected.round(2).tolist(), seen.actual.tolist()  # 1.226 of 24.66
        (('2+',), [30.24], [35.0])
    """
    checks = Checks()
    answers(checks, "purchases", purchases, "discounted_purchases")
    answers(checks, "value", value, "expected_average_value")
    checked_groups(checks, by, groups)
    ahead = checks.number("t", t)
    spent = checks.numbers("holdout_value", holdout_value)
    history, (many,) = histories_of(
        checks, frequency=frequency, recency=recency, T=T, more=[("weights", each_once(weights))]
    )
    mean = checks.numbers("monetary_value", monetary_value)
    checks.same_shape(frequency=history.x, monetary_value=mean, holdout_value=spent)
    checks.close()
    n = len(history.x)
    worth = lifetime_value(
        purchases=purchases, value=value, frequency=history.x, recency=history.recency,
        T=history.T, monetary_value=np.broadcast_to(mean, n), horizon=ahead, discount_rate=0.0,
    )  # fmt: skip
    foreseen = told("lifetime_value", worth.value, rows=n)
    # Of so many purchases of equal value, counted by Poisson: others spread more.
    least = np.asarray(worth.discounted_purchases * worth.average_value**2)
    return by_history(
        "value", history, foreseen, np.broadcast_to(spent, n), many, by=by, groups=groups,
        least=least,
    )  # fmt: skip
