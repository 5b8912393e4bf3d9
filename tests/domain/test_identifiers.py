"""Identifiers and contact points: one form per address, whoever writes it, and none in a repr."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore import (
    Channel,
    ContactKind,
    ContactPoint,
    Identifier,
    IdentifierType,
    InvalidInput,
    Model,
)
from crmcore.domain.identifiers import normalised

KINDS = ["email", "phone", "card", "external", "loyalty_number"]
CANARY = "canary-7731@example.com"


@given(st.sampled_from(KINDS), st.text(max_size=60))
@example("card", "ΐ")
@example("card", "a-\u0301")
@example("email", "\u0345\u0301@x")
@example("email", "ß@İ.tr")
@example("external", "\u1100\u1161")
def test_normalising_twice_is_normalising_once(kind: str, value: str):
    """O16: the stored form is stable; it is NFC, has no blanks around it and fits its column."""
    try:
        once = normalised(kind, value)
    except InvalidInput:
        return
    assert normalised(kind, once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert 1 <= len(once) <= 254


def test_normalising_is_stable_for_every_character():
    """O16, exhaustively: each code point that has another form, in an address and in a card."""
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        if char == char.casefold() == char.upper() == unicodedata.normalize("NFD", char):
            continue
        for kind, value in (("email", f"a{chr(point)}@x.org"), ("card", f"A{chr(point)}1")):
            try:
                once = normalised(kind, value)
            except InvalidInput:
                continue
            assert normalised(kind, once) == once, hex(point)


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        ("email", " Ana.RUIZ@Example.COM ", "ana.ruiz@example.com"),
        ("email", "JOSÉ@example.com", "josé@example.com"),
        ("email", "jose\u0301@example.com", "josé@example.com"),
        ("email", "STRASSE@x.de", "strasse@x.de"),
        ("email", "straße@x.de", "strasse@x.de"),
        ("phone", "+34 600 11-22.33", "+34600112233"),
        ("phone", "0034 (600) 112233", "+34600112233"),
        ("phone", "+1\u00a0212/555-0100", "+12125550100"),
        ("card", "1234-5678 9012", "123456789012"),
        ("card", "ab 12", "AB12"),
        ("external", "  Keep Case ", "Keep Case"),
    ],
)
def test_spellings_of_one_address_are_one_value(kind: str, written: str, kept: str):
    """E-mail is case-folded whole, a phone is E.164, a card has no punctuation."""
    assert normalised(kind, written) == kept
    assert Identifier(kind, written) == Identifier(kind, kept)
    assert hash(Identifier(kind, written)) == hash(Identifier(kind, kept))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "600112233"), ("phone", "+0600112233"), ("phone", "+1 23"), ("phone", "+1" * 16),
        ("phone", "+34 600 11 22 33 ext 5"), ("phone", "+٣٤٦٠٠١١٢٢٣٣"), ("phone", "00"),
        ("email", "ana"), ("email", "ana@"), ("email", "@x.org"), ("email", "a b@x.org"),
        ("email", "a@b@c"), ("email", "a@x.org, b@x.org"), ("email", "a\n@x.org"), ("email", "@"),
        ("external", ""), ("external", "   "), ("card", "- -"),
    ],
)  # fmt: skip
def test_what_cannot_be_normalised_is_refused_without_being_told(kind: str, value: str):
    """No guess at a country, no half address; the value itself is in no message."""
    with pytest.raises(InvalidInput) as refused:
        Identifier(kind, value)
    assert refused.value.faults[0].path == "value"
    assert value.strip() == "" or value not in str(refused.value)


HOSTILE = {
    "NUL": f"{CANARY}\0",
    "lone surrogate": f"\ud800{CANARY}",
    "long": CANARY + "x" * 1_000_000,
    "long once normalised": "\ufb2c" * 100 + CANARY,
    "number": 7731,
    "bytes": CANARY.encode(),
    "nothing": None,
}


@pytest.mark.parametrize("kind", ["external", "card", "email", "phone"])
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_hostile_values_are_refused_at_once_with_a_path(kind: str, value: object):
    """NUL, lone surrogates, megabytes and other types: `InvalidInput`, never the value."""
    began = time.perf_counter()
    for make in (
        lambda: Identifier(kind, value),  # type: ignore[arg-type]
        lambda: ContactPoint("postal", value),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInput) as refused:
            make()
        assert refused.value.faults[0].path == "value"
        assert "canary" not in str(refused.value)
    assert time.perf_counter() - began < 0.2


def test_a_repr_never_shows_the_value():
    """Logs that print objects print no address."""
    for known in (
        Identifier("email", CANARY),
        Identifier("external", CANARY, source="shop"),
        ContactPoint(ContactKind.EMAIL, CANARY, label="home"),
    ):
        assert "canary" not in repr(known)
        assert "canary" not in str(known)


def test_an_external_id_tells_apart_within_its_source():
    """The same number of two shops is two customers."""
    here, there = (Identifier("external", "17", source=source) for source in ("shop", "erp"))

    assert here != there
    assert (here.scope, there.scope) == ("external:shop", "external:erp")
    assert Identifier("card", "17").scope == "card"


@pytest.mark.parametrize("kind", ["", "Email", "1st", "a" * 41, "a-b", "ñ", None, 3])
def test_a_type_is_a_declared_name(kind: object):
    with pytest.raises(InvalidInput) as refused:
        IdentifierType(kind)  # type: ignore[arg-type]
    assert refused.value.faults[0].path == "name"


def test_only_e_mail_and_phone_identify():
    points = {
        "email": "a@x.org", "phone": "+34600112233", "postal": "Calle 1", "web": "x.org",
    }  # fmt: skip
    found = {kind for kind, value in points.items() if ContactPoint(kind, value).identifies}
    assert found == {"email", "phone"}


@pytest.mark.parametrize(("words", "path"), [(Channel, "channel"), (ContactKind, "kind")])
def test_an_unknown_word_is_refused_with_the_known_ones(words: type[Channel], path: str):
    """The unknown word itself is not repeated: it may be a value in the wrong place."""
    with pytest.raises(InvalidInput) as refused:
        words(CANARY)
    assert refused.value.faults[0].path == path
    assert "email" in str(refused.value)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_shared_types_are_e_mail_and_phone_unless_the_model_says_more():
    """Families share a phone; a card is one customer's."""
    model = Model(identifier_types=[IdentifierType("household", exclusive=False)])
    exclusive = {name: model.identifier_type(name).exclusive for name in
                 ("external", "card", "email", "phone", "household")}  # fmt: skip

    assert exclusive == {
        "external": True, "card": True, "email": False, "phone": False, "household": False,
    }  # fmt: skip
    with pytest.raises(InvalidInput):
        model.identifier_type("passport")
