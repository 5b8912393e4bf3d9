"""Telephone numbers and addresses as people write them."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

import crmcore
from crmcore import InvalidInput
from crmcore.domain.identifiers import Identifier
from crmcore.services import import_customers
from crmcore.services.contact import email_address, phone_number


@pytest.mark.parametrize(
    ("written", "region", "kept"),
    [
        ("91 234 56 78", "ES", "+34912345678"),
        ("(020) 7946 0000", "GB", "+442079460000"),  # the national 0 falls away
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("02 1234 5678", "IT", "+390212345678"),  # and stays in Italy
        ("+34 912-345-678", None, "+34912345678"),
        ("+34 912 345 678", "GB", "+34912345678"),
        ("0034912345678", "ES", "+34912345678"),
        ("\u0669\u0661 234 56 78", "ES", "+34912345678"),  # Arabic digits
    ],
)
def test_a_number_becomes_what_an_identifier_keeps(written: str, region: str | None, kept: str):
    found = phone_number(written, region=region)
    assert found == kept
    assert Identifier("phone", found).value == kept


@pytest.mark.parametrize(
    ("written", "region", "reason"),
    [
        ("912345678", None, "no telephone number"),  # whose country?
        ("call me", "ES", "no telephone number"),
        ("", "ES", "no telephone number"),
        ("12", "ES", "too short or too long"),
        ("+34 912 345 678 ext. 5", None, "extension"),
        ("9" * 300, "ES", "longer than"),
        ("91\0", "ES", "NUL"),
    ],
)
def test_what_is_no_number_is_refused_and_not_told(written: str, region: str | None, reason: str):
    with pytest.raises(InvalidInput) as refused:
        phone_number(written, region=region)
    assert reason in str(refused.value)
    assert not written or written not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("region", ["es", "Spain", "", "XX", 34])
def test_a_country_is_two_letters_of_one_that_has_numbers(region: Any):
    with pytest.raises(InvalidInput, match="region"):
        phone_number("912345678", region=region)
    backend = crmcore.connect("memory://")
    backend.migrate()
    with pytest.raises(InvalidInput, match="phone_region"):
        import_customers(backend, [], source="shop", phone_region=region)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Ana@Example.COM", "ana@example.com"),
        ("ana+news@example.com", "ana+news@example.com"),
        ("M\u00fcller@example.com", "m\u00fcller@example.com"),
        ("ana@m\u00fcnchen.example", "ana@m\u00fcnchen.example"),
    ],
)
def test_an_address_becomes_what_an_identifier_keeps(written: str, kept: str):
    found = email_address(written)
    assert found == kept
    assert Identifier("email", found).value == kept


@pytest.mark.parametrize("written", ["ana", "ana@", "a..b@example.com", "ana@example", "a b@c.de"])
def test_what_is_no_address_is_refused_and_not_told(written: str):
    with pytest.raises(InvalidInput, match="no e-mail address") as refused:
        email_address(written)
    assert refused.value.__suppress_context__
    assert f" {written} " not in str(refused.value)


def test_without_the_extra_nothing_else_needs_it(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **more: Any) -> Any:
        if name in ("phonenumbers", "email_validator"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.delitem(sys.modules, "crmcore.services.contact")
    backend = crmcore.connect("memory://")
    backend.migrate()
    row = {"customer_id": "c1", "phone": "+34912345678"}
    assert import_customers(backend, [row], source="shop").added == 1
    with pytest.raises(crmcore.MissingExtra, match="contact"):
        import_customers(backend, [row], source="shop", phone_region="ES")
