"""Dictionaries: whatever a store answers turns into plain data and back, the same everywhere."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from crmcore.adapters.backend import Backend
from crmcore.adapters.dicts import from_json, to_dict, to_json
from crmcore.domain.customer import Customer
from crmcore.domain.decisions import Reason
from crmcore.domain.expressions import field
from crmcore.domain.identifiers import Identifier
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import FACTS
from crmcore.domain.membership import Lot, Membership
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Return
from crmcore.domain.product import Product
from crmcore.domain.profile import Page, Profile
from crmcore.domain.segment import Segment
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_consent,
    a_customer,
    a_fulfilment,
    a_payment,
    a_product,
    a_return,
    a_score,
    a_segment,
    a_segment_change,
    an_interaction,
    an_order,
)
from crmcore.testing.contract.subject import MODEL, Make, Subject
from crmcore.testing.members import a_decision, a_membership, a_points_entry, a_tier_change

__all__ = ["DictionariesContract"]


class DictionariesContract(Subject):
    """`crmcore.to_json` and `crmcore.from_json` of what was stored."""

    def test_whatever_is_stored_comes_back_out_of_its_json(self, backend: Backend) -> None:
        """Aggregates, facts of every kind, profiles, pages and journal rows, of plain types."""
        _fill(backend)
        with backend.reading() as uow:
            stored: list[tuple[type[Any], list[Any]]] = [
                (Customer, list(uow.customers.stream())),
                (Product, list(uow.products.stream())),
                (Segment, list(uow.segments.stream())),
                (Membership, list(uow.memberships.stream())),
                (Entry, backend.journal(limit=1000)),
                (Profile, list(uow.profiles.where().page())),
                (Page, [uow.profiles.where().order_by("revenue").page(limit=1)]),
            ]
            for kind in FACTS:
                facts = [
                    f for c in uow.customers.stream() for f in getattr(uow, kind.name).of(c.id)
                ]
                stored.append((kind.cls, facts))

        for cls, things in stored:
            assert things, cls.__name__
            for thing in things:
                text = to_json(thing)
                back = from_json(cls, text, model=MODEL)
                assert back == thing
                assert to_dict(back) == to_dict(thing) == json.loads(text)

    def test_a_customer_moves_to_another_tenant_as_json(
        self, backend: Backend, backends: Make
    ) -> None:
        """Told again from their JSON, the customer and the facts give the same profile."""
        _fill(backend)
        with backend.reading() as uow:
            ana = uow.customers.find_by_identifier("card", "4000 0001")
            assert ana is not None
            told = [to_dict(ana) | {"version": 0}]
            told += [to_dict(order) for order in uow.orders.of(ana.id)]
            told += [to_dict(back) for back in uow.returns.of(ana.id)]
            profile = uow.profiles.get(ana.id)
        texts = [json.dumps(one) for one in told]

        other = backends(tenant="c", model=MODEL)
        other.migrate()
        with other.unit_of_work(source="shop") as uow:
            uow.customers.add(from_json(Customer, texts[0], model=MODEL))
            for text in texts[1:]:
                if json.loads(text)["schema"].startswith("order/"):
                    uow.orders.add(from_json(Order, text))
                else:
                    uow.returns.add(from_json(Return, text))
            moved = uow.profiles.get(ana.id)

        followed = ("name", "email", "seat", "budget", "revenue", "purchase_count", "returned")
        assert {n: moved[n] for n in followed} == {n: profile[n] for n in followed}
        for model in (MODEL, None):  # what a store answers brings its marks along
            plain = to_dict(moved, personal=False, model=model)
            assert plain["revenue"] == {"amount": "100.00", "currency": "EUR"}
            assert {"name", "email", "phone"} & set(plain) == set()


def _fill(backend: Backend) -> None:
    """A customer with every kind of fact, and another with none but a cancelled order."""
    ana = a_customer().identified_by(Identifier("card", "4000 0001"))
    ana = ana.with_attribute("seat", "12A", at=AT).with_attribute("visits", 3, at=AT)
    ana = ana.with_attribute("budget", Money("50.00", "EUR"), at=AT)
    ben = a_customer("Ben")
    with backend.unit_of_work(actor="ines", source="shop") as uow:
        uow.customers.add_many([ana, ben])
        uow.products.add(a_product())
        order = uow.orders.add(an_order(ana, "120.00", source_key="1001"))
        uow.payments.add(a_payment(order))
        uow.fulfilments.add(a_fulfilment(order))
        uow.returns.add(a_return(order, "20.00"))
        uow.interactions.add(an_interaction(ana, "phone", topic="billing"))
        uow.scores.add(a_score(ana, 0.25))
        uow.consents.add(a_consent(ana))
        uow.segments.add(a_segment(predicate=field("revenue") > Money("9.50", "EUR")))
        uow.segment_changes.add(a_segment_change(ana))
        lots = [Lot(order.id, -9, AT, AT, pending=True)]
        member = a_membership(ana, number="77", lots=lots)
        uow.memberships.restore_many([member])
        uow.points.add(a_points_entry(member, reason="sorry"))
        uow.tier_changes.add(a_tier_change(member))
        reasons = [Reason("points", "has 100 points", (order.id,))]
        uow.decisions.add(a_decision(ana, reasons=reasons, cost="5.00"))
        uow.cancellations.add(a_cancellation(uow.orders.add(an_order(ben))))
        stored = uow.customers.get(ana.id).moved_to("active", at=AT + timedelta(days=1))
        uow.customers.save(stored.renamed("Ana Soto"))
