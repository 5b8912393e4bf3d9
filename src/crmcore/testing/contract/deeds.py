"""What the state machine does to customers and facts, one step each.

A step is a `Deed`. It is done in a unit of work of its own, or in one that stands open while
others go on; either way it must end as the oracle says.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import rule

from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.testing.builders import (
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
from crmcore.testing.contract.draws import (
    AMOUNTS,
    AT,
    AWARDED,
    BASKETS,
    CARDS,
    CHANGED,
    CONSENTED,
    CONTACT,
    EMAILS,
    FIRST,
    INDEX,
    KEYS,
    NEW,
    PLACES,
    SCORED,
    TAGS,
    TENANTS,
)
from crmcore.testing.contract.interleaving import Interleaving, touched
from crmcore.testing.contract.plain import plain
from crmcore.testing.contract.witness import Deed
from crmcore.testing.members import a_decision, a_membership, a_points_entry, a_tier_change

__all__ = ["Deeds"]


class Deeds(Interleaving):
    """The steps on customers and facts."""

    # customers

    @rule(tenant=TENANTS, place=PLACES, told=NEW, cards=CARDS, twin=st.booleans())
    def add(
        self, tenant: str, place: int | None, told: dict[str, Any], cards: list[str], twin: bool
    ) -> None:
        """A new customer, perhaps under an id that the other tenant has, or this one too."""
        other = self.witnesses["b" if tenant == "a" else "a"].customers
        id = other[-1].id if twin else CustomerId(self.new_id())
        held = [Identifier("card", card) for card in cards]
        new = a_customer(**told, identifiers=held, at=FIRST, id=id)
        self.do(tenant, place, self.adding(tenant, new))

    @rule(
        tenant=TENANTS, place=PLACES, which=INDEX, emails=EMAILS, cards=CARDS, tags=TAGS,
        old=st.booleans(),
    )  # fmt: skip
    def save(
        self,
        *,
        tenant: str,
        place: int | None,
        which: int,
        emails: list[str],
        cards: list[str],
        tags: list[str],
        old: bool,
    ) -> None:
        """A customer's next state, perhaps from a copy that was read long ago."""
        held = self.customer(tenant, place, which, old=old)
        if held is not None:
            points = tuple(ContactPoint(ContactKind.EMAIL, email) for email in emails)
            state = attrs.evolve(
                held.renamed("Cid" if cards else held.name),
                identifiers=tuple(Identifier("card", card) for card in cards),
                contact_points=points,
                tags=tuple(tags),
            )
            self.do(tenant, place, self.saving(state, held))

    @rule(tenant=TENANTS, place=PLACES, which=INDEX, old=st.booleans())
    def remove(self, tenant: str, place: int | None, which: int, old: bool) -> None:
        """A customer who goes; those with facts stay."""
        held = self.customer(tenant, place, which, old=old)
        if held is not None:
            deed = Deed(
                touched(held),
                lambda oracle, _: oracle.remove(plain(held)),
                lambda uow: uow.customers.remove(held),
            )
            self.do(tenant, place, deed)

    @rule(tenant=TENANTS, place=PLACES, which=INDEX)
    def redact(self, tenant: str, place: int | None, which: int) -> None:
        """A customer who is to be forgotten: their identifiers are free, their facts stay."""
        held = self.customer(tenant, place, which)
        if held is not None:
            deed = Deed(
                touched(held),
                lambda oracle, _: oracle.redact(held.id),
                lambda uow: uow.customers.redact(held.id),
            )
            self.do(tenant, place, deed)

    # facts

    @rule(
        tenant=TENANTS,
        place=PLACES,
        parts=st.lists(
            st.tuples(INDEX, AMOUNTS, AT, st.sampled_from([None, "web", "shop"]), KEYS, BASKETS),
            min_size=1,
            max_size=3,
        ),
    )
    def order(
        self,
        tenant: str,
        place: int | None,
        parts: list[tuple[int, Money, datetime, str | None, Any, list[Any]]],
    ) -> None:
        """Orders in one batch, some under a source key that is used again."""
        orders = []
        for which, total, at, channel, key, basket in parts:
            lines = [a_line(p, currency=total.currency, category=c) for p, c in basket]
            who = self.somebody(tenant, which)
            id = FactId(self.new_id())
            orders.append(
                an_order(who, total, at=at, channel=channel, source_key=key, id=id, lines=lines)
            )
        self.do(tenant, place, self.appending(tenant, "orders", orders))

    @rule(
        tenant=TENANTS,
        place=PLACES,
        which=INDEX,
        share=st.sampled_from([1, 2, 3]),
        at=AT,
        key=KEYS,
    )
    def give_back(
        self,
        *,
        tenant: str,
        place: int | None,
        which: int,
        share: int,
        at: datetime,
        key: str | None,
    ) -> None:
        """A return of the whole order, or of a part."""
        order = self._order(tenant, which)
        if order.total.minor >= share:
            part = Money.of_minor(order.total.minor // share, order.total.currency)
            back = a_return(order, part, at=at, source_key=key, id=FactId(self.new_id()))
            self.do(tenant, place, self.appending(tenant, "returns", [back]))

    @rule(tenant=TENANTS, place=PLACES, which=INDEX, at=AT)
    def cancel(self, tenant: str, place: int | None, which: int, at: datetime) -> None:
        """An order called off, perhaps for the second time."""
        called_off = a_cancellation(self._order(tenant, which), at=at, id=FactId(self.new_id()))
        self.do(tenant, place, self.appending(tenant, "cancellations", [called_off]))

    @rule(tenant=TENANTS, place=PLACES, which=INDEX, at=AT, amount=AMOUNTS, complete=st.booleans())
    def settle(
        self,
        *,
        tenant: str,
        place: int | None,
        which: int,
        at: datetime,
        amount: Money,
        complete: bool,
    ) -> None:
        """A payment, or a delivery where nothing is to be paid."""
        order, id = self._order(tenant, which), FactId(self.new_id())
        if amount.minor:
            paid = a_payment(order, amount, at=at, id=id)
            self.do(tenant, place, self.appending(tenant, "payments", [paid]))
        else:
            delivered = a_fulfilment(order, complete=complete, at=at, id=id)
            self.do(tenant, place, self.appending(tenant, "fulfilments", [delivered]))

    @rule(
        tenant=TENANTS, place=PLACES, which=INDEX, several=st.lists(CONTACT, min_size=1, max_size=3)
    )
    def interact(
        self, tenant: str, place: int | None, which: int, several: list[dict[str, Any]]
    ) -> None:
        """Interactions of one customer, in any order of time."""
        who = self.somebody(tenant, which)
        for told in several:
            fact = an_interaction(who, **told, id=FactId(self.new_id()))
            self.do(tenant, place, self.appending(tenant, "interactions", [fact]))

    @rule(
        tenant=TENANTS, place=PLACES, which=INDEX, several=st.lists(SCORED, min_size=1, max_size=3)
    )
    def score(
        self, tenant: str, place: int | None, which: int, several: list[dict[str, Any]]
    ) -> None:
        """Scores of one customer, often of one instant, the clock at times standing still."""
        who = self.somebody(tenant, which)
        for told in several:
            fact = a_score(who, **told, id=FactId(self.new_id()))
            self.do(tenant, place, self.appending(tenant, "scores", [fact]))

    @rule(
        tenant=TENANTS,
        place=PLACES,
        which=INDEX,
        several=st.lists(CONSENTED, min_size=1, max_size=3),
    )
    def consent(
        self, tenant: str, place: int | None, which: int, several: list[dict[str, Any]]
    ) -> None:
        """Opt-ins and opt-outs of one customer, in any order of time."""
        who = self.somebody(tenant, which)
        for told in several:
            fact = a_consent(who, **told, id=FactId(self.new_id()))
            self.do(tenant, place, self.appending(tenant, "consents", [fact]))

    @rule(
        tenant=TENANTS, place=PLACES, which=INDEX, several=st.lists(CHANGED, min_size=1, max_size=3)
    )
    def enter_or_leave(
        self, tenant: str, place: int | None, which: int, several: list[dict[str, Any]]
    ) -> None:
        """Changes of segments of one customer, in any order of time."""
        who = self.somebody(tenant, which)
        for told in several:
            fact = a_segment_change(who, **told, id=FactId(self.new_id()))
            self.do(tenant, place, self.appending(tenant, "segment_changes", [fact]))

    @rule(
        tenant=TENANTS, place=PLACES, which=INDEX, several=st.lists(AWARDED, min_size=1, max_size=3)
    )
    def award(
        self, tenant: str, place: int | None, which: int, several: list[tuple[str, dict[str, Any]]]
    ) -> None:
        """Points, tiers and decisions of one customer, in any order of time."""
        who = self.somebody(tenant, which)
        member = a_membership(who)
        for kind, told in several:
            id = FactId(self.new_id())
            fact: Any
            match kind:
                case "points":
                    fact = a_points_entry(member, **told, id=id)
                case "tier_changes":
                    fact = a_tier_change(member, **told, id=id)
                case _:
                    fact = a_decision(who, **told, id=id)
            self.do(tenant, place, self.appending(tenant, kind, [fact]))

    @rule(tenant=TENANTS, place=PLACES, which=INDEX, several=st.integers(1, 3), anew=st.booleans())
    def repeat(self, tenant: str, place: int | None, which: int, several: int, anew: bool) -> None:
        """Facts that came before, once more, as an import does that is run again; those with a
        source key perhaps under new ids.
        """
        facts = self.witnesses[tenant].facts
        kind, last = facts[-1 - which % len(facts)]
        others = [fact for of, fact in facts if of == kind and fact is not last]
        again = [*others[max(0, len(others) - several + 1) :], last]
        if anew:
            again = [
                attrs.evolve(fact, id=FactId(self.new_id())) if fact.source_key else fact
                for fact in again
            ]
        self.do(tenant, place, self.appending(tenant, kind, again))

    @rule(tenant=TENANTS, place=PLACES, which=INDEX)
    def take_out(self, tenant: str, place: int | None, which: int) -> None:
        """A fact that was recorded by mistake, perhaps removed already."""
        facts = self.witnesses[tenant].facts
        kind, fact = facts[-1 - which % len(facts)]
        deed = Deed(
            frozenset({fact.customer_id}),
            lambda oracle, _: oracle.strike(kind, fact.id),
            lambda uow: getattr(uow, kind).remove(fact.id),
        )
        self.do(tenant, place, deed)

    def _order(self, tenant: str, which: int) -> Order:
        orders = self.witnesses[tenant].orders()
        return orders[-1 - which % len(orders)]
