"""May this customer be contacted? Derived from what they said, by named rules; first refusal wins.

Theory. Each statement speaks for exactly its scope, a purpose (or all) over a channel (or all).
Of the statements of one scope that are in force at the instant asked about, the latest by `at`
counts; at the same instant an opt-out counts, not an opt-in. Four scopes cover a question: all of
both, the channel, the purpose, and the purpose over the channel.

- An opt-out in any of the four refuses. It ends by an opt-in of the very same scope, or by its own
  `until`; an opt-in of any other scope, wider or narrower, leaves it standing.
- A purpose that needs an opt-in has one only in a scope that names the purpose. "Everything" said
  yes to is no consent to anything in particular: it only ends an opt-out of everything.

So the order in which statements arrive never matters, and whoever is in doubt is not contacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import attrs

from crmcore.domain.consent import PURPOSES, Consent, Purpose
from crmcore.domain.contact_points import Channel, ContactKind
from crmcore.domain.customer import Customer
from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import instant

__all__ = [
    "RULES",
    "Question",
    "expired",
    "may_contact",
    "no_contact_point",
    "no_opt_in",
    "out_of_channel",
    "out_of_everything",
    "out_of_purpose",
    "out_of_purpose_over_channel",
]

POLICY = "contact 1"
"""The name and version of these rules."""

ADDRESSES: Mapping[Channel, ContactKind] = {
    Channel.EMAIL: ContactKind.EMAIL,
    Channel.PHONE: ContactKind.PHONE,
    Channel.SMS: ContactKind.PHONE,
    Channel.FAX: ContactKind.PHONE,
    Channel.POST: ContactKind.POSTAL,
}
"""The contact point that a channel needs; one that is not here needs none."""

Scope = tuple[str | None, Channel | None]


@attrs.frozen
class Question:
    """Who, what for, over what, and what they said: what the rules look at.

    `standing` is, by scope, the statement that counts; `expired` the opt-ins that ended.
    """

    customer: Customer
    purpose: Purpose
    channel: Channel
    standing: Mapping[Scope, Consent]
    expired: tuple[Consent, ...]

    def refused_by(self, rule: str, text: str, scope: Scope) -> Reason | None:
        """The refusal, if an opt-out stands in that scope."""
        found = self.standing.get(scope)
        return None if found is None or found.given else Reason(rule, text, (found.id,))

    @property
    def opt_in(self) -> Consent | None:
        """The statement that allows this purpose over this channel."""
        scopes = ((self.purpose.name, self.channel), (self.purpose.name, None))
        found = (self.standing.get(scope) for scope in scopes)
        return next((consent for consent in found if consent is not None and consent.given), None)


def out_of_everything(asked: Question) -> Reason | None:
    """Nobody is contacted who opted out of every purpose over every channel."""
    text = "opted out of every contact"
    return asked.refused_by("consent.out_of_everything", text, (None, None))


def out_of_channel(asked: Question) -> Reason | None:
    """Nor over a channel that they opted out of for every purpose."""
    text = f"opted out of {asked.channel}"
    return asked.refused_by("consent.out_of_channel", text, (None, asked.channel))


def out_of_purpose(asked: Question) -> Reason | None:
    """Nor for a purpose that they opted out of over every channel."""
    text = f"opted out of {asked.purpose.name}"
    return asked.refused_by("consent.out_of_purpose", text, (asked.purpose.name, None))


def out_of_purpose_over_channel(asked: Question) -> Reason | None:
    """Nor for a purpose over a channel where they opted out of just that."""
    name, channel = asked.purpose.name, asked.channel
    text = f"opted out of {name} over {channel}"
    return asked.refused_by("consent.out_of_purpose_over_channel", text, (name, channel))


def expired(asked: Question) -> Reason | None:
    """What needs an opt-in has none once the last one has ended."""
    if not asked.purpose.needs_opt_in or asked.opt_in or not asked.expired:
        return None
    ids = tuple(consent.id for consent in asked.expired)
    return Reason("consent.expired", f"the opt-in to {asked.purpose.name} has expired", ids)


def no_opt_in(asked: Question) -> Reason | None:
    """Nor has it one when none was ever given."""
    if not asked.purpose.needs_opt_in or asked.opt_in:
        return None
    return Reason("consent.no_opt_in", f"{asked.purpose.name} needs an opt-in; there is none")


def no_contact_point(asked: Question) -> Reason | None:
    """There is an address to contact them at, where the channel needs one; over any channel,
    something to know them by: of whom neither name, identifier nor address is known, as after a
    redaction, nobody can be reached.
    """
    who, kind = asked.customer, ADDRESSES.get(asked.channel)
    if not (who.name or who.identifiers or who.contact_points):
        return Reason("contact.nobody", "nothing is known by which to tell who they are")
    if kind is None or any(point.kind is kind for point in who.contact_points):
        return None
    return Reason("contact.no_contact_point", f"no {kind} is known for {asked.channel}")


RULES: tuple[Callable[[Question], Reason | None], ...] = (
    out_of_everything,
    out_of_channel,
    out_of_purpose,
    out_of_purpose_over_channel,
    expired,
    no_opt_in,
    no_contact_point,
)
"""In this order; the first refusal wins."""


def may_contact(
    customer: Customer,
    *,
    purpose: str,
    channel: Channel | str,
    at: datetime,
    consents: Iterable[Consent],
    purposes: Iterable[Purpose] = PURPOSES,
) -> Decision:
    """May this customer be contacted for `purpose` over `channel` at that instant, and why?

    `consents` are the customer's statements in any order; those of others are passed over.
    `purposes` are the model's. `uow.may_contact(...)` looks both up. A purpose that is not declared
    is `InvalidInput`: an opt-out under a misspelt one would go unheard.
    """
    channel, at = Channel(channel), instant(at)
    known = next((one for one in purposes if one.name == purpose), None)
    if known is None:
        raise InvalidInput.of("purpose", "is no purpose of this model")
    own = [consent for consent in consents if consent.customer_id == customer.id]
    asked = Question(
        customer, known, channel, _standing(own, at), _expired(own, known, channel, at)
    )
    for rule in RULES:
        reason = rule(asked)
        if reason is not None:
            return _decision(Verdict.REFUSE, reason, asked, at)
    return _decision(Verdict.ALLOW, _grounds(asked), asked, at)


def _standing(consents: Iterable[Consent], at: datetime) -> dict[Scope, Consent]:
    """By scope, the statement that counts at that instant."""
    found: dict[Scope, Consent] = {}
    for consent in consents:
        if consent.holds_at(at):
            other = found.get(consent.scope)
            if other is None or _rank(consent) > _rank(other):
                found[consent.scope] = consent
    return found


def _rank(consent: Consent) -> tuple[datetime, bool, int]:
    """The later counts, at the same instant the opt-out; the id only makes the citation stable."""
    return consent.at, not consent.given, consent.id.int


def _expired(
    consents: Iterable[Consent], purpose: Purpose, channel: Channel, at: datetime
) -> tuple[Consent, ...]:
    ended = (
        consent
        for consent in consents
        if consent.given and consent.until is not None and consent.until <= at
        if consent.purpose == purpose.name and consent.channel in (channel, None)
    )
    return tuple(sorted(ended, key=_rank, reverse=True))


def _grounds(asked: Question) -> Reason:
    name, opt_in = asked.purpose.name, asked.opt_in
    if opt_in is not None:
        return Reason("consent.opt_in", f"opted in to {name} ({opt_in.basis})", (opt_in.id,))
    return Reason("consent.not_needed", f"{name} needs no opt-in, and nothing speaks against it")


def _decision(verdict: Verdict, reason: Reason, asked: Question, at: datetime) -> Decision:
    return Decision(
        verdict=verdict, reasons=(reason,), customer_id=asked.customer.id, at=at, policy=POLICY
    )
