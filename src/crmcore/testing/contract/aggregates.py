"""Aggregates and their versions: customers and products are kept whole, and no save is lost."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AlreadyExists, InvalidInput, NotFound, Refused, Stale
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.notes import Attachment
from crmcore.testing.builders import AT, a_customer, a_product, an_order
from crmcore.testing.contract.subject import MODEL, Subject
from crmcore.testing.strategies import customers

__all__ = ["AggregatesContract"]


class AggregatesContract(Subject):
    """`uow.customers` and `uow.products`."""

    def test_adding_answers_the_customer_at_version_one(self, backend: Backend) -> None:
        """`add` stores a new one and returns it at version 1."""
        with backend.unit_of_work() as uow:
            stored = uow.customers.add(a_customer())

        assert stored == attrs.evolve(a_customer(), version=1)

    def test_a_customer_comes_back_whole(self, backend: Backend) -> None:
        """`get` returns what was stored, to the last nested value."""

        @settings(max_examples=self.examples, deadline=None)
        @given(st.lists(customers(model=MODEL), max_size=3))
        def check(some: list[Customer]) -> None:
            bare = [attrs.evolve(customer, identifiers=()) for customer in some]
            with backend.unit_of_work() as uow:
                uow.customers.add_many(bare)
                found = uow.customers.get_many([customer.id for customer in some])
                uow.rollback()
            assert list(found) or not some
            assert found == {c.id: attrs.evolve(c, version=1) for c in bare}

        check()

    def test_every_save_is_one_version_on(self, backend: Backend) -> None:
        """`save` stores the next state and returns it one version on, changed or not."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            again = uow.customers.save(ana)
            renamed = uow.customers.save(again.renamed("Ana Ruiz Soto"))

            assert [ana.version, again.version, renamed.version] == [1, 2, 3]
            assert uow.customers.get(ana.id) == renamed

    def test_a_stale_save_is_refused_and_nothing_of_it_kept(self, backend: Backend) -> None:
        """Of two writers from one version one wins and the other is told (O11)."""
        with backend.unit_of_work() as uow:
            read = uow.customers.add(a_customer())
        with backend.unit_of_work() as uow:
            uow.customers.save(read.renamed("First"))

        with pytest.raises(Stale) as raised, backend.unit_of_work() as uow:
            uow.customers.save(read.renamed("Second"))

        assert attrs.astuple(raised.value) == ("customers", str(read.id), 1)
        with backend.reading() as uow:
            assert uow.customers.get(read.id).name == "First"

    def test_one_stale_save_keeps_the_whole_bulk_out(self, backend: Backend) -> None:
        """`save_many`: one stale, none kept."""
        ana, ben = a_customer(), a_customer("Ben")
        with backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])
        with backend.unit_of_work() as uow:
            uow.customers.save(uow.customers.get(ben.id))

        at_one = [attrs.evolve(c, version=1, name="New") for c in (ana, ben)]
        with pytest.raises(Stale), backend.unit_of_work() as uow:
            uow.customers.save_many(at_one)

        with backend.reading() as uow:
            assert uow.customers.get(ana.id) == attrs.evolve(ana, version=1)

    def test_a_version_from_the_future_is_stale_as_well(self, backend: Backend) -> None:
        """Only the very version that is stored may be replaced."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        with pytest.raises(Stale), backend.unit_of_work() as uow:
            uow.customers.save(attrs.evolve(ana, version=2))

    def test_an_id_is_stored_once(self, backend: Backend) -> None:
        """An id stored already is `AlreadyExists`, which names it; nothing of the bulk is kept."""
        ana, ben = a_customer(), a_customer("Ben")
        with backend.unit_of_work() as uow:
            uow.customers.add(ben)

        with pytest.raises(AlreadyExists) as raised, backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])

        assert attrs.astuple(raised.value) == ("customers", str(ben.id))
        with backend.reading() as uow:
            assert set(uow.customers.get_many([ana.id, ben.id])) == {ben.id}

    def test_an_id_twice_in_one_bulk_is_named(self, backend: Backend) -> None:
        """An id that comes twice in one bulk is `AlreadyExists`, and named."""
        ana, ben = a_customer(), a_customer("Ben")

        with pytest.raises(AlreadyExists) as raised, backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben, ben])

        assert raised.value.id == str(ben.id)

    def test_what_is_stored_is_saved_and_not_added(self, backend: Backend) -> None:
        """Adding what carries a version is refused by name, and does no harm to the unit."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            with pytest.raises(Refused) as raised:
                uow.customers.add(ana)

        assert raised.value.rule == "aggregates.new"
        with backend.reading() as uow:
            assert uow.customers.get(ana.id) == ana

    def test_an_unknown_id_is_not_found(self, backend: Backend) -> None:
        """`get` and `save` raise `NotFound`; `get_many` leaves unknown ids out."""
        nobody = CustomerId(UUID(int=7))
        with backend.reading() as uow:
            assert uow.customers.get_many([nobody]) == {}
            with pytest.raises(NotFound):
                uow.customers.get(nobody)
        with pytest.raises(NotFound), backend.unit_of_work() as uow:
            uow.customers.save(attrs.evolve(a_customer(), version=1))

    def test_one_customer_twice_in_a_bulk_save_is_invalid(self, backend: Backend) -> None:
        """Two next states of one aggregate at once contradict each other."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            with pytest.raises(InvalidInput):
                uow.customers.save_many([ana, ana.renamed("Other")])

    def test_notes_and_attachments_are_kept_with_the_customer(self, backend: Backend) -> None:
        """As they were added, through every save; what is taken off is gone."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(tags=["Gold", "vip"]))
            told = ana.noted("Rings in the morning\nonly", at=AT, author="ben").noted("é", at=AT)
            told = told.attached(Attachment("Contract", "s3://a/7", size=2**40, at=AT))
            uow.customers.save(told)
        with backend.unit_of_work() as uow:
            found = uow.customers.get(ana.id)
            less = found.without_note(found.notes[0]).detached("s3://a/7").untagged("GOLD")
            uow.customers.save(less)
        with backend.reading() as uow:
            last = uow.customers.get(ana.id)

        assert (found.tags, found.notes, found.attachments) == (
            ("gold", "vip"), told.notes, told.attachments,
        )  # fmt: skip
        assert (last.tags, last.notes, last.attachments) == (("vip",), told.notes[1:], ())

    def test_a_customer_without_facts_can_go(self, backend: Backend) -> None:
        """`remove` takes the record and the profile."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        with backend.unit_of_work() as uow:
            uow.customers.remove(ana)

        with backend.reading() as uow:
            assert uow.customers.get_many([ana.id]) == {}
            assert uow.profiles.where().count() == 0

    def test_a_changed_customer_is_not_removed(self, backend: Backend) -> None:
        """`remove` is `Stale` if another saved since it was read."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.customers.save(ana)

        with pytest.raises(Stale), backend.unit_of_work() as uow:
            uow.customers.remove(ana)

        with backend.reading() as uow:
            assert uow.customers.get(ana.id).version == 2

    def test_an_id_may_be_given_as_its_text(self, backend: Backend) -> None:
        """A web application has ids as text; what is no id is refused, the same everywhere."""
        with backend.unit_of_work() as unit:
            ana = unit.customers.add(a_customer())
            order = unit.orders.add(an_order(ana))

        with backend.reading() as reading:
            uow: Any = reading
            assert uow.customers.get(str(ana.id)) == ana
            assert uow.profiles.get(str(ana.id))["order_count"] == 1
            assert uow.orders.get(str(order.id)) == order
            assert uow.orders.of(ana.id.hex) == [order]
            for ask in (uow.customers.get, uow.profiles.get, uow.orders.get, uow.orders.of):
                with pytest.raises(InvalidInput):
                    ask("no id")

    def test_a_customer_with_facts_stays(self, backend: Backend) -> None:
        """What happened is not forgotten with the record: `Refused`, by name."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana))

        with pytest.raises(Refused) as raised, backend.unit_of_work() as uow:
            uow.customers.remove(ana)

        assert (raised.value.rule, raised.value.subject) == ("customers.has_facts", str(ana.id))

    def test_a_customer_whose_only_fact_was_removed_stays(self, backend: Backend) -> None:
        """A fact taken out is a fact still: its key stays taken, and so does its customer."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.remove(uow.orders.add(an_order(ana)).id)

        with pytest.raises(Refused) as raised, backend.unit_of_work() as uow:
            uow.customers.remove(ana)

        assert raised.value.rule == "customers.has_facts"

    def test_all_are_streamed_in_the_order_of_ids(self, backend: Backend) -> None:
        """`stream` gives all of this tenant, in the order of their ids."""
        some = [a_customer(f"Number {n}") for n in range(7)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
            streamed = [customer.id for customer in uow.customers.stream()]

        assert streamed == sorted(customer.id for customer in some)

    def test_a_product_keeps_its_price_to_the_minor_unit(self, backend: Backend) -> None:
        """Products follow the same rules: whole, versioned, streamed."""
        dinars = a_product("SKU-2", price=Money("1.005", "KWD"))
        with backend.unit_of_work() as uow:
            stored = uow.products.add(dinars)
            cheaper = uow.products.save(stored.priced(None))

            assert (
                uow.products.get(dinars.id)
                == cheaper
                == attrs.evolve(dinars, price=None, version=2)
            )
            assert list(uow.products.stream()) == [cheaper]

    def test_a_stage_that_the_model_lacks_is_refused(self, backend: Backend) -> None:
        """A customer whose stage, identifiers or attributes the model does not know is invalid."""
        wrong = a_customer(stage="fired", attributes={"shoe": 43})

        with pytest.raises(InvalidInput) as raised, backend.unit_of_work() as uow:
            uow.customers.add(wrong)

        assert {fault.path for fault in raised.value.faults} == {"stage", "attributes[0]"}

    def test_money_of_another_currency_is_no_attribute_of_this_model(
        self, backend: Backend
    ) -> None:
        """A value is stored as it is or refused; no amount changes its currency (O12)."""
        with backend.unit_of_work() as uow, pytest.raises(InvalidInput):
            uow.customers.add(a_customer(attributes={"budget": Money("5", "USD")}))

    def test_time_does_not_pass_in_a_customer(self, backend: Backend) -> None:
        """Instants come back to the millisecond, whatever zone they were told in."""
        before_1970 = AT.replace(year=1066, microsecond=999_000)
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer(at=before_1970))
            (stored,) = uow.customers.stream()

        assert stored.at == stored.stage_since == before_1970
