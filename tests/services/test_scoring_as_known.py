"""Scores as they would have been then: what came in since, however old it is, does not count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import InvalidInput, Order
from crmcore.adapters.backend import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services import (
    Scoring,
    ScoringColumns,
    ScoringRun,
    holdout,
    import_purchases,
    score,
    score_by,
    scoring_columns,
)
from crmcore.testing import (
    FrozenClock,
    a_cancellation,
    a_customer,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from tests.services.conftest import Open
from tests.services.stored import SOURCE, customer, everything, orders
from tests.services.test_scorers import Basket
from tests.services.test_scoring import regulars, rows_of, scores_of

DAY = timedelta(days=1)
AS_OF = date(2024, 5, 31)
PROFILE = (
    "revenue", "purchase_count", "last_purchase_at", "order_count", "returned",
    "interaction_count", "last_channel", "language", "probability_alive",
)  # fmt: skip


def same(one: Scoring | ScoringRun, other: Scoring | ScoringRun) -> bool:
    """To the last digit, intervals and grounds among it."""
    assert one.customer_ids == other.customer_ids
    assert one.values.keys() == other.values.keys()
    for name, found in one.values.items():
        for part in ("value", "low", "high"):
            mine, theirs = (getattr(run.values[name], part) for run in (one, other))
            assert (mine is None) == (theirs is None)
            assert mine is None or np.array_equal(mine, theirs, equal_nan=True)
        assert list(found.why or ()) == list(other.values[name].why or ())
        assert found.model == other.values[name].model
    return True


def late(backend: Backend, clock: FrozenClock) -> None:
    """What changes every score if it counts: old orders that come in late, new ones, returns and
    cancellations of orders of before, a removal of a customer's only other fact."""
    clock.advance(30 * DAY)
    import_purchases(backend, rows_of(new=["2024-01-05", "2024-04-01"]), source="late")
    first = orders(backend)
    with backend.unit_of_work() as unit:
        unit.returns.add(a_return(first[0]))
        unit.returns.add(a_return(first[3], "1.00"))
        unit.cancellations.add(a_cancellation(first[7]))
        known = unit.customers.get(customer(backend, "c5").id)
        for day in (datetime(2024, 2, 2, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)):
            unit.orders.add(an_order(known, "99.00", at=day))
        unit.customers.save(known.preferring(language="eu"))
        unit.interactions.add(an_interaction(known, "phone", at=datetime(2024, 3, 1, tzinfo=UTC)))


