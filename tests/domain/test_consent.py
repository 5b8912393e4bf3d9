"""May a customer be contacted: what follows from what they said, for every order and every mix."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import (
    Channel,
    Consent,
    Customer,
    Decision,
    InvalidInput,
    LegalBasis,
    Model,
    Purpose,
    Verdict,
    connect,
    may_contact,
)
from crmcore.domain.contact_policy import RULES
from crmcore.testing import AT, a_consent, a_customer
from crmcore.testing.strategies import consents

DAY = timedelta(days=1)
ANA = a_customer(emails=["ana@example.com"], phones=["+34600000000"])
SAID = st.lists(
    consents(
        customer_ids=st.just(ANA.id),
        ats=st.sampled_from([AT + n * DAY for n in range(4)]),
        channels=st.sampled_from([None, Channel.EMAIL, Channel.SMS]),
    ),
    max_size=8,
)
LATER = st.sampled_from([AT + n * DAY for n in range(6)])


def asked(said: list[Consent], *, at=AT + 5 * DAY, purpose="marketing", channel="email", who=ANA):
    return may_contact(who, purpose=purpose, channel=channel, at=at, consents=said)


@given(SAID, LATER, st.randoms(use_true_random=False))
def test_the_order_in_which_statements_arrive_never_matters(said, at, random: Random):
    """The whole decision is the same, cited facts and all."""
    shuffled = random.sample(said, len(said))
    for purpose in ("marketing", "service"):
        assert asked(said, at=at, purpose=purpose) == asked(shuffled, at=at, purpose=purpose)


@given(SAID, LATER, st.data())
def test_an_opt_out_stays_whatever_other_scope_is_opted_in_to(said, at, data):
    """Given a refusal by an opt-out, when any number of opt-ins to other scopes follow, then it is
    refused still."""
    before = asked(said, at=at)
    (reason,) = before.reasons
    cited = next((one for one in said if one.id in reason.facts), None)
    if before or cited is None or cited.given:
        return
    more = [attrs.evolve(one, given=True) for one in data.draw(SAID) if one.scope != cited.scope]
    assert not asked([*said, *more], at=at)


@given(SAID, LATER)
def test_a_later_opt_out_of_everything_refuses_every_purpose_and_channel(said, at):
    last = a_consent(ANA, None, given=False, at=AT + 4 * DAY)
    for purpose in ("marketing", "service"):
        for channel in Channel:
            found = asked([*said, last], at=AT + 5 * DAY, purpose=purpose, channel=channel)
            assert found.reasons[0].rule == "consent.out_of_everything"


@given(SAID, LATER)
def test_it_is_what_a_slower_reading_of_the_rule_says(said, at):
    """The oracle: look at every instant's statements one by one, in plain words."""
    for channel in (Channel.EMAIL, Channel.SMS):
        latest: dict[object, bool] = {}
        in_force = [one for one in said if one.at <= at and not (one.until and one.until <= at)]
        for one in sorted(in_force, key=lambda one: (one.at, not one.given)):
            latest[one.purpose, one.channel] = one.given
        covering = [(None, None), (None, channel), ("marketing", None), ("marketing", channel)]
        out = any(latest.get(scope) is False for scope in covering)
        opted_in = any(latest.get(scope) for scope in covering[2:])
        assert asked(said, at=at, channel=channel).allowed == (opted_in and not out)


def test_everything_said_yes_to_is_no_consent_to_anything():
    """A blanket opt-in only ends a blanket opt-out."""
    assert asked([a_consent(ANA, None)]).reasons[0].rule == "consent.no_opt_in"
    assert asked([a_consent(ANA, None)], purpose="service")


def test_what_others_said_does_not_count():
    assert not asked([a_consent(a_customer("Ben"))])


def test_the_first_rule_that_refuses_is_the_reason():
    """Rules are asked in their order; each is told by its own name."""
    nobody = a_customer("Nobody")
    said = [
        a_consent(nobody, None, given=False),
        a_consent(nobody, None, "email", given=False),
        a_consent(nobody, given=False),
        a_consent(nobody, "marketing", "email", given=False),
        a_consent(nobody, until=AT + DAY, nth=2),
    ]
    seen = []
    while said:
        seen.append(asked(said, who=nobody).reasons[0].rule)
        said = said[1:]
    seen.append(asked([], who=nobody).reasons[0].rule)
    seen.append(asked([a_consent(nobody)], who=nobody).reasons[0].rule)
    assert len(set(seen)) == len(seen) == len(RULES)


def test_a_decision_reads_as_its_verdict_and_tells_no_personal_value():
    told: Decision = asked([a_consent(ANA, "marketing", "email", given=False)])
    assert (bool(told), told.verdict, told.policy) == (False, Verdict.REFUSE, "contact 1")
    assert str(told) == "refuse: opted out of marketing over email"
    assert "ana@example" not in repr(told)
    needs = attrs.evolve(told, verdict=Verdict.NEEDS_APPROVAL, authority="sales lead")
    assert not needs


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"given": None}, "given"),
        ({"given": 1}, "given"),
        ({"given": "no"}, "given"),
        ({"purpose": "Marketing!"}, "purpose"),
        ({"channel": "pigeon"}, "channel"),
        ({"basis": "because"}, "basis"),
        ({"until": AT}, "until"),
    ],
)
def test_a_statement_that_says_nothing_clear_is_invalid(wrong, path):
    whole = {"customer_id": ANA.id, "purpose": "marketing", "given": True, "at": AT}
    with pytest.raises(InvalidInput) as refused:
        Consent(**(whole | wrong))
    assert [fault.path for fault in refused.value.faults] == [path]


def test_the_model_says_which_purposes_there_are_and_which_need_an_opt_in():
    model = Model(purposes=[Purpose("newsletter"), Purpose("invoices", needs_opt_in=False)])
    backend = connect("memory://", model=model)
    backend.migrate()
    ben = Customer.person(emails=["ben@example.com"], at=AT)
    with backend.unit_of_work() as uow:
        uow.customers.add(ben)
        answers = [
            uow.may_contact(ben.id, purpose=purpose, channel="email", at=AT).allowed
            for purpose in ("newsletter", "invoices")
        ]
        with pytest.raises(InvalidInput):
            uow.may_contact(ben.id, purpose="marketing", channel="email", at=AT)
    assert answers == [False, True]
    with pytest.raises(InvalidInput, match="newsletter"):
        Model(purposes=[Purpose("newsletter"), Purpose("newsletter", needs_opt_in=False)])


def test_the_basis_is_told_in_the_reason():
    said = a_consent(ANA, basis=LegalBasis.LEGITIMATE_INTEREST)
    assert "legitimate_interest" in str(asked([said]))
