"""Recorded decisions: what was decided of a customer, by which rules, on what ground (S45, S76)."""

from __future__ import annotations

from typing import Any, Self

import attrs

from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.ids import FactId, MembershipId, optional_id
from crmcore.domain.money import Money, optional_amount
from crmcore.domain.text import optional_text, symbol, text

__all__ = ["RecordedDecision"]


def _reasons(value: Any) -> tuple[Reason, ...]:
    found = tuple(value)
    if not all(isinstance(reason, Reason) for reason in found):
        raise InvalidInput.of("reasons", "must be reasons")
    return found


@attrs.frozen(kw_only=True)
class RecordedDecision(Fact):
    """A decision as it was taken. A later one that `revokes` it takes it back.

    - `subject`: what was decided: early_promotion, retention_bonus, upgrade...
    - `verdict`: what the policy said
    - `policy`: the name and version of the rules
    - `membership_id`: the membership that it is about, where it is about one
    - `reasons`: the grounds, with the facts that they rest on
    - `authority`: who may approve, where approval is needed
    - `approved_by`: who approved
    - `cost`: what it costs, in the model's currency
    - `value`: what it is expected to gain, in the model's currency
    - `revokes`: the decision that this one takes back
    """

    subject: str = attrs.field(validator=symbol)
    verdict: Verdict = attrs.field(converter=Verdict)
    policy: str = attrs.field(validator=text(80))
    membership_id: MembershipId | None = attrs.field(default=None, validator=optional_id)
    reasons: tuple[Reason, ...] = attrs.field(default=(), converter=_reasons)
    authority: str | None = attrs.field(default=None, validator=optional_text(80))
    approved_by: str | None = attrs.field(default=None, validator=optional_text(200))
    cost: Money | None = attrs.field(default=None, validator=optional_amount)
    value: Money | None = attrs.field(default=None, validator=optional_amount)
    revokes: FactId | None = attrs.field(default=None, validator=optional_id)

    @classmethod
    def of(
        cls,
        decision: Decision,
        *,
        subject: str,
        membership_id: MembershipId | None = None,
        approved_by: str | None = None,
    ) -> Self:
        """The fact that this decision was taken."""
        return cls(
            customer_id=decision.customer_id, at=decision.at, subject=subject,
            verdict=decision.verdict, policy=decision.policy, reasons=decision.reasons,
            authority=decision.authority, cost=decision.cost, value=decision.value,
            membership_id=membership_id, approved_by=approved_by,
        )  # fmt: skip

    @property
    def holds(self) -> bool:
        """Was it allowed, or approved by somebody?"""
        approved = self.verdict is Verdict.NEEDS_APPROVAL and self.approved_by is not None
        return self.verdict is Verdict.ALLOW or approved
