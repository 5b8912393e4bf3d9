"""Search by name: whoever has a word that begins so, however it is spelt, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.names import name_words
from crmcore.testing.builders import AT, a_customer, an_order, an_organisation
from crmcore.testing.contract.subject import MODEL, Make, Subject
from crmcore.testing.strategies import texts

__all__ = ["NameSearchContract"]

FOUND: list[tuple[str | None, str, bool | None]] = [
    ("Ana García López", "gar", True),
    ("Ana García López", "GARCIA", True),
    ("Ana García López", "garcía", True),
    ("Ana García López", "lop an", True),
    ("Ana García López", "cia", False),
    ("Ana García López", "gar ben", False),
    ("Ana García López", "garcialopez", False),
    ("Ana García López", "garciaz", False),
    ("Garci\u0301a", "garcí", True),
    ("Jürgen Groß", "jurg gross", True),
    ("Jürgen Groß", "GROß", True),
    ("Jürgen Groß", "juergen", False),
    ("Øyvind Sørensen", "oyv sor", True),
    ("Łukasz Đorđević", "luk dord", True),
    ("Æther Œuvre", "aeth oeu", True),
    ("İzmir Kırmızı", "izm kirm", True),
    ("Ελένη Παπαδοπούλου", "ελενη", True),
    ("Ольга Ёлкина", "елк", True),
    ("Nguyễn Thị Ánh", "nguyen anh", True),
    ("O'Brien", "o'b", True),
    ("O’Brien", "obri", True),
    ("O'Brien", "brien", True),
    ("Seán O´Brien", "obrien", True),
    ("Seán O´Brien", "sean o'b", True),
    ("Seán O'Brien", "o´brien", True),
    ("Jean-Luc", "luc", True),
    ("Jean-Luc", "jeanl", True),
    ("AT&T", "att", True),
    ("Müller & Söhne GmbH", "sohne", True),
    ("ﬁne ２", "fine 2", True),
    ("北京 公司", "公", True),
    ("हिन्दी", "हि", True),
    ("100% Sale_s", "100%", True),
    ("100 Sales", "1_0", False),
    ("Zed", "%", None),
    ("Zed", "_", None),
    ("Zed", "z", True),
    ("zzz\U0010fffd", "zzz", True),
]
"""A name, what is asked, and whether it is found; `None` where there is nothing to ask for."""


class NameSearchContract(Subject):
    """`uow.profiles.search(…)`."""

    @pytest.mark.parametrize(("name", "text", "expected"), FOUND)
    def test_a_word_that_begins_so_is_found(
        self, backend: Backend, name: str, text: str, expected: bool | None
    ) -> None:
        """Folded for case and accents, each word of the text the beginning of one of the name's;
        wild cards of some engine's `LIKE` are punctuation.
        """
        with backend.unit_of_work() as uow:
            one = uow.customers.add(a_customer(name))
            uow.customers.add_many([a_customer("Qqq"), a_customer(None)])
            if expected is None:
                with pytest.raises(InvalidInput):
                    uow.profiles.search(text)
            else:
                found = list(uow.profiles.search(text).ids())
                assert found == ([one.id] if expected else [])

    def test_people_and_organisations_are_found_alike(self, backend: Backend) -> None:
        """A company by any word of its name."""
        with backend.unit_of_work() as uow:
            firm = uow.customers.add(an_organisation("Hôtel du Port"))
            person = uow.customers.add(a_customer("Ana Hotelling"))

            assert set(uow.profiles.search("hotel").ids()) == {firm.id, person.id}
            firms = uow.profiles.search("hotel").where(field("kind") == "organisation")
            assert list(firms.ids()) == [firm.id]

    def test_a_search_is_narrowed_ordered_paged_and_counted(self, backend: Backend) -> None:
        """It is a question like any other; the other way round as well."""
        some = [a_customer(f"Gärtner {n}", nth=n, attributes={"visits": -n}) for n in range(7)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many([*some, a_customer("Other", attributes={"visits": -9})])
            few = field("visits") < -1
            asked = uow.profiles.search("gart").where(few).order_by("visits")
            first = asked.page(limit=3)
            rest = asked.page(limit=3, after=first.next)

            assert [profile["visits"] for profile in (*first, *rest)] == [-6, -5, -4, -3, -2]
            assert rest.next is None
            assert asked.count() == 5
            assert list(uow.profiles.where(few).search("gart").ids()) == list(asked.ids())
            assert asked.count_by("stage") == {"prospect": 5}

    def test_a_search_is_a_predicate_too(self, backend: Backend) -> None:
        """`has_word` is joined and negated like any other; the absent name has no word (O5)."""
        some = [a_customer("Ana Ruiz"), a_customer("Ben Ruiz"), a_customer(None)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
            ana, ben, nobody = (customer.id for customer in some)
            asked = {
                field("name").has_word("ana"): {ana},
                ~field("name").has_word("ana"): {ben, nobody},
                field("name").has_word("ana") | field("name").has_word("ben"): {ana, ben},
                field("name").has_word("ruiz") & ~field("name").has_word("b"): {ana},
            }
            for predicate, expected in asked.items():
                assert set(uow.profiles.where(predicate).ids()) == expected

    def test_a_search_follows_the_name(self, backend: Backend) -> None:
        """Renamed, one by one and in bulk, a customer is found by the new name alone."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ana Ruiz"))
            ben = uow.customers.add(a_customer("Ben Soto"))
        with backend.unit_of_work() as uow:
            ana = uow.customers.save(ana.renamed("Ana Vidal"))
            assert _words(uow, "ana", "ruiz", "vid") == [[ana.id], [], [ana.id]]
            uow.customers.save_many([ana.renamed(None), ben.renamed("Vidal Ruiz")])
        with backend.reading() as uow:
            assert _words(uow, "ana", "ruiz", "vid", "soto") == [[], [ben.id], [ben.id], []]

    def test_what_is_rolled_back_is_not_found(self, backend: Backend) -> None:
        """A search sees its own unit's writes, and nobody those that were given up."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ana Ruiz"))
        with backend.unit_of_work() as uow:
            uow.customers.save(ana.renamed("Zoe"))
            uow.customers.add(a_customer("Zoltan"))
            assert uow.profiles.search("zo").count() == 2
            uow.rollback()
        with backend.reading() as uow:
            assert _words(uow, "zo", "ana") == [[], [ana.id]]

    def test_who_was_removed_is_not_found(self, backend: Backend) -> None:
        """Nor is another who comes under that id later found by the old name (O9, O10)."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ana Ruiz", tags=["vip"]))
        with backend.unit_of_work() as uow:
            uow.customers.remove(ana.renamed("Told otherwise"))
        with backend.unit_of_work() as uow:
            assert _words(uow, "ana", "told") == [[], []]
            new = uow.customers.add(a_customer("Zoe", id=ana.id))
            assert _words(uow, "ana", "ruiz", "zoe") == [[], [], [new.id]]
            assert uow.profiles.where(field("tags").has("vip")).count() == 0

    def test_a_search_needs_something_to_look_for(self, backend: Backend) -> None:
        """A letter or digit, at most 20 words and 500 characters, no NUL; else `InvalidInput`."""
        with backend.reading() as uow:
            for text in ("", "  ", "-", "'", "\u0301", "a " + "b c " * 200, "a\0"):
                with pytest.raises(InvalidInput):
                    uow.profiles.search(text)
            with pytest.raises(InvalidInput):
                uow.profiles.search(" ".join(f"w{n}" for n in range(21)))
            with pytest.raises(InvalidInput):
                uow.profiles.where(field("email").has_word("ana"))
            assert uow.profiles.search("x" * 500).count() == 0

    def test_long_names_are_found_by_their_words(self, backend: Backend) -> None:
        """Of a word the first 60 characters count, of a name the first 100 words."""
        words = " ".join(f"w{n}x" for n in range(120))[:500]
        with backend.unit_of_work() as uow:
            uow.customers.add_many([a_customer("l" * 500), a_customer(words)])
            assert uow.profiles.search("l" * 60).count() == 1
            assert uow.profiles.search("l" * 61).count() == 1
            assert uow.profiles.search("w99x").count() == 1
            assert uow.profiles.search("w101").count() == 0

    def test_a_rebuild_and_later_facts_change_nothing(self, backend: Backend) -> None:
        """What is appended, and folding anew, leave words and tags as they are."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ana Ruiz", tags=["vip"]))
            uow.orders.add(an_order(ana))
            uow.profiles.rebuild()
            assert _words(uow, "rui") == [[ana.id]]
            assert uow.profiles.get(ana.id)["tags"] == ("vip",)

    def test_another_model_finds_the_same(self, backend: Backend, backends: Make) -> None:
        """`migrate()` to a wider model keeps what customers are searched by."""
        import attrs

        from crmcore.domain.measures import Fold, Measure

        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ana Ruiz", tags=["vip"]))
        more = (*MODEL.measures, Measure("web_calls", "interactions", Fold.COUNT))
        wider = backends(tenant="a", model=attrs.evolve(MODEL, measures=more))
        wider.migrate()
        with wider.reading() as uow:
            assert _words(uow, "rui") == [[ana.id]]
            assert list(uow.profiles.where(field("tags").has("vip")).ids()) == [ana.id]

    def test_any_name_is_found_as_the_domain_says(self, backend: Backend) -> None:
        """For any name and any beginning of any text, found or not as `name_words` has it."""
        names = st.lists(st.none() | texts(max_size=12).filter(str.strip), max_size=4)

        @settings(max_examples=self.examples, deadline=None)
        @given(names=names, other=texts(max_size=4), end=st.integers(1, 4))
        def check(names: list[str | None], other: str, end: int) -> None:
            some = [a_customer(name, nth=n) for n, name in enumerate(names)]
            asked = {word[:end] for name in names for word in name_words(name)}
            asked |= {word for word in name_words(other) if word.isascii()}
            with backend.unit_of_work() as uow:
                uow.customers.add_many(some)
                found = {text: set(uow.profiles.search(text).ids()) for text in asked}
                uow.rollback()
            for text, ids in found.items():
                assert ids == {
                    customer.id
                    for customer in some
                    if any(word.startswith(text) for word in name_words(customer.name))
                }

        check()

    def test_words_are_no_part_of_what_is_read(self, backend: Backend) -> None:
        """Neither profile, columns nor journal tell the folded words."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ánà García", at=AT))
            assert "garcia" not in repr(dict(uow.profiles.get(ana.id)))
        told: list[Any] = [dict(batch) for batch in backend.columns("profiles", personal=True)]
        assert "garcia" not in repr((told, backend.journal()))


def _words(uow: Any, *texts: str) -> list[list[Any]]:
    return [list(uow.profiles.search(text).ids()) for text in texts]
