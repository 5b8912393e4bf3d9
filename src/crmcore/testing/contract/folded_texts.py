"""Parts of texts, whatever the case and accents: asked alike everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeType
from crmcore.domain.customer import Customer
from crmcore.domain.expressions import field
from crmcore.domain.ids import CustomerId
from crmcore.domain.model import Model
from crmcore.domain.names import folded_text
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import Make, Subject
from crmcore.testing.strategies import texts

__all__ = ["FoldedTextsContract"]

SEARCHED = Model(
    attributes=(
        AttributeType("seat", "text"),
        AttributeType("row", "text", indexed=True),
    )
)
BEYOND = "\U0010ffff"
LONG = "x" * 3000

HELD: Mapping[str, str] = {
    "accents": "Ana García López",
    "capitals": "ANA GARCIA LOPEZ",
    "apart": "Garci\u0301a",
    "sharp": "Jürgen Groß",
    "ligatures": "ﬁne Æther Œuvre ２",
    "percent": "100% Sale_s",
    "no percent": "100x Salexs",
    "backslash": "a\\b\\\\c",
    "quotes": 'O\'Brien "Bo" `x` $name {y} :z %s ?1',
    "controls": "q\x01y\x7fz",
    "four bytes": "Zoë 😀 𝔸",
    "last character": f"zz{BEYOND}!{BEYOND}",
    "last before surrogates": "zz\ud7ff.",
    "right to left": "\u200fשלום\u200e World",
    "white space": "v\u00a0b\tc\nd  e",
    "dotted": "İzmir Kırmızı",
    "final sigma": "ΟΔΥΣΣΕΥΣ",
    "already folded": "plain text",
    "longer than an index": f"{LONG}É end",
    "empty": "",
}
ASKED: list[tuple[str, str, set[str]]] = [
    ("contains", "garcía", {"accents", "capitals", "apart"}),
    ("contains", "GARCI\u0301A", {"accents", "capitals", "apart"}),
    ("starts_with", "ana garc", {"accents", "capitals"}),
    ("starts_with", "garcia", {"apart"}),
    ("contains", "a l", {"accents", "capitals"}),
    ("contains", "GROẞ", {"sharp"}),
    ("contains", "gross", {"sharp"}),
    ("contains", "juergen", set()),
    ("starts_with", "JURG", {"sharp"}),
    ("starts_with", "fine aether oe", {"ligatures"}),
    ("contains", "2", {"ligatures"}),
    ("contains", "%", {"percent", "quotes"}),
    ("starts_with", "100%", {"percent"}),
    ("starts_with", "1_0", set()),
    ("contains", "e_S", {"percent"}),
    ("starts_with", "100", {"percent", "no percent"}),
    ("contains", "\\", {"backslash"}),
    ("contains", "\\\\C", {"backslash"}),
    ("starts_with", "a\\B", {"backslash"}),
    ("starts_with", "o'b", {"quotes"}),
    ("contains", '"BO" `X`', {"quotes"}),
    ("contains", "$Name {Y} :z %S ?1", {"quotes"}),
    ("starts_with", "$name", set()),
    ("contains", "\x01Y\x7f", {"controls"}),
    ("contains", "😀 a", {"four bytes"}),
    ("starts_with", "ZOE 😀", {"four bytes"}),
    ("contains", "😁", set()),
    ("starts_with", "ZZ", {"last character", "last before surrogates"}),
    ("starts_with", f"zz{BEYOND}", {"last character"}),
    ("starts_with", f"zz{BEYOND}!{BEYOND}", {"last character"}),
    ("starts_with", BEYOND, set()),
    ("contains", f"!{BEYOND}", {"last character"}),
    ("starts_with", "zz\ud7ff", {"last before surrogates"}),
    ("starts_with", "שלום w", {"right to left"}),
    ("contains", "\u200ewor", {"right to left"}),
    ("starts_with", "V b c", {"white space"}),
    ("contains", "d\u2003\u00a0e", {"white space"}),
    ("contains", "d e", set()),
    ("starts_with", "izm", {"dotted"}),
    ("contains", "Kırmızi", {"dotted"}),
    ("contains", "οδυσσευς", {"final sigma"}),
    ("starts_with", "Plain", {"already folded"}),
    ("contains", "N T", {"already folded"}),
    ("contains", "xe END", {"longer than an index"}),
    ("starts_with", f"{LONG}E e", {"longer than an index"}),
    ("starts_with", f"{LONG}x", set()),
    ("contains", "y" * 10_000, set()),
]
"""What is asked, and whose text has it."""


class FoldedTextsContract(Subject):
    """`contains` and `starts_with`."""

    @pytest.fixture
    def searched(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own, with indexed attributes and others."""
        backend = backends(tenant="searched", model=SEARCHED, clock=clock)
        backend.migrate()
        return backend

    def test_parts_of_texts_are_found_whatever_the_case_and_accents(
        self, searched: Backend
    ) -> None:
        """In a name and in host attributes, indexed or not; wild cards, quotes and marks of some
        engine's language are characters. Absent and empty texts have none, and `~` is the exact
        complement.
        """
        people, holders = dict[str, Customer](), dict[str, set[str]]()
        for nth, (label, text) in enumerate(HELD.items()):
            # Names are not empty, and what is indexed is at most 500 characters.
            told = {"name": 0 < len(text) <= 500, "seat": True, "row": len(text) <= 500}
            for name, holds in told.items():
                holders.setdefault(name, set()).update({label} if holds else ())
            attributes = {name: text for name in ("seat", "row") if told[name]}
            called_so = text if told["name"] else None
            people[label] = a_customer(called_so, nth=nth, attributes=attributes)
        people["nothing known"] = a_customer(None, nth=99, language=None)
        called = {person.id: label for label, person in people.items()}
        with searched.unit_of_work() as uow:
            uow.customers.add_many(list(people.values()))
            for name, having in holders.items():
                for how, text, expected in ASKED:
                    asked = getattr(field(name), how)(text)
                    found = {called[id] for id in _ids(uow, asked)}
                    assert found == expected & having, (name, how, text[:20])
                    rest = {called[id] for id in _ids(uow, ~asked)}
                    assert rest == people.keys() - found, (name, how, text[:20])
            uow.rollback()

    def test_every_copied_text_is_searched(self, searched: Backend) -> None:
        """Address, number, language, zone, region, kind and stage."""
        ana = a_customer(
            "Ana", emails=["Ünal@Example.com"], phones=["+34600777310"], language="pt-BR",
            zone="Europe/Madrid", region="Île-de-France",
        )  # fmt: skip
        asked = {
            "email": ("ÜNAL@EXAMPLE", "al@exam"), "phone": ("+3460", "07773"),
            "language": ("PT-b", "t-br"), "zone": ("europe/M", "/MAD"),
            "region": ("ile-De", "-fr"), "kind": ("Pers", "ERSO"), "stage": ("PROSP", "ospec"),
        }  # fmt: skip
        with searched.unit_of_work() as uow:
            other = a_customer(None, language=None, at=AT).moved_to("active", at=AT)
            uow.customers.add_many([ana, other])
            for name, (begins, middle) in asked.items():
                has = field(name)
                expected = [ana.id, other.id] if name == "kind" else [ana.id]
                for predicate in (has.starts_with(begins), has.contains(begins)):
                    assert _ids(uow, predicate) == sorted(expected), name
                assert _ids(uow, has.contains(middle)) == sorted(expected), name
                assert _ids(uow, has.starts_with(middle)) == [], name
                assert len(_ids(uow, ~has.contains(middle))) == 2 - len(expected), name
            uow.rollback()

    def test_it_is_joined_and_ordered_like_any_other_question(self, searched: Backend) -> None:
        """With `&`, `|`, `~` and words, in an order, by pages, counted."""
        some = [a_customer(f"Gärtner {n}", nth=n, attributes={"seat": f"É{n}"}) for n in range(5)]
        with searched.unit_of_work() as uow:
            uow.customers.add_many([*some, a_customer("Other", attributes={"seat": "é1"})])
            asked = uow.profiles.where(
                field("name").contains("RTN") & ~field("seat").starts_with("E3")
            ).order_by("seat")
            page = asked.page(limit=3)
            rest = asked.page(limit=3, after=page.next)
            assert [p["seat"] for p in (*page, *rest)] == ["É0", "É1", "É2", "É4"]
            assert asked.count() == 4
            both = field("seat").contains("e1") | field("name").starts_with("gartner 4")
            assert uow.profiles.where(both).count_by("seat") == {"É1": 1, "é1": 1, "É4": 1}
            assert uow.profiles.search("gart").where(~both).count() == 3
            uow.rollback()

    def test_a_search_follows_each_change(self, searched: Backend) -> None:
        """Saved, one by one and in bulk, and rolled back; what is gone is found no more."""
        has = field("name").contains
        with searched.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ána", attributes={"seat": "Ä1"}))
            ben = uow.customers.add(a_customer("ben"))
        with searched.unit_of_work() as uow:
            ana = uow.customers.save(ana.renamed("Éva").with_attribute("seat", "b2", at=AT))
            assert _ids(uow, has("ana")) == []
            assert _ids(uow, has("eva")) == [ana.id]
            assert _ids(uow, field("seat").contains("a1")) == []
            assert _ids(uow, field("seat").starts_with("B")) == [ana.id]
            saved = [ana.renamed(None), ben.renamed("BÉN")]
            uow.customers.save_many(saved)
            assert _ids(uow, has("eva")) == []
            assert _ids(uow, has("ben")) == [ben.id]
        with searched.unit_of_work() as uow:
            held = uow.customers.get(ben.id)
            uow.customers.save(held.renamed("Zoë"))
            assert _ids(uow, has("zoe")) == [ben.id]
            uow.rollback()
        with searched.unit_of_work() as uow:
            uow.profiles.rebuild()
            assert _ids(uow, has("zoe")) == []
            assert _ids(uow, has("ben")) == [ben.id]
            uow.customers.remove(uow.customers.get(ben.id))
            assert _ids(uow, has("ben")) == []

    def test_who_is_redacted_is_found_no_more(self, backends: Make) -> None:
        """By nothing personal that was folded; what is not personal is found still (O10)."""
        model = Model(attributes=(AttributeType("nick", "text", personal=True),
                                  AttributeType("seat", "text")))  # fmt: skip
        backend = backends(tenant="redacted", model=model)
        backend.migrate()
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(
                "Ána Ruiz", emails=["É@x.org"], attributes={"nick": "Ñoño", "seat": "É1"}
            ))  # fmt: skip
            assert _ids(uow, field("nick").contains("nono")) == [ana.id]
        with backend.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        with backend.reading() as uow:
            for name, text in (("name", "ana"), ("email", "e@x"), ("nick", "nono")):
                assert _ids(uow, field(name).contains(text)) == []
                assert _ids(uow, field(name).starts_with(text)) == []
            assert _ids(uow, field("seat").contains("e1")) == [ana.id]

    def test_folded_texts_are_no_part_of_what_is_read(self, searched: Backend) -> None:
        """Neither profile, columns nor journal tell them."""
        with searched.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ánà García", attributes={"seat": "Ñandú"}))
            profile = dict(uow.profiles.get(ana.id))
            (listed,) = uow.profiles.where(field("seat").contains("nandu")).page()
            assert dict(listed) == profile
            assert set(profile) == set(SEARCHED.profile_fields)
        told: list[Any] = [dict(batch) for batch in searched.columns("profiles", personal=True)]
        shown = repr((profile, told, searched.journal()))
        assert "garcia" not in shown
        assert "nandu" not in shown

    def test_any_text_is_found_as_the_domain_says(self, searched: Backend) -> None:
        """For any texts, and any part of any of them or of others (O5)."""
        held = st.lists(texts(max_size=12).filter(str.strip), min_size=1, max_size=5)

        @settings(max_examples=self.examples, deadline=None)
        @given(held=held, other=texts(max_size=3), first=st.integers(0, 3), size=st.integers(1, 4))
        def check(held: list[str], other: str, first: int, size: int) -> None:
            some = [
                a_customer(text, nth=n, attributes={"seat": text}) for n, text in enumerate(held)
            ]
            parts = {folded_text(text)[first:][:size] for text in held} | {other}
            parts = {text for text in parts if folded_text(text).strip()}
            with searched.unit_of_work() as uow:
                uow.customers.add_many(some)
                for text in parts:
                    known = [(person.id, folded_text(person.name or "")) for person in some]
                    within = sorted(id for id, whole in known if folded_text(text) in whole)
                    first_of = sorted(
                        id for id, whole in known if whole.startswith(folded_text(text))
                    )
                    for name in ("name", "seat"):
                        assert _ids(uow, field(name).contains(text)) == within
                        assert _ids(uow, field(name).starts_with(text)) == first_of
                uow.rollback()

        check()


def _ids(uow: UnitOfWork, predicate: Predicate) -> list[CustomerId]:
    return list(uow.profiles.where(predicate).ids())
