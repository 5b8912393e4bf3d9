"""Consent: what a customer said about being contacted, as a fact: yes or no, for what, over what.

A statement speaks for exactly its own scope: one purpose or all (`None`), over one channel or all
(`None`). Whether a customer may be contacted is derived from all of them by `may_contact`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from crmcore.domain.contact_points import Channel
from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.instants import optional_instant
from crmcore.domain.text import Words, optional_symbol, symbol

__all__ = ["PURPOSES", "Consent", "LegalBasis", "Purpose"]


class LegalBasis(Words):
    """On what ground personal data may be used: the six of Article 6(1) of the GDPR."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTEREST = "legitimate_interest"


@attrs.frozen
class Purpose:
    """What customers are contacted for, as the model declares it; with `needs_opt_in` nobody is
    who has not said yes.
    """

    name: str = attrs.field(validator=symbol)
    needs_opt_in: bool = True


PURPOSES = (Purpose("marketing"), Purpose("service", needs_opt_in=False))
"""The default purposes: offers need an opt-in; what belongs to an order or a question does not."""


def _until(value: datetime | None) -> datetime | None:
    return optional_instant(value, "until")


def _given(_: Any, attribute: attrs.Attribute[bool], value: bool) -> None:
    if not isinstance(value, bool):
        raise InvalidInput.of(attribute.name, "must be True (opt-in) or False (opt-out)")


@attrs.frozen(kw_only=True)
class Consent(Fact):
    """An opt-in (`given=True`) or opt-out (`given=False`), in force from `at` and before `until`.

    `purpose` is one of the model's, or `None` for every purpose; `channel` likewise. An opt-out
    of `None` and `None` is "do not contact me at all". `basis` is the ground that was told.

    - `purpose`: what for, one of the model's purposes; absent for every purpose
    - `channel`: over what they are contacted; absent for every channel
    - `given`: whether they said yes (opt-in) or no (opt-out)
    - `basis`: the legal ground that was told
    - `until`: the instant from which it no longer holds
    """

    purpose: str | None = attrs.field(validator=optional_symbol)
    channel: Channel | None = attrs.field(
        default=None, converter=attrs.converters.optional(Channel)
    )
    given: bool = attrs.field(validator=_given)
    basis: LegalBasis = attrs.field(default=LegalBasis.CONSENT, converter=LegalBasis)
    until: datetime | None = attrs.field(default=None, converter=_until)

    def __attrs_post_init__(self) -> None:
        if self.until is not None and self.until <= self.at:
            raise InvalidInput.of("until", "must be after at")

    @property
    def scope(self) -> tuple[str | None, Channel | None]:
        """What it speaks for: purpose and channel, `None` for all of them."""
        return self.purpose, self.channel

    def holds_at(self, at: datetime) -> bool:
        """Is it in force at that instant?"""
        return self.at <= at and (self.until is None or at < self.until)
