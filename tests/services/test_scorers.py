"""Scorers: a host's model is given the columns it declared, and checked before a word is kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import pytest

from crmcore import AttributeType, InvalidInput, Measure, Model, UnknownField, analytics, field
from crmcore.adapters.backend import Backend
from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess, GammaGamma, IntervalOf, PurchaseModel
from crmcore.services import (
    EstimatorScorer,
    ExpectedPurchases,
    LifetimeWorth,
    ProbabilityAlive,
    ScorerColumns,
    ScoreValues,
    import_purchases,
    score,
    score_by,
    scorer,
    scoring_columns,
)
from crmcore.services.purchase_scorers import in_a_line
from crmcore.testing import FrozenClock, an_interaction
from tests.services.conftest import Open
from tests.services.stored import SOURCE, customer, everything, profile
from tests.services.test_scoring import AS_OF, regulars, rows_of, scores_of

N = 40


@attrs.frozen
class Basket:
    """A host's own scorer: a frozen class, nothing inherited."""

    name: str = "basket"
    version: str = "2024-12"
    inputs: tuple[str, ...] = ("frequency", "monetary_value")
    unit: str = "EUR"

    def score(self, columns: ScorerColumns, /) -> Any:
        return np.where(columns["frequency"] > 0, columns["monetary_value"], 20.0)


def answering(told: Any, name: str = "odd") -> Any:
    """A scorer that says this, or what this makes of the columns."""

    @scorer(name=name, version="1", inputs=("T",), unit="1")
    def odd(columns: ScorerColumns) -> Any:
        return told(columns["T"]) if callable(told) else told

    return odd


@pytest.fixture
def stocked(backend: Backend) -> Backend:
    import_purchases(backend, regulars(), source=SOURCE)
    return backend


