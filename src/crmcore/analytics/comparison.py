"""Models side by side, on the same customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.forecasts import ForeseesPurchases, each_once, histories_of, told
from crmcore.analytics.histories import History
from crmcore.domain.errors import InvalidInput
from crmcore.domain.html import html_table

__all__ = ["ComparedModel", "ModelComparison", "compare_models"]


@attrs.frozen(kw_only=True)
class ComparedModel:
    """What one model makes of the customers; what it cannot tell is None.

    - `log_likelihood` of the calibration, whatever the model was fitted to; `n_parameters`, and
      `aic`, `bic` of both (less is better).
    - `alive`: the sum of P(alive).
    - Of the holdout: `expected` purchases in all; `error` of that total (.01 is 1 % too many);
      `mae` and `rmse`, the mean absolute and root mean squared error per customer.
    """

    name: str
    log_likelihood: float | None
    n_parameters: int | None
    aic: float | None
    bic: float | None
    alive: float | None
    expected: float | None
    error: float | None
    mae: float | None
    rmse: float | None


@attrs.frozen(kw_only=True)
class ModelComparison:
    """A row for each model, in the order given: of `customers`, who made `actual` purchases in the
    holdout.
    """

    rows: tuple[ComparedModel, ...]
    customers: int
    actual: float | None

    def __getitem__(self, name: str) -> ComparedModel:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def _repr_html_(self) -> str:
        names = [field.name for field in attrs.fields(ComparedModel)]
        made = "" if self.actual is None else f", {self.actual:,.0f} purchases in the holdout"
        return html_table(
            [[getattr(row, name) for name in names] for row in self.rows],
            header=names,
            caption=f"{len(self.rows)} models of {self.customers:,} customers{made}",
        )


def compare_models(
    models: Mapping[str, Any],
    *,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,
    t: float | None = None,
    holdout_frequency: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> ModelComparison:
    """What each model, by its name, makes of the same calibration and the same holdout.

    `frequency`, `recency`, `T` and `holdout_frequency` are (n,), as `summarize` gives them with
    `holdout_until`, and `t` is its `holdout_length`; without these two, only the calibration is
    compared. `weights` (n), whole numbers, tell how many customers each row stands for.

    A model is asked what it can tell: `log_likelihood_of`, `n_parameters` (or `params`, which then
    all count as estimated), `probability_alive`, `expected_purchases`; one of the host's own may
    have the last alone, and is compared by the holdout. A model with covariates is that of these
    customers, `fitted.given(covariates)`; its coefficients count.

    A better log-likelihood does not promise a better forecast, nor the least error of the total
    that of individuals: which matters is the caller's purpose. InvalidInput names all that is
    wrong.

        >>> from crmcore.analytics import BetaGeoNBDProcess
        >>> class NobodyBuys:
        ...     def expected_purchases(self, *, t, frequency, recency, T):
        ...         return 0 * frequency
        >>> models = {"BG/NBD": BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1), "none": NobodyBuys()}
        >>> compared = compare_models(models, frequency=[0, 1], recency=[0, 1], T=1,
        ...                           t=1, holdout_frequency=[0, 2])
        >>> row = compared["none"]
        >>> row.mae, round(row.rmse, 4), row.error, row.log_likelihood
        (1.0, 1.4142, -1.0, None)
        >>> round(compared["BG/NBD"].log_likelihood, 4)  # ln of 1/2 and 1/8 + 1/8
        -2.0794
        >>> compared["BG/NBD"].alive, compared["BG/NBD"].n_parameters
        (1.5, 4)
    """
    checks = Checks()
    if not isinstance(models, Mapping) or not models:
        checks.refuse("models", "must hold one model at least, by name")
    if (t is None) != (holdout_frequency is None):
        checks.refuse("t", "and holdout_frequency go together")
    ahead = None if t is None else checks.number("t", t)
    more = [] if holdout_frequency is None else [("holdout_frequency", holdout_frequency)]
    more.append(("weights", each_once(weights)))
    history, (*counts, many) = histories_of(
        checks, frequency=frequency, recency=recency, T=T, more=more
    )
    seen = _Seen(history, many, weights is not None, ahead, counts[0] if counts else None)
    return ModelComparison(
        rows=tuple(_row(name, model, seen) for name, model in models.items()),
        customers=int(many.sum()),
        actual=None if seen.made is None else float((many * seen.made).sum()),
    )


@attrs.frozen(eq=False)
class _Seen:
    """Histories of so `many` (n) customers each, and what those `made` (n) within `t`."""

    history: History
    many: FloatArray
    weighted: bool
    t: float | None
    made: FloatArray | None


def _row(name: str, model: Any, seen: _Seen) -> ComparedModel:
    """What one model says of these histories."""
    history, many = seen.history, seen.many
    n, customers = len(history.x), float(many.sum())
    who = {"frequency": history.x, "recency": history.recency, "T": history.T}
    height = k = alive = None
    if hasattr(model, "log_likelihood_of"):
        told_of = {**who, "weights": many} if seen.weighted else who
        height = float(model.log_likelihood_of(**told_of))
    if hasattr(model, "n_parameters"):
        k = int(model.n_parameters)
    elif hasattr(model, "params"):
        k = len(model.params)
    if hasattr(model, "probability_alive"):
        each = told("probability_alive", model.probability_alive(**who), rows=n)
        alive = float((many * each).sum())
    aic = bic = None
    if height is not None and k is not None:
        aic = 2.0 * k - 2.0 * height
        bic = float(k * np.log(max(customers, 1.0))) - 2.0 * height
    return ComparedModel(
        name=name, log_likelihood=height, n_parameters=k, aic=aic, bic=bic, alive=alive,
        **_errors(name, model, who, seen),
    )  # fmt: skip


def _errors(
    name: str, model: ForeseesPurchases, who: dict[str, FloatArray], seen: _Seen
) -> dict[str, float | None]:
    """How the forecasts of a model compare with the holdout."""
    if seen.t is None or seen.made is None:
        return dict.fromkeys(("expected", "error", "mae", "rmse"))
    if not hasattr(model, "expected_purchases"):
        raise InvalidInput.of(f"models.{name}", "has no expected_purchases")
    made, many = seen.made, seen.many
    foreseen = told("expected_purchases", model.expected_purchases(t=seen.t, **who), rows=len(made))
    apart, total, n = foreseen - made, float((many * made).sum()), float(many.sum())
    expected = float((many * foreseen).sum())
    return {
        "expected": expected,
        "error": expected / total - 1 if total else None,
        "mae": float((many * np.abs(apart)).sum()) / n if n else None,
        "rmse": float(np.sqrt((many * apart**2).sum() / n)) if n else None,
    }
