"""Queries and pages: everybody once, in one order, whatever is absent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, MixedCurrencies, UnknownField
from crmcore.domain.expressions import field
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer, an_order
from crmcore.testing.contract.subject import Subject

__all__ = ["QueriesContract"]

DAY = timedelta(days=1)


class QueriesContract(Subject):
    """`uow.profiles.where(…)` with `page`, `count` and `ids`."""

    def test_a_predicate_selects_whom_it_holds_for(self, backend: Backend) -> None:
        """`page`, `count` and `ids` answer the same question."""
        with backend.unit_of_work() as uow:
            _fill(uow)
            asked = uow.profiles.where(field("revenue") >= Money("2", "EUR"))
            ids = list(asked.ids())

            assert len(ids) == asked.count() == 3
            assert [profile.customer_id for profile in asked.page()] == ids == sorted(ids)

    def test_without_a_predicate_everybody_is_meant(self, backend: Backend) -> None:
        """All of this tenant, and nobody of another."""
        with backend.unit_of_work() as uow:
            everybody = _fill(uow)

            assert list(uow.profiles.where().ids()) == sorted(everybody)
            assert uow.profiles.where().count() == len(everybody)

    @pytest.mark.parametrize("name", ["revenue", "seat", "visits", "last_purchase_at", "name"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_pages_give_everybody_once_in_order(
        self, backend: Backend, name: str, descending: bool
    ) -> None:
        """Ordered by one field, absent values last both ways, equals by id; page by page."""
        with backend.unit_of_work() as uow:
            everybody = _fill(uow)
            found = {id: uow.profiles.get(id)[name] for id in everybody}
            asked = uow.profiles.where().order_by(name, descending=descending)
            seen, cursor = [], None
            for _ in everybody:
                page = asked.page(limit=2, after=cursor)
                seen += [profile.customer_id for profile in page]
                cursor = page.next
                if cursor is None:
                    break

        present = sorted(id for id in everybody if found[id] is not None)
        present.sort(key=lambda id: found[id], reverse=descending)
        assert seen == [*present, *sorted(id for id in everybody if found[id] is None)]

    @pytest.mark.parametrize("descending", [False, True])
    def test_pages_follow_every_field(self, backend: Backend, descending: bool) -> None:
        """Whatever its type, copied, attribute or measure: every field but tags is an order, and
        pages of it hold everybody once.
        """
        fields = [f for f in backend.model.profile_fields.values() if f.name != "tags"]
        with backend.unit_of_work() as uow:
            everybody = _fill(uow)
            seen = {}
            for known in fields:
                asked = uow.profiles.where().order_by(known.name, descending=descending)
                pages, cursor = [asked.page(limit=3)], asked.page(limit=3).next
                while cursor is not None and len(pages) <= len(everybody):
                    pages.append(asked.page(limit=3, after=cursor))
                    cursor = pages[-1].next
                seen[known.name] = [profile for page in pages for profile in page]

        for name, found in seen.items():
            assert sorted(profile.customer_id for profile in found) == sorted(everybody), name
            values = [profile[name] for profile in found if profile[name] is not None]
            assert values == sorted(values, reverse=descending), name
            assert [profile[name] for profile in found[len(values) :]] == [None] * (
                len(everybody) - len(values)
            ), name

    def test_what_is_structured_or_several_is_no_order(self, backend: Backend) -> None:
        """Tags have no order among customers: `InvalidInput`, as for comparing them."""
        with backend.reading() as uow:
            with pytest.raises(InvalidInput):
                uow.profiles.where().order_by("tags")
            for predicate in (field("tags") == "vip", field("tags").is_in("vip")):
                with pytest.raises(InvalidInput):
                    uow.profiles.where(predicate)

    def test_a_question_is_narrowed_step_by_step(self, backend: Backend) -> None:
        """`where` upon `where` asks for both, whatever stands between."""
        with backend.unit_of_work() as uow:
            _fill(uow)
            revenue, seat = field("revenue") >= Money("1", "EUR"), field("seat").is_present()
            whole = uow.profiles.where(revenue & seat).order_by("visits", descending=True)
            steps = uow.profiles.where().where(revenue).order_by("visits", descending=True)

            assert steps.count() > whole.count() > 0
            assert list(steps.where(seat).ids()) == list(whole.ids())
            assert list(steps.where(seat).page()) == list(whole.page())

    @pytest.mark.parametrize(
        "name", ["stage", "seat", "visits", "revenue", "last_purchase_at", "name"]
    )
    def test_counts_by_a_field_add_up(self, backend: Backend, name: str) -> None:
        """Each value with how many have it, `None` for those without one, most frequent first,
        equals in the order of values; within the question that was asked.
        """
        with backend.unit_of_work() as uow:
            _fill(uow)
            for question in (None, field("order_count") > 0, field("name") == "Nobody"):
                asked = uow.profiles.where(question)
                values = [profile[name] for profile in asked.page()]
                known = sorted({value for value in values if value is not None})
                counts = {value: values.count(value) for value in (*known, None)}
                ordered = sorted(counts.items(), key=lambda pair: -pair[1])
                assert list(asked.count_by(name).items()) == [p for p in ordered if p[1]]

    def test_counts_by_an_unknown_field_are_refused(self, backend: Backend) -> None:
        """`UnknownField`, with a suggestion."""
        with backend.reading() as uow, pytest.raises(UnknownField):
            uow.profiles.where().count_by("stag")

    def test_the_last_page_says_so(self, backend: Backend) -> None:
        """`next` is `None` on the last page, also when it is full or empty."""
        with backend.unit_of_work() as uow:
            everybody = _fill(uow)
            whole = uow.profiles.where().page(limit=len(everybody))
            none = uow.profiles.where(field("name") == "Nobody").page()

        assert (len(whole), whole.next) == (len(everybody), None)
        assert (len(none), none.next) == (0, None)

    def test_a_page_goes_on_behind_what_was_added_since(self, backend: Backend) -> None:
        """Paging by key: what is added before the cursor shifts nobody into the next page."""
        with backend.unit_of_work() as uow:
            everybody = _fill(uow)
            asked = uow.profiles.where().order_by("visits")
            first = asked.page(limit=3)
            uow.customers.add(a_customer("Early", attributes={"visits": -10}))
            rest = asked.page(limit=50, after=first.next)

        seen = [profile.customer_id for profile in (*first, *rest)]
        assert sorted(seen) == sorted(everybody)

    def test_a_cursor_belongs_to_its_order(self, backend: Backend) -> None:
        """A cursor of another order, or no cursor at all, is `InvalidInput`."""
        with backend.unit_of_work() as uow:
            _fill(uow)
            cursor = uow.profiles.where().order_by("revenue").page(limit=1).next
            for wrong in (cursor, "", "no cursor", "W10="):
                with pytest.raises(InvalidInput):
                    uow.profiles.where().order_by("visits").page(after=wrong)

    def test_a_cursor_carries_no_personal_value(self, backend: Backend) -> None:
        """A page ordered by name goes on without telling a name in its cursor."""
        from base64 import urlsafe_b64decode

        with backend.unit_of_work() as uow:
            _fill(uow)
            cursor = uow.profiles.where().order_by("name").page(limit=1).next

        assert cursor is not None
        assert b"Number" not in urlsafe_b64decode(cursor)

    @pytest.mark.parametrize("redacts", [False, True])
    def test_a_cursor_of_a_personal_value_since_gone_is_refused(
        self, backend: Backend, redacts: bool
    ) -> None:
        """Nobody is passed over silently: it is `InvalidInput`, whether the value was redacted or
        cleared. Behind one without a value the pages go on, whatever was told of them since.
        """
        with backend.unit_of_work() as uow:
            everybody = _fill(uow)
            asked = uow.profiles.where().order_by("name")
            first = asked.page(limit=2)
            last = list(first)[-1].customer_id
            if redacts:
                uow.customers.redact(last)
            else:
                uow.customers.save(uow.customers.get(last).renamed(None))
            with pytest.raises(InvalidInput) as raised:
                asked.page(after=first.next)
            assert [fault.path for fault in raised.value.faults] == ["after"]

            absent = [id for id in everybody if uow.profiles.get(id)["name"] is None]
            cursor = asked.page(limit=len(everybody) - 1).next
            uow.customers.save(uow.customers.get(min(absent)).renamed("Aaron"))
            rest = asked.page(after=cursor)

        assert len(absent) == 2
        assert [profile.customer_id for profile in rest] == [max(absent)]

    def test_an_unknown_field_is_named_with_a_suggestion(self, backend: Backend) -> None:
        """`UnknownField` in a predicate and in an order."""
        with backend.reading() as uow:
            with pytest.raises(UnknownField) as raised:
                uow.profiles.where(field("revenu") > Money("1", "EUR"))
            with pytest.raises(UnknownField):
                uow.profiles.where().order_by("revenu")

        assert (raised.value.name, raised.value.suggestion) == ("revenu", "revenue")

    def test_a_value_of_another_type_is_invalid(self, backend: Backend) -> None:
        """No silent comparison of text with numbers, or across currencies (O12)."""
        with backend.reading() as uow:
            with pytest.raises(InvalidInput):
                uow.profiles.where(field("visits") == "3")
            with pytest.raises(MixedCurrencies):
                uow.profiles.where(field("revenue") > Money("1", "USD"))

    def test_a_page_has_a_limit(self, backend: Backend) -> None:
        """From 1 to 10,000 rows."""
        with backend.reading() as uow:
            for limit in (0, -1, 10_001):
                with pytest.raises(InvalidInput):
                    uow.profiles.where().page(limit=limit)
            assert len(uow.profiles.where().page(limit=10_000)) == 0

    def test_text_is_compared_letter_by_letter(self, backend: Backend) -> None:
        """Capitals, accents and wild cards of some engine's `LIKE` are just letters."""
        seats = ["a", "A", "é", "e", "%", "_", "a ", ""]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(
                a_customer(f"In {seat}", attributes={"seat": seat}) for seat in seats
            )
            found = {seat: uow.profiles.where(field("seat") == seat).count() for seat in seats}
            page = uow.profiles.where().order_by("seat").page()

        assert found == dict.fromkeys(seats, 1)
        assert [profile["seat"] for profile in page] == sorted(seats)

    def test_ids_are_of_the_moment_of_asking(self, backend: Backend) -> None:
        """What is written while the ids are gone through does not change who they are."""
        with backend.unit_of_work() as uow:
            _fill(uow)
            expected = list(uow.profiles.where(field("stage") == "prospect").ids())
            seen = []
            for id in uow.profiles.where(field("stage") == "prospect").ids():
                seen.append(id)
                for customer in list(uow.customers.stream()):
                    if customer.stage == "prospect":
                        uow.customers.save(customer.moved_to("active", at=AT))

        assert seen == expected


def _fill(uow: UnitOfWork) -> list[CustomerId]:
    """Seven customers: by turns with and without orders, seats and visits, some alike."""
    some = []
    for n in range(7):
        known: dict[str, str | int] = {"visits": n % 3 - 1} if n % 2 else {}
        known |= {"seat": "bca"[n % 3]} if n > 2 else {}
        some.append(a_customer(None if n == 4 else f"Number {n % 5}", nth=n, attributes=known))
    uow.customers.add_many(some)
    uow.orders.add_many(
        an_order(customer, f"{n // 2}.00", at=AT + n * DAY)
        for n, customer in enumerate(some)
        if n not in (1, 6)
    )
    uow.orders.add(an_order(some[6], "2.00"))
    return [customer.id for customer in some]
