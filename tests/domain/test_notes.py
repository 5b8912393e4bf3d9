"""Tags, notes and attachments of a customer: one form, each once, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given

from crmcore import Attachment, Customer, InvalidInput, Note
from crmcore.domain.notes import ATTACHMENTS, NOTES
from crmcore.domain.tags import TAGS, tag
from crmcore.testing.strategies import attachments, notes, tags

AT = datetime(2024, 1, 1, tzinfo=UTC)
ANA = Customer.person("Ana", at=AT)


def test_tags_are_folded_unique_and_in_order():
    ana = ANA.tagged("VIP", " big  Spender ", "vip").tagged("Ａ", "STRASSE", "Straße")
    assert ana.tags == ("a", "big spender", "strasse", "vip")
    assert ana.tagged("vip") == ana
    assert ana.untagged("ViP", "nobody's").tags == ("a", "big spender", "strasse")
    assert ana.untagged(*ana.tags) == ANA


@given(tags())
def test_a_tag_has_one_form(value: str):
    assert tag(tag(value)) == tag(value)


@pytest.mark.parametrize("value", ["", " ", "x" * 41, "a\0", "\ud800", 7, None])
def test_what_is_no_tag_is_told_with_its_place(value: Any):
    with pytest.raises(InvalidInput) as refused:
        ANA.tagged("vip", value)
    assert [fault.path for fault in refused.value.faults] == ["tags[1]"]


def test_a_text_is_not_taken_for_its_letters():
    with pytest.raises(InvalidInput):
        attrs.evolve(ANA, tags="vip")


def test_there_are_bounds():
    """Fifty tags, two hundred notes, a hundred attachments."""
    many: Any = {
        "tags": [f"t{n}" for n in range(TAGS)],
        "notes": [Note(f"{n}", at=AT) for n in range(NOTES)],
        "attachments": [Attachment("a", f"{n}", at=AT) for n in range(ATTACHMENTS)],
    }
    full: Any = attrs.evolve(ANA, **many)
    for more in (
        lambda: full.tagged("more"),
        lambda: full.noted("more", at=AT),
        lambda: full.attached(Attachment("a", "more", at=AT)),
    ):
        with pytest.raises(InvalidInput, match="are more than"):
            more()


def test_notes_stay_in_the_order_of_writing():
    ana = ANA.noted("second", at=AT.replace(year=2025), author="ben").noted("first", at=AT)
    assert [note.text for note in ana.notes] == ["second", "first"]
    assert ana.noted("first", at=AT) == ana
    assert ana.without_note(Note("first", at=AT)).without_note(ana.notes[0]) == ANA


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001, "a\0", None])
def test_a_note_says_something(text: Any):
    with pytest.raises(InvalidInput):
        ANA.noted(text, at=AT)


def test_an_attachment_is_known_by_its_reference():
    lease = Attachment("Lease", "s3://leases/7", media_type="Application/PDF", size=0, at=AT)
    ana = ANA.attached(lease).attached(Attachment("Photo", "s3://photos/1", at=AT))
    renamed = ana.attached(attrs.evolve(lease, name="Old lease"))
    assert lease.media_type == "application/pdf"
    assert [a.name for a in renamed.attachments] == ["Photo", "Old lease"]
    assert renamed.detached("s3://leases/7").detached("s3://photos/1") == ANA
    with pytest.raises(InvalidInput) as refused:
        attrs.evolve(ANA, attachments=[lease, lease])
    assert refused.value.faults[0].path == "attachments[1]"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": "x" * 256}, {"reference": ""}, {"reference": "x" * 1001},
        {"media_type": "pdf"}, {"media_type": "a/ b"}, {"media_type": "/"}, {"size": -1},
        {"size": 2**53}, {"size": True}, {"size": 1.5}, {"at": datetime(2024, 1, 1)},  # noqa: DTZ001
    ],
)  # fmt: skip
def test_an_attachment_that_is_none_is_refused(wrong: dict[str, Any]):
    given: dict[str, Any] = {"name": "Lease", "reference": "s3://leases/7", "at": AT}
    with pytest.raises(InvalidInput):
        Attachment(**(given | wrong))


@given(notes(), attachments())
def test_only_members_are_taken(note: Note, attachment: Attachment):
    for wrong in ({"notes": [attachment]}, {"attachments": [note]}, {"notes": "text"}):
        with pytest.raises(InvalidInput):
            attrs.evolve(ANA, **wrong)
