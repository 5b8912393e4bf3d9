"""What must hold for every model of contractual lifetimes, found in `__all__` of the analytics."""

from __future__ import annotations

import inspect
import json
import pickle
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore.analytics
from crmcore.analytics import BetaDiscreteWeibullProcess, RetentionModel
from crmcore.analytics.renewals import Renewals
from crmcore.domain.errors import InvalidInput

PUBLIC = [getattr(crmcore.analytics, name) for name in crmcore.analytics.__all__]
MODELS = [
    value
    for value in PUBLIC
    if hasattr(value, "fit") and "survivors" in inspect.signature(value.fit).parameters
    if value is not RetentionModel
]
TRUTH = BetaDiscreteWeibullProcess(alpha=0.9, beta=3, c=1.3)
COHORTS: list[np.ndarray] = [
    TRUTH.simulate(n_customers=2000, T=T, seed=T).survivors for T in (9, 6, 3)
]


def close(one: Any, other: Any, *, rel: float = 1e-6) -> bool:
    return one.params == pytest.approx(other.params, rel=rel) and bool(
        one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-10)
    )


def test_there_are_models() -> None:
    assert {model.__name__ for model in MODELS} == {"ShiftedBetaGeometric", "BetaDiscreteWeibull"}


@pytest.mark.parametrize("model", MODELS)
class TestEveryModel:
    def test_specification_and_fit_are_frozen(self, model: Any) -> None:
        fitted = model().fit(survivors=COHORTS)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            model().steps = 3
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            fitted.estimate = None
        with pytest.raises(ValueError, match="read-only"):
            fitted.covariance[0, 0] = 1
        assert fitted == model().fit(survivors=COHORTS)

    def test_order_of_cohorts_does_not_matter(self, model: Any) -> None:
        assert close(model().fit(survivors=COHORTS[::-1]), model().fit(survivors=COHORTS))

    def test_cohorts_of_one_age_may_be_told_apart_or_together(self, model: Any) -> None:
        """So customers may come one by one, a row of ones and zeros each."""
        rows = TRUTH.simulate(n_customers=60, T=6, seed=1)
        single = [np.r_[np.ones(int(n) + 1), np.zeros(6 - int(n))] for n in rows.renewals.tolist()]
        assert close(model().fit(survivors=single), model().fit(survivors=rows.survivors))
        assert close(model().fit(survivors=np.array(single)), model().fit(survivors=single))

    def test_standard_errors_shrink_with_the_root_of_the_counts(self, model: Any) -> None:
        one, four = (model().fit(survivors=[c * times for c in COHORTS]) for times in (1.0, 4.0))
        assert four.params == pytest.approx(one.params, rel=1e-7)
        halved = {name: error / 2 for name, error in one.standard_errors.items()}
        assert four.standard_errors == pytest.approx(halved, rel=1e-5)
        assert (one.covariance == one.covariance.T).all()
        assert four.n_customers == 24_000

    @pytest.mark.parametrize(
        ("survivors", "status"),
        [
            ([], "not_identified"),
            ([[]], "not_identified"),
            ([100], "not_identified"),
            ([0, 0, 0], "not_identified"),
            ([10, 7], "not_identified"),
            ([1, 0], "not_identified"),
            ([[5, 0], [5], []], "not_identified"),
            ([1, 1, 1, 1, 1], "boundary"),
            ([1, 1, 1, 0], "boundary"),
            ([9, 9, 9, 9, 5, 0], "boundary"),
        ],
    )
    def test_almost_nobody_is_no_error(self, model: Any, survivors: Any, status: str) -> None:
        fitted = model().fit(survivors=survivors)
        assert fitted.status == status
        assert fitted.estimate.reason
        assert np.isfinite(list(fitted.params.values())).all()
        assert set(fitted.estimate.undetermined) <= set(fitted.params)

    def test_huge_counts_are_fitted(self, model: Any) -> None:
        small, huge = (model().fit(survivors=[c * times for c in COHORTS]) for times in (1.0, 1e12))
        assert huge.params == pytest.approx(small.params, rel=1e-5)
        assert huge.status == "interior"

    def test_long_contracts_are_fitted(self, model: Any) -> None:
        rare = BetaDiscreteWeibullProcess(alpha=1.5, beta=900, c=1)
        fitted = model().fit(survivors=rare.simulate(n_customers=5000, T=20_000, seed=1).survivors)
        assert fitted.alpha == pytest.approx(1.5, rel=0.4)
        assert fitted.status == "interior"

    def test_hardly_anyone_ends(self, model: Any) -> None:
        fitted = model().fit(survivors=[1e9, 1e9 - 5, 1e9 - 9, 1e9 - 12, 1e9 - 15])
        # Of three contracts a ridge may have no end within the steps: then it says so.
        assert fitted.converged or (
            fitted.status != "interior" and "steps" in fitted.estimate.reason
        )
        churn = 1 - fitted.retention_rate(t=[1, 4])
        assert churn == pytest.approx([4.6e-9, 3e-9], rel=0.4)

    @given(
        cohort=st.integers(0, 2),
        place=st.integers(0, 3),
        bad=st.sampled_from([np.nan, np.inf, -1.0, 9999.0]),
    )
    def test_a_bad_value_is_refused_at_its_place(
        self, model: Any, cohort: int, place: int, bad: float
    ) -> None:
        survivors = [c.copy() for c in COHORTS]
        if bad == 9999.0:
            place = max(place, 1)  # more than before
        survivors[cohort][place] = bad
        with pytest.raises(InvalidInput) as caught:
            model().fit(survivors=survivors)
        assert caught.value.faults[0].path == f"survivors[{cohort}][{place}]"
        with pytest.raises(InvalidInput) as caught:
            model().fit(survivors=survivors[cohort])
        assert caught.value.faults[0].path == f"survivors[{place}]"

    @pytest.mark.parametrize("bad", ["many", ["a", "b"], [[[1]]], 5, [[3, 2], 1], None, {3: 2}])
    def test_what_is_no_cohort_is_refused(self, model: Any, bad: Any) -> None:
        with pytest.raises(InvalidInput, match="survivors"):
            model().fit(survivors=bad)

    @settings(max_examples=10)
    @given(
        seed=st.integers(0, 10_000),
        n=st.sampled_from([3, 20, 200]),
        truth=st.builds(
            BetaDiscreteWeibullProcess,
            alpha=st.floats(0.05, 20),
            beta=st.floats(0.05, 100),
            c=st.floats(0.3, 3),
        ),
    )
    def test_hard_cohorts_never_raise(
        self, model: Any, seed: int, n: int, truth: BetaDiscreteWeibullProcess
    ) -> None:
        fitted = model().fit(survivors=truth.simulate(n_customers=n, T=8, seed=seed).survivors)
        # Of three contracts a ridge may have no end within the steps: then it says so.
        assert fitted.converged or "before the maximum" in fitted.estimate.reason
        assert fitted.converged or n == 3
        undetermined = set(fitted.estimate.undetermined)
        errors = fitted.standard_errors
        assert {name for name, error in errors.items() if np.isinf(error)} == undetermined
        assert (fitted.status in ("boundary", "not_identified")) == bool(undetermined)
        assert not np.isnan(list(errors.values())).any()
        assert type(fitted).from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted

    def test_plain_data_pickle_and_start(self, model: Any) -> None:
        fitted = model().fit(survivors=COHORTS)
        assert pickle.loads(pickle.dumps(fitted)) == fitted
        again = model(start=fitted.params).fit(survivors=COHORTS)
        assert again.estimate.steps <= 1
        assert close(again, fitted)
        with pytest.raises(InvalidInput, match=r"start\.beta"):
            model(start={"alpha": 1.0}).fit(survivors=COHORTS)
        assert "standard error" in fitted._repr_html_()

    def test_profile_and_wald_agree_where_the_likelihood_is_quadratic(self, model: Any) -> None:
        many = [c * 100 for c in COHORTS]
        fitted = model().fit(survivors=many)
        for name, wald in fitted.confidence_intervals().items():
            profile = fitted.profile_interval(name, survivors=many)
            assert (profile.low, profile.high) == pytest.approx((wald.low, wald.high), rel=0.01)

    def test_projections_have_intervals(self, model: Any) -> None:
        fitted = model().fit(survivors=COHORTS)
        found = fitted.interval_of(lambda m: m.survival(t=[0, 5, 20], age=3), upper=1.0)
        assert (found.low[0], found.high[0]) == (1.0, 1.0)
        assert (found.low[1:] < found.value[1:]).all()
        assert (found.value[1:] < found.high[1:]).all()

    @given(point=st.lists(st.floats(-6, 6), min_size=3, max_size=3))
    def test_derivatives_equal_finite_differences(self, model: Any, point: list[float]) -> None:
        renewals = Renewals(
            np.arange(1.0, 6), np.array([9.0, 5, 4, 2, 0]), np.array([3.0, 0, 1, 2, 2]), 12.0
        )
        likelihood = model()._likelihood(renewals)
        here = np.array(point[: len(likelihood.names)])
        here[2:] /= 4
        slope = likelihood.slope(here)
        assert slope.value == pytest.approx(likelihood.value(here), rel=1e-13)
        step = 1e-5
        for place, axis in enumerate(np.eye(len(here)) * step):
            up, down = likelihood.slope(here + axis), likelihood.slope(here - axis)
            coarse = 1e-6 * (1 + np.abs(slope.hessian).max() + abs(slope.value))
            assert (up.value - down.value) / (2 * step) == pytest.approx(
                slope.gradient[place], rel=1e-6, abs=coarse
            )
            assert (up.gradient - down.gradient) / (2 * step) == pytest.approx(
                slope.hessian[place], rel=1e-5, abs=coarse
            )
