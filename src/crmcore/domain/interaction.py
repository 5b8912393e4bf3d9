"""Interaction: one contact with a customer, over any channel (S27)."""

from __future__ import annotations

import attrs

from crmcore.domain.contact_points import Channel
from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.fields import PERSONAL
from crmcore.domain.ids import OrderId, optional_id
from crmcore.domain.text import Words, optional_text

__all__ = ["Direction", "Interaction"]


class Direction(Words):
    """Who began: the customer (`inbound`) or the organisation (`outbound`)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


def _seconds(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is None:
        return
    if type(value) is not int or not 0 <= value < 2**31:
        raise InvalidInput.of(attribute.name, "must be a whole number of seconds, not negative")


@attrs.frozen(kw_only=True)
class Interaction(Fact):
    """A call, message, visit or page view; `subject` is free text and therefore personal.

    - `channel`: over which channel they met
    - `direction`: who began, the customer (`inbound`) or the organisation (`outbound`)
    - `topic`: what it was about, by a word of the host
    - `outcome`: how it ended, by a word of the host
    - `subject`: what it was about, in free text
    - `waited_seconds`: how long the customer waited for an answer
    - `lasted_seconds`: how long it lasted
    - `order_id`: the order that it was about
    """

    channel: Channel = attrs.field(converter=Channel)
    direction: Direction = attrs.field(default=Direction.INBOUND, converter=Direction)
    topic: str | None = attrs.field(default=None, validator=optional_text(100))
    outcome: str | None = attrs.field(default=None, validator=optional_text(100))
    subject: str | None = attrs.field(
        default=None, repr=False, validator=optional_text(10_000), metadata=PERSONAL
    )
    waited_seconds: int | None = attrs.field(default=None, validator=_seconds)
    lasted_seconds: int | None = attrs.field(default=None, validator=_seconds)
    order_id: OrderId | None = attrs.field(default=None, validator=optional_id)
