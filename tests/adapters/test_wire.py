"""Wire values: order and equality of every field type are those of its domain values."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import Model
from crmcore.adapters.wire import unwired, wire_predicate, wired
from crmcore.domain.fields import FieldType
from crmcore.domain.matching import matcher
from crmcore.domain.predicate_checks import checked
from crmcore.testing.strategies import ids, predicates, scalars

COMPARED = [type for type in FieldType if type not in (FieldType.NESTED, FieldType.TEXT_SET)]
MODEL = Model()


def values(type: FieldType) -> st.SearchStrategy[object]:
    return ids() if type is FieldType.ID else scalars(type)


@pytest.mark.parametrize("type", COMPARED)
@given(data=st.data())
def test_the_wire_sorts_as_the_domain_does(type: FieldType, data: st.DataObject):
    """So that any engine may compare, sort and page by the wire value alone."""
    one, other = data.draw(values(type)), data.draw(values(type))

    assert (wired(type, one) < wired(type, other)) == (one < other)  # type: ignore[operator]
    assert (wired(type, one) == wired(type, other)) == (one == other)


@pytest.mark.parametrize("type", COMPARED)
@given(data=st.data())
def test_a_value_comes_back_from_the_wire(type: FieldType, data: st.DataObject):
    value = data.draw(values(type))
    back = unwired(type, wired(type, value), "EUR")

    assert back == value
    assert back.__class__ is value.__class__
    assert wired(type, None) is None
    assert unwired(type, None, "EUR") is None


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_decimal_is_exact_whatever_the_context_of_the_caller(millionths: int):
    """No rounding to the precision of the thread, and 100 never reads 1E+2."""
    value = Decimal(millionths) / 10**6
    with decimal.localcontext(prec=2) as context:
        context.traps[decimal.Inexact] = True
        wire = wired(FieldType.DECIMAL, value)
        back = unwired(FieldType.DECIMAL, wire, "EUR")
    assert wire == millionths
    assert back == value
    assert "E" not in str(back) or abs(back) < Decimal("0.0001")


rows = st.fixed_dictionaries({
    name: st.none() | scalars(known.type) for name, known in MODEL.profile_fields.items()
})  # fmt: skip


@given(predicates(MODEL, absolute=True), rows)
def test_a_predicate_in_wire_form_gives_the_same_answer(predicate: object, row: dict[str, object]):
    """O5: what is asked of wire values is what was asked of the domain's."""
    asked = checked(predicate, MODEL.profile_fields, MODEL.currency)  # type: ignore[arg-type]
    on_wire = {name: wired(MODEL.profile_fields[name].type, row[name]) for name in row}

    wire = wire_predicate(asked, MODEL.profile_fields)
    assert matcher(wire)(on_wire.__getitem__) is matcher(asked)(row.__getitem__)
