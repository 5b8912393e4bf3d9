"""Forecasts by history against the holdout, and histograms: by hand, of CDNOW, and by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from crmcore.analytics import (
    BetaGeoCNBD,
    BetaGeoNBD,
    BetaGeoNBDProcess,
    Effect,
    FittedBetaGeoNBD,
    FittedGammaGamma,
    GammaGammaSpend,
    ProcessWithCovariates,
    Summary,
    WithCovariates,
    conditional_expectations,
    conditional_values,
    frequency_histogram,
)
from crmcore.domain.errors import InvalidInput

SHOP = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
BY: list[Any] = ["frequency", "recency", "T", "time_since_last"]


class Linear:
    """A host's own model, with what is needed and nothing else."""

    def expected_purchases(self, *, t: Any, frequency: Any, recency: Any, T: Any) -> Any:
        return t * (1 + frequency) / (1 + T - recency)


def split(n: int, seed: int, *, cut: float = 39, t: float = 13) -> dict[str, Any]:
    """Customers of the shop up to `cut`, with what they bought in the `t` after it."""
    seen = SHOP.simulate(n_customers=n, T=cut + t, seed=seed)
    known = seen.time <= cut
    recency = np.zeros(n)
    np.maximum.at(recency, seen.customer[known], seen.time[known])
    return {
        "frequency": np.bincount(seen.customer[known], minlength=n),
        "recency": recency,
        "T": np.full(n, cut),
        "holdout_frequency": np.bincount(seen.customer[~known], minlength=n),
    }


def of_cdnow(summary: Summary) -> dict[str, Any]:
    names = ("frequency", "recency", "T", "holdout_frequency")
    return {"t": summary.holdout_length, **{name: getattr(summary, name) for name in names}}


