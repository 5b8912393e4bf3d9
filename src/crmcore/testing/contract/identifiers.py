"""Identifiers: exclusive ones belong to one customer, shared ones may belong to several."""

from __future__ import annotations

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.errors import AmbiguousIdentifier, IdentifierTaken, InvalidInput
from crmcore.domain.identifiers import Identifier
from crmcore.testing.builders import a_customer, a_product
from crmcore.testing.contract.subject import Subject

__all__ = ["IdentifiersContract"]

CARD = Identifier("card", "4000 0001")
PASSPORT = Identifier("passport", "X1")


class IdentifiersContract(Subject):
    """`find_by_identifier` and the keys that aggregates hold."""

    def test_a_customer_is_found_by_what_identifies_them(self, backend: Backend) -> None:
        """E-mail, phone, card, external id and the host's own types find the customer."""
        ana = a_customer(
            emails=["ana@example.com"],
            phones=["+34 600 000 000"],
            identifiers=[CARD, PASSPORT, Identifier("external", "7", source="shop")],
        )
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            found = [
                uow.customers.find_by_identifier("email", " ANA@Example.com "),
                uow.customers.find_by_identifier("phone", "0034600000000"),
                uow.customers.find_by_identifier("card", "40000001"),
                uow.customers.find_by_identifier("passport", "X1"),
                uow.customers.find_by_identifier("external", "7", source="shop"),
            ]

        assert [customer.id for customer in found if customer] == [ana.id] * 5

    def test_nobody_is_none(self, backend: Backend) -> None:
        """`find` returns `None` where nobody has the identifier."""
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())

            assert uow.customers.find_by_identifier("email", "ana@example.com") is None
            assert uow.customers.find_by_identifier("card", "4000") is None
            assert uow.customers.find_all_by_identifier("card", "4000") == []

    def test_a_shared_identifier_of_several_is_ambiguous(self, backend: Backend) -> None:
        """Families share an e-mail: `AmbiguousIdentifier` names them, `find_all` gives them."""
        some = [a_customer(name, emails=["home@example.com"]) for name in ("Ana", "Ben", "Cid")]
        ids = sorted(customer.id for customer in some)
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
            with pytest.raises(AmbiguousIdentifier) as raised:
                uow.customers.find_by_identifier("email", "home@example.com")
            everybody = uow.customers.find_all_by_identifier("email", "home@example.com")

        assert attrs.astuple(raised.value) == ("email", tuple(map(str, ids)))
        assert [customer.id for customer in everybody] == ids

    def test_an_exclusive_identifier_has_one_owner(self, backend: Backend) -> None:
        """A card of another customer is `IdentifierTaken`, whoever asks for it and how."""
        ana, ben = a_customer(identifiers=[CARD]), a_customer("Ben", identifiers=[CARD])
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)

        with pytest.raises(IdentifierTaken) as raised, backend.unit_of_work() as uow:
            uow.customers.add(ben)
        assert attrs.astuple(raised.value) == ("card", str(ben.id), "customers")

        with backend.unit_of_work() as uow:
            stored = uow.customers.add(a_customer("Ben"))
        with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
            uow.customers.save(stored.identified_by(CARD))

    def test_two_of_one_bulk_cannot_own_the_same(self, backend: Backend) -> None:
        """The second of one bulk that claims a card is the one refused."""
        ana, ben = a_customer(identifiers=[CARD]), a_customer("Ben", identifiers=[CARD])

        with pytest.raises(IdentifierTaken) as raised, backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])

        assert raised.value.customer_id == str(ben.id)

    def test_an_external_id_is_exclusive_within_its_source(self, backend: Backend) -> None:
        """Two systems may number their customers alike."""
        shop, call_centre = (Identifier("external", "7", source=s) for s in ("shop", "calls"))
        ana, ben = a_customer(identifiers=[shop]), a_customer("Ben", identifiers=[call_centre])
        with backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])
            found = uow.customers.find_by_identifier("external", "7", source="calls")

        assert found is not None
        assert found.id == ben.id

    def test_an_identifier_that_was_let_go_is_free(self, backend: Backend) -> None:
        """After a save without it, another may have the card, and the first is not found by it."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(identifiers=[CARD], emails=["a@example.com"]))
            ben = uow.customers.add(a_customer("Ben"))
            point = ContactPoint(ContactKind.EMAIL, "a@example.com")
            uow.customers.save(ana.no_longer_identified_by(CARD).no_longer_reachable_at(point))
            uow.customers.save(ben.identified_by(CARD))
            found = uow.customers.find_by_identifier("card", "4000 0001")

            assert found is not None
            assert found.id == ben.id
            assert uow.customers.find_by_identifier("email", "a@example.com") is None

    def test_two_customers_can_swap_cards_in_one_bulk(self, backend: Backend) -> None:
        """A bulk save is judged by how it ends, not by the order within it."""
        other = Identifier("card", "4000 0002")
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(identifiers=[CARD]))
            ben = uow.customers.add(a_customer("Ben", identifiers=[other]))
            uow.customers.save_many([
                ana.no_longer_identified_by(CARD).identified_by(other),
                ben.no_longer_identified_by(other).identified_by(CARD),
            ])  # fmt: skip
            found = uow.customers.find_by_identifier("card", CARD.value)

        assert found is not None
        assert found.id == ben.id

    def test_a_removed_customer_frees_their_identifiers(self, backend: Backend) -> None:
        """A removed record holds no key: it can be added again, also by another (O9)."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(identifiers=[CARD], emails=["a@example.com"]))
        with backend.unit_of_work() as uow:
            uow.customers.remove(ana)
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer("Ben", identifiers=[CARD]))

        with backend.reading() as uow:
            found = uow.customers.find_by_identifier("card", CARD.value)
            assert found is not None
            assert found.name == "Ben"
            assert uow.customers.find_all_by_identifier("email", "a@example.com") == []

    def test_a_failed_claim_leaves_the_owner_as_they_were(self, backend: Backend) -> None:
        """After `IdentifierTaken` the first is found by the card still."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(identifiers=[CARD]))
        with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
            uow.customers.add(a_customer("Ben", identifiers=[CARD], emails=["b@example.com"]))

        with backend.reading() as uow:
            assert uow.customers.find_by_identifier("card", CARD.value) == ana
            assert uow.customers.find_by_identifier("email", "b@example.com") is None

    def test_many_are_looked_up_at_once(self, backend: Backend) -> None:
        """`ids_by_identifier` answers by value as given; unknown ones are left out."""
        some = [a_customer(n, emails=[f"{n}@example.com"]) for n in ("ana", "ben")]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
            given = ["ANA@example.com", "ben@example.com", "cid@example.com"]
            found = uow.customers.ids_by_identifier("email", given)

        assert found == {given[0]: (some[0].id,), given[1]: (some[1].id,)}

    def test_a_type_that_the_model_lacks_is_invalid(self, backend: Backend) -> None:
        """An undeclared type is `InvalidInput`, when stored and when asked for."""
        tattoo = Identifier("tattoo", "anchor")
        with backend.unit_of_work() as uow:
            with pytest.raises(InvalidInput):
                uow.customers.add(a_customer(identifiers=[tattoo]))
            with pytest.raises(InvalidInput):
                uow.customers.find_by_identifier("tattoo", "anchor")
            with pytest.raises(InvalidInput):
                uow.customers.find_all_by_identifier("tattoo", "anchor")

    def test_a_sku_is_exclusive(self, backend: Backend) -> None:
        """A product is found by its SKU; two products of one SKU are refused."""
        with backend.unit_of_work() as uow:
            mug = uow.products.add(a_product())
            assert uow.products.find_by_sku("SKU-1") == mug
            assert uow.products.find_by_sku("sku-1") is None

        other = a_product(id=a_product("SKU-2").id)
        with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
            uow.products.add(other)
