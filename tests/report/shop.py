"""A small shop whose every figure can be worked out by hand, and some hostile customers."""

from __future__ import annotations

from datetime import UTC, datetime

from crmcore import AttributeType, Backend, Customer, Identifier, Model
from crmcore.testing import (
    FrozenClock,
    a_cancellation,
    a_customer,
    a_return,
    a_score,
    an_order,
    an_organisation,
)

__all__ = ["AT", "HOSTILE", "MODEL", "empty", "fill", "fill_hostile", "fill_scores", "on"]

MODEL = Model(attributes=[AttributeType("nickname", "text", personal=True)], zone="Europe/Madrid")
AT = datetime(2024, 4, 10, tzinfo=UTC)

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title></textarea>]]>-->{{ 7 * 7 }}{% raw %}",
    "محمد عبد الله \u202e gnp.exe",
    "W" * 500,
    "a&amp;b &lt;i&gt;",
    "\x07\x1b[31m\u2028 bell",
)


def on(month: int, day: int) -> datetime:
    """A noon of 2024."""
    return datetime(2024, month, day, 12, tzinfo=UTC)


def fill(backend: Backend) -> dict[str, Customer]:
    """Ana bought three times and gave a part back, Ben twice, a company once but much; Dora called
    off all that she ordered, Eve only looked, and Fay came after `AT`.
    """
    with backend.unit_of_work(actor="till", source="shop") as uow:
        people = {
            "ana": a_customer("Ana", at=on(1, 10), region="Madrid", emails=["ana@example.com"]),
            "ben": a_customer("Ben", at=on(1, 15), language="en", region="London"),
            "cia": an_organisation("Cia", at=on(2, 1)),
            "dora": a_customer("Dora", at=on(2, 2)),
            "eve": a_customer(
                None, at=on(3, 5), identifiers=[Identifier("external", "E-5", source="shop")]
            ),
            "fay": a_customer("Fay", at=on(4, 20)),
        }
        people = {name: uow.customers.add(customer) for name, customer in people.items()}
        ana, ben, cia, dora = (people[name] for name in ("ana", "ben", "cia", "dora"))
        orders = [
            an_order(ana, "100", at=on(1, 10)),
            an_order(ana, "50", at=on(2, 5)),
            an_order(ana, "70", at=on(3, 20)),
            an_order(ben, "40", at=on(1, 15)),
            an_order(ben, "60", at=on(4, 3)),
            an_order(cia, "600", at=on(2, 1)),
            an_order(dora, "30", at=on(2, 2)),
            an_order(ben, "999", at=on(4, 11)),
        ]
        uow.orders.add_many(orders)
        uow.returns.add(a_return(orders[1], "20"))
        uow.cancellations.add(a_cancellation(orders[6]))
    for name, stage, at in (
        ("ana", "active", on(1, 10)), ("ben", "active", on(1, 15)), ("ana", "loyal", on(3, 21)),
        ("cia", "active", on(2, 1)), ("ana", "lapsed", on(4, 12)),
    ):  # fmt: skip
        with backend.unit_of_work(actor="till") as uow:
            customer = uow.customers.get(people[name].id)
            uow.customers.save(customer.moved_to(stage, at=at))
    return people


def fill_scores(backend: Backend, people: dict[str, Customer]) -> None:
    """Ana is likely gone; a later score, which nobody could know at `AT`, says otherwise."""
    model = "BG/NBD r=0.25 alpha=4"
    with backend.unit_of_work(source="model") as uow:
        uow.scores.add_many([
            a_score(people["ana"], 0.2, at=on(4, 5), model=model),
            a_score(people["cia"], 0.3, at=on(4, 5), model=model),
            a_score(people["ben"], 0.9, at=on(4, 5), model=model),
            a_score(people["ana"], 250.5, scorer="lifetime_value", unit="EUR", at=on(4, 5)),
            a_score(people["ana"], 0.8, at=on(4, 20), model=model, nth=2),
        ])  # fmt: skip


def fill_hostile(backend: Backend) -> None:
    """Customers whose names, regions and languages are written to break a page."""
    with backend.unit_of_work(actor="till", source="shop") as uow:
        for nth, name in enumerate(HOSTILE, start=1):
            customer = uow.customers.add(
                a_customer(name, at=on(1, nth), region=name[:80], language=name[:35], nth=nth)
            )
            uow.orders.add_many(
                an_order(customer, str(10**nth), at=on(month, nth), nth=month)
                for month in range(1, 4)
            )


def empty() -> Backend:
    """A backend in memory with nothing in it."""
    import crmcore

    backend = crmcore.connect("memory://", model=MODEL, clock=FrozenClock())
    backend.migrate()
    return backend