class TestLate:
    """On what was recorded by then, whatever came later."""

    def test_the_scores_of_then_come_out_again_to_the_last_digit(
        self, backend: Backend, clock: FrozenClock
    ):
        import_purchases(backend, regulars(), source=SOURCE)
        then, first = clock.now, score(backend, as_of=AS_OF, level=0.9)
        own = score_by(backend, [Basket()], as_of=AS_OF)
        late(backend, clock)

        again = score(backend, as_of=AS_OF, level=0.9, known_at=then)

        assert again.known_at == then
        assert same(again, first)
        assert again.purchases.params == first.purchases.params
        assert again.spend.params == first.spend.params
        assert same(score_by(backend, [Basket()], as_of=AS_OF, known_at=then), own)
        now = score(backend, as_of=AS_OF, record=False)
        assert now.purchases.params != first.purchases.params

    def test_what_comes_out_again_is_stored_already(self, backend: Backend, clock: FrozenClock):
        import_purchases(backend, regulars(), source=SOURCE)
        then = clock.now
        assert score(backend, as_of=AS_OF).added == 120
        late(backend, clock)
        before = everything(backend)

        assert score(backend, as_of=AS_OF, known_at=then).added == 0
        assert everything(backend) == before

    def test_an_order_of_before_that_came_in_late_does_not_leak(
        self, backend: Backend, clock: FrozenClock
    ):
        """The score of a day that is made later, for the first time, on what was known that day:
        the late order is in the scores without, and not in those with."""
        import_purchases(backend, regulars(), source=SOURCE)
        then = clock.now
        late(backend, clock)
        clock.advance()

        score(backend, as_of=AS_OF, known_at=then)

        assert "5 repeats" in (scores_of(backend, "c5")[0].why or "")
        new = profile_of(backend, "new", "late")
        assert new["probability_alive"] is None
        now = score(backend, as_of=AS_OF, record=False)
        row = now.customer_ids.index(customer(backend, "c5").id)
        assert "6 repeats" in str(list(now.values["lifetime_value"].why or ())[row])

    def test_until_the_instant_and_the_instant_itself(self, backend: Backend, clock: FrozenClock):
        """A day is known to its end, in the zone of the model."""
        import_purchases(backend, rows_of(a=["2024-01-10", "2024-02-10"]), source=SOURCE)
        first = clock.now
        clock.advance()
        import_purchases(backend, rows_of(b=["2024-01-10"]), source=SOURCE)

        def known(at: Any) -> int:
            return scoring_columns(backend, ["T"], as_of=AS_OF, known_at=at).customers

        assert (known(first), known(clock.now), known(clock.now.date())) == (1, 2, 2)
        for nothing in (first - timedelta(milliseconds=1), date(2024, 5, 31)):
            with pytest.raises(InvalidInput, match="nobody had bought by then"):
                known(nothing)
        for wrong in (datetime(2024, 6, 1), "2024-06-01", date.max):  # noqa: DTZ001  that is what is wrong
            with pytest.raises(InvalidInput, match="known_at"):
                known(wrong)

    def test_the_day_of_the_zone(self, open_store: Open):
        clock = FrozenClock(datetime(2024, 6, 1, 15, 30, tzinfo=UTC))  # past midnight in Tokyo
        backend = open_store(model=crmcore.Model(zone="Asia/Tokyo"), clock=clock)
        import_purchases(backend, rows_of(a=["2024-01-10"]), source=SOURCE)

        with pytest.raises(InvalidInput, match="nobody"):
            scoring_columns(backend, ["T"], as_of=AS_OF, known_at=date(2024, 6, 1))
        assert (
            scoring_columns(backend, ["T"], as_of=AS_OF, known_at=date(2024, 6, 2)).customers == 1
        )

    def test_what_came_back_after_the_day_had_not_come_back(self, memory: Backend):
        """With `known_at`; without it purchases are net of all that came back since."""
        import_purchases(memory, rows_of(a=["2024-01-10", "2024-02-10"]), source=SOURCE)
        with memory.unit_of_work() as unit:
            for order in orders(memory):
                unit.returns.add(a_return(order, at=datetime(2024, 6, 15, tzinfo=UTC)))

        found = scoring_columns(memory, ["frequency"], as_of=AS_OF, known_at=date(2050, 1, 1))
        assert found.columns["frequency"].tolist() == [1.0]
        with pytest.raises(InvalidInput, match="nobody"):
            scoring_columns(memory, ["frequency"], as_of=AS_OF)

    def test_a_foreign_order_that_came_back_in_part(self, open_store: Open, clock: FrozenClock):
        """In the model's currency, as the profile had it."""
        rates = crmcore.DatedRates({("USD", "EUR", date(2024, 2, 1)): Decimal("0.9")})
        backend = open_store(rates=rates)
        ana = a_customer("Ana")
        order = an_order(ana, "10.01", currency="USD", at=datetime(2024, 2, 1, tzinfo=UTC))
        with backend.unit_of_work() as unit:
            unit.customers.add(ana)
            unit.orders.add(an_order(ana, "1.00", at=datetime(2024, 1, 1, tzinfo=UTC)))
            unit.orders.add(order)
            unit.returns.add(a_return(order, "3.33"))
        then = clock.now
        with backend.reading() as unit:
            revenue = unit.profiles.get(ana.id)["revenue"]
        clock.advance()
        with backend.unit_of_work() as unit:
            unit.returns.add(a_return(order, "6.68"))

        inputs = ["monetary_value", "revenue"]
        found = scoring_columns(backend, inputs, as_of=AS_OF, known_at=then).columns
        assert found["revenue"].tolist() == [float(revenue.amount)]
        assert found["monetary_value"][0] == pytest.approx(float(revenue.amount) - 1, abs=1e-12)


def profile_of(backend: Backend, external: str, source: str) -> Any:
    with backend.reading() as unit:
        return unit.profiles.get(customer(backend, external, source).id)


def test_training_on_the_past_and_what_came_of_it(backend: Backend, clock: FrozenClock):
    """Columns as known on a day, and the purchases after it: the two sides of a model."""
    import_purchases(backend, regulars(), source=SOURCE)
    then = clock.now
    late(backend, clock)
    known = scoring_columns(backend, ["frequency", "T"], as_of=date(2024, 2, 29), known_at=then)
    after = holdout(backend, known, until=AS_OF)

    assert isinstance(known, ScoringColumns)
    assert after.shape == (known.customers,)
    scored = score(backend, as_of=date(2024, 2, 29), known_at=then, record=False)
    assert holdout(backend, scored, until=AS_OF).tolist() == after.tolist()
    assert after.sum() > 0
    with pytest.raises(InvalidInput, match="until"):
        holdout(backend, known, until=date(2024, 2, 29))


