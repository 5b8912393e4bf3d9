"""Random populations in memory, and random questions to them, of every kind there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore import Backend, Model, Money, Predicate, ago, connect, facts, field
from crmcore.domain.expressions import FieldRef, from_now, in_segment, start_of
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.predicates import And, Or
from crmcore.testing import a_customer, a_line, a_score, an_interaction, an_order
from crmcore.testing.builders import a_cancellation, a_consent, a_return
from crmcore.testing.contract.draws import MODEL as EVERYTHING
from crmcore.testing.strategies import predicates, scalars

__all__ = [
    "AT", "KINDS", "MODEL", "NAMES", "NOBODY", "SEGMENTS", "SOUGHT", "asked", "filled",
    "populations",
]  # fmt: skip

AT = datetime(2024, 3, 10, 7, 30, tzinfo=UTC)
"""When all is asked: a day on which the clocks of New York change."""
MODEL = Model(attributes=EVERYTHING.attributes, measures=EVERYTHING.measures, zone="Europe/Madrid")
KINDS = tuple(MEASURABLE)
SEGMENTS: Mapping[str, Predicate] = {
    "vip": field("tags").has("vip"),
    "recent": field("last_purchase_at") >= ago(days=30, zone="customer"),
}

ZONES = ("Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Europe/Madrid")
NAMES = ("", "Ana García", "ana", "O'Brien-Łuczak", "AT&T %_", "İnci", "ÁRBOL", "\u0301x", "ß")
MOMENTS = st.sampled_from([
    AT + shift
    for days in (-400, -90, -31, -30, -1, 0, 1, 30)
    for shift in (
        timedelta(days=days), timedelta(days=days, hours=14), timedelta(days=days, hours=-12),
        timedelta(days=days, milliseconds=1),
    )
])  # fmt: skip
DAYS = st.sampled_from([
    date(1000, 1, 1), date(1988, 2, 29), date(1990, 3, 10), date(1991, 3, 9), date(2024, 3, 11),
    date(1970, 2, 28), date(9999, 12, 31),
])  # fmt: skip
CATEGORIES = ("flights", 'say "so"', ", ", "é")
ATTRIBUTES: Mapping[str, SearchStrategy[Any]] = {
    "seat": st.sampled_from(NAMES),
    "visits": st.sampled_from([0, 1, -1, 2**53 - 1, 2**53 - 2]),
    "weight": st.sampled_from([0.0, 0.1, 1.0, -2.5, 1e300, 5e-324]),
    "height": st.sampled_from(
        [Decimal(0), Decimal("0.1"), Decimal("1.000001"), Decimal("-9007199254.740991")]
    ),
    "vip": st.booleans(),
    "born": DAYS,
    "renewed_at": MOMENTS | st.just(datetime(1000, 1, 1, tzinfo=UTC)),
    "budget": st.sampled_from([Money("0", "EUR"), Money("1.01", "EUR"), Money("-5", "EUR")]),
}  # fmt: skip
AMOUNTS = st.sampled_from(["0.00", "1.00", "1.01", "120.00"])
PEOPLE = st.fixed_dictionaries({
    "name": st.none() | st.sampled_from(NAMES[1:]),
    "language": st.sampled_from([None, "es", "EN"]),
    "zone": st.sampled_from([None, *ZONES]),
    "emails": st.lists(st.sampled_from(["x@x.org", "Ñ@x.org"]), max_size=1),
    "tags": st.lists(st.sampled_from(["vip", "new", "a b"]), max_size=2, unique=True),
    "attributes": st.fixed_dictionaries({}, optional=dict(ATTRIBUTES)),
})  # fmt: skip
LINES = st.lists(
    st.builds(
        a_line, st.sampled_from(["SKU-1", "SKU-2"]),
        category=st.none() | st.sampled_from(CATEGORIES),
    ),
    max_size=2,
)  # fmt: skip
NOBODY: Mapping[str, Any] = {
    "name": None, "language": None, "zone": None, "emails": [], "tags": [], "attributes": {}
}  # fmt: skip
WHO = st.integers(0, 5)
CHANNELS = st.sampled_from([None, "web", "phone"])
DEEDS = st.one_of(
    st.tuples(st.just("order"), WHO, AMOUNTS, MOMENTS, LINES, CHANNELS),
    st.tuples(st.just("cancelled"), WHO, AMOUNTS, MOMENTS, LINES, CHANNELS),
    st.tuples(st.just("returned"), WHO, st.just("120.00"), MOMENTS, LINES, CHANNELS),
    st.tuples(
        st.just("interaction"), WHO, st.sampled_from(["web", "phone"]), MOMENTS,
        st.sampled_from([None, "billing", "x"]), st.sampled_from([None, 0, 90]),
    ),
    st.tuples(
        st.just("score"), WHO, st.sampled_from([0.0, 0.5]), MOMENTS,
        st.sampled_from(["probability_alive", "other"]),
    ),
    st.tuples(st.just("consent"), WHO, st.booleans(), MOMENTS),
)  # fmt: skip


@st.composite
def populations(draw: st.DrawFn) -> Backend:
    """A backend in memory with six customers, and up to a dozen facts of theirs."""
    people = draw(st.lists(PEOPLE, min_size=6, max_size=6))
    return filled(people, draw(st.lists(DEEDS, max_size=12)))


def filled(people: Sequence[Mapping[str, Any]], deeds: Sequence[tuple[Any, ...]]) -> Backend:
    """A backend in memory that holds them."""
    backend = connect("memory://", model=MODEL)
    backend.migrate()
    with backend.unit_of_work(source="test") as uow:
        who = [
            a_customer(nth=nth, at=AT - timedelta(days=500), **p) for nth, p in enumerate(people)
        ]
        uow.customers.add_many(who)
        for nth, (deed, whose, *told) in enumerate(deeds):
            one = who[whose]
            if deed in ("order", "cancelled", "returned"):
                amount, at, lines, channel = told
                order = an_order(one, amount, at=at, lines=lines, channel=channel, nth=nth)
                uow.orders.add(order)
                if deed == "cancelled":
                    uow.cancellations.add(a_cancellation(order, nth=nth))
                elif deed == "returned":
                    uow.returns.add(a_return(order, "20", nth=nth))
            elif deed == "interaction":
                channel, at, topic, waited = told
                uow.interactions.add(
                    an_interaction(one, channel, at=at, topic=topic, waited_seconds=waited, nth=nth)
                )
            elif deed == "score":
                uow.scores.add(a_score(one, told[0], at=told[1], scorer=told[2], nth=nth))
            else:
                uow.consents.add(a_consent(one, given=told[0], at=told[1], nth=nth))
    return backend


VALUES: Mapping[str, SearchStrategy[Any]] = {
    **ATTRIBUTES,
    "name": st.sampled_from(NAMES),
    "language": st.sampled_from(["es", "EN", "en"]),
    "zone": st.sampled_from(ZONES),
    "stage": st.sampled_from(["prospect", "active"]),
    "email": st.sampled_from(["x@x.org", "ñ@x.org"]),
    "tags": st.sampled_from(["vip", "new", "a b", "none"]),
    "revenue": st.sampled_from([0, 100, 101, 12000]).map(lambda n: Money.of_minor(n, "EUR")),
    "purchase_count": st.integers(0, 3),
    "last_purchase_at": MOMENTS,
    "probability_alive": st.sampled_from([0.0, 0.5]),
}
IN_FACTS: Mapping[str, SearchStrategy[Any]] = {
    **{name: st.just(UUID(int=7)) for name in ("id", "customer_id", "order_id")},
    "at": MOMENTS, "channel": st.sampled_from(["web", "phone"]),
    "topic": st.sampled_from(["billing", "x", ""]), "waited_seconds": st.sampled_from([0, 90]),
    "scorer": st.sampled_from(["other", "probability_alive"]), "products": st.just("SKU-1"),
    "categories": st.sampled_from(CATEGORIES), "value": st.sampled_from([0.0, 0.5]),
    "amount": st.sampled_from([0, 100, 10000]).map(lambda n: Money.of_minor(n, "EUR")),
}  # fmt: skip
FOLDED = ("name", "seat", "language", "email")
SOUGHT = ("a", "ana", "garcía", "RBOL", "%", "&t", "ss", "i", "x", "lucz", "o'b")
ZONED = st.sampled_from(["model", "customer"])
WHEN = st.one_of(
    st.builds(lambda n, zone: ago(days=n, zone=zone), st.sampled_from([0, 1, 30, 90]), ZONED),
    st.builds(lambda n, zone: from_now(months=n, zone=zone), st.integers(-2, 2), ZONED),
    st.builds(
        lambda period, n, zone: start_of(period, shift=n, zone=zone),
        st.sampled_from(["day", "week", "month", "year"]), st.integers(-1, 1), ZONED,
    ),
)  # fmt: skip
DATED = st.sampled_from(["last_purchase_at", "renewed_at", "born", "last_channel_at"])


def _compared(one: FieldRef, op: str, value: Any) -> Predicate:
    found: Predicate = getattr(one, f"__{op}__")(value)
    return found


OPS = st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"])
TEXTS = st.builds(
    lambda name, how, text: getattr(field(name), how)(text),
    st.sampled_from(FOLDED), st.sampled_from(["contains", "starts_with"]), st.sampled_from(SOUGHT),
) | st.sampled_from(["gar", "obr", "x", "brien luc"]).map(field("name").has_word)  # fmt: skip
DATES = st.one_of(
    st.builds(lambda name, op, when: _compared(field(name), op, when), DATED, OPS, WHEN),
    st.builds(
        lambda name, period, zone: field(name).during(period, zone=zone),
        DATED, st.sampled_from(["today", "yesterday", "this_month", "last_week"]), ZONED,
    ),
    st.builds(
        lambda within, zone: field("born").has_birthday(within=within, zone=zone),
        st.sampled_from([0, 1, 30]), ZONED,
    ),
    st.lists(st.sampled_from(["02-29", "03-10", "12-31"]), max_size=2).map(
        lambda days: field("born").falls_on(*days)
    ),
)  # fmt: skip
FOLDS: tuple[tuple[str, str, str | None], ...] = (
    ("orders", "count", None), ("orders", "latest", "channel"), ("orders", "sum", "base_amount"),
    ("purchases", "count", None), ("purchases", "sum", "amount"), ("purchases", "min", "amount"),
    ("purchases", "max", "at"), ("interactions", "count", None),
    ("interactions", "sum", "waited_seconds"), ("interactions", "min", "waited_seconds"),
    ("interactions", "latest", "topic"), ("interactions", "latest", "waited_seconds"),
    ("scores", "max", "value"), ("scores", "latest", "value"), ("consents", "latest", "given"),
    ("consents", "max", "recorded_at"), ("interactions", "latest", "at"),
)  # fmt: skip


@st.composite
def _about_facts(draw: st.DrawFn) -> Predicate:
    kind, fold, value = draw(st.sampled_from(FOLDS))
    told = facts(kind)
    if draw(st.booleans()):
        told = told.where(
            draw(predicates(MODEL, fields=MEASURABLE[kind].comparable, values=IN_FACTS))
        )
    if draw(st.booleans()):
        told = told.between(draw(st.none() | WHEN | MOMENTS), draw(st.none() | WHEN | MOMENTS))
    term: FieldRef = getattr(told, fold)(*(() if value is None else (value,)))
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([term.is_present(), term.is_absent()]))
    if value is None:
        values: SearchStrategy[Any] = st.integers(0, 2)
    else:
        known = MEASURABLE[kind].comparable[value]
        pool = IN_FACTS.get("amount" if value == "base_amount" else value)
        values = pool if pool is not None else scalars(known.type, currency="EUR")
    if draw(st.booleans()):
        return term.is_in(*draw(st.lists(values, max_size=2)))
    return _compared(term, draw(OPS), draw(values))


def asked() -> SearchStrategy[Predicate]:
    """Questions of every kind, some of which hold for some."""
    leaf = st.one_of(
        predicates(MODEL, values=dict(VALUES)), TEXTS, DATES, _about_facts(),
        st.sampled_from(sorted(SEGMENTS)).map(in_segment),
    )  # fmt: skip
    return st.recursive(
        leaf,
        lambda parts: st.one_of(
            parts.map(lambda part: ~part),
            st.lists(parts, max_size=3).map(tuple).map(And),
            st.lists(parts, max_size=3).map(tuple).map(Or),
        ),
        max_leaves=4,
    )
