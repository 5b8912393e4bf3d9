"""Tiers in predicates: `tier["club"] == "gold"`, `model.tier("club") >= "gold"`.

A tier is a field of the profile (`club_tier`); what is compared by rank becomes the tiers that are
meant, by name, so every engine answers it, and an index on the field serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import attrs

from crmcore.domain.errors import InvalidInput, suggested
from crmcore.domain.expressions import FieldRef, field
from crmcore.domain.predicates import Predicate
from crmcore.domain.text import symbol

__all__ = ["TierRef", "Tiers", "tier"]


def _as_it_is(predicate: Predicate) -> Predicate:
    return predicate


@attrs.frozen(eq=False)
class TierRef:
    """The tier of a customer in a programme, to be compared. Who is no member is in none: every
    comparison is false of them, but `!=`. By rank it is compared as `model.tier(...)` alone, which
    knows the order: `tiers` are those of the programme, from low to high.
    """

    programme: str = attrs.field(validator=symbol)
    tiers: tuple[str, ...] = ()
    check: Callable[[Predicate], Predicate] = attrs.field(default=_as_it_is, repr=False)

    @property
    def _field(self) -> FieldRef:
        return FieldRef(field(f"{self.programme}_tier").name, self.check)

    def __eq__(self, other: object) -> Predicate:  # type: ignore[override]
        return self._field == self._known(other)

    def __ne__(self, other: object) -> Predicate:  # type: ignore[override]
        return self._field != self._known(other)

    def __ge__(self, other: str) -> Predicate:
        return self._field.is_in(*self.tiers[self._rank(other) :])

    def __gt__(self, other: str) -> Predicate:
        return self._field.is_in(*self.tiers[self._rank(other) + 1 :])

    def __le__(self, other: str) -> Predicate:
        return self._field.is_in(*self.tiers[: self._rank(other) + 1])

    def __lt__(self, other: str) -> Predicate:
        return self._field.is_in(*self.tiers[: self._rank(other)])

    def __hash__(self) -> int:
        return hash((self.programme, self.tiers))

    def __bool__(self) -> NoReturn:
        raise TypeError("a tier has no truth value: compare it, and join with & | ~")

    def is_in(self, *tiers: str) -> Predicate:
        """Is the tier one of these? None: false for everybody."""
        return self._field.is_in(*(self._known(known) for known in tiers))

    def is_present(self) -> Predicate:
        """Is somebody a member?"""
        return self._field.is_present()

    def is_absent(self) -> Predicate:
        """Is somebody no member?"""
        return self._field.is_absent()

    def _known(self, tier: object) -> str:
        if not isinstance(tier, str) or (self.tiers and tier not in self.tiers):
            told = f"is none of {', '.join(self.tiers)}" if self.tiers else "must be a tier's name"
            hint = suggested(tier, self.tiers) if isinstance(tier, str) else ""
            raise InvalidInput.of("tier", told + hint)
        return tier

    def _rank(self, tier: str) -> int:
        if not self.tiers:
            raise InvalidInput.of("tier", "is compared by rank as model.tier(...), which knows it")
        return self.tiers.index(self._known(tier))


class Tiers:
    """The tiers of programmes, by the programme's name."""

    def __getitem__(self, programme: str) -> TierRef:
        return TierRef(programme)

    def __repr__(self) -> str:
        return "tier"


tier: Tiers = Tiers()
"""`tier["club"]`: the tier of a customer in that programme."""
