"""Customers: commands return the next state, and no command changes the one before."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore import (
    AttributeValue,
    Channel,
    ContactPoint,
    Customer,
    Identifier,
    InvalidInput,
    MoveRefused,
    Refused,
    Relationship,
    Role,
    Standing,
    new_id,
)
from crmcore.domain.ids import CustomerId
from crmcore.testing.strategies import customers

AT = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OTHER = CustomerId(new_id(AT))

COMMANDS: dict[str, Callable[[Customer], Customer]] = {
    "moved_to": lambda c: attrs.evolve(c, stage="prospect", stage_since=AT).moved_to(
        "closed", at=AT
    ),
    "renamed": lambda c: c.renamed("Ana"),
    "preferring": lambda c: c.preferring(language="ca", channels=["phone"]),  # type: ignore[list-item]
    "identified_by": lambda c: c.identified_by(Identifier("card", "1")),
    "no_longer_identified_by": lambda c: c.no_longer_identified_by(Identifier("card", "1")),
    "reachable_at": lambda c: c.reachable_at(ContactPoint("web", "x.org")),
    "no_longer_reachable_at": lambda c: c.no_longer_reachable_at(ContactPoint("web", "x.org")),
    "taking_role": lambda c: c.taking_role(Role("a_role_of_its_own", since=AT)),
    "related_by": lambda c: c.related_by(Relationship("member_of", other_id=OTHER, since=AT)),
    "with_attribute": lambda c: c.with_attribute("seat", "12A", at=AT),
    "without_attribute": lambda c: c.without_attribute("seat"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@settings(max_examples=15)
@given(customer=customers())
def test_a_command_returns_another_state_and_leaves_this_one(
    command: Callable[[Customer], Customer], customer: Customer
):
    """Frozen: what was read stays as it was; id and version stay, `save` counts versions."""
    before = pickle.dumps(customer)
    after = command(customer)

    assert pickle.dumps(customer) == before
    assert (after.id, after.version, after.at) == (customer.id, customer.version, customer.at)


@given(customers())
def test_a_customer_survives_pickling_and_copying(customer: Customer):
    assert pickle.loads(pickle.dumps(customer)) == customer
    assert copy.deepcopy(customer) == customer
    assert hash(pickle.loads(pickle.dumps(customer))) == hash(customer)


def test_collections_given_as_lists_are_kept_as_tuples():
    """No caller keeps a hand in a frozen customer."""
    cards = [Identifier("card", "1")]
    customer = Customer(kind="person", at=AT, identifiers=cards, channels=["phone"])
    cards.append(Identifier("card", "2"))

    assert customer.identifiers == (Identifier("card", "1"),)
    assert customer.channels == (Channel.PHONE,)


def test_every_bad_address_is_told_with_its_place():
    """All faults of one input come back together, none with its value."""
    with pytest.raises(InvalidInput) as refused:
        Customer.person(at=AT, emails=["a@x.org", "canary"], phones=["+34600112233", "canary"])
    assert [fault.path for fault in refused.value.faults] == ["emails[1].value", "phones[1].value"]
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"kind": "robot"}, "kind"),
        ({"at": datetime(2024, 1, 1)}, "at"),  # noqa: DTZ001
        ({"stage_since": datetime(2024, 1, 1)}, "stage_since"),  # noqa: DTZ001
        ({"name": ""}, "name"),
        ({"name": " \t\u00a0"}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "a" * 501}, "name"),
        ({"name": 5}, "name"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"language": "x" * 36}, "language"),
        ({"stage": "No Stage"}, "stage"),
        ({"channels": ["pigeon"]}, "channel"),
        ({"id": "17"}, "id"),
        ({"version": "1"}, "version"),
        ({"version": 1.0}, "version"),
        ({"version": True}, "version"),
        ({"version": None}, "version"),
        ({"version": -1}, "version"),
        ({"identifiers": ["canary"]}, "identifiers[0]"),
        ({"contact_points": [ContactPoint("web", "x.org"), "canary"]}, "contact_points[1]"),
        ({"roles": ["holder"]}, "roles[0]"),
        ({"roles": 5}, "roles"),
        ({"relationships": [None]}, "relationships[0]"),
        ({"attributes": {"seat": "12A"}}, "attributes[0]"),
        ({"attributes": [AttributeValue("seat", "1", at=AT)] * 2}, "attributes[1]"),
        ({"roles": [Role("holder", since=AT), Role("holder", since=AT + DAY)]}, "roles[1]"),
    ],
)
def test_a_customer_cannot_exist_invalid(given: dict[str, object], path: str):
    """Valid by construction; a refusal tells where, and not what."""
    with pytest.raises(InvalidInput) as refused:
        Customer(**{"kind": "person", "at": AT, **given})  # type: ignore[arg-type]
    assert [fault.path for fault in refused.value.faults] == [path]


def test_one_cannot_be_related_to_oneself():
    """A branch belongs to another organisation; built or commanded alike."""
    branch = Customer.organisation("Branch", at=AT)
    tie = Relationship("branch_of", other_id=branch.id, since=AT)

    with pytest.raises(Refused) as refused:
        branch.related_by(tie)
    assert (refused.value.rule, refused.value.subject) == (
        "relationships.not_oneself", str(branch.id),
    )  # fmt: skip
    with pytest.raises(InvalidInput):
        attrs.evolve(branch, relationships=[tie])


def test_relationships_are_dated_and_kept_once():
    """S3: who belongs to whom, and when."""
    tie = Relationship("employee_of", other_id=OTHER, since=AT, until=AT + DAY)
    ana = Customer.person(at=AT).related_by(tie).related_by(tie)

    assert ana.relationships == (tie,)
    assert tie.holds_at(AT)
    assert not tie.holds_at(AT + DAY)
    assert not tie.holds_at(AT - DAY)
    with pytest.raises(InvalidInput) as refused:
        Relationship("employee_of", other_id=OTHER, since=AT, until=AT - DAY)
    assert refused.value.faults[0].path == "until"


def test_several_roles_are_held_at_once_and_one_after_another():
    """S1: a card holder may be an affiliate too; a role ended may be taken again."""
    ana = Customer.person(at=AT).taking_role(Role("card_holder", since=AT))
    ana = ana.taking_role(Role("affiliate", since=AT))
    ana = ana.leaving_role("affiliate", at=AT + DAY)
    ana = ana.taking_role(Role("affiliate", since=AT + DAY))

    held = [role.name for role in ana.roles if role.held_at(AT + 2 * DAY)]
    assert sorted(held) == ["affiliate", "card_holder"]
    with pytest.raises(Refused) as refused:
        ana.taking_role(Role("affiliate", since=AT + 5 * DAY))
    assert refused.value.rule == "roles.no_overlap"
    with pytest.raises(Refused) as refused:
        ana.leaving_role("visitor", at=AT)
    assert refused.value.rule == "roles.not_held"


dated = st.builds(
    lambda since, days: Role("holder", since=since, until=days and since + days * DAY),
    st.integers(0, 9).map(lambda days: AT + days * DAY),
    st.none() | st.integers(1, 5),
)


@given(dated, dated)
def test_two_roles_of_a_name_overlap_if_one_instant_has_both(one: Role, other: Role):
    """Also when the one told later is the older; order does not matter."""
    together = any(
        one.held_at(at) and other.held_at(at) for at in (AT + days * DAY for days in range(30))
    )
    assert one.overlaps(other) == other.overlaps(one) == together
    customer = Customer.person(at=AT).taking_role(one)
    if together:
        with pytest.raises(Refused):
            customer.taking_role(other)
    else:
        assert customer.taking_role(other).roles == (one, other)


@given(st.permutations([("c", 3), ("a", 1), ("b", 2)]))
def test_the_newest_attribute_value_wins_whatever_the_order(told: list[tuple[str, int]]):
    """S4: late news of an older date change nothing."""
    customer = Customer.person(at=AT)
    for value, day in told:
        customer = customer.with_attribute("seat", value, at=AT + day * DAY, source="survey")

    assert customer.attribute("seat") == "c"
    assert len(customer.attributes) == 1
    assert customer.attributes[0].at == AT + 3 * DAY
    assert customer.without_attribute("seat").attribute("seat") is None


def test_of_one_instant_the_value_told_last_stays():
    customer = Customer.person(at=AT).with_attribute("seat", "1", at=AT)
    assert customer.with_attribute("seat", "2", at=AT).attribute("seat") == "2"


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), 2**53, -(2**53), Decimal("NaN"), Decimal("0.0000001"),
        Decimal("1e999999"), Decimal(2**53), None, b"x", ["x"], {"a": 1}, OTHER, object(),
        "\0", "\ud800", "a" * 10_001, datetime(2024, 1, 1),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_an_attribute_holds_what_every_store_keeps_exactly(value: object):
    """Eight scalar types within their ranges; anything else is refused at `value`."""
    with pytest.raises(InvalidInput) as refused:
        Customer.person(at=AT).with_attribute("seat", value, at=AT)  # type: ignore[arg-type]
    assert [fault.path for fault in refused.value.faults] == ["value"]


def test_standing_follows_the_stage():
    """S10: what to treat a caller as."""
    ana = Customer.person(at=AT)
    assert ana.standing is Standing.PROSPECT
    assert ana.moved_to("active", at=AT).standing is Standing.CUSTOMER
    assert ana.moved_to("closed", at=AT).standing is Standing.FORMER


def test_no_move_goes_back_in_time():
    ana = Customer.person(at=AT).moved_to("active", at=AT + DAY)
    with pytest.raises(MoveRefused) as refused:
        ana.moved_to("lapsed", at=AT)
    assert refused.value.rule == "life_cycle.back_in_time"
    assert (refused.value.before, refused.value.after) == ("active", "lapsed")
    assert ana.moved_to("lapsed", at=AT + DAY).stage_since == AT + DAY


def test_keys_are_identifiers_e_mails_and_phones_once_each():
    """A web or postal address is reached, not looked up; one address twice is one key."""
    ana = Customer.person(
        at=AT, emails=["a@x.org", "A@X.ORG"], phones=["+34600112233"],
        identifiers=[Identifier("email", "a@x.org"), Identifier("card", "1")],
    ).reachable_at(ContactPoint("postal", "Calle 1"))  # fmt: skip

    assert sorted((key.scope, key.value) for key in ana.keys) == [
        ("card", "1"), ("email", "a@x.org"), ("phone", "+34600112233"),
    ]  # fmt: skip


def test_what_is_not_given_stays_preferred():
    ana = Customer.person(at=AT, language="es", zone="Europe/Madrid")
    ana = ana.preferring(region="MD", channels=[Channel.CHAT])
    assert (ana.language, ana.zone, ana.region) == ("es", "Europe/Madrid", "MD")
    assert ana.preferring(language="ca").channels == (Channel.CHAT,)


@pytest.mark.parametrize(
    ("needs", "path"),
    [
        ("parking", "needs"), (None, "needs"), (5, "needs"), (["a", ""], "needs[1]"),
        ([5], "needs[0]"), (["a\0"], "needs[0]"), (["\ud800"], "needs[0]"),
        (["a" * 101], "needs[0]"),
    ],
)  # fmt: skip
def test_needs_are_texts_that_every_store_keeps(needs: object, path: str):
    """One text is not several; each is told with its place."""
    with pytest.raises(InvalidInput) as refused:
        Role("visitor", since=AT, needs=needs)  # type: ignore[arg-type]
    assert [fault.path for fault in refused.value.faults] == [path]
    assert Role("visitor", since=AT, needs=["parking"]).needs == ("parking",)