histories = st.lists(
    st.tuples(st.integers(0, 12), st.floats(0.1, 1), st.floats(1, 50), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("by", BY)
@given(rows=histories, groups=st.integers(2, 9), random=st.randoms())
def test_groups_hold_everyone_once_and_add_up(
    by: Any, rows: list[Any], groups: int, random: Any
) -> None:
    x, part, age, made = (np.array(column, float) for column in zip(*rows, strict=True))
    who = {"frequency": x, "recency": np.where(x > 0, part * age, 0), "T": age}
    seen = conditional_expectations(
        Linear(), t=5, **who, holdout_frequency=made, by=by, groups=groups
    )
    assert seen.customers.sum() == len(rows)
    assert (seen.customers > 0).all()
    assert len(seen.label) == len(set(seen.label)) <= groups
    foreseen = Linear().expected_purchases(t=5, **who)
    assert (seen.customers * seen.expected).sum() == pytest.approx(foreseen.sum())
    assert (seen.customers * seen.actual).sum() == pytest.approx(made.sum())
    assert seen.total_expected == pytest.approx(foreseen.sum())
    assert seen.total_actual == made.sum()
    assert np.isfinite(seen.error).all()
    order = random.sample(range(len(rows)), len(rows))
    shuffled = {name: column[order] for name, column in who.items()}
    again = conditional_expectations(
        Linear(), t=5, **shuffled, holdout_frequency=made[order], by=by, groups=groups
    )
    assert again.label == seen.label
    assert again.expected == pytest.approx(seen.expected)
    assert again.error == pytest.approx(seen.error)


def test_recency_sets_apart_who_never_came_back() -> None:
    seen = conditional_expectations(
        Linear(), t=1, frequency=[0, 1, 1, 2], recency=[0, 2, 6, 8], T=8,
        holdout_frequency=[0, 1, 1, 1], by="recency", groups=3,
    )  # fmt: skip
    assert seen.label == ("no repeat", "0 to 4", "4 to 8")
    assert seen.customers.tolist() == [1, 1, 2]


class Says:
    """Foretells what it was told to, in purchases and in money."""

    def __init__(self, purchases: Any, each: float = 1.0) -> None:
        self.purchases, self.each = np.asarray(purchases, float), each

    def expected_purchases(self, *, t: Any, frequency: Any, recency: Any, T: Any) -> Any:
        return self.purchases

    def discounted_purchases(self, **asked: Any) -> Any:
        return self.purchases

    def expected_average_value(self, *, frequency: Any, monetary_value: Any) -> Any:
        return np.full(len(self.purchases), self.each)


def test_standard_errors_by_hand() -> None:
    who: dict[str, Any] = {"frequency": [0, 0, 0, 1, 2], "recency": [0, 0, 0, 1, 1], "T": 2}
    told = [0.0, 0.0, 0.0, 9.0, 0.04]
    seen = conditional_expectations(
        Says(told), t=1, **who, holdout_frequency=[1, 2, 3, 5, 0], groups=3
    )
    # The variance of 1, 2, 3 is 1; of one alone it is that of Poisson counts.
    assert seen.error == pytest.approx([(1 / 3) ** 0.5, 3, 0.2])
    money = conditional_values(
        purchases=Says(told, 10.0), value=Says(told, 10.0), t=1, **who,
        monetary_value=[0, 0, 0, 10, 10], holdout_value=[10, 20, 30, 50, 0], groups=3,
    )  # fmt: skip
    assert money.expected == pytest.approx([0, 90, 0.4])
    assert money.error == pytest.approx([(100 / 3) ** 0.5, 30, 2])


def test_totals_of_cdnow(bgnbd: FittedBetaGeoNBD, cdnow: Summary) -> None:
    for by in BY:
        seen = conditional_expectations(bgnbd, **of_cdnow(cdnow), by=by)
        assert seen.total_expected == pytest.approx(1653.39, abs=0.05)
        assert seen.total_actual == 1882
    by_frequency = conditional_expectations(bgnbd, **of_cdnow(cdnow))
    assert by_frequency.label == ("0", "1", "2", "3", "4", "5", "6", "7+")
    assert by_frequency.customers.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]


@pytest.mark.parametrize("by", BY)
def test_a_right_model_is_off_by_chance_only(by: Any) -> None:
    found = []
    for seed in range(5):
        seen = conditional_expectations(SHOP, t=13, **split(20_000, seed), by=by)
        found.append((seen.actual - seen.expected) / seen.error)
    z = np.concatenate(found)
    assert np.abs(z).max() < 4
    assert 0.6 < z.std() < 1.4


def test_a_wrong_model_is_found_out() -> None:
    """The control: a shop whose customers leave half as often as the model thinks."""
    wrong = BetaGeoNBDProcess(r=0.5, alpha=6, a=1.6, b=2.5)
    seen = conditional_expectations(wrong, t=13, **split(20_000, 1))
    assert np.abs((seen.actual - seen.expected) / seen.error).max() > 6


def test_money_of_cdnow(
    bgnbd: FittedBetaGeoNBD, gamma_gamma: FittedGammaGamma, cdnow: Summary
) -> None:
    assert cdnow.holdout_value is not None
    assert cdnow.monetary_value is not None
    seen = conditional_values(
        purchases=bgnbd, value=gamma_gamma, t=39, frequency=cdnow.frequency,
        recency=cdnow.recency, T=cdnow.T, monetary_value=cdnow.monetary_value,
        holdout_value=cdnow.holdout_value,
    )  # fmt: skip
    assert seen.total_actual == pytest.approx(cdnow.holdout_value.sum())
    assert (seen.customers * seen.actual).sum() == pytest.approx(seen.total_actual)
    assert (seen.customers * seen.expected).sum() == pytest.approx(seen.total_expected)
    bought = bgnbd.expected_purchases(
        t=39, frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T
    )
    each = gamma_gamma.expected_average_value(
        frequency=cdnow.frequency, monetary_value=cdnow.monetary_value
    )
    assert seen.total_expected == pytest.approx(float(bought @ each), rel=1e-9)
    assert seen.of == "value"
    assert "Mean value in the holdout" in seen._repr_html_()


def test_right_models_of_money_are_off_by_chance_only() -> None:
    """A mean value known for sure, so that what is bought later costs that much on average."""

    class Known:
        def expected_average_value(self, *, frequency: Any, monetary_value: Any) -> Any:
            return np.asarray(monetary_value)

    z = []
    for seed in range(4):
        data = split(20_000, seed)
        draw = np.random.default_rng(seed)
        mean = draw.gamma(4.0, 10.0, 20_000)
        times = data.pop("holdout_frequency")
        spent = mean * draw.gamma(np.maximum(times, 1) * 3.0) / 3 * (times > 0)
        seen = conditional_values(
            purchases=SHOP, value=Known(), t=13, **data, monetary_value=mean, holdout_value=spent
        )
        z.append((seen.actual - seen.expected) / seen.error)
    assert np.abs(z).max() < 4
    assert 0.6 < np.std(z) < 1.4


@pytest.mark.parametrize(
    "change",
    [{"t": -1}, {"by": "hour"}, {"monetary_value": [1, 2, 3]}, {"holdout_value": [-1, 0]}],
)
def test_bad_arguments_of_money_are_named(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "purchases": SHOP, "value": GammaGammaSpend(p=6, q=4, v=15), "t": 1,
        "frequency": [0, 1], "recency": [0, 1], "T": 2, "monetary_value": [0, 5],
        "holdout_value": [0, 5],
    }  # fmt: skip
    with pytest.raises(InvalidInput, match=next(iter(change))):
        conditional_values(**(good | change))


def test_published_histogram_of_cdnow(bgnbd: FittedBetaGeoNBD, cdnow: Summary) -> None:
    """Fader, Hardie and Lee (2005): chi-square 4.82 with 3 degrees of freedom, p = .19."""
    seen = frequency_histogram(bgnbd, frequency=cdnow.frequency, T=cdnow.T)
    assert seen.actual.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert round(seen.statistic, 2) == 4.82
    assert seen.degrees == 3
    assert seen.p_value == pytest.approx(0.19, abs=0.005)
    assert seen.expected.sum() == pytest.approx(2357)
    known = frequency_histogram(
        BetaGeoNBDProcess(**bgnbd.params), frequency=cdnow.frequency, T=cdnow.T
    )
    assert (known.estimated, known.degrees) == (0, 7)


def test_a_histogram_knows_how_many_parameters_were_estimated() -> None:
    data = split(400, 2)
    who: dict[str, Any] = {name: data[name] for name in ("frequency", "recency", "T")}
    counts = {"frequency": data["frequency"], "T": data["T"]}
    traits = {"web": np.arange(400) % 2}
    fitted = WithCovariates(BetaGeoNBD(), purchases="web").fit(**who, covariates=traits)
    assert frequency_histogram(fitted.given({"web": 0.5}), **counts).estimated == 5
    regular = BetaGeoCNBD(k=1).fit(**who)
    assert frequency_histogram(regular, **counts).estimated == 4
    known = ProcessWithCovariates(baseline=SHOP, effects=(Effect("purchases", "web", 0.2),))
    assert frequency_histogram(known.given({"web": 1}), **counts).estimated == 0


def test_expected_numbers_are_sums_over_customers() -> None:
    age = np.array([3.0, 10.0, 10.0, 50.0])
    seen = frequency_histogram(SHOP, frequency=[0, 2, 7, 1], T=age, groups=4)
    chances = [SHOP.probability_of_n(n=k, t=age).sum() for k in range(3)]
    assert seen.expected[:3] == pytest.approx(chances, rel=1e-12)
    assert seen.expected.sum() == pytest.approx(4)
    assert seen.actual.tolist() == [1, 1, 1, 1]
    assert (seen.degrees, seen.p_value) == (None, None)
    assert "too few groups" in seen._repr_html_()


def test_groups_that_expect_few_are_joined() -> None:
    class Told:
        def probability_of_n(self, *, n: Any, t: Any) -> Any:
            return np.array([0.5, 0.3, 0.16, 0.03])[np.asarray(n)]

    seen = frequency_histogram(Told(), frequency=[0] * 60 + [1] * 20 + [2] * 20, T=1, groups=5)
    assert seen.expected == pytest.approx([50, 30, 16, 3, 1])
    # 4 and 3 expect 4, and go with 2: 20 of 20, 20 of 30, 60 of 50.
    assert seen.statistic == pytest.approx(100 / 30 + 100 / 50)
    assert seen.degrees == 2
    assert seen.p_value == pytest.approx(float(chi2.sf(16 / 3, 2)))


def test_p_values_of_a_right_model_are_even() -> None:
    told = []
    for seed in range(60):
        made = SHOP.simulate(n_customers=1500, T=39, seed=seed)
        p = frequency_histogram(SHOP, frequency=made.frequency, T=made.T).p_value
        assert p is not None
        told.append(p)
    assert 0.35 < np.mean(told) < 0.65
    assert np.mean(np.array(told) < 0.1) < 0.25


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"t": -1}, "t"),
        ({"by": "money"}, "by"),
        ({"groups": 1}, "groups"),
        ({"holdout_frequency": [1, 2, 3]}, "holdout_frequency"),
        ({"recency": [9, 9]}, "recency"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], path: str) -> None:
    good: dict[str, Any] = {
        "t": 1, "frequency": [0, 1], "recency": [0, 1], "T": 2, "holdout_frequency": [0, 0],
    }  # fmt: skip
    with pytest.raises(InvalidInput, match=path):
        conditional_expectations(Linear(), **(good | change))


@pytest.mark.parametrize("change", [{"groups": 1}, {"estimated": -1}, {"T": [1, 2, 3]}])
def test_bad_arguments_of_a_histogram_are_named(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"frequency": [0, 1], "T": 2}
    with pytest.raises(InvalidInput, match=next(iter(change))):
        frequency_histogram(SHOP, **(good | change))


def test_nobody_is_a_table_without_rows() -> None:
    nobody: dict[str, Any] = {"frequency": [], "recency": [], "T": []}
    for by in BY:
        seen = conditional_expectations(Linear(), t=1, **nobody, holdout_frequency=[], by=by)
        assert (seen.label, seen.total_expected) == ((), 0)
    assert frequency_histogram(SHOP, frequency=[], T=[]).statistic == 0
