"""Programme: the rules of one loyalty programme, as data (S39, S40, S46).

A model declares its programmes; each has its own members, ledger and tiers. What the rules say is
data with an effective date: whatever happened follows the rules that held at its instant, so a
change in the middle of a period changes nothing of what was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from math import inf
from typing import Any, TypeVar

import attrs

from crmcore.domain.attributes import six_places
from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import EARLIEST, instant, zone_named
from crmcore.domain.money import Money, number
from crmcore.domain.periods import Calendar, Expiry, Qualifying, Rolling
from crmcore.domain.text import Check, Words, optional_text, symbol

__all__ = [
    "Benefit", "Downgrade", "Pending", "PointsRelease", "Programme", "RedemptionOrder",
    "ReturnPolicy", "Rounding", "Rules", "Tier",
]  # fmt: skip

MOST_POINTS = 2**53
LONGEST = 32
"""Of a programme's name: with `_pending` behind it, it names a field of the profile."""


class ReturnPolicy(Words):
    """What a return takes back: only what is pending still, at most what is there, or all of it,
    so that a debt may be left.
    """

    ONLY_PENDING = "only_pending"
    WITHIN_BALANCE = "within_balance"
    UNLIMITED = "unlimited"


class Downgrade(Words):
    """Where a member falls whose tier ends: one step, to what the period earned, or nowhere."""

    ONE_DOWN = "one_down"
    BALANCE_BASED = "balance_based"
    NONE = "none"


class Rounding(Words):
    """How fractions of a point become whole ones."""

    DOWN = "down"
    HALF_UP = "half_up"
    UP = "up"


class RedemptionOrder(Words):
    """Which points are redeemed first: of equals the earlier ones; without expiry last."""

    SOONEST_EXPIRING = "soonest_expiring"
    OLDEST = "oldest"


class PointsRelease(Words):
    """When points that are earned become active."""

    IMMEDIATELY = "immediately"
    ON_ACTION = "on_action"
    AFTER = "after"


@attrs.frozen
class Pending:
    """Points are active `immediately`, `on_action` (somebody releases them), or `after` so many
    `days`.
    """

    release: PointsRelease = attrs.field(converter=PointsRelease)
    days: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        after = self.release is PointsRelease.AFTER
        if after is not (type(self.days) is int and 0 < self.days <= 3_660):
            raise InvalidInput.of("days", "from 1 to 3660, where points are released after a time")


def _threshold(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (type(value) is int and 0 < value < MOST_POINTS):
        raise InvalidInput.of(attribute.name, "must be a whole number above zero, or absent")


def _spend(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, Money) and value.minor > 0):
        raise InvalidInput.of(attribute.name, "must be money above zero, or absent")


def _cost(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, Money) and value.minor >= 0):
        raise InvalidInput.of(attribute.name, "must be money, not negative, or absent")


T = TypeVar("T")


def _several(value: object, kind: type[T], path: str, what: str) -> tuple[T, ...]:
    """All of these, each of this kind."""
    given = tuple(value) if isinstance(value, Iterable) else (None,)
    found = tuple(one for one in given if isinstance(one, kind))
    if len(found) < len(given):
        raise InvalidInput.of(path, f"must be {what}")
    return found


