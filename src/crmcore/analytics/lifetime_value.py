"""Lifetime value: what customers are worth from today on, in money of today."""

from __future__ import annotations

from typing import Protocol

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.forecasts import answers
from crmcore.domain.errors import InvalidInput
from crmcore.domain.html import html_table

__all__ = ["LifetimeValue", "PurchaseModel", "SpendModel", "continuous_rate", "lifetime_value"]

FIRST = 10
"""How many rows a notebook shows."""


class PurchaseModel(Protocol):
    """A model that foresees purchases, such as a fitted BG/NBD."""

    def discounted_purchases(
        self,
        *,
        discount_rate: float,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        horizon: float = ...,
    ) -> FloatArray:
        """The present value of one unit of money per purchase in (T, T + horizon]."""
        ...


class SpendModel(Protocol):
    """A model that foresees spend per purchase, such as a fitted Gamma-Gamma."""

    def expected_average_value(
        self, *, frequency: npt.ArrayLike, monetary_value: npt.ArrayLike
    ) -> FloatArray:
        """The expected value of a future purchase."""
        ...


@attrs.frozen(kw_only=True, eq=False)
class LifetimeValue:
    """`value` (n,) in money is margin x `discounted_purchases` (n,) x `average_value` (n,).

    `horizon` is in the unit of time of the purchase model and `discount_rate` per that unit.
    """

    value: FloatArray
    discounted_purchases: FloatArray
    average_value: FloatArray
    horizon: float
    discount_rate: float
    margin: float

    def _repr_html_(self) -> str:
        names = ("value", "discounted_purchases", "average_value")
        columns = [np.atleast_1d(getattr(self, name)) for name in names]
        size = max(map(len, columns))
        first = [np.broadcast_to(column, size)[:FIRST].tolist() for column in columns]
        return html_table(
            zip(range(1, size + 1), *first, strict=False),
            header=("row", *names),
            caption=f"Lifetime value of {size:,}, horizon {self.horizon:g}",
            note=f"and {size - FIRST:,} more" if size > FIRST else "",
        )


def continuous_rate(*, yearly: float, units_per_year: float) -> float:
    """The continuous discount rate per unit of time that equals an effective yearly rate.

    ln(1 + yearly) / units_per_year, with `units_per_year` 52 or 365.25 / 7 for weeks, as your
    finance department counts. InvalidInput unless yearly >= 0 and units_per_year > 0.

        >>> round(continuous_rate(yearly=0.15, units_per_year=52), 4)
        0.0027
    """
    checks = Checks()
    rate = checks.number("yearly", yearly)
    units = checks.number("units_per_year", units_per_year)
    if units == 0:
        checks.refuse("units_per_year", "must be above 0")
    checks.close()
    return float(np.log1p(rate)) / units


def lifetime_value(
    *,
    purchases: PurchaseModel,
    value: SpendModel,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,
    monetary_value: npt.ArrayLike,
    horizon: float,
    discount_rate: float,
    margin: float = 1.0,
) -> LifetimeValue:
    """The expected present value of all purchases in (T, T + horizon], per customer.

    margin x E[value of a purchase] x integral from 0 to horizon of e**(-discount_rate t) dE(t)

    where E(t) is the number of purchases expected in (T, T + t] (Fader, Hardie and Lee 2005,
    RFM and CLV, section 2). Past purchases do not count. `purchases` and `value` are fitted
    models; `frequency`, `recency`, `T` and `monetary_value` are numbers or (n,) arrays.
    `horizon`, possibly infinite, is in the unit of T, and `discount_rate` is continuous and per
    that unit: see `continuous_rate`. `margin` is the part of revenue that counts. The result is
    in the currency of `monetary_value`. What the estimates leave open is told by their
    `interval_of`, of purchases and of what is paid for one: `IntervalOf.times` makes one of both,
    as the guide Lifetime models shows. InvalidInput names all that is wrong; NoFiniteMean
    where the expected value of a purchase is infinite.

        >>> from crmcore.analytics import BetaGeoNBDProcess, GammaGammaSpend
        >>> worth = lifetime_value(
        ...     purchases=BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426),
        ...     value=GammaGammaSpend(p=6.25, q=3.74, v=15.44),
        ...     frequency=2, recency=30.43, T=38.86, monetary_value=22.35,
        ...     horizon=39, discount_rate=0)
        >>> round(float(worth.value), 2)  # 1.226 purchases of 24.66
        30.24
    """
    checks = Checks()
    answers(checks, "purchases", purchases, "discounted_purchases")
    answers(checks, "value", value, "expected_average_value")
    checks.close()
    kept = checks.number("margin", margin)
    bought = average = np.zeros(0)
    try:
        bought = purchases.discounted_purchases(
            discount_rate=discount_rate, horizon=horizon, frequency=frequency, recency=recency, T=T
        )
    except InvalidInput as error:
        checks.faults += error.faults
    try:
        average = value.expected_average_value(frequency=frequency, monetary_value=monetary_value)
    except InvalidInput as error:
        checks.faults += (fault for fault in error.faults if fault not in checks.faults)
    checks.close()
    if bought.ndim and average.ndim and len(bought) != len(average):
        checks.refuse("monetary_value", f"has {len(average)} rows where T has {len(bought)}")
        checks.close()
    return LifetimeValue(
        value=np.asarray(kept * bought * average),
        discounted_purchases=bought,
        average_value=average,
        horizon=float(horizon),
        discount_rate=float(discount_rate),
        margin=kept,
    )