class TestAsking:
    """What comes back is stored; what was not declared does not reach it."""

    def test_a_class_of_the_hosts_own(self, stocked: Backend):
        run = score_by(stocked, [Basket()], as_of=AS_OF)

        (found,) = scores_of(stocked, "c0")
        assert (run.customers, run.added) == (N, N)
        assert (found.scorer, found.value, found.unit) == ("basket", 20.0, "EUR")
        assert (found.scorer_version, found.low, found.high) == ("2024-12", None, None)
        assert found.at == datetime(2024, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)

    def test_it_is_given_its_inputs_and_no_more(self, stocked: Backend):
        """In float64, read-only, a row for each customer in the order of ids."""
        seen: dict[str, Any] = {}

        @scorer(name="nosy", version="1", inputs=("recency", "revenue"), unit="1")
        def nosy(columns: ScorerColumns) -> Any:
            seen.update(columns)
            with pytest.raises(KeyError):
                columns["frequency"]
            with pytest.raises(ValueError, match="read-only"):
                columns["recency"][0] = 1
            with pytest.raises(TypeError):
                columns["T"] = columns["recency"]  # type: ignore[index]
            return columns["revenue"]

        run = score_by(stocked, [Basket(), nosy], as_of=AS_OF)

        assert list(seen) == ["recency", "revenue"]
        assert {column.dtype for column in seen.values()} == {np.dtype(np.float64)}
        with stocked.reading() as unit:
            whole = [unit.profiles.get(id)["revenue"] for id in run.customer_ids]
        assert [Decimal(str(value)) for value in seen["revenue"]] == [m.amount for m in whole]

    def test_the_latest_of_each_scorer_is_a_measure(self, open_store: Open):
        """As the built-in ones are; a scorer may even take the name of one of those."""
        own = Measure("basket", "scores", "latest", "value", where=field("scorer") == "basket")
        backend = open_store(model=Model(measures=[own]))
        import_purchases(backend, regulars(), source=SOURCE)

        score_by(backend, [Basket(), answering(np.ones_like, "probability_alive")], as_of=AS_OF)

        assert profile(backend, "c0")["basket"] == 20.0
        assert profile(backend, "c0")["probability_alive"] == 1.0

    def test_intervals_grounds_and_model(self, stocked: Backend):
        """NaN in both ends says that there is no interval of this one."""
        told = ScoreValues(
            value=range(N), low=[np.nan, *range(N - 1)], high=[np.nan, *range(1, N)],
            why=["first", None, *["because"] * (N - 2)], model="mine a=1",
        )  # fmt: skip
        run = score_by(stocked, [answering(told)], as_of=AS_OF)

        with stocked.reading() as unit:
            one, two, three = (unit.scores.of(id)[0] for id in run.customer_ids[:3])
        assert (one.low, one.high, one.why, one.model) == (None, None, "first", "mine a=1")
        assert (two.low, two.high, two.why) == (0.0, 1.0, None)
        assert (three.value, three.low, three.high, three.why) == (2.0, 1.0, 2.0, "because")

    def test_an_interval_of_the_analytics_is_taken_as_it_is(self, stocked: Backend):
        """Without a bound it is none."""
        values = np.ones(N)
        high = np.where(np.arange(N) == 0, np.inf, 3.0)
        told = IntervalOf(value=values, low=values * 0.5, high=high, level=0.9)
        run = score_by(stocked, [answering(told)], as_of=AS_OF)

        with stocked.reading() as unit:
            found = [unit.scores.of(id)[0] for id in run.customer_ids]
        assert [s.high for s in found] == [None, *[3.0] * (N - 1)]

    def test_a_second_run_adds_nothing_and_another_version_does(
        self, stocked: Backend, clock: FrozenClock
    ):
        score_by(stocked, [Basket(), answering(np.ones_like)], as_of=AS_OF)
        before = everything(stocked)
        clock.advance()

        assert score_by(stocked, [Basket()], as_of=AS_OF).added == 0
        assert everything(stocked) == before
        assert score_by(stocked, [Basket(version="2025")], as_of=AS_OF).added == N
        assert score_by(stocked, [Basket(unit="USD")], as_of=AS_OF).added == N

    def test_looking_without_a_trace(self, stocked: Backend):
        before = everything(stocked)
        run = score_by(stocked, [Basket()], as_of=AS_OF, record=False)

        assert run.added == 0
        assert np.asarray(run.values["basket"].value).shape == (N,)
        assert score(stocked, as_of=AS_OF, record=False).added == 0
        assert everything(stocked) == before

    def test_it_does_not_read_what_it_says(self, stocked: Backend, clock: FrozenClock):
        """Its former scores are an input, those of the same run are not: else no run could be
        repeated."""

        @scorer(
            name="probability_alive", version="1", inputs=("probability_alive",), unit="probability"
        )
        def smoothed(columns: ScorerColumns) -> Any:
            return 0.5 * np.nan_to_num(columns["probability_alive"], nan=1.0)

        for again, expected in ((N, 0.5), (0, 0.5)):
            assert score_by(stocked, [smoothed], as_of=AS_OF).added == again
            clock.advance()
            assert profile(stocked, "c5")["probability_alive"] == expected
        score_by(stocked, [smoothed], as_of=date(2025, 1, 31))
        assert profile(stocked, "c5")["probability_alive"] == 0.25