def _is(kind: Any, what: str) -> Check:
    """An attrs validator: a value of this kind."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            raise InvalidInput.of(attribute.name, f"must be {what}")

    return check


@attrs.frozen
class Benefit:
    """What a tier gives: its name, and what it costs the organisation for a member and a year."""

    name: str = attrs.field(validator=symbol)
    cost: Money | None = attrs.field(default=None, validator=_cost)
    description: str | None = attrs.field(default=None, kw_only=True, validator=optional_text(200))


def _benefits(value: Iterable[Benefit]) -> tuple[Benefit, ...]:
    return _several(value, Benefit, "benefits", "benefits")


@attrs.frozen
class Tier:
    """One tier: reached with so many qualifying `points`, so much `spend`, or so many `purchases`
    in a period, whichever comes first. The lowest tier asks for nothing.
    """

    name: str = attrs.field(validator=symbol)
    points: int | None = attrs.field(default=None, validator=_threshold)
    spend: Money | None = attrs.field(default=None, kw_only=True, validator=_spend)
    purchases: int | None = attrs.field(default=None, kw_only=True, validator=_threshold)
    benefits: tuple[Benefit, ...] = attrs.field(default=(), kw_only=True, converter=_benefits)

    def reached(self, points: int, spend: int, purchases: int) -> bool:
        """Is it reached with these sums of a period, the spend in minor units?"""
        return (
            (self.points is not None and points >= self.points)
            or (self.spend is not None and spend >= self.spend.minor)
            or (self.purchases is not None and purchases >= self.purchases)
            or not self.asks
        )

    @property
    def asks(self) -> bool:
        """Does it ask for anything?"""
        return (self.points, self.spend, self.purchases) != (None, None, None)


def _tiers(value: Iterable[Tier]) -> tuple[Tier, ...]:
    return _several(value, Tier, "tiers", "tiers")


def _earning(value: Iterable[EarningRule]) -> tuple[EarningRule, ...]:
    return _several(value, EarningRule, "earning", "earning rules")


@attrs.frozen(kw_only=True, slots=False)
class Rules:
    """What holds from `since` on: tiers from low to high, earning rules in the order in which they
    are applied, and the policies of points and tiers.

    `window` is the period over which a tier is qualified for; `tier_expiry` how long it is then
    kept (without one, with a rolling window, as long as it holds); `grace` so many days more.
    """

    tiers: tuple[Tier, ...] = attrs.field(converter=_tiers)
    earning: tuple[EarningRule, ...] = attrs.field(default=(), converter=_earning)
    since: datetime = attrs.field(default=EARLIEST, converter=instant)
    expiry: Expiry = attrs.field(default=Expiry("never"), validator=_is(Expiry, "an Expiry"))
    pending: Pending = attrs.field(
        default=Pending("immediately"), validator=_is(Pending, "a Pending")
    )
    returns: ReturnPolicy = attrs.field(default=ReturnPolicy.UNLIMITED, converter=ReturnPolicy)
    rounding: Rounding = attrs.field(default=Rounding.DOWN, converter=Rounding)
    redeems: RedemptionOrder = attrs.field(
        default=RedemptionOrder.SOONEST_EXPIRING, converter=RedemptionOrder
    )
    window: Qualifying = attrs.field(
        default=Calendar(), validator=_is(Qualifying, "Fixed, Calendar, Anniversary or Rolling")
    )
    tier_expiry: Expiry | None = attrs.field(
        default=Expiry("end_of_next_period"), validator=_is(Expiry | None, "an Expiry, or absent")
    )
    downgrade: Downgrade = attrs.field(default=Downgrade.BALANCE_BASED, converter=Downgrade)
    grace: int = 0

    def __attrs_post_init__(self) -> None:
        if not self.tiers or self.tiers[0].asks:
            raise InvalidInput.of("tiers[0]", "the lowest tier asks for nothing")
        names = [tier.name for tier in self.tiers]
        if len(set(names)) < len(names):
            raise InvalidInput.of("tiers", "a name is there twice")
        for place, (lower, tier) in enumerate(zip(self.tiers, self.tiers[1:], strict=False), 1):
            self._check_tier(place, lower, tier)
        if type(self.grace) is not int or not 0 <= self.grace <= 3_660:
            raise InvalidInput.of("grace", "must be a number of days from 0 to 3660")
        if self.tier_expiry is None and not isinstance(self.window, Rolling):
            raise InvalidInput.of("tier_expiry", "only with a rolling window there is none")
        rolling = isinstance(self.window, Rolling)
        for name, expiry in (("tier_expiry", self.tier_expiry), ("expiry", self.expiry)):
            if rolling and expiry is not None and expiry.ends_with_period:
                raise InvalidInput.of(name, "a rolling window has no periods that end")
        for place, rule in enumerate(self.earning):
            if set(rule.tiers) - set(names):
                raise InvalidInput.of(f"earning[{place}].tiers", f"are none of {', '.join(names)}")

    def _check_tier(self, place: int, lower: Tier, tier: Tier) -> None:
        if not tier.asks:
            raise InvalidInput.of(f"tiers[{place}]", "asks for nothing, as only the lowest does")
        for name in ("points", "purchases", "spend"):
            below, asked = getattr(lower, name), getattr(tier, name)
            if name == "spend" and below is not None and asked is not None:
                below, asked = below.minor, asked.minor
            if below is not None and asked is not None and asked <= below:
                reason = f"must ask for more than {lower.name}"
                raise InvalidInput.of(f"tiers[{place}].{name}", reason)

    def rank_of(self, tier: str) -> int:
        """The place of a tier, from 0; `InvalidInput` if there is none of that name."""
        for rank, known in enumerate(self.tiers):
            if known.name == tier:
                return rank
        raise InvalidInput.of("tier", f"is none of {', '.join(t.name for t in self.tiers)}")

    def rank_reached(self, points: int, spend: int, purchases: int) -> int:
        """The place of the highest tier that is reached with these sums of a period."""
        for rank, of_points, of_spend, of_purchases in self._thresholds:
            if points >= of_points or spend >= of_spend or purchases >= of_purchases:
                return rank
        return 0

    def least_above(self, rank: int) -> tuple[float, float, float]:
        """With fewer points, less spend and fewer purchases than these no tier above is reached."""
        return self._least[rank]

    @cached_property
    def _least(self) -> list[tuple[float, float, float]]:
        found = [(inf, inf, inf)]
        for _, *asked in self._thresholds:
            points, spend, purchases = map(min, found[-1], asked)
            found.append((points, spend, purchases))
        return found[::-1]

    @cached_property
    def _thresholds(self) -> list[tuple[int, float, float, float]]:
        """From the highest tier to the lowest its place and the points, spend and purchases that
        it is reached with, infinite where it does not go by them.
        """
        found = [
            (
                rank,
                inf if tier.points is None else tier.points,
                inf if tier.spend is None else tier.spend.minor,
                inf if tier.purchases is None else tier.purchases,
            )
            for rank, tier in enumerate(self.tiers)
            if tier.asks
        ]
        return found[::-1]


def _in_order(value: object) -> tuple[Rules, ...]:
    given = (value,) if isinstance(value, Rules) else value
    rules = _several(given, Rules, "rules", "Rules, of one version or several")
    return tuple(sorted(rules, key=lambda known: known.since))


def _point_cost(value: object) -> Decimal:
    return six_places(number(value, "point_cost"), "point_cost")


@attrs.frozen(slots=False)
class Programme:
    """One programme: its `rules`, of one version or several by their `since`, the zone of its
    calendar, and what a redeemed point costs in the model's currency (`point_cost`).

    All versions have the same tiers by name, for members hold them. Before the first version
    there is no programme: joining it then is refused.
    """

    name: str = attrs.field(validator=symbol)
    rules: tuple[Rules, ...] = attrs.field(converter=_in_order)
    zone: str = attrs.field(default="UTC", kw_only=True)
    point_cost: Decimal = attrs.field(default=Decimal("0.01"), kw_only=True, converter=_point_cost)

    def __attrs_post_init__(self) -> None:
        if len(self.name) > LONGEST or "__" in f"{self.name}_":
            reason = f"begins fields of the profile: at most {LONGEST} characters, no __, no _ last"
            raise InvalidInput.of("name", reason)
        zone_named(self.zone)
        if not self.rules:
            raise InvalidInput.of("rules", "must be Rules, of one version or several")
        names = [tuple(tier.name for tier in known.tiers) for known in self.rules]
        if len(set(names)) > 1:
            raise InvalidInput.of("rules", "all versions have the same tiers, in one order")
        if len({known.since for known in self.rules}) < len(self.rules):
            raise InvalidInput.of("rules", "two versions hold from the same instant")
        if self.point_cost < 0:
            raise InvalidInput.of("point_cost", "must not be negative")

    @cached_property
    def tiers(self) -> tuple[str, ...]:
        """The names of the tiers, from low to high."""
        return tuple(tier.name for tier in self.rules[0].tiers)

    @cached_property
    def currencies(self) -> frozenset[str]:
        """The currencies that its tiers and benefits name; a model has one."""
        tiers = [tier for known in self.rules for tier in known.tiers]
        named = [tier.spend for tier in tiers]
        named += [benefit.cost for tier in tiers for benefit in tier.benefits]
        return frozenset(money.currency for money in named if money is not None)

    def rank_of(self, tier: str) -> int:
        """The place of a tier, from 0; `InvalidInput` if there is none of that name."""
        return self.rules[0].rank_of(tier)

    def rules_at(self, at: datetime) -> Rules:
        """The rules that hold at an instant; before the first ones it is `InvalidInput`."""
        for known in reversed(self.rules):
            if known.since <= at:
                return known
        raise InvalidInput.of("at", f"is before the first rules of {self.name}")

    def rules_from(self, at: datetime) -> Rules:
        """The rules that hold at an instant; before the first ones, the first."""
        if len(self.rules) == 1:
            return self.rules[0]
        return self.rules_at(max(at, self.rules[0].since))

    def version_at(self, at: datetime) -> str:
        """The name of the version that holds then: `iberia_plus 2`."""
        return f"{self.name} {self.rules.index(self.rules_at(at)) + 1}"
