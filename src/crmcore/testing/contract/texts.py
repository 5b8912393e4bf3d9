"""Hostile text: kept character by character, and only ever compared (O5, O16)."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import ConflictingFact, IdentifierTaken, InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.fields import FieldType
from crmcore.domain.identifiers import Identifier
from crmcore.domain.kinds import AGGREGATES, FACTS, POINTS, TIER_CHANGES
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer, a_product
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.hostile import MODEL, TEXTS, UNSTORABLE, examples, filled, places, put
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["TextsContract", "another_id", "paged", "selected"]

ALIKE = (
    "a",
    "A",
    "á",
    "a\u0301",
    "a ",
    "ß",
    "ss",
    "i",
    "İ",
    "ı",
    "😀",
    "\ufb01",
    "fi",
    "\U0010ffff",
)


class TextsContract(Subject):
    """Text that looks like something else, in every field, key, filter and cursor."""

    @pytest.fixture
    def store(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own, with attributes of every type."""
        backend = backends(tenant="values", model=MODEL, clock=clock)
        backend.migrate()
        return backend

    def test_hostile_text_is_kept_in_every_field(self, store: Backend) -> None:
        """Character by character, whatever it would mean to an engine; also in columns."""
        with store.unit_of_work() as uow:
            given = _stored(uow)
        with store.reading() as uow:
            for aggregates in AGGREGATES:
                held = getattr(uow, aggregates.name).get_many(
                    [v.id for v in given[aggregates.name]]
                )
                for value in given[aggregates.name]:
                    assert held[value.id] == attrs.evolve(value, version=1)
            for kind in FACTS:
                read = uow.reads.facts(kind, ids=[fact.id for fact in given[kind.name]])
                assert {fact.id: fact for fact in read} == {f.id: f for f in given[kind.name]}
        for kind in FACTS:
            texts = [f.name for f in kind.fields if f.type is FieldType.TEXT]
            names = [name for name in texts if name != "actor"]  # the unit of work's
            rows = {
                id: row
                for batch in store.columns(kind.name, personal=True)
                for id, *row in zip(batch["id"], *(batch[name] for name in names), strict=True)
            }
            for fact in given[kind.name]:
                assert rows[fact.id.bytes] == [getattr(fact, name) for name in names]

    def test_text_that_some_store_would_lose_is_refused_by_name(self) -> None:
        """NUL, half of a surrogate pair and a megabyte: `InvalidInput`, before any store."""
        made = examples(0)
        for kind in (*AGGREGATES, *FACTS):
            for place in places(kind.cls):
                for text in UNSTORABLE.values():
                    with pytest.raises(InvalidInput) as refused:
                        put(made[kind.name], place, text)
                    path = refused.value.faults[0].path.partition("[")[0]
                    assert path == place.name or place.name.startswith(path)

    def test_a_hostile_key_finds_its_own(self, store: Backend) -> None:
        """Identifiers with their sources, SKUs, and the source keys of facts."""
        with store.unit_of_work() as uow:
            given = _stored(uow)
        with store.unit_of_work() as uow:
            for customer in given["customers"]:
                own = customer.identifiers[0]
                found = uow.customers.find_by_identifier("external", own.value, source=own.source)
                assert found == attrs.evolve(customer, version=1)
            for product in given["products"]:
                assert uow.products.find_by_sku(product.sku) == attrs.evolve(product, version=1)
            again = [attrs.evolve(fact, id=another_id(fact)) for fact in given["interactions"]]
            assert uow.interactions.add_many(again) == 0
            assert uow.interactions.add(again[0]).id == given["interactions"][0].id
            other = [attrs.evolve(fact, outcome="other") for fact in again]
            assert uow.interactions.conflicts(other) == dict.fromkeys(
                range(len(other)), ("outcome",)
            )
            with pytest.raises(ConflictingFact):
                uow.interactions.add(other[-1])

    def test_a_hostile_filter_is_only_compared(self, store: Backend) -> None:
        """Every text field of a profile, equal to, one of, before and behind any text."""
        with store.unit_of_work() as uow:
            rows = _profiles(uow)
            names = [n for n, f in MODEL.profile_fields.items() if f.type is FieldType.TEXT]
            for nth, text in enumerate(TEXTS):
                for name in names[nth % 3 :: 3]:
                    assert selected(uow, field(name) == text) == _where(rows, name, text.__eq__)
                name, pair = names[nth % len(names)], (text, TEXTS[nth - 7])
                assert selected(uow, field(name).is_in(*pair)) == _where(
                    rows, name, pair.__contains__
                )
                assert selected(uow, field(name) < text) == _where(rows, name, text.__gt__)
                assert selected(uow, field(name) >= text) == _where(rows, name, text.__le__)
            for text in UNSTORABLE.values():
                with pytest.raises(InvalidInput):
                    uow.profiles.where(field("seat") == text)

    def test_pages_go_by_code_point(self, store: Backend) -> None:
        """One order everywhere, Python's, whatever a database's collation; by hostile cursors."""
        with store.unit_of_work() as uow:
            rows = _profiles(uow)
            for nth, name in enumerate(("name", "seat", "tag", "last_topic")):
                present = sorted(id for id, row in rows.items() if row[name] is not None)
                for descending in (False, True):
                    expected = sorted(
                        present, key=lambda id, name=name: rows[id][name], reverse=descending
                    )
                    limit = 17 + nth
                    assert paged(uow, name, limit=limit, descending=descending) == expected

    def test_a_value_that_has_just_changed_hides_nobody(self, store: Backend) -> None:
        """Asked in the unit of work that changed it, while an index has the old value still."""
        tags = {f"{nth:02}": a_customer(f"{nth}", nth=nth) for nth in range(40)}
        with store.unit_of_work() as uow:
            uow.customers.add_many(c.with_attribute("tag", t, at=AT) for t, c in tags.items())
        with store.unit_of_work() as uow:
            for old, new in (("00", "50"), ("20", "60"), ("39", "-1")):
                held = uow.customers.get(tags[old].id)
                uow.customers.save(held.with_attribute("tag", new, at=AT))
                tags[new] = tags.pop(old)
            ids = [tags[tag].id for tag in sorted(tags)]
            assert selected(uow, field("tag").is_present()) == sorted(ids)
            assert selected(uow, field("tag").is_absent()) == []
            for nth, tag in enumerate(sorted(tags)):
                assert selected(uow, field("tag") < tag) == sorted(ids[:nth])
                assert selected(uow, field("tag") >= tag) == sorted(ids[nth:])
            for descending in (False, True):
                expected = ids[::-1] if descending else ids
                assert paged(uow, "tag", limit=7, descending=descending) == expected

    def test_a_cursor_that_was_changed_is_refused(self, store: Backend) -> None:
        """Whatever it says: another type, an operator, half a character, no number."""
        hostile = (True, {"$gt": ""}, ["a"], "\ud800", "\0", math.nan, 2**60, "x" * 20_000)
        for name, other in (("seat", 5), ("weight", "a"), ("visits", 1.5), ("born", "1.1.2024")):
            with store.reading() as uow:
                for value in (other, *hostile):
                    cursor = json.dumps([name, False, value, str(a_customer().id)]).encode()
                    with pytest.raises(InvalidInput, match="after"):
                        uow.profiles.where().order_by(name).page(
                            after=urlsafe_b64encode(cursor).decode()
                        )
                for text in (*TEXTS, *UNSTORABLE.values()):
                    with pytest.raises(InvalidInput, match="after"):
                        uow.profiles.where().order_by(name).page(after=text)

    def test_a_tenants_name_is_just_a_name(self, backends: Make, clock: FrozenClock) -> None:
        """Tenants whose names look alike, or like something else, hold data of their own."""
        names = ("A", "a ", "á", "a\u0301", "ß", "ss", "'; --", "%", '{"$gt": ""}', "😀" * 63)
        opened = {}
        for nth, name in enumerate(names):
            opened[name] = backend = backends(tenant=name, model=MODEL, clock=clock)
            backend.migrate()
            with backend.unit_of_work() as uow:
                uow.customers.add_many(a_customer(name, nth=n) for n in range(nth + 1))
        for nth, backend in enumerate(opened.values()):
            with backend.reading() as uow:
                assert uow.profiles.where().count() == nth + 1
            assert len(backend.journal()) == 1
        for wrong in ("", "x" * 64, *UNSTORABLE.values(), None):
            with pytest.raises(InvalidInput, match="tenant"):
                backends(tenant=wrong, model=MODEL)  # type: ignore[arg-type]

    def test_the_journal_quotes_who_and_what(self, store: Backend) -> None:
        """Actor, source and changed fields, character by character."""
        with store.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(region="x"))
        for text in TEXTS[::3]:
            with store.unit_of_work(actor=text, source=text) as uow:
                ana = uow.customers.save(attrs.evolve(ana, region=text, name=f"Ana {text}"))
        written = store.journal()[1:]
        assert [(e.actor, e.source) for e in written] == [(t, t) for t in TEXTS[::3]]
        assert [e.changes[0]["region"][1] for e in written] == list(TEXTS[::3])
        assert [e.personal[0]["name"][1] for e in written] == [f"Ana {t}" for t in TEXTS[::3]]
        for text in UNSTORABLE.values():
            for name in ("actor", "source"):
                with pytest.raises(InvalidInput, match=name):
                    store.unit_of_work(**{name: text})

    def test_only_equal_keys_are_equal(self, store: Backend) -> None:
        """Case, accents, blanks at the end, ligatures and emoji tell keys apart, unless the
        identifier's own normal form says that they are one.
        """
        with store.unit_of_work() as uow:
            assert uow.products.add_many(map(a_product, ALIKE)) == len(ALIKE)
        taken: set[Identifier] = set()
        for nth, text in enumerate(ALIKE):
            for key in (Identifier("card", text), Identifier("external", text, source=text)):
                customer = a_customer(f"{key.type} {nth}", identifiers=[key])
                if key in taken:
                    with pytest.raises(IdentifierTaken), store.unit_of_work() as uow:
                        uow.customers.add(customer)
                else:
                    with store.unit_of_work() as uow:
                        uow.customers.add(customer)
                    taken.add(key)
        assert len(taken) < 2 * len(ALIKE)

    def test_an_indexed_text_has_a_length_everywhere(self, store: Backend) -> None:
        """Of 500 characters, also of four bytes each; a longer one is refused by name."""
        long = "".join(chr(0x1F300 + n) for n in range(500))
        with store.unit_of_work() as uow:
            one = uow.customers.add(a_customer(attributes={"tag": long, "seat": long * 20}))
            assert selected(uow, field("tag") == long) == [one.id]
            assert selected(uow, field("seat") == long * 20) == [one.id]
            with pytest.raises(InvalidInput, match=r"attributes\[0\]"):
                uow.customers.add(a_customer(attributes={"tag": long + "a"}, nth=2))


