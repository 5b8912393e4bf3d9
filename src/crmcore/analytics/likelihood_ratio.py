"""The likelihood-ratio test: whether a more general model fits better than chance explains."""

from __future__ import annotations

from typing import Protocol

import attrs
from scipy.stats import chi2

from crmcore.analytics.checks import Checks
from crmcore.domain.html import html_table

__all__ = ["LikelihoodRatio", "WithLikelihood", "likelihood_ratio_test"]

ROUNDING = 1e-6
"""By how much a maximum may be missed, relative to its height."""


class WithLikelihood(Protocol):
    """A model fitted by maximum likelihood."""

    @property
    def n_parameters(self) -> int:
        """How many parameters were estimated."""
        ...

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood at the maximum."""
        ...

    @property
    def n_customers(self) -> float:
        """How many customers were fitted."""
        ...


@attrs.frozen(kw_only=True)
class LikelihoodRatio:
    """`statistic` is 2 (LL of the general model - LL of the simple one), at or above 0.

    `degrees` is how many parameters the general model has more; `p_value` the probability of
    such a statistic or a greater one where the simple model holds, half and half over `degrees`
    and one less if a parameter lies `on_boundary`.
    """

    statistic: float
    degrees: int
    p_value: float
    on_boundary: bool

    def _repr_html_(self) -> str:
        return html_table(
            [
                ("statistic", self.statistic),
                ("degrees of freedom", self.degrees),
                ("p-value", self.p_value),
            ],
            header=("", "value"),
            caption="Likelihood-ratio test",
            note="one parameter of the general model is on its boundary" * self.on_boundary,
        )


def likelihood_ratio_test(
    simple: WithLikelihood, general: WithLikelihood, *, on_boundary: bool = False
) -> LikelihoodRatio:
    """Test `simple` against `general`, both fitted to the same customers.

    `simple` must be a special case of `general` (Wilks 1938): the caller knows that, figures do
    not show it. A sure sign that it is not is refused: another number of customers, no more
    parameters, or a lower likelihood of the general model. Neither BG/NBD nor Pareto/NBD is a
    case of the other: compare them by `compare_models`.

    The usual distribution of the statistic supposes that the simple model lies inside of the
    general one. Where it is reached at a bound of one parameter, such as nobody leaving (NBD as
    BG/NBD or Pareto/NBD without dropout), say `on_boundary`: then it is that of chi-square with
    `degrees` half of the time and one less the other half (Self and Liang 1987, cases 5 and 6).
    Where further parameters lose their meaning at that bound, as those of the dropout then do, it
    is not exact either, and a p-value near the level decides nothing.

        >>> class Told:
        ...     def __init__(self, log_likelihood, n_parameters):
        ...         self.log_likelihood, self.n_parameters = log_likelihood, n_parameters
        ...         self.n_customers = 2357
        >>> test = likelihood_ratio_test(Told(-9763.6576, 2), Told(-9582.4292, 4))
        >>> round(test.statistic, 2), test.degrees, test.p_value < 1e-70
        (362.46, 2, True)
    """
    checks = Checks()
    checks.flag("on_boundary", on_boundary)
    for path, model in (("simple", simple), ("general", general)):
        if not all(
            hasattr(model, each) for each in ("n_parameters", "log_likelihood", "n_customers")
        ):
            checks.refuse(path, "is no fitted model")
    checks.close()
    if simple.n_customers != general.n_customers:
        checks.refuse("general", "was fitted to another number of customers than simple")
    degrees = general.n_parameters - simple.n_parameters
    if degrees < 1:
        checks.refuse("general", "must have more parameters than simple")
    gain = general.log_likelihood - simple.log_likelihood
    if not gain >= -ROUNDING * max(abs(simple.log_likelihood), 1.0):
        checks.refuse(
            "general", "is less likely than simple: not nested, or its maximum was not reached"
        )
    checks.close()
    statistic = max(2.0 * gain, 0.0)
    p = float(chi2.sf(statistic, degrees))
    if on_boundary:
        less = float(chi2.sf(statistic, degrees - 1)) if degrees > 1 else float(statistic == 0)
        p = (p + less) / 2
    return LikelihoodRatio(
        statistic=statistic, degrees=degrees, p_value=p, on_boundary=bool(on_boundary)
    )