class TestRefusing:
    """Our error names the scorer and how many rows; nothing is stored, not of the others either."""

    @pytest.mark.parametrize(
        ("told", "path", "reason"),
        [
            ([1.0, 2.0, 3.0], "odd.value", "has 3 rows for 40 customers"),
            ([], "odd.value", "has 0 rows for 40 customers"),
            (1.0, "odd.value", "must have one dimension"),
            (lambda T: T[:, None], "odd.value", "must have one dimension"),
            (None, "odd.value", "must have one dimension"),
            ([None] * N, "odd.value", "is not a finite number for 40 of 40 customers"),
            (["high"] * N, "odd.value", "must be numbers"),
            ([1j] * N, "odd.value", "must be numbers"),
            ([[1], *[2] * (N - 1)], "odd.value", "must be numbers"),
            (lambda T: np.where(T > 20, np.nan, T), "odd.value", "is not a finite number for"),
            (lambda T: np.where(T > 20, -np.inf, T), "odd.value", "is not a finite number for"),
            (lambda T: np.ma.masked_less(T, 40), "odd.value", "has masked values"),
            (lambda T: ScoreValues(value=T, low=T), "odd.high", "is missing"),
            (
                lambda T: ScoreValues(value=T, low=T + 1, high=T + 2),
                "odd.low",
                "is not at or below",
            ),
            (lambda T: ScoreValues(value=T, low=T - 2, high=T - 1), "odd.high", "at or above"),
            (lambda T: ScoreValues(value=T, low=T, high=T * np.inf), "odd.high", "at or above"),
            (lambda T: ScoreValues(value=T, low=T, high=T * np.nan), "odd.high", "together with"),
            (lambda T: ScoreValues(value=T, low=T, high=T[1:]), "odd.high", "39 rows for 40"),
            (lambda T: ScoreValues(value=T, why=["why"]), "odd.why", "has 1 rows for 40 customers"),
            (lambda T: ScoreValues(value=T, why="w" * N), "odd.why", "must be a sequence of texts"),
            (lambda T: ScoreValues(value=T, why=["w" * 501] * N), "odd.why", "longer than 500"),
            (lambda T: ScoreValues(value=T, why=[7] * N), "odd.why", "must be text"),  # type: ignore[list-item]
            (lambda T: ScoreValues(value=T, why=[""] * N), "odd.why", "is empty"),
            (lambda T: ScoreValues(value=T, model="m" * 201), "odd.model", "longer than 200"),
            (lambda T: ScoreValues(value=T, model=""), "odd.model", "is empty"),
        ],
    )
    def test_what_is_no_score_of_each_customer(
        self, stocked: Backend, told: Any, path: str, reason: str
    ):
        before = everything(stocked)
        with pytest.raises(InvalidInput) as refused:
            score_by(stocked, [Basket(), answering(told)], as_of=AS_OF)

        (fault,) = refused.value.faults
        assert fault.path == path
        assert reason in fault.reason
        assert everything(stocked) == before

    def test_the_first_customer_is_named(self, memory: Backend):
        """By its id, which is no personal value."""
        import_purchases(memory, regulars(), source=SOURCE)
        ids = scoring_columns(memory, ["T"], as_of=AS_OF).customer_ids
        told = np.where(np.arange(N) % 10 == 3, np.nan, 1.0)
        with pytest.raises(InvalidInput, match=f"for 4 of 40 customers, first {ids[3]}"):
            score_by(memory, [answering(told)], as_of=AS_OF)

    @pytest.mark.parametrize(
        ("scorers", "match"),
        [
            ([], "scorers: must be a sequence of one"),
            (Basket(), "scorers: must be a sequence of one"),
            ([Basket(), Basket(version="2")], r"scorers\[1\].name: basket is that of scorers\[0\]"),
            ([Basket(name="My Model")], r"scorers\[0\].name"),
            ([Basket(version="")], r"scorers\[0\].version: is empty"),
            ([Basket(version=3)], r"scorers\[0\].version: must be text"),  # type: ignore[arg-type]
            ([Basket(unit="x" * 41)], r"scorers\[0\].unit: is longer"),
            ([Basket(inputs="T")], r"scorers\[0\].inputs: must be a sequence"),  # type: ignore[arg-type]
            ([Basket(inputs=())], r"scorers\[0\].inputs: must name one"),
            ([Basket(inputs=("T", "T"))], r"scorers\[0\].inputs: .* each once"),
            ([BetaGeoNBD()], r"scorers\[0\]: has no name, version, inputs, unit"),
            ([Basket(inputs=("name",))], r"basket.inputs.name: is personal"),
            ([Basket(inputs=("Frequency",))], "did you mean 'frequency'"),
        ],
    )
    def test_what_is_no_scorer(self, memory: Backend, scorers: Any, match: str):
        """Before anything is read."""
        with pytest.raises(InvalidInput, match=match):
            score_by(memory, scorers, as_of=AS_OF)

    def test_an_unknown_input_names_the_scorer(self, memory: Backend):
        with pytest.raises(UnknownField) as refused:
            score_by(memory, [Basket(inputs=("T", "revenu"))], as_of=AS_OF)
        assert refused.value.faults[0].path == "basket.inputs.revenu"
        assert refused.value.suggestion == "revenue"

    def test_its_own_error_says_whose_it_was(self, stocked: Backend):
        def broken(_: Any) -> Any:
            raise ZeroDivisionError

        before = everything(stocked)
        with pytest.raises(ZeroDivisionError) as raised:
            score_by(stocked, [Basket(), answering(broken)], as_of=AS_OF)
        assert raised.value.__notes__ == ["raised by the scorer odd 1"]
        assert everything(stocked) == before

    def test_nobody_to_score(self, backend: Backend):
        with pytest.raises(InvalidInput, match="nobody had bought by then"):
            score_by(backend, [Basket()], as_of=AS_OF)


