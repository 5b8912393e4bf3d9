"""What every class of the contract shares: its fixtures, its capability flags, and its rules.

The one fixture that a user gives is `backends`: it answers a function that opens backends on one
empty store, by tenant, model, clock and rates. Every test runs on tenant `a`, while tenant `b`
holds other data under the same ids, identifiers and source keys; after the test that data must be
as it was. A store that is emptied between tests may keep tenant `b`, as `NEIGHBOUR` names it:
it is filled where it is empty, which takes longer than many a test.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

import pytest

from crmcore.adapters.backend import Backend, system_clock
from crmcore.domain.attributes import AttributeType
from crmcore.domain.expressions import field
from crmcore.domain.identifiers import Identifier, IdentifierType
from crmcore.domain.kinds import FACTS
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.money import DatedRates, Rates
from crmcore.testing.builders import (
    AT,
    a_consent,
    a_customer,
    a_payment,
    a_product,
    a_return,
    a_score,
    a_segment,
    a_segment_change,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.members import (
    a_decision,
    a_membership,
    a_points_entry,
    a_programme,
    a_tier_change,
)

__all__ = [
    "MODEL",
    "NEIGHBOUR",
    "Make",
    "Subject",
    "everything_in",
    "lacks",
    "needs",
    "neighbour_in",
    "opened",
]

T = TypeVar("T", bound=Callable[..., object])

MODEL = Model(
    identifier_types=(IdentifierType("passport"),),
    attributes=(
        AttributeType("seat", "text"),
        AttributeType("visits", "integer"),
        AttributeType("budget", "money"),
    ),
    measures=(
        Measure("calls", "interactions", Fold.COUNT, where=field("channel") == "phone"),
        Measure("last_topic", "interactions", Fold.LATEST, "topic"),
        Measure("largest_purchase", "purchases", Fold.MAX, "amount"),
    ),
    programmes=(a_programme(),),
)
"""The model of the contract's tests."""

NEIGHBOUR = "b"
"""The tenant beside that of a test."""


class Make(Protocol):
    """Opens a backend on one store; what it opened before shares that store."""

    def __call__(
        self,
        *,
        tenant: str = "a",
        model: Model = MODEL,
        clock: Callable[[], datetime] = system_clock,
        rates: Rates = DatedRates(),  # noqa: B008  frozen
    ) -> Backend:
        """The backend; `migrate()` is not called yet."""
        ...


def needs(*flags: str) -> Callable[[T], T]:
    """Marks a promise that only backends with these capabilities make."""
    return _where(flags, declared=True)


def lacks(*flags: str) -> Callable[[T], T]:
    """Marks a promise that only backends make for which none of these holds."""
    return _where(flags, declared=False)


def _where(flags: tuple[str, ...], *, declared: bool) -> Callable[[T], T]:
    def mark(test: T) -> T:
        test.where = dict.fromkeys(flags, declared)  # type: ignore[attr-defined]
        return test

    return mark


