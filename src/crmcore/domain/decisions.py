"""Decision: what a policy says, and why. One type for every policy of crmcore.

A decision is true when it allows, so that `if may_contact(...)` reads as it should; a refusal and
one that needs approval are false.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.money import Money
from crmcore.domain.text import Words, text

__all__ = ["Decision", "Reason", "Verdict"]


class Verdict(Words):
    """What a policy may say."""

    ALLOW = "allow"
    REFUSE = "refuse"
    NEEDS_APPROVAL = "needs_approval"


@attrs.frozen
class Reason:
    """One ground: the rule that spoke, in a sentence without personal values, and the facts that
    it rests on.
    """

    rule: str = attrs.field(validator=text(80))
    text: str = attrs.field(validator=text(500))
    facts: tuple[FactId, ...] = attrs.field(default=(), converter=tuple[FactId, ...])

    def __str__(self) -> str:
        return self.text


@attrs.frozen(kw_only=True)
class Decision:
    """What `policy` says of a customer at an instant.

    `policy` is the name and version of the rules (`contact 1`); `authority` names who may approve
    where the verdict is `needs_approval`; `cost` and `value` are what it costs and is
    expected to gain, where the policy reckons them.
    """

    verdict: Verdict = attrs.field(converter=Verdict)
    reasons: tuple[Reason, ...]
    customer_id: CustomerId
    at: datetime
    policy: str
    authority: str | None = None
    cost: Money | None = None
    value: Money | None = None

    @property
    def allowed(self) -> bool:
        """Does it allow, without anybody's approval?"""
        return self.verdict is Verdict.ALLOW

    def __bool__(self) -> bool:
        return self.allowed

    def __str__(self) -> str:
        return f"{self.verdict}: {'; '.join(map(str, self.reasons))}"
