"""Tenants: what is of one is never seen, counted or changed by another (O13)."""

from __future__ import annotations

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.kinds import FACTS
from crmcore.testing.builders import a_customer, a_product, a_return, an_interaction, an_order
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["TenantsContract"]


class TenantsContract(Subject):
    """Two handles on one store, each bound to its tenant. The neighbour holds customers, facts
    and keys under the very ids and values that are asked for here.
    """

    def test_an_empty_tenant_is_empty(self, backend: Backend) -> None:
        """However full its neighbour is."""
        ana = a_customer()
        with backend.reading() as uow:
            assert list(uow.customers.stream()) == []
            assert list(uow.products.stream()) == []
            assert uow.customers.get_many([ana.id]) == {}
            assert uow.profiles.get_many([ana.id]) == {}
            assert uow.profiles.where().count() == len(list(uow.profiles.where().ids())) == 0
            assert len(uow.profiles.where().page()) == 0
            assert [getattr(uow, kind.name).of(ana.id) for kind in FACTS] == [[] for _ in FACTS]
            assert uow.customers.history(ana.id) == backend.journal() == []

    def test_a_neighbours_id_is_not_found(self, backend: Backend, neighbour: Backend) -> None:
        """No look-up by id crosses over."""
        with neighbour.reading() as uow:
            known = next(iter(uow.customers.stream()))
            order = an_order(a_customer())
            assert uow.orders.get(order.id).id == order.id
        with backend.reading() as uow:
            with pytest.raises(NotFound):
                uow.customers.get(known.id)
            with pytest.raises(NotFound):
                uow.profiles.get(known.id)
            with pytest.raises(NotFound):
                uow.orders.get(order.id)

    def test_a_neighbours_identifier_finds_nobody(self, backend: Backend) -> None:
        """No look-up by identifier or SKU crosses over."""
        with backend.reading() as uow:
            assert uow.customers.find_by_identifier("email", "ana@example.com") is None
            assert uow.customers.find_all_by_identifier("card", "4000 0001") == []
            assert uow.customers.ids_by_identifier("phone", ["+34600000000"]) == {}
            assert uow.products.find_by_sku("SKU-1") is None

    def test_a_neighbours_keys_are_free_here(self, backend: Backend, neighbour: Backend) -> None:
        """Ids, exclusive identifiers, SKUs and source keys are a tenant's own."""
        with neighbour.reading() as uow:
            theirs = [c for c in uow.customers.stream() if c.id == a_customer().id]
        (twin,) = theirs
        with backend.unit_of_work(source="shop") as uow:
            uow.customers.add(a_customer(identifiers=twin.identifiers))
            uow.products.add(a_product())
            assert (
                uow.orders.add_many([an_order(twin.id), an_order(twin.id, source_key="1001")]) == 2
            )
            assert uow.interactions.add_many([an_interaction(twin.id, source_key="1001")]) == 1

            assert uow.profiles.get(twin.id)["purchase_count"] == 2
            assert uow.profiles.get(twin.id)["last_channel"] == "phone"

    def test_a_fact_of_a_neighbours_customer_is_refused(self, backend: Backend) -> None:
        """Their customers and orders are nobody and nothing here."""
        ana = a_customer()
        with backend.unit_of_work() as uow:
            with pytest.raises(NotFound):
                uow.orders.add(an_order(ana, nth=2))
            uow.customers.add(ana)
            with pytest.raises(NotFound):
                uow.returns.add(a_return(an_order(ana)))

    def test_what_is_done_here_changes_nothing_there(self, backend: Backend) -> None:
        """Saving, removing, taking out and rebuilding stay within the tenant. The neighbour's
        fixture compares all of it afterwards.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            order = uow.orders.add(an_order(ana))
            uow.returns.add(a_return(order))
            uow.orders.remove(order.id)
            uow.customers.save(uow.customers.get(ana.id).renamed("Other"))
            uow.profiles.rebuild()
            uow.customers.remove(uow.customers.add(a_customer("Ben")))

            assert uow.profiles.where().count() == 1

    def test_a_neighbours_returns_do_not_lower_a_purchase(self, backend: Backend) -> None:
        """Not even when both have an order of one id (`b` took part of it back)."""
        ana = a_customer()
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            order = uow.orders.add(an_order(ana))
            uow.profiles.rebuild()

            assert uow.orders.history(order.id).returns == ()
            assert uow.profiles.get(ana.id)["revenue"] == order.total

    def test_columns_are_of_one_tenant(self, backend: Backend) -> None:
        """No export shows anything of another."""
        for kind in (*(kind.name for kind in FACTS), "purchases", "profiles"):
            assert list(backend.columns(kind)) == []

    def test_a_new_tenant_sees_the_model_as_new(self, backends: Make) -> None:
        """A third tenant needs its own `migrate()`, and is empty then."""
        third = backends(tenant="c")
        third.migrate()

        with third.reading() as uow:
            assert uow.profiles.where().count() == 0

    def test_a_tenant_has_a_name(self, backends: Make) -> None:
        """Empty and overlong names are `InvalidInput`."""
        for name in ("", "x" * 64, "a\0b"):
            with pytest.raises(InvalidInput):
                backends(tenant=name)

    def test_names_of_tenants_are_told_apart_letter_by_letter(self, backends: Make) -> None:
        """`A`, `a ` and `á` are not `a`."""
        for name in ("A", "a ", "á", "%"):
            other = backends(tenant=name)
            other.migrate()
            with other.unit_of_work() as uow:
                uow.customers.add(a_customer())
            with other.reading() as uow:
                assert uow.profiles.where().count() == 1
                assert uow.customers.get(a_customer().id).name == "Ana Ruiz"
