"""Earning: how many points a purchase gives, by rules in their stated order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any, TypeVar

import attrs

from crmcore.domain.attributes import six_places
from crmcore.domain.contact_points import Channel
from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import EARLIEST, LATEST, instant
from crmcore.domain.money import Money, number
from crmcore.domain.order import Order, OrderLine
from crmcore.domain.text import Words, checked_text, symbol

__all__ = ["Earned", "EarningRule", "Per", "earned", "whole"]

T = TypeVar("T")

HALF = Fraction(1, 2)


@lru_cache(maxsize=1_000)
def _exact(points: Decimal) -> Fraction:
    """What a rule says: asked for with each purchase."""
    return Fraction(points)


class Per(Words):
    """For what points are given: each whole unit of the currency, each piece, each purchase."""

    AMOUNT = "amount"
    UNIT = "unit"
    PURCHASE = "purchase"


def _decimal(value: object) -> Decimal:
    return six_places(number(value, "points"), "points")


def _several(value: Iterable[T], name: str) -> Iterable[T]:
    """More than one, if there are: a single text would be taken for its letters."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidInput.of(name, "must be several, as in a list")
    return value


def _texts(value: Iterable[str], name: str) -> tuple[str, ...]:
    return tuple(checked_text(text, name, 100) for text in _several(value, name))


def _products(value: Iterable[str]) -> tuple[str, ...]:
    return _texts(value, "products")


def _categories(value: Iterable[str]) -> tuple[str, ...]:
    return _texts(value, "categories")


def _tiers(value: Iterable[str]) -> tuple[str, ...]:
    return _texts(value, "tiers")


def _channels(value: Iterable[Channel | str]) -> tuple[Channel, ...]:
    return tuple(map(Channel, _several(value, "channels")))


def _yes_or_no(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not bool:
        raise InvalidInput.of(attribute.name, "must be True or False")


def _cap(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (type(value) is int and 0 <= value < 2**53):
        raise InvalidInput.of(attribute.name, "must be a whole number, not negative, or absent")


@attrs.frozen
class EarningRule:
    """Adds `points` per unit of the currency, per piece or per purchase to what the rules before
    it gave; with `multiplies`, multiplies that by `points` instead (1.5 for half as much again).

    It holds for purchases of these `products` or `categories` (the share of these lines), over
    these `channels`, by members in these `tiers`, from `since` to before `until`; what is left out
    is not asked for. `cap` is the most that this rule gives for one purchase. Points of a rule
    that is not `qualifying` can be redeemed and count for no tier.
    """

    name: str = attrs.field(validator=symbol)
    points: Decimal = attrs.field(converter=_decimal)
    per: Per = attrs.field(default=Per.AMOUNT, converter=Per)
    products: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_products)
    categories: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_categories)
    channels: tuple[Channel, ...] = attrs.field(default=(), kw_only=True, converter=_channels)
    tiers: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_tiers)
    since: datetime = attrs.field(default=EARLIEST, kw_only=True, converter=instant)
    until: datetime = attrs.field(default=LATEST, kw_only=True, converter=instant)
    cap: int | None = attrs.field(default=None, kw_only=True, validator=_cap)
    multiplies: bool = attrs.field(default=False, kw_only=True, validator=_yes_or_no)
    qualifying: bool = attrs.field(default=True, kw_only=True, validator=_yes_or_no)

    def __attrs_post_init__(self) -> None:
        if self.points < 0:
            raise InvalidInput.of("points", "must not be negative")
        if self.since >= self.until:
            raise InvalidInput.of("until", "must be behind since")
        if self.multiplies and (self.products or self.categories):
            raise InvalidInput.of("multiplies", "takes the whole purchase, not some lines of it")

    def holds(self, order: Order, tier: str) -> bool:
        """Does it hold for this purchase by a member in that tier?"""
        return (
            self.since <= order.at < self.until
            and (not self.channels or order.channel in self.channels)
            and (not self.tiers or tier in self.tiers)
            and (not (self.products or self.categories) or bool(self._lines(order)))
        )

    def _lines(self, order: Order) -> list[OrderLine]:
        return [
            line
            for line in order.lines
            if line.product in self.products or line.category in self.categories
        ]

    def given(self, order: Order, worth: Money) -> Fraction:
        """The points of one purchase by this rule, not rounded; `worth` is its total in the model's
        currency.
        """
        picked = bool(self.products or self.categories)
        lines = self._lines(order) if picked else list(order.lines)
        if self.per is Per.PURCHASE:
            count = Fraction(1)
        elif self.per is Per.UNIT:
            count = sum((Fraction(line.quantity) for line in lines), Fraction(0))
        else:
            count = Fraction(worth.minor, 10 ** minor_digits(worth.currency))
            if picked:
                all_of_it = sum(line.amount.minor for line in order.lines)
                share = sum(line.amount.minor for line in lines)
                count *= Fraction(share, all_of_it or 1)  # of what costs nothing, nothing
        return _exact(self.points) * count


@attrs.frozen
class Earned:
    """The points of a purchase: all that can be redeemed, and those of them that qualify."""

    points: int
    qualifying: int


def earned(
    order: Order, worth: Money, tier: str, rules: Iterable[EarningRule], rounding: str
) -> Earned:
    """What a purchase gives a member in `tier`, by the rules in their order; rounded once."""
    points = qualifying = Fraction(0)
    for rule in rules:
        if not rule.holds(order, tier):
            continue
        if rule.multiplies:
            times = _exact(rule.points) - 1
            more, also = points * times, qualifying * times
        else:
            more = also = rule.given(order, worth)
        if rule.cap is not None:
            more, also = min(more, Fraction(rule.cap)), min(also, Fraction(rule.cap))
        points += more
        if rule.qualifying:
            qualifying += also
    return Earned(whole(points, rounding), whole(qualifying, rounding))


def whole(points: Fraction, rounding: str) -> int:
    """Whole points; `InvalidInput` beyond what a ledger holds."""
    if rounding == "half_up":
        points += HALF
    found = ceil(points) if rounding == "up" else floor(points)
    if not 0 <= found < 2**53:
        raise InvalidInput.of("points", "are more than a ledger holds")
    return found
