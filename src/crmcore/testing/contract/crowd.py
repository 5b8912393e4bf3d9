"""A crowd of customers with facts of every kind, and random questions about what they fold into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.fact_terms import fact_values, term_field
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import FACTS, MEASURABLE
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.money import Money
from crmcore.domain.predicates import And, Comparison, FactTerm, OneOf, Or, Predicate, Present
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_consent,
    a_customer,
    a_fulfilment,
    a_line,
    a_payment,
    a_return,
    a_score,
    a_segment_change,
    an_interaction,
    an_order,
)
from crmcore.testing.members import a_decision, a_membership, a_points_entry, a_tier_change

__all__ = ["facts_counted", "fill", "question_about"]

HOUR, MOMENT = timedelta(hours=1), timedelta(milliseconds=1)
BOUNDS = st.sampled_from([None, AT, AT + MOMENT, AT + 5 * HOUR, AT + 9 * HOUR])


def _terms() -> Iterator[FactTerm]:
    """Every fold of every field of every kind of fact that there is."""
    for of, kind in MEASURABLE.items():
        for fold in Fold:
            for value in (None, *kind.comparable):
                try:
                    Measure("one", of, fold, value)
                except InvalidInput:
                    continue
                yield FactTerm(of, fold.value, value)


TERMS = tuple(_terms())
CONDITIONS: Mapping[str, tuple[Predicate, ...]] = {
    "orders": (
        field("channel") == "web",
        field("products").has("SKU-2"),
        ~field("categories").has("flights"),
        field("categories").is_present(),
    ),
    "purchases": (
        field("amount") > Money("5", "EUR"),
        field("categories").has_any("flights", "hotels") & (field("channel") != "web"),
        field("categories").is_absent() | field("products").has("SKU-1"),
    ),
    "interactions": (
        (field("channel") == "phone") | (field("waited_seconds") > 1),
        field("topic").is_in("billing") & (field("at") > AT),
    ),
    "scores": (field("scorer") == "lifetime_value",),
    "points": ((field("movement") == "earn") & (field("active") > 0),),
    "tier_changes": (field("tier") == "gold",),
    "payments": (field("base_amount") < Money("10", "EUR"), field("method").is_present()),
}


def fill(uow: UnitOfWork) -> None:
    """A dozen customers, the last two without facts; instants, amounts and words that meet."""
    draw = Random(5)  # noqa: S311  the same on every backend
    people = [a_customer(f"N{n}") for n in range(12)]
    uow.customers.add_many(people)
    for nth in range(40):
        who, at = draw.choice(people[:10]), AT + draw.randrange(10) * HOUR
        lines = [
            a_line(
                draw.choice(["SKU-1", "SKU-2"]), category=draw.choice([None, "flights", "hotels"])
            )
            for _ in range(draw.randrange(3))
        ]
        total = draw.choice(["0.00", "5.00", "10.00"])
        channel = draw.choice([None, "web", "phone"])
        order = an_order(who, total, lines=lines, channel=channel, at=at, nth=nth)
        uow.orders.add(order)
        uow.payments.add(a_payment(order, "5.00", method=draw.choice([None, "card"]), nth=nth))
        uow.fulfilments.add(a_fulfilment(order, complete=draw.random() < 0.5))
        if total != "0.00" and nth % 4 == 0:
            uow.returns.add(a_return(order, draw.choice([total, "1.00"])))
        elif nth % 7 == 0:
            uow.cancellations.add(a_cancellation(order))
        uow.interactions.add(
            an_interaction(
                who, draw.choice(["phone", "web"]), topic=draw.choice([None, "billing", "é", "Z"]),
                waited_seconds=draw.choice([None, 0, 1, 90]),
                direction=draw.choice(["inbound", "outbound"]), at=at, nth=nth,
            )
        )  # fmt: skip
        scorer = draw.choice(["probability_alive", "lifetime_value"])
        uow.scores.add(a_score(who, draw.choice([0.0, 0.5, 1.0]), scorer=scorer, at=at, nth=nth))
        uow.consents.add(a_consent(who, given=draw.random() < 0.5, at=at, nth=nth))
        uow.segment_changes.add(a_segment_change(who, entered=draw.random() < 0.5, at=at, nth=nth))
        member = a_membership(who)
        points, tier = draw.choice([-5, 1, 100]), draw.choice(["blue", "silver", "gold"])
        pending = draw.random() < 0.5
        uow.points.add(a_points_entry(member, points, pending=pending, at=at, nth=nth))
        uow.tier_changes.add(a_tier_change(member, tier, at=at, nth=nth))
        uow.decisions.add(a_decision(who, draw.choice(["allow", "refuse"]), at=at, nth=nth))
    for kind in FACTS:
        first, *_ = (fact for who in people for fact in getattr(uow, kind.name).of(who.id))
        getattr(uow, kind.name).remove(first.id)


def facts_counted(uow: UnitOfWork, of: str, everybody: list[CustomerId]) -> list[Any]:
    """What everybody has of a measurable kind: its facts, or their purchases."""
    if of != "purchases":
        return [fact for id in everybody for fact in getattr(uow, of).of(id)]
    orders = [order for id in everybody for order in uow.orders.of(id)]
    bought = [uow.orders.history(order.id).purchase for order in orders]
    return [purchase for purchase in bought if purchase is not None]


def question_about(
    data: st.DataObject, held: Mapping[str, list[Any]]
) -> tuple[Predicate, set[FactTerm]]:
    """One to three comparisons, of one term or two, that values which are there decide."""
    terms = [_term(data) for _ in range(data.draw(st.integers(1, 2)))]
    asked = [
        _asked(data, data.draw(st.sampled_from(terms)), held)
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    join = data.draw(st.sampled_from([And, Or]))
    return join(tuple(asked)), set(terms)


def _term(data: st.DataObject) -> FactTerm:
    term = data.draw(st.sampled_from(TERMS))
    where = data.draw(st.sampled_from([None, *CONDITIONS.get(term.of, ())]))
    since, until = data.draw(BOUNDS), data.draw(BOUNDS)
    return FactTerm(term.of, term.fold, term.value, where, since, until)


def _asked(data: st.DataObject, term: FactTerm, held: Mapping[str, list[Any]]) -> Predicate:
    known = term_field(term)
    found = sorted(set(fact_values(term, held[term.of]).values()))
    values = found or ([0] if not known.optional else [])
    if known.type in (FieldType.INTEGER, FieldType.MONEY):
        values = sorted({0, 1, *(value + step for value in values for step in (-1, 0, 1))})
    if known.type is FieldType.MONEY:
        values = [Money.of_minor(value, "EUR") for value in values]
    if not values:
        return Present(term)
    chosen = st.sampled_from(values)
    shape = data.draw(st.sampled_from(["compared", "compared", "not", "one of", "present"]))
    if shape == "present":
        return Present(term)
    if shape == "one of":
        return OneOf(term, tuple(data.draw(st.lists(chosen, max_size=3, unique=True))))
    op = data.draw(st.sampled_from(["==", "<", "<=", ">", ">="]))
    compared = Comparison(term, op, data.draw(chosen))
    return ~compared if shape == "not" else compared
