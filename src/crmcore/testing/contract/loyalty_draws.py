"""Programmes that random histories of members are lived in, as plain data and as the library's own.

Between them they have every return policy, release, window, downgrade, rounding and order of
redemption, with grace and without, and some whose rules change in the middle of a period: what
tiers ask for, and the window too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import attrs

from crmcore.domain.earning import EarningRule
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.periods import Anniversary, Calendar, Expiry, Fixed, Rolling
from crmcore.domain.programme import Pending, Programme, Rules, Tier

__all__ = ["EARLY", "GIVEN", "JOINED", "LOYAL", "Earning", "Given", "Version"]

EARLY = datetime(1000, 1, 1, tzinfo=UTC)
JOINED = datetime(2024, 2, 29, 10, 30, tzinfo=UTC)
"""On a leap day."""


@attrs.frozen
class Earning:
    """So many points per euro, per purchase, or times so many; only in these tiers, if any."""

    of: str
    points: Fraction
    tiers: tuple[str, ...] = ()
    cap: int | None = None
    qualifying: bool = True


@attrs.frozen(kw_only=True)
class Version:
    """The rules from `since` on. A tier is its name, points, spend in cents and purchases."""

    since: datetime = EARLY
    tiers: tuple[tuple[str, int | None, int | None, int | None], ...]
    earning: tuple[Earning, ...] = (Earning("euro", Fraction(1)),)
    expiry: tuple[str, int | None] = ("never", None)
    release: tuple[str, int | None] = ("immediately", None)
    returns: str = "unlimited"
    rounding: str = "down"
    redeems: str = "soonest_expiring"
    window: tuple[Any, ...] = ("calendar", 12, 1)
    tier_expiry: tuple[str, int | None] | None = ("end_of_next_period", None)
    downgrade: str = "balance_based"
    grace: int = 0


@attrs.frozen
class Given:
    """One programme: its versions and its zone."""

    versions: tuple[Version, ...]
    zone: str = "UTC"

    def at(self, at: datetime) -> Version:
        """The version that holds then, or the first."""
        return [v for v in self.versions if v.since <= at or v is self.versions[0]][-1]


BY_POINTS = (("none", None, None, None), ("silver", 100, None, None), ("gold", 300, None, None))
BY_SPEND = (("none", None, None, None), ("silver", None, 10_000, None), ("gold", 250, 30_000, None))
BY_COUNT = (("none", None, None, None), ("silver", None, None, 2), ("gold", 300, None, 4))
TURN = datetime(2024, 10, 1, tzinfo=UTC)

GIVEN = {
    "plain": Given((Version(tiers=BY_POINTS, expiry=("after", 3)),)),
    "waits": Given(
        (
            Version(
                tiers=BY_SPEND, expiry=("after", 2), release=("after", 14),
                returns="only_pending", window=("calendar", 6, 4),
                tier_expiry=("end_of_period", None), downgrade="one_down", grace=10,
            ),
        ),
        "Europe/Madrid",
    ),
    "asks": Given(
        (
            Version(
                tiers=BY_COUNT, expiry=("end_of_period", None), release=("on_action", None),
                returns="within_balance", redeems="oldest", window=("anniversary", 12),
                tier_expiry=("end_of_period", None), grace=30, rounding="up",
            ),
        ),
    ),
    "rolls": Given(
        (
            Version(tiers=BY_COUNT, window=("rolling", 3), tier_expiry=None, grace=5),
            Version(
                since=TURN, window=("rolling", 6), tier_expiry=None, grace=45,
                tiers=(BY_COUNT[0], ("silver", 100, None, None), ("gold", 300, None, 5)),
            ),
        ),
        "America/New_York",
    ),
    "spans": Given(
        (
            Version(
                tiers=BY_POINTS, expiry=("after", 1), returns="within_balance", rounding="half_up",
                window=("rolling", 6), tier_expiry=("after", 4), downgrade="one_down",
                earning=(
                    Earning("euro", Fraction(1)),
                    Earning("times", Fraction(3, 2), ("silver", "gold"), 40),
                    Earning("purchase", Fraction(5), (), None, False),
                ),
            ),
        ),
        "Pacific/Auckland",
    ),
    "once": Given(
        (
            Version(
                tiers=BY_SPEND, expiry=("end_of_next_period", None), downgrade="none",
                window=("fixed", datetime(2024, 1, 1, tzinfo=UTC), TURN),
            ),
            Version(
                since=datetime(2025, 3, 1, tzinfo=UTC), tiers=BY_SPEND, downgrade="none",
                window=("rolling", 6), tier_expiry=None,
            ),
        ),
    ),
    "turns": Given(
        (
            Version(
                tiers=BY_POINTS, expiry=("after", 6), rounding="half_up", redeems="oldest",
                window=("calendar", 6, 4),
            ),
            Version(
                since=TURN, tiers=(BY_POINTS[0], ("silver", 50, None, 3), ("gold", 400, None, 9)),
                expiry=("end_of_period", None), release=("after", 7), returns="only_pending",
                downgrade="one_down", grace=20,
            ),
        ),
        "Europe/Madrid",
    ),
    "keeps": Given(
        (
            Version(
                tiers=BY_SPEND, window=("calendar", 3, 1), tier_expiry=("after", 2),
                downgrade="none", expiry=("end_of_next_period", None), returns="within_balance",
            ),
        ),
    ),
}  # fmt: skip
"""By name, the programmes that there are."""

WINDOWS: dict[str, Any] = {
    "calendar": lambda months, month: Calendar(months, month=month),
    "anniversary": Anniversary, "rolling": Rolling, "fixed": Fixed,
}  # fmt: skip


def _money(cents: int | None) -> Money | None:
    return None if cents is None else Money.of_minor(cents, "EUR")


def _rule(nth: int, rule: Earning) -> EarningRule:
    return EarningRule(
        f"rule_{nth}", f"{float(rule.points)}", "purchase" if rule.of == "purchase" else "amount",
        tiers=rule.tiers, cap=rule.cap, qualifying=rule.qualifying, multiplies=rule.of == "times",
    )  # fmt: skip


def _rules(known: Version) -> Rules:
    return Rules(
        since=known.since,
        tiers=[Tier(n, p, spend=_money(s), purchases=c) for n, p, s, c in known.tiers],
        earning=[_rule(nth, rule) for nth, rule in enumerate(known.earning)],
        expiry=Expiry(*known.expiry), pending=Pending(known.release[0], days=known.release[1]),
        returns=known.returns, rounding=known.rounding, redeems=known.redeems,
        window=WINDOWS[known.window[0]](*known.window[1:]),
        tier_expiry=None if known.tier_expiry is None else Expiry(*known.tier_expiry),
        downgrade=known.downgrade, grace=known.grace,
    )  # fmt: skip


LOYAL = Model(
    programmes=tuple(
        Programme(name, [_rules(known) for known in given.versions], zone=given.zone)
        for name, given in GIVEN.items()
    )
)
"""The model with all of them."""