@lru_cache(maxsize=1)
def _hostile() -> Mapping[str, Sequence[Any]]:
    """By kind, one for each text that has it in every place that takes it."""
    made: dict[str, list[Any]] = {}
    for nth, text in enumerate(TEXTS):
        for name, value in examples(nth).items():
            given = value if name == "orders called off" else filled(value, text)[0]
            made.setdefault(name, []).append(given)
    return made


def _stored(uow: UnitOfWork) -> Mapping[str, Sequence[Any]]:
    """All of `_hostile`, stored in bulk."""
    given = _hostile()
    for kind in (*AGGREGATES, *FACTS):
        collection = getattr(uow, kind.name)
        # Added, a ledger's entries and tier changes would change the memberships given.
        put = collection.restore_many if kind in (POINTS, TIER_CHANGES) else collection.add_many
        assert put(given[kind.name]) == len(TEXTS)
        if kind.name == "orders":
            uow.orders.add_many(given["orders called off"])
    return given


def _profiles(uow: UnitOfWork) -> Mapping[Any, Mapping[str, Any]]:
    """By id what every profile says, of customers with hostile text in every field."""
    given = _hostile()
    some = [
        c.with_attribute("tag", t, at=AT) for c, t in zip(given["customers"], TEXTS, strict=True)
    ]
    uow.customers.add_many([*some, a_customer("Unknown", language=None)])
    uow.interactions.add_many(given["interactions"])
    rows = {p.customer_id: p for p in uow.profiles.where().page(limit=1000)}
    for name in ("seat", "tag", "last_topic"):
        assert [rows[customer.id][name] for customer in some] == list(TEXTS)
    return rows


def _where(
    rows: Mapping[Any, Mapping[str, Any]], name: str, holds: Callable[[Any], Any]
) -> list[Any]:
    return sorted(id for id, row in rows.items() if row[name] is not None and holds(row[name]))


def selected(uow: UnitOfWork, predicate: Predicate) -> list[Any]:
    """Whom the predicate holds for."""
    return list(uow.profiles.where(predicate).ids())


def paged(uow: UnitOfWork, name: str, *, limit: int, descending: bool = False) -> list[Any]:
    """Those that have the field, in its order, walked page by page."""
    asked = uow.profiles.where().order_by(name, descending=descending)
    seen, cursor = [], None
    while True:
        page = asked.page(limit=limit, after=cursor)
        seen += [profile.customer_id for profile in page if profile[name] is not None]
        cursor = page.next
        if cursor is None:
            return seen


def another_id(value: Any) -> Any:
    """Another id."""
    return type(value.id)(int=value.id.int ^ 1)
