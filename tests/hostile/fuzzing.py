"""Every text in every field of every kind, asked for again, and compared with a dictionary."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from operator import eq, gt, le, ne
from random import Random
from typing import Any

import attrs

from crmcore import InvalidInput, UnitOfWork, field
from crmcore.adapters.backend import Backend
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import AGGREGATES, FACTS, MEMBERSHIPS
from crmcore.domain.names import folded_text
from crmcore.testing.builders import AT
from crmcore.testing.contract.hostile import MODEL, examples, places, put

__all__ = ["Batch", "Tally", "batches", "check"]

KINDS = (*(kind for kind in AGGREGATES if kind is not MEMBERSHIPS), *FACTS, MEMBERSHIPS)
"""A membership follows what is added to its ledger, so that it is stored behind it."""
FIELDS = tuple(name for name, known in MODEL.profile_fields.items() if known.type is FieldType.TEXT)
FREE = ("name", "region", "seat", "tag", "last_topic", "language")
"""Those that hold any text."""

OF_A_FORM = ("zone", "currency", "media_type")
"""Those that refuse what is not of their form."""

SHOWN = 20
SHORTEST_LIMIT = 35


@attrs.define
class Tally:
    """What came of it."""

    values: int = 0
    stored: int = 0
    refused: int = 0
    interpreted: int = 0
    differing: int = 0
    findings: list[str] = attrs.field(factory=list)

    def found(self, what: str, text: object, *, interpreted: bool = False) -> None:
        """One thing that is not as it should be."""
        if interpreted:
            self.interpreted += 1
        else:
            self.differing += 1
        if len(self.findings) < SHOWN:
            self.findings.append(f"{what}: {ascii(text)[:200]}")

    def __str__(self) -> str:
        return (
            f"{self.values:,} values, stored in {self.stored:,} fields, refused by "
            f"{self.refused:,}; interpreted {self.interpreted}, differing {self.differing}"
        )


@attrs.frozen
class Batch:
    """Some texts, each in every field that takes it, and what a profile of them must say."""

    texts: tuple[str, ...]
    made: tuple[Mapping[str, Any], ...]
    rows: Mapping[Any, Mapping[str, Any]]
    stored: int
    refused: int
    undecided: tuple[str, ...]
    """Texts whose refusal, or acceptance, nobody could foresee from the text alone."""


def batches(texts: Iterable[str], size: int) -> Iterator[Batch]:
    """The texts, so many at a time and none of them twice in one batch."""
    remaining = iter(texts)
    while some := tuple(dict.fromkeys(islice(remaining, size))):
        yield _batch(some)


def storable(text: str) -> bool:
    """No NUL and no half of a surrogate pair, told in another way than the library does."""
    return not any(c == "\0" or unicodedata.category(c) == "Cs" for c in set(text))


def longest(text: str) -> int:
    """Its characters, as it is or folded: a ligature of a tag is two, and some are more."""
    folded = text
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
    return max(len(text), len(folded))


def _batch(texts: tuple[str, ...]) -> Batch:
    made, rows, undecided = [], {}, []
    stored = refused = 0
    for nth, text in enumerate(texts):
        kinds, fits = examples(nth), storable(text)
        surely = fits and bool(text.strip()) and longest(text) <= SHORTEST_LIMIT
        for kind in KINDS:
            for place in places(kind.cls):
                if place.closed or place.name in OF_A_FORM:
                    continue
                try:
                    kinds[kind.name] = put(kinds[kind.name], place, text)
                    taken = True
                except InvalidInput:
                    taken = False
                stored, refused = stored + taken, refused + (not taken)
                if taken != surely and (surely or not fits):
                    undecided.append(text)
        ana = kinds["customers"]
        tag = kinds["products"].sku
        kinds["customers"] = ana = ana.with_attribute("tag", tag, at=AT)
        made.append(kinds)
        rows[ana.id] = dict.fromkeys(FIELDS) | {
            "kind": ana.kind.value, "name": ana.name, "stage": ana.stage, "zone": ana.zone,
            "language": ana.language, "region": ana.region, "seat": ana.attribute("seat"),
            "tag": tag, "last_topic": kinds["interactions"].topic,
            "last_channel": kinds["interactions"].channel.value,
            "club_tier": kinds["tier_changes"].tier,
        }  # fmt: skip
    return Batch(texts, tuple(made), rows, stored, refused, tuple(undecided))


def check(make: Callable[[str], Backend], batch: Batch, tally: Tally, random: Random) -> None:
    """Store the batch, and ask for everything again. `make` opens an empty backend."""
    tally.values += len(batch.texts)
    tally.stored += batch.stored
    tally.refused += batch.refused
    for text in batch.undecided:
        tally.found("wrongly taken or refused", text)
    short = [text for text in batch.texts if storable(text) and 0 < len(text) <= 60]
    backend = make(random.choice(short) if short else "plain")
    backend.migrate()
    actor = random.choice(short) if short else None
    try:
        with backend.unit_of_work(actor=actor) as uow:
            _store(uow, batch.made)
    except Exception as error:  # noqa: BLE001  whatever it is, the texts that cause it are told
        _narrow(make, batch, tally, error)
        return
    try:
        with backend.reading() as uow:
            _compare(uow, batch, tally)
            _ask(uow, batch, tally, random)
            _ask_for_parts(uow, batch, tally, random)
            _walk(uow, batch, tally, random)
    except Exception as error:  # noqa: BLE001  as above
        tally.found(f"could not be asked: {type(error).__name__}", batch.texts[0])
    if any(entry.actor != actor for entry in backend.journal()):
        tally.found("another actor", actor)


def _store(uow: UnitOfWork, made: Iterable[Mapping[str, Any]]) -> None:
    made = tuple(made)
    for kind in KINDS:
        getattr(uow, kind.name).add_many(kinds[kind.name] for kinds in made)
        if kind.name == "orders":
            uow.orders.add_many(kinds["orders called off"] for kinds in made)


def _narrow(make: Callable[[str], Backend], batch: Batch, tally: Tally, error: Exception) -> None:
    """Which texts does the store refuse?"""
    before = tally.differing
    for text, kinds in zip(batch.texts, batch.made, strict=True):
        if len(tally.findings) == SHOWN:
            return
        backend = make("narrow")
        backend.migrate()
        try:
            with backend.unit_of_work() as uow:
                _store(uow, [kinds])
        except Exception as refused:  # noqa: BLE001  as above
            tally.found(f"refused by the store ({type(refused).__name__})", text)
    if tally.differing == before:
        tally.found(f"refused together ({type(error).__name__})", batch.texts[0])


def _compare(uow: UnitOfWork, batch: Batch, tally: Tally) -> None:
    texts = batch.texts
    for kind in AGGREGATES:
        held = getattr(uow, kind.name).get_many([kinds[kind.name].id for kinds in batch.made])
        for text, kinds in zip(texts, batch.made, strict=True):
            given = kinds[kind.name]
            if held.get(given.id) != attrs.evolve(given, version=1):
                tally.found(f"{kind.name} read back differently", text)
    for fact in FACTS:
        found = uow.reads.facts(fact, ids=[kinds[fact.name].id for kinds in batch.made])
        read = {one.id: one for one in found}
        for text, kinds in zip(texts, batch.made, strict=True):
            if read.get(kinds[fact.name].id) != kinds[fact.name]:
                tally.found(f"{fact.name} read back differently", text)
    profiles = uow.profiles.get_many(list(batch.rows))
    for text, (id, row) in zip(texts, batch.rows.items(), strict=True):
        if {name: profiles[id][name] for name in FIELDS} != row:
            tally.found("profile differs", text)


def _ask(uow: UnitOfWork, batch: Batch, tally: Tally, random: Random) -> None:
    """Each text by a key and as a filter of one field, by turns; half of them as `is_in`."""
    turn = random.randrange(len(FREE))
    for nth, (text, kinds) in enumerate(zip(batch.texts, batch.made, strict=True)):
        name = FIELDS[nth // 10 % len(FIELDS)] if nth % 10 == 9 else FREE[(nth + turn) % len(FREE)]
        questions: tuple[tuple[Any, Callable[[Any], bool]], ...] = (
            (field(name) == text, partial(eq, text)),
            (field(name) < text, partial(gt, text)),
            (field(name) != text, partial(ne, text)),
            (field(name) >= text, partial(le, text)),
        )
        question, holds = questions[nth % 4 if nth % 3 == 0 else 0]
        absent = nth % 3 == 0 and nth % 4 == 2
        expected = sorted(
            id for id, row in batch.rows.items()
            if (absent if row[name] is None else holds(row[name]))
        )  # fmt: skip
        try:
            found = list(uow.profiles.where(question).ids())
        except InvalidInput:
            if storable(text) and len(text) <= 10_000:
                tally.found(f"a filter on {name} refused", text)
        except Exception as error:  # noqa: BLE001  what was interpreted may end anyhow
            tally.found(f"a filter on {name}: {type(error).__name__}", text, interpreted=True)
        else:
            if found != expected:
                tally.found(f"a filter on {name} selects others", text, interpreted=True)
        _look_up(uow, kinds, text, tally, nth)
    for name in FIELDS:
        half = random.sample(batch.texts, len(batch.texts) // 2)
        half = [text for text in half if storable(text) and len(text) <= 500]
        found = list(uow.profiles.where(field(name).is_in(*half)).ids())
        if found != sorted(id for id, row in batch.rows.items() if row[name] in half):
            tally.found(f"{name} one of many", half[:3], interpreted=True)


def _ask_for_parts(uow: UnitOfWork, batch: Batch, tally: Tally, random: Random) -> None:
    """Some characters of each text, by turns anywhere and first, and at times who lacks them."""
    names = [name for name in FREE if MODEL.profile_fields[name].folds]
    for nth, text in enumerate(filter(storable, batch.texts)):
        name, first = names[nth % len(names)], random.randrange(len(text) + 1) if nth % 2 else 0
        part = text[first : first + random.randint(1, 5)]
        folded = folded_text(part)
        if not folded.strip():
            continue
        own = {id: folded_text(row[name]) for id, row in batch.rows.items() if row[name]}
        asked = field(name).contains(part) if nth % 2 else field(name).starts_with(part)
        holding = {
            id for id, whole in own.items()
            if (folded in whole if nth % 2 else whole.startswith(folded))
        }  # fmt: skip
        expected = batch.rows.keys() - holding if nth % 3 == 0 else holding
        try:
            found = set(uow.profiles.where(~asked if nth % 3 == 0 else asked).ids())
        except Exception as error:  # noqa: BLE001  as above
            tally.found(f"parts of {name}: {type(error).__name__}", part, interpreted=True)
        else:
            if found != expected:
                tally.found(f"parts of {name} are others'", part, interpreted=True)


def _look_up(uow: UnitOfWork, kinds: Mapping[str, Any], text: str, tally: Tally, nth: int) -> None:
    if nth % 3 == 0:
        product = uow.products.find_by_sku(kinds["products"].sku)
        found = product is not None and product.id == kinds["products"].id
    elif nth % 3 == 1:
        own = kinds["customers"].identifiers[0]
        ana = uow.customers.find_by_identifier(own.type, own.value, source=own.source)
        found = ana is not None and ana.id == kinds["customers"].id
    else:
        known = attrs.evolve(kinds["interactions"], id=kinds["orders"].id)
        found = uow.interactions.conflicts([known]) == {}
        found = found and 0 in uow.interactions.conflicts([attrs.evolve(known, waited_seconds=7)])
    if not found:
        tally.found("a key finds another", text, interpreted=True)


def _walk(uow: UnitOfWork, batch: Batch, tally: Tally, random: Random) -> None:
    """Two fields, forwards and backwards, page by page."""
    for name in random.sample(FREE, 2):
        descending = random.random() < 0.5
        asked = uow.profiles.where().order_by(name, descending=descending)
        seen, cursor = [], None
        while True:
            page = asked.page(limit=len(batch.rows) // 5 + 1, after=cursor)
            seen += [profile.customer_id for profile in page]
            if (cursor := page.next) is None:
                break
        present = sorted(id for id, row in batch.rows.items() if row[name] is not None)
        values = {id: batch.rows[id][name] for id in present}
        present.sort(key=values.__getitem__, reverse=descending)
        absent = sorted(id for id, row in batch.rows.items() if row[name] is None)
        if seen != [*present, *absent]:
            tally.found(f"pages by {name} in another order", batch.texts[:2], interpreted=True)