class TestColumns:
    """What a scorer is given, for training too."""

    def test_each_type_of_field(self, open_store: Open):
        model = Model(
            attributes=[AttributeType("visits", "integer"), AttributeType("insured", "boolean"),
                        AttributeType("born", "date"), AttributeType("share", "decimal"),
                        AttributeType("secret", "integer", personal=True)],
        )  # fmt: skip
        backend = open_store(model=model)
        import_purchases(backend, rows_of(a=["2024-01-10 12.50"], b=["2024-02-10"]), source=SOURCE)
        with backend.unit_of_work() as unit:
            known = unit.customers.get(customer(backend, "a").id)
            for name, value in (
                ("visits", 3), ("insured", True), ("born", date(1990, 5, 1)),
                ("share", Decimal("0.25")),
            ):  # fmt: skip
                known = known.with_attribute(name, value, at=unit.recorded_at)
            unit.customers.save(known)
            unit.interactions.add(
                an_interaction(known, "phone", at=datetime(2024, 3, 1, tzinfo=UTC))
            )
        inputs = [
            "T", "revenue", "visits", "insured", "born", "share", "last_purchase_at", "stage",
            "last_channel", "interaction_count", "probability_alive", "tags",
        ]  # fmt: skip
        found = scoring_columns(backend, inputs, as_of=date(2026, 12, 31))

        row = found.customer_ids.index(customer(backend, "a").id)
        told = {name: column[[row, 1 - row]].tolist() for name, column in found.columns.items()}
        assert list(told) == inputs
        assert told["revenue"] == [12.5, 20.0]
        assert str(told["visits"] + told["insured"] + told["share"]) == (
            "[3.0, nan, 1.0, nan, 0.25, nan]"
        )
        assert told["born"] == [date(1990, 5, 1), None]
        days = found.columns["last_purchase_at"].astype("datetime64[D]").astype(str)
        assert sorted(days) == ["2024-01-10", "2024-02-10"]
        assert told["stage"] == ["prospect", "prospect"]
        assert told["last_channel"] == ["phone", None]
        assert told["interaction_count"] == [1.0, 0.0]
        assert np.isnan(told["probability_alive"]).all()
        assert told["tags"] == [(), ()]
        assert not any(column.flags.writeable for column in found.columns.values())
        with pytest.raises(InvalidInput, match="personal"):
            scoring_columns(backend, ["secret"], as_of=AS_OF)

    def test_what_happened_after_the_day_is_not_in_it(self, backend: Backend):
        """Orders, calls: recorded or not."""
        rows = rows_of(a=["2024-01-10", "2024-05-10", "2025-01-01"], late=["2025-02-01"])
        import_purchases(backend, rows, source=SOURCE)
        found = scoring_columns(backend, ["frequency", "purchase_count"], as_of=AS_OF)

        assert found.customers == 1
        assert found.columns["purchase_count"].tolist() == [2.0]
        assert found.columns["frequency"].tolist() == [1.0]


class Nearest:
    """An estimator in the manner of scikit-learn: nothing but its two methods."""

    classes_ = np.array(["gone", "silent", "loyal"])

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def predict(self, X: Any) -> Any:
        assert X.shape == (N, self.columns)
        assert X.dtype == np.float64
        return X[:, 0]

    def predict_proba(self, X: Any) -> Any:
        first = self.predict(X) / 100
        rest = np.zeros_like(first) if self.columns == 2 else first
        return np.column_stack([1 - first - rest, first, rest][: self.columns])


class Regression:
    def predict(self, X: Any) -> Any:
        return X @ np.ones(X.shape[1])


