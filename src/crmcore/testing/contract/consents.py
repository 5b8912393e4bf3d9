"""Consent: recorded as facts, and what follows from them, in whatever order they arrive."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.consent import Consent
from crmcore.domain.contact_points import Channel
from crmcore.domain.decisions import Decision, Verdict
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.ids import CustomerId
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_consent, a_customer, an_order
from crmcore.testing.contract.subject import Subject, everything_in
from crmcore.testing.strategies import consents

__all__ = ["ConsentsContract"]

DAY = timedelta(days=1)
LATER = AT + 30 * DAY
OTHERS = (
    (None, None), (None, "email"), ("marketing", None), ("marketing", "email"),
    ("marketing", "sms"), ("service", None),
)  # fmt: skip


def _asked(uow: UnitOfWork, id: CustomerId, channel: str = "email") -> Decision:
    return uow.may_contact(id, purpose="marketing", channel=channel, at=LATER)


class ConsentsContract(Subject):
    """`uow.consents` and `uow.may_contact(…)`."""

    def test_a_consent_comes_back_whole(self, backend: Backend) -> None:
        """What was said is read as it was recorded, with whoever recorded it."""
        ana = a_customer()

        @settings(max_examples=self.examples, deadline=None)
        @given(consents(customer_ids=st.just(ana.id)))
        def check(said: Consent) -> None:
            with backend.unit_of_work(actor="ines") as uow:
                uow.customers.add(ana)
                uow.consents.add(said)
                (found,) = uow.consents.of(ana.id)
                uow.rollback()
            assert (found, found.actor) == (said, "ines")

        check()

    def test_nobody_is_offered_anything_who_did_not_say_yes(self, backend: Backend) -> None:
        """A purpose that needs an opt-in is refused without one, and allowed with one; the reason
        names the rule and cites the fact.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            before = _asked(uow, ana.id)
            yes = uow.consents.add(a_consent(ana, "marketing", "email"))
            after = _asked(uow, ana.id)

        assert (before.verdict, before.reasons[0].rule) == (Verdict.REFUSE, "consent.no_opt_in")
        assert (after.verdict, after.reasons[0].facts) == (Verdict.ALLOW, (yes.id,))
        assert (bool(before), bool(after)) == (False, True)

    @pytest.mark.parametrize(
        ("purpose", "channel", "rule"),
        [
            (None, None, "consent.out_of_everything"),
            (None, "email", "consent.out_of_channel"),
            ("marketing", None, "consent.out_of_purpose"),
            ("marketing", "email", "consent.out_of_purpose_over_channel"),
        ],
    )
    def test_an_opt_out_is_heard_whatever_it_covers(
        self, backend: Backend, purpose: str | None, channel: str | None, rule: str
    ) -> None:
        """An opt-out refuses all that it covers, under its own rule, and nothing else does away
        with it but an opt-in of the very same scope.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            uow.consents.add(a_consent(ana, at=AT))
            no = uow.consents.add(a_consent(ana, purpose, channel, given=False, at=AT + DAY))
            for nth, others in enumerate(OTHERS):
                if others != (purpose, channel):
                    uow.consents.add(a_consent(ana, *others, at=AT + 2 * DAY, nth=nth))
            refused = _asked(uow, ana.id)
            uow.consents.add(a_consent(ana, purpose, channel, at=AT + 3 * DAY))
            allowed = _asked(uow, ana.id)

        assert [(r.rule, r.facts) for r in refused.reasons] == [(rule, (no.id,))]
        assert (refused.allowed, allowed.allowed) == (False, True)

    def test_the_order_of_arrival_never_matters(self, backend: Backend) -> None:
        """The latest statement of a scope counts by when it was made, not by when it came; at the
        same instant, the opt-out.
        """
        said = [
            ("marketing", "email", True, AT),
            ("marketing", "email", False, AT + DAY),
            ("marketing", "email", True, AT + DAY),
        ]
        answers = set()
        for arrived in permutations(said):
            with backend.unit_of_work() as uow:
                ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
                for nth, (purpose, channel, yes, at) in enumerate(arrived):
                    uow.consents.add(a_consent(ana, purpose, channel, given=yes, at=at, nth=nth))
                answers.add(_asked(uow, ana.id).reasons[0].rule)
                uow.rollback()

        assert answers == {"consent.out_of_purpose_over_channel"}

    def test_what_was_said_ends_when_it_says(self, backend: Backend) -> None:
        """`until`: an opt-in expires, under a rule of its own, and an opt-out is a pause."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            yes = uow.consents.add(a_consent(ana, until=AT + 10 * DAY))
            uow.consents.add(a_consent(ana, given=False, at=AT + DAY, until=AT + 2 * DAY))
            rules = [
                uow.may_contact(ana.id, purpose="marketing", channel="email", at=AT + n * DAY)
                .reasons[0]
                for n in (0, 1, 2, 9, 10)
            ]  # fmt: skip

        assert [reason.rule for reason in rules] == [
            "consent.opt_in", "consent.out_of_purpose", "consent.opt_in", "consent.opt_in",
            "consent.expired",
        ]  # fmt: skip
        assert rules[-1].facts == (yes.id,)

    def test_what_was_not_said_yet_does_not_count(self, backend: Backend) -> None:
        """A statement counts from its own instant on, so the past is answered as it was."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            uow.consents.add_many([a_consent(ana), a_consent(ana, given=False, at=LATER + DAY)])

            assert _asked(uow, ana.id)

    def test_there_must_be_where_to_reach_them(self, backend: Backend) -> None:
        """Without an address for the channel it is refused, after all that the customer said."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            uow.consents.add(a_consent(ana))
            answers = {channel: _asked(uow, ana.id, channel) for channel in Channel}

        assert {channel for channel, answer in answers.items() if not answer} == {
            "phone", "sms", "fax", "post",
        }  # fmt: skip
        assert answers[Channel.SMS].reasons[0].rule == "contact.no_contact_point"

    def test_who_was_redacted_is_contacted_over_no_channel(self, backend: Backend) -> None:
        """Also where no address is needed; what they said comes first, and is cited still."""
        with backend.unit_of_work() as uow:
            ana, ben = a_customer(emails=["ana@example.com"]), a_customer("Ben")
            uow.customers.add_many([ana, ben])
            no = uow.consents.add(a_consent(ben, None, given=False))
            for who in (ana, ben):
                uow.customers.redact(who.id)
            for channel in Channel:
                answers = uow.consents.decisions(
                    [ana.id, ben.id], purpose="service", channel=channel, at=LATER
                )
                assert [a.reasons[0].rule for a in (answers[ana.id], answers[ben.id])] == [
                    "contact.nobody", "consent.out_of_everything",
                ]  # fmt: skip
                assert answers[ben.id].reasons[0].facts == (no.id,)

    def test_what_needs_no_opt_in_is_refused_by_an_opt_out_alone(self, backend: Backend) -> None:
        """Service messages go to whoever did not object."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            before = uow.may_contact(ana.id, purpose="service", channel="email", at=LATER)
            uow.consents.add(a_consent(ana, None, "email", given=False))
            after = uow.may_contact(ana.id, purpose="service", channel="email", at=LATER)

        assert (before.allowed, after.allowed) == (True, False)

    def test_a_purpose_nobody_declared_is_invalid(self, backend: Backend) -> None:
        """An opt-out of a misspelt purpose is refused, not lost; so is asking for one."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            with pytest.raises(InvalidInput) as recorded:
                uow.consents.add(a_consent(ana, "marketting", given=False))
            with pytest.raises(InvalidInput) as asked:
                uow.may_contact(ana.id, purpose="marketting", channel="email", at=LATER)

        assert [f.path for e in (recorded, asked) for f in e.value.faults] == ["purpose"] * 2

    def test_asking_about_nobody_is_not_found(self, backend: Backend) -> None:
        """An id that is not stored is `NotFound`."""
        with backend.reading() as uow, pytest.raises(NotFound):
            _asked(uow, a_customer().id)

    def test_many_are_asked_at_once(self, backend: Backend) -> None:
        """`decisions` answers for each what `may_contact` does; who is not stored is left out."""
        people = [
            a_customer(name, emails=[f"{name}@example.com"]) for name in ("ana", "ben", "cid")
        ]
        ana, ben, _ = people
        with backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])
            uow.consents.add_many(
                [a_consent(ana), a_consent(ben), a_consent(ben, None, given=False)]
            )
            found = uow.consents.decisions(
                [who.id for who in people], purpose="marketing", channel="email", at=LATER
            )

            assert found == {who.id: _asked(uow, who.id) for who in (ana, ben)}
            assert [bool(found[who.id]) for who in (ana, ben)] == [True, False]

    def test_a_statement_taken_out_is_not_heard_any_more(self, backend: Backend) -> None:
        """`remove` takes out what was recorded by mistake."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            uow.consents.add(a_consent(ana))
            wrong = uow.consents.add(a_consent(ana, given=False, at=AT + DAY))
            uow.consents.remove(wrong.id)

            assert _asked(uow, ana.id)

    def test_the_same_statement_again_is_nothing(self, backend: Backend) -> None:
        """Consents are facts: idempotent by source key."""
        with backend.unit_of_work(source="form") as uow:
            ana = uow.customers.add(a_customer())
            uow.consents.add(a_consent(ana, source_key="7"))
        before = everything_in(backend)
        with backend.unit_of_work(source="form") as uow:
            again = attrs.evolve(a_consent(ana, source_key="7"), id=a_consent(ana, nth=2).id)
            assert uow.consents.add_many([again]) == 0

        assert everything_in(backend) == before

    def test_every_change_says_who_made_it(self, backend: Backend) -> None:
        """Every fact and every row of the journal carries the actor of its unit of work."""
        with backend.unit_of_work(actor="ines", source="till") as uow:
            ana = uow.customers.add(a_customer())
            uow.customers.save(ana.renamed("Ana Soto"))
            order = uow.orders.add(an_order(ana))
            uow.consents.add_many([a_consent(ana), a_consent(ana, given=False)])
            uow.orders.remove(order.id)
            facts = [*uow.consents.of(ana.id)]
        entries = backend.journal()

        assert [fact.actor for fact in facts] == ["ines"] * 2
        assert [entry.actor for entry in entries] == ["ines"] * 5
