"""Facts: what happened. They are appended and never edited.

Every fact tells its customer, when it happened (`at`), and where it is known from: `source` and
`source_key` make it idempotent, since the same key with the same content again is nothing, and
with other content is `ConflictingFact`. The store adds `recorded_at` and `actor`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, cast

import attrs

from crmcore.domain.ids import CustomerId, FactId, an_id, new_id
from crmcore.domain.instants import instant, optional_instant
from crmcore.domain.money import Money
from crmcore.domain.text import optional_text
from crmcore.domain.trusted import changed

__all__ = ["Fact", "Recording", "as_recorded", "differences"]

F = TypeVar("F", bound="Fact")

BOOKKEEPING = frozenset({"id", "source", "source_key", "recorded_at", "actor", "base_amount"})
"""Fields that are not content: two facts of one key are the same if all others are equal."""


def _recorded_at(value: datetime | None) -> datetime | None:
    return optional_instant(value, "recorded_at")


@attrs.frozen
class Recording:
    """Who records what follows, when, and from which source unless the fact says another.

    With `restores`, the facts were recorded before, in another store: what they say of that
    (`recorded_at`, `actor`, `source`, base amounts) stays.
    """

    at: datetime
    actor: str | None = None
    source: str | None = None
    restores: bool = False


def _id(fact: Fact) -> FactId:
    return FactId(new_id(fact.at))


@attrs.frozen(kw_only=True)
class Fact:
    """What every fact carries; the kinds of fact add their own fields.

    `recorded_at` and `actor` are `None` until the fact is stored. `source` is the unit of work's
    where none is given.

    - `customer_id`: the customer whom the fact is of
    - `at`: when it happened
    - `source`: the system that the fact is known from
    - `source_key`: the key of the fact in its source; with `source` it tells a repetition
    - `id`: the fact's own id
    - `recorded_at`: when this store recorded it, by the store's clock
    - `actor`: who recorded it
    """

    customer_id: CustomerId = attrs.field(validator=an_id)
    at: datetime = attrs.field(converter=instant)
    source: str | None = attrs.field(default=None, validator=optional_text(80))
    source_key: str | None = attrs.field(default=None, validator=optional_text(200))
    id: FactId = attrs.field(default=attrs.Factory(_id, takes_self=True), validator=an_id)
    recorded_at: datetime | None = attrs.field(default=None, eq=False, converter=_recorded_at)
    actor: str | None = attrs.field(default=None, eq=False, validator=optional_text(200))

    @property
    def money(self) -> Money | None:
        """The amount this fact is about, in its own currency; `None` if it is not about money."""
        return None


def as_recorded(fact: F, recording: Recording) -> F:
    """`fact` as the store keeps it."""
    more: dict[str, Any] = {"source": fact.source or recording.source}
    restored = recording.restores and fact.recorded_at is not None
    if fact.money is not None and cast(Any, fact).base_amount is None:
        more["base_amount"] = fact.money
    if restored:
        return changed(fact, **(more | {"source": fact.source}))
    return changed(fact, recorded_at=recording.at, actor=recording.actor, **more)


def differences(stored: Fact, given: Fact) -> tuple[str, ...]:
    """Names of the content fields in which two facts of one key differ."""
    return tuple(
        attribute.name
        for attribute in attrs.fields(type(stored))
        if attribute.name not in BOOKKEEPING
        and getattr(stored, attribute.name) != getattr(given, attribute.name)
    )