class TestEstimators:
    """Anything that predicts from a 2-d array, in one line."""

    def test_a_regression(self, memory: Backend):
        import_purchases(memory, regulars(), source=SOURCE)
        own = EstimatorScorer(
            Regression(), name="sum", version="1", inputs=("recency", "T"), unit="weeks"
        )
        run = score_by(memory, [own], as_of=AS_OF)

        columns = scoring_columns(memory, ["T", "recency"], as_of=AS_OF).columns
        assert np.array_equal(run.values["sum"].value, columns["T"] + columns["recency"])

    @pytest.mark.parametrize(
        ("count", "outcome", "times"), [(2, None, 1.0), (3, "loyal", 1.0), (3, "gone", -2.0)]
    )
    def test_a_classifier(self, memory: Backend, count: int, outcome: Any, times: float):
        """The second of two classes, or the one that is named."""
        import_purchases(memory, regulars(), source=SOURCE)
        inputs = ("recency", "T", "frequency")[:count]
        own = EstimatorScorer(
            Nearest(count), name="loyal", version="1", inputs=inputs, outcome=outcome
        )
        run = score_by(memory, [own], as_of=AS_OF)

        recency = scoring_columns(memory, ["recency"], as_of=AS_OF).columns["recency"]
        expected = recency / 100 if times == 1.0 else 1 - 2 * recency / 100
        assert np.allclose(run.values["loyal"].value, expected)
        assert scores_of(memory, "c1")[0].unit == "probability"

    @pytest.mark.parametrize(
        ("count", "outcome", "inputs", "match"),
        [
            (3, None, ("recency", "T", "frequency"), "must name one of 3 classes"),
            (3, "lost", ("recency", "T", "frequency"), "is none of the classes"),
            (2, None, ("recency", "stage"), "stage is no column of numbers"),
        ],
    )
    def test_what_cannot_be_predicted(
        self, memory: Backend, count: int, outcome: Any, inputs: tuple[str, ...], match: str
    ):
        import_purchases(memory, regulars(), source=SOURCE)
        own = EstimatorScorer(
            Nearest(count), name="loyal", version="1", inputs=inputs, outcome=outcome
        )
        with pytest.raises(InvalidInput, match=match):
            score_by(memory, [own], as_of=AS_OF)


def fitted_to_histories(model: Any) -> bool:
    """Is it a model of repeat purchases at any time that asks for nothing but histories?"""
    if not (isinstance(model, type) and issubclass(model, PurchaseModel)) or model is PurchaseModel:
        return False
    if model is analytics.BetaGeoBetaBinom:  # it reads occasions, not weeks
        return False
    asked = list(inspect.signature(model.fit).parameters.values())[1:]
    needed = {p.name for p in asked if p.default is p.empty and p.kind is p.KEYWORD_ONLY}
    return needed <= {"frequency", "recency", "T"}


MODELS = [getattr(analytics, n) for n in analytics.__all__]
MODELS = [model for model in MODELS if fitted_to_histories(model)]


