"""Personal marks: whatever is marked personal is in no repr, and every class keeps to it."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime

import attrs
import pytest

import crmcore.domain
from crmcore import Attachment, ContactPoint, Customer, Identifier, Interaction, new_id
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import AGGREGATES, FACTS

MODULES = [
    importlib.import_module(f"crmcore.domain.{found.name}")
    for found in pkgutil.iter_modules(crmcore.domain.__path__)
]
CLASSES = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and attrs.has(value) and value.__module__ == module.__name__
    },
    key=lambda cls: cls.__qualname__,
)
PERSONAL = {
    "Customer": {
        "name",
        "identifiers",
        "contact_points",
        "attributes",
        "notes",
        "attachments",
    },
    "Note": {"text"},
    "Attachment": {"name", "reference"},
    "AttributeValue": {"value"},
    "Identifier": {"value"},
    "ContactPoint": {"value"},
    "Interaction": {"subject"},
    "Cancellation": {"reason"},
    "Return": {"reason"},
    "Segment": {"predicate"},
    "Membership": {"number"},
    "PointsEntry": {"reason"},
    "Entry": {"personal"},
}
CANARY = "canary-7731@example.com"


def marked(cls: type) -> set[str]:
    return {a.name for a in attrs.fields(cls) if a.metadata.get("personal")}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_a_personal_field_is_in_no_repr(cls: type):
    """Promise 5: the mark and `repr=False` stand side by side."""
    shown = {a.name for a in attrs.fields(cls) if a.repr is not False}
    assert marked(cls) & shown == set()


def test_the_marks_are_where_personal_values_are():
    """Changing this list is changing what erasure and masks reach."""
    assert {cls.__qualname__: marked(cls) for cls in CLASSES if marked(cls)} == PERSONAL


def test_stored_kinds_know_their_personal_fields():
    found = {kind.cls.__name__: {f.name for f in kind.fields if f.personal}
             for kind in (*AGGREGATES, *FACTS)}  # fmt: skip
    assert {name: names for name, names in found.items() if names} == {
        name: PERSONAL[name]
        for name in (
            "Customer",
            "Interaction",
            "Cancellation",
            "Return",
            "Segment",
            "Membership",
            "PointsEntry",
        )
    }


def test_no_repr_shows_what_a_customer_told():
    at = datetime(2024, 1, 1, tzinfo=UTC)
    ana = Customer.person(
        CANARY, at=at, emails=[CANARY], identifiers=[Identifier("external", CANARY)]
    )
    ana = ana.with_attribute("nickname", CANARY, at=at)
    ana = ana.reachable_at(ContactPoint("web", CANARY)).noted(CANARY, at=at, author="ben")
    ana = ana.attached(Attachment(CANARY, f"s3://{CANARY}", at=at))
    call = Interaction(
        customer_id=CustomerId(new_id(at)), at=at, channel="phone", subject=CANARY
    )  # fmt: skip
    for thing in (
        ana, *ana.identifiers, *ana.contact_points, *ana.attributes, *ana.keys, call,
        *ana.notes, *ana.attachments,
    ):  # fmt: skip
        assert "canary" not in repr(thing)
        assert "canary" not in f"{thing}"