class Subject:
    """A part of the contract. Subclass one as `Test…` and give it the fixture `backends`.

    A test is not to be overridden. Where a backend fails one for now, say so with a strict xfail
    that calls the contract's own:

        @pytest.mark.xfail(strict=True, reason="…")
        def test_…(self, backend): super().test_…(backend)
    """

    one_writer: ClassVar[bool] = False
    """Does a unit of work that writes keep all others of the store waiting, until `Busy`?"""

    keeps_data_after_close: ClassVar[bool] = True
    """Is what was committed there again after `close()`, for a backend that is opened then?"""

    joins_host_transactions: ClassVar[bool] = False
    """Can a unit of work join a transaction of the host's? Then give `host_transaction`."""

    reads_as_of_its_beginning: ClassVar[bool] = False
    """Does a unit of work see the store as it was when it began? Then what others committed since
    can be `Busy` to change, where else it is changed as it is by now.
    """

    examples: ClassVar[int] = 10
    """How many examples hypothesis tries for each property."""

    steps: ClassVar[int] = 20
    """How many steps a random history has."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _check_flags(cls)
        for name, value in list(vars(cls).items()):
            held = [vars(above)[name] for above in cls.__mro__[1:] if name in vars(above)]
            if name.startswith("test") and held and not _is_strict_xfail(value):
                raise TypeError(
                    f"{cls.__name__}.{name} overrides a test of the contract; only a strict "
                    "xfail with a reason may"
                )
        known = {
            n: test for above in reversed(cls.__mro__) for n, test in vars(above).items() if test
        }
        for name, test in known.items():
            where = getattr(test, "where", None)
            if isinstance(where, dict) and name not in vars(cls):
                kept = all(getattr(cls, flag) is declared for flag, declared in where.items())
                setattr(cls, name, test if kept else None)

    def host_transaction(self, backend: Backend) -> AbstractContextManager[dict[str, Any]]:
        """A transaction of the host's own, which commits on a clean exit; it answers the keywords
        with which `unit_of_work` joins it.
        """
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """What the backends of a test read the time from."""
        return FrozenClock()

    @pytest.fixture
    def backend(self, backends: Make, clock: FrozenClock) -> Backend:
        """Tenant `a`, empty."""
        return opened(backends, clock, "a")

    @pytest.fixture(autouse=True)
    def neighbour(self, backends: Make, clock: FrozenClock) -> Iterator[Backend]:
        """Tenant `b`, whose data nobody may touch."""
        other = neighbour_in(backends, clock)
        before = everything_in(other)
        yield other
        assert everything_in(other) == before


def _check_flags(cls: type[Subject]) -> None:
    """A flag misspelt, or given as text, would declare nothing."""
    flags = {name for name, value in vars(Subject).items() if isinstance(value, bool)}
    for above in cls.__mro__:
        for name, value in vars(above).items():
            if name in flags and not isinstance(value, bool):
                raise TypeError(f"{cls.__name__}.{name} is a flag: True or False")
            if isinstance(value, bool) and name not in flags and not name.startswith("_"):
                known = ", ".join(sorted(flags))
                raise TypeError(f"{cls.__name__}.{name} is no capability; there are {known}")


def _is_strict_xfail(test: object) -> bool:
    marks = getattr(test, "pytestmark", [])
    return inspect.isfunction(test) and any(
        mark.name == "xfail" and mark.kwargs.get("strict") is True and mark.kwargs.get("reason")
        for mark in marks
    )


def opened(backends: Make, clock: FrozenClock, tenant: str) -> Backend:
    """A tenant, migrated."""
    backend = backends(tenant=tenant, model=MODEL, clock=clock)
    backend.migrate()
    return backend


def neighbour_in(backends: Make, clock: FrozenClock) -> Backend:
    """Tenant `b` with what the tests of tenant `a` make as well, in another state."""
    backend = opened(backends, clock, NEIGHBOUR)
    with backend.reading() as uow:
        if uow.profiles.where().count():  # of an earlier test, which left it as it was
            return backend
    ana = a_customer().renamed("Berta").identified_by(Identifier("card", "4000 0001"))
    ana = ana.with_attribute("seat", "b", at=AT).tagged("vip").noted("b", at=AT)
    twin = a_customer("Twin", emails=["ana@example.com"], phones=["+34600000000"])
    with backend.unit_of_work(actor="b", source="shop") as uow:
        uow.customers.add_many([ana, twin])
        uow.products.add(a_product(name="Red mug"))
        first = an_order(ana, "999.99", id=an_order(ana).id)
        keyed = an_order(ana, "777.77", source_key="1001")
        uow.orders.add_many([first, keyed])
        uow.returns.add(a_return(first, "0.99"))
        uow.payments.add(a_payment(keyed))
        uow.interactions.add(an_interaction(ana, "web", topic="b", source_key="1001"))
        uow.scores.add(a_score(ana, 0.25))
        uow.consents.add(a_consent(ana, given=False, source_key="1001"))
        uow.segments.add(a_segment(predicate=field("order_count") > 100))
        uow.segment_changes.add(a_segment_change(ana, source_key="1001"))
        member = uow.memberships.add(a_membership(ana, number="77", tier="gold", due_at=AT))
        uow.points.add(a_points_entry(member, 9, source_key="1001"))
        uow.tier_changes.add(a_tier_change(member, "gold", source_key="1001"))
        uow.decisions.add(a_decision(ana, "refuse", source_key="1001"))
        uow.customers.save(uow.customers.get(twin.id).moved_to("active", at=AT))
    return backend


def everything_in(backend: Backend) -> list[object]:
    """All that a tenant's store answers."""
    with backend.reading() as uow:
        customers = list(uow.customers.stream())
        return [
            customers,
            list(uow.products.stream()),
            list(uow.segments.stream()),
            list(uow.memberships.stream()),
            list(uow.profiles.where().page(limit=1000)),
            *([fact for c in customers for fact in getattr(uow, k.name).of(c.id)] for k in FACTS),
            [(entry, entry.position) for entry in backend.journal(limit=1000)],
        ]