class TestOfModels:
    """The built-in scores are scorers too, of any model of repeat purchases."""

    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
    def test_whatever_is_a_model_of_repeat_purchases(self, memory: Backend, model: type[Any]):
        import_purchases(memory, regulars(), source=SOURCE)
        run = score(memory, as_of=AS_OF, model=model())

        assert run.added == len(run.values) * N
        alive, expected = (run.values[n].value for n in ("probability_alive", "expected_purchases"))
        assert ((alive >= 0) & (alive <= 1)).all()
        assert (expected >= 0).all()
        assert {s.scorer_version for s in scores_of(memory, "c5")} == {"1"}
        assert score(memory, as_of=AS_OF, model=model()).added == 0

    def test_another_model_and_its_options(self, stocked: Backend):
        """Whatever is a `PurchaseModel`; the score tells which by its parameters."""
        start = score(stocked, as_of=AS_OF, record=False).purchases.params

        again = score(stocked, as_of=AS_OF, model=BetaGeoNBD(start=start))

        assert again.added == 3 * N
        assert (scores_of(stocked, "c5")[0].model or "").split()[0] in ("BG/NBD", "Gamma-Gamma")

    def test_intervals_on_request(self, stocked: Backend):
        """The intervals of `interval_of`; the values stay what they are without."""
        bare = score(stocked, as_of=AS_OF, record=False)
        run = score(stocked, as_of=AS_OF, level=0.9)

        assert run.added == 3 * N
        history = {n: getattr(run.summary, n) for n in ("frequency", "recency", "T")}
        expected = run.purchases.interval_of(
            lambda model: model.probability_alive(**history), level=0.9, upper=1.0
        )
        for name, found in run.values.items():
            assert np.array_equal(found.value, bare.values[name].value)
        by_id = {}
        with stocked.reading() as unit:
            for id in run.customer_ids:
                by_id[id] = {s.scorer: s for s in unit.scores.of(id)}
        for row, id in enumerate(run.customer_ids):
            alive, value = by_id[id]["probability_alive"], by_id[id]["lifetime_value"]
            assert alive.low == min(expected.low[row], alive.value)
            assert alive.high == max(expected.high[row], alive.value)
            assert value.low is None or value.low < value.value < (value.high or 0)
            assert alive.scorer_version == "1"

    def test_known_parameters_under_another_name(self, stocked: Backend):
        """Two models side by side; without a fit there is no interval."""
        process = BetaGeoNBDProcess(r=0.25, alpha=4, a=0.8, b=2.5)
        own = ProbabilityAlive(purchases=process, name="alive_before")
        many = ExpectedPurchases(purchases=process, horizon=26, name="soon")
        score_by(stocked, [own, many], as_of=AS_OF)

        found = {s.scorer: s for s in scores_of(stocked, "c5")}
        assert sorted(found) == ["alive_before", "soon"]
        assert found["soon"].unit == "purchases in 26 weeks"
        assert found["soon"].model == "BG/NBD r=0.25 alpha=4 a=0.8 b=2.5"
        with pytest.raises(InvalidInput, match="only fitted models"):
            score_by(stocked, [attrs.evolve(own, level=0.9)], as_of=AS_OF)

    def test_the_scorers_are_what_score_uses(self, stocked: Backend):
        run = score(stocked, as_of=AS_OF, horizon=26, yearly_discount=0, record=False)
        alone = score_by(
            stocked,
            [ProbabilityAlive(purchases=run.purchases),
             ExpectedPurchases(purchases=run.purchases, horizon=26),
             LifetimeWorth(purchases=run.purchases, spend=run.spend, currency="EUR", horizon=26)],
            as_of=AS_OF, record=False,
        )  # fmt: skip
        for name, values in alone.values.items():
            assert np.array_equal(values.value, run.values[name].value)
            assert list(values.why or ()) == list(run.values[name].why or ())
            assert values.model == run.values[name].model

    def test_the_interval_of_a_value_joins_both_estimates(self):
        """In logs: the root of the sum of squares of the two half-widths."""
        process = BetaGeoNBDProcess(r=0.8, alpha=6, a=0.8, b=2.5)
        seen = process.simulate(n_customers=3000, T=52, seed=3)
        purchases = BetaGeoNBD().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
        rng = np.random.default_rng(1)
        mean = np.where(seen.frequency > 0, rng.gamma(6, 5 / rng.gamma(4, 1 / 3, 3000)), 0.0)
        spend = GammaGamma().fit(frequency=seen.frequency, monetary_value=mean)
        columns = {
            "frequency": seen.frequency, "recency": seen.recency, "T": seen.T,
            "monetary_value": mean,
        }  # fmt: skip
        worth = LifetimeWorth(purchases=purchases, spend=spend, currency="EUR", level=0.95)
        found = worth.score(columns)

        value, low, high = (np.asarray(part) for part in (found.value, found.low, found.high))
        assert np.isfinite(low).all()
        bought = purchases.interval_of(
            lambda m: m.expected_purchases(
                t=52, frequency=seen.frequency, recency=seen.recency, T=seen.T
            )
        )
        average = spend.interval_of(
            lambda m: m.expected_average_value(frequency=seen.frequency, monetary_value=mean)
        )
        squares = (
            np.log(bought.high / bought.value) ** 2 + np.log(average.high / average.value) ** 2
        )
        assert np.allclose(np.log(high / value) ** 2, squares, rtol=1e-6)
        assert np.allclose(high / value, value / low)

    def test_a_model_of_many_parameters_is_told_as_far_as_there_is_room(self):
        class FittedWordy:
            params = {f"covariate_{n}": 1.0 for n in range(40)}  # noqa: RUF012

        told = in_a_line(FittedWordy())
        assert told.startswith("Wordy covariate_0=1 covariate_1=1")
        assert (len(told), told[-1]) == (200, "…")


def test_a_function_keeps_its_name():
    made: Callable[..., Any] = scorer(name="a", version="1", inputs=["T"], unit="1")
    assert made(np.asarray).inputs == ("T",)
    for wrong in ("T", [], ["T", "T"], [1], None):
        with pytest.raises(InvalidInput, match="inputs"):
            scorer(name="a", version="1", inputs=wrong, unit="1")  # type: ignore[arg-type]