def test_a_holdout_of_somebody_whose_order_was_called_off_since(
    backend: Backend, clock: FrozenClock
):
    """They were scored, and what they bought since counts."""
    import_purchases(backend, rows_of(a=["2024-01-10", "2024-03-10", "2024-03-10"]), source=SOURCE)
    as_of, then = date(2024, 2, 1), clock.now
    scored = scoring_columns(backend, ["T"], as_of=as_of)
    clock.advance()
    with backend.unit_of_work() as unit:
        unit.cancellations.add(a_cancellation(orders(backend)[0]))

    assert holdout(backend, scored, until=AS_OF).tolist() == [1]
    again = scoring_columns(backend, ["T"], as_of=as_of, known_at=then)
    assert again.customer_ids == scored.customer_ids


# Random histories against a copy of the store that was told only what had come in by then.

PEOPLE = [a_customer(f"Customer {n}", at=datetime(2024, 1, 1, tzinfo=UTC)) for n in range(5)]
DEEDS = ("order", "order", "order", "return", "cancel", "call", "language", "score")
Deed = Callable[[UnitOfWork], Any]


@attrs.frozen
class Told:
    """Something that was done: when it was recorded, when it happened."""

    recorded_at: datetime
    at: datetime
    deed: Deed


def open_at(clock: FrozenClock) -> Backend:
    backend = crmcore.connect("memory://", clock=clock)
    backend.migrate()
    with backend.unit_of_work() as unit:
        unit.customers.add_many(PEOPLE)
    return backend


def drawn(what: tuple[str, int, int, int], sold: list[Order], now: datetime) -> Told | None:
    """One deed; `nth` tells apart what is alike."""
    deed, who, ago, draw = what
    person, at = PEOPLE[who], now - timedelta(days=ago)
    of = [order for order in sold if order.customer_id == person.id]
    match deed:
        case "order":
            order = an_order(person, f"{1 + draw}.50", at=at, nth=len(sold))
            sold.append(order)
            return Told(now, at, lambda unit: unit.orders.add(order))
        case "call":
            call = an_interaction(person, ["web", "phone"][draw % 2], at=at, nth=draw)
            return Told(now, at, lambda unit: unit.interactions.add(call))
        case "score":
            told = a_score(person, draw / 9, at=at, nth=draw)
            return Told(now, at, lambda unit: unit.scores.add(told))
        case "language":
            spoken = ["en", "es", "eu"][draw % 3]
            return Told(
                now, now,
                lambda unit: unit.customers.save(
                    unit.customers.get(person.id).preferring(language=spoken)
                ),
            )  # fmt: skip
    if not of:
        return None
    order = of[draw % len(of)]
    at = order.at + timedelta(days=draw)
    if deed == "cancel":
        return Told(now, at, lambda unit: unit.cancellations.add(a_cancellation(order, at=at)))
    credit = a_return(order, "0.75", at=at, nth=draw)
    return Told(now, at, lambda unit: unit.returns.add(credit))


@settings(max_examples=settings().max_examples // 4)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(DEEDS), st.integers(0, 4), st.integers(0, 200), st.integers(0, 9)
        ),
        min_size=5,
        max_size=30,
    ),
    st.data(),
)
def test_whatever_came_since_the_scores_are_those_of_a_copy_of_then(
    deeds: list[tuple[str, int, int, int]], data: st.DataObject
):
    """Scores, intervals and every column that a scorer may read."""
    began = datetime(2024, 6, 1, 12, tzinfo=UTC)
    clock = FrozenClock(began)
    live, sold, told = open_at(clock), list[Order](), list[Told]()
    for deed in deeds:
        now = clock.advance(timedelta(hours=7))
        done = drawn(deed, sold, now)
        if done is None:
            continue
        try:
            with live.unit_of_work() as unit:
                done.deed(unit)
        except crmcore.Refused:
            continue
        told.append(done)
    then = began + data.draw(st.integers(0, len(deeds))) * timedelta(hours=7)
    as_of = then.date() - timedelta(days=data.draw(st.integers(0, 90)))
    end = datetime.combine(as_of, datetime.min.time(), UTC) + DAY

    past = FrozenClock(began)
    copy = open_at(past)
    for done in told:
        if done.recorded_at <= then and done.at < end:
            past.set(done.recorded_at)
            with copy.unit_of_work() as unit:
                done.deed(unit)

    def scored(backend: Backend, **known: Any) -> Scoring | None:
        with suppress(InvalidInput):  # nobody had bought by then
            return score(backend, as_of=as_of, level=0.9, record=False, **known)
        return None

    expected, found = scored(copy), scored(live, known_at=then)
    assert (expected is None) == (found is None)
    if expected is None or found is None:
        return
    assert same(expected, found)
    one = scoring_columns(copy, PROFILE, as_of=as_of).columns
    two = scoring_columns(live, PROFILE, as_of=as_of, known_at=then).columns
    for name in PROFILE:
        assert str(one[name].tolist()) == str(two[name].tolist()), name
