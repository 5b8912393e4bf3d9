"""Fitting models of contractual lifetimes: the same for each, but for its likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import attrs

from crmcore.analytics.checks import Checks
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitted import Fitted
from crmcore.analytics.fitting import Startable, maximum, start_or_none
from crmcore.analytics.intervals import Interval
from crmcore.analytics.options import at_least_1
from crmcore.analytics.renewals import Cohorts, Renewals
from crmcore.analytics.retention_process import RetentionProcess

__all__ = ["FittedRetention", "RetentionModel"]


class FittedRetention(RetentionProcess, Fitted):
    """A model of contractual lifetimes at the maximum-likelihood estimate, with the `estimate`."""

    __slots__ = ()

    def profile_interval(self, name: str, *, survivors: Cohorts, level: float = 0.95) -> Interval:
        """The profile-likelihood interval of one parameter, from the cohorts that were fitted.

        All values that the likelihood-ratio test does not reject: where the largest
        log-likelihood over the other parameters is within chi2(level, 1) / 2 of the maximum. It
        stays right where `confidence_intervals` is not, as near a boundary. InvalidInput where
        other cohorts were fitted.
        """
        checks = Checks()
        renewals = Renewals.checked(checks, survivors)
        checks.close()
        return self._profile(self._likelihood(renewals), name, level=level)


FittedT = TypeVar("FittedT", bound=FittedRetention)


@attrs.frozen(kw_only=True)
class RetentionModel(Generic[FittedT]):
    """How to fit a model of contractual lifetimes.

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    `start`, the `params` of an earlier fit, is tried beside the usual starts. InvalidInput
    where it is no start.
    """

    steps: int = attrs.field(default=200, validator=at_least_1)
    start: Mapping[str, float] | None = attrs.field(default=None, validator=start_or_none)

    def fit(self, *, survivors: Cohorts) -> FittedT:
        """The parameters under which what became of these cohorts is most likely.

        `survivors` counts the customers of a cohort who were there at its beginning, after the
        first renewal, after the second, ..., (m,); or it is a sequence of such cohorts. A
        younger cohort is shorter: its customers' ends are still to come. Counts, not per cents,
        since standard errors rest on how many there are; they may be fractions, as where
        customers carry weights. Hard data raise nothing: see `status` of the result.
        InvalidInput where an argument cannot be what it claims, as survivors who increase.

            >>> from crmcore.analytics import ShiftedBetaGeometric
            >>> fitted = ShiftedBetaGeometric().fit(
            ...     survivors=[1000, 869, 743, 653, 593, 551, 517, 491])
            >>> round(fitted.alpha, 3), round(fitted.beta, 3)
            (0.668, 3.806)
        """
        checks = Checks()
        renewals = Renewals.checked(checks, survivors)
        checks.close()
        likelihood = self._likelihood(renewals)
        silent, needed = None, len(likelihood.names)
        if len(renewals.t) == 0:
            silent = "no renewal has been seen"
        elif len(renewals.t) < needed:
            silent = f"{needed} parameters need {needed} renewals, seen were {len(renewals.t)}"
        return self._fitted(*maximum(likelihood, steps=self.steps, silent=silent, start=self.start))

    def _likelihood(self, renewals: Renewals) -> Startable:
        """The log-likelihood of these renewals in the log parameters."""
        raise NotImplementedError

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedT:
        """The model with what was found."""
        raise NotImplementedError
