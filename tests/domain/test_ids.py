"""Ids are UUIDv7 of RFC 9562: they sort by their instant and never repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given

from crmcore import Customer, InvalidInput, new_id
from crmcore.domain.ids import as_id
from crmcore.domain.instants import EARLIEST, LATEST, to_millis
from crmcore.testing.strategies import instants

AT = datetime(2024, 2, 29, 12, tzinfo=UTC)


@given(instants())
def test_an_id_holds_version_variant_and_its_milliseconds(at: datetime):
    """Bits as in RFC 9562 §5.7: 48 of time, version 7, variant 10."""
    made = new_id(at)

    assert made.version == 7
    assert made.variant == RFC_4122
    assert made.int >> 80 == max(0, to_millis(at))


@given(instants(), instants())
def test_ids_sort_by_their_instants(one: datetime, other: datetime):
    """As objects, as bytes and as text alike."""
    first, second = sorted((max(0, to_millis(at)), at) for at in (one, other))
    if first[0] < second[0]:
        a, b = new_id(first[1]), new_id(second[1])
        assert a < b
        assert a.bytes < b.bytes
        assert str(a) < str(b)


def test_ids_of_one_instant_differ():
    """74 random bits: a hundred thousand of one millisecond do not collide."""
    assert len({new_id(AT) for _ in range(100_000)}) == 100_000


def test_every_random_bit_is_used():
    """No bit but version and variant is the same in all of many ids."""
    made = [new_id(AT).int & ((1 << 80) - 1) for _ in range(2_000)]
    ones, zeros = made[0], ~made[0]
    for value in made:
        ones &= value
        zeros &= ~value
    fixed = (ones | zeros) & ((1 << 80) - 1)
    assert fixed == (0xF << 76) | (0b11 << 62)


def test_instants_before_1970_share_the_smallest_time():
    """A UUIDv7 counts from 1970; older facts sort first, and are told apart by randomness."""
    old, older = new_id(datetime(1969, 12, 31, tzinfo=UTC)), new_id(EARLIEST)
    assert old.int >> 80 == older.int >> 80 == 0
    assert old != older
    assert old < new_id(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) < new_id(LATEST)


def test_an_aggregate_takes_its_instant_unless_the_caller_gives_an_id():
    made = Customer.person(at=AT)
    given = Customer(kind="person", at=AT, id=made.id)

    assert made.id.int >> 80 == to_millis(AT)
    assert given.id == made.id
    assert Customer.person(at=AT + timedelta(milliseconds=1)).id > made.id


def test_an_id_may_come_as_text():
    """A web host has them from its URLs; the id is the same."""
    made = new_id(AT)
    for told in (made, str(made), str(made).upper(), made.hex):
        found = as_id(told, "id")
        assert (type(found), found) == (UUID, made)


@pytest.mark.parametrize(
    "value",
    [
        None, 17, b"x" * 16, "", "17", "g" * 32, "1_" * 16, f"{{{UUID(int=1)}}}",
        f"urn:uuid:{UUID(int=1)}", "-" * 4 + "0" * 32, "\ud800", ["x"],
    ],
)  # fmt: skip
def test_what_is_no_id_is_invalid_at_its_path(value: object):
    with pytest.raises(InvalidInput) as refused:
        as_id(value, "customer_id")
    assert [fault.path for fault in refused.value.faults] == ["customer_id"]
