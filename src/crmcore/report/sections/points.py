"""The points of a programme: what was earned and where it went, and what is open still."""

from __future__ import annotations

from decimal import Decimal

from crmcore.domain.money import Money
from crmcore.report.charts import Series, columns
from crmcore.report.figures import counted, listed, money, percent, whole, words
from crmcore.report.layout import Chart, Table
from crmcore.report.loyalty import Loyalty
from crmcore.report.periods import Periods
from crmcore.report.sections.tiers import MOST
from crmcore.report.snapshot import Snapshot

__all__ = ["open_points", "posted"]

GONE = ("spent", "expired", "reversed")
BELOW = "A sum below zero is in the figures, and has no column."


def posted(found: Loyalty) -> list[Chart | str]:
    """Points earned by period, and those that came to an end."""
    ledgers, name = found.ledgers, words(found.programme.name)
    months = [month for own in ledgers.posted.values() for month in own]
    if not months:
        return ["No points had been earned."]
    periods = Periods.over(min(months), max(months), most=MOST)
    sums = {
        account: _by_period(periods, own) for account, own in ledgers.posted.items()
    }  # fmt: skip
    earned = ledgers.sum("earned")
    best = max(range(periods.count), key=lambda n: sums["earned"][n])
    charts: list[Chart | str] = [
        _drawn(
            f"loyalty-{found.programme.name}-earned",
            f"Points earned in {name} by {periods.name}",
            f"{counted(earned, 'point')} earned; most of them, {whole(sums['earned'][best])}, in "
            f"{periods.label(best, full=True)}.",
            periods, {"earned": sums["earned"]},
            "Bonuses, adjustments and transfers included.",
        )
    ]  # fmt: skip
    gone = {account: sums[account] for account in GONE if any(sums[account])}
    if not gone:
        return [*charts, "No points had been spent, had expired or come back."]
    told = listed([
        f"{whole(ledgers.sum(account))} {account} ({percent(ledgers.sum(account), earned)})"
        for account in gone
    ])  # fmt: skip
    charts.append(
        _drawn(
            f"loyalty-{found.programme.name}-gone",
            f"Points spent, expired and reversed in {name} by {periods.name}",
            f"Of {counted(earned, 'point')} earned: {told}.", periods, gone,
            "Reversed: taken back with a return or a cancellation.",
        )
    )  # fmt: skip
    return charts


def _by_period(periods: Periods, own: dict[int, int]) -> list[int]:
    found = [0] * periods.count
    for month, points in own.items():
        found[(month - periods.first) // periods.size] += points
    return found


def _drawn(  # noqa: PLR0917
    key: str, title: str, sentence: str, periods: Periods, sums: dict[str, list[int]], note: str
) -> Chart:
    series = [Series(account, [max(n, 0) for n in own]) for account, own in sums.items()]
    if any(n < 0 for own in sums.values() for n in own):
        note += f" {BELOW}"
    rows = zip(periods.labels, *sums.values(), strict=True)
    return Chart(
        key=key, title=title, sentence=sentence, note=note,
        drawing=columns(
            key, periods.labels, series, title=title, sentence=sentence, unit="points"
        ),
        table=Table(
            (periods.name.capitalize(), *(account.capitalize() for account in sums)),
            tuple((label, *map(whole, values)) for label, *values in rows),
        ),
    )  # fmt: skip


def open_points(seen: Snapshot, found: Loyalty) -> Chart | str:
    """Open points by when they expire, and what they will cost."""
    ledgers, currency = found.ledgers, seen.model.currency
    if not ledgers.ending:
        return "No points were open."
    rate, owed = ledgers.redemption_rate, ledgers.liability(currency)
    ending = [month for month in ledgers.ending if month is not None]
    labels, sums = list[str](), list[int]()
    period = "month"
    if ending:
        periods = Periods.over(min(ending), max(ending), most=MOST)
        by_month = {month: n for month, n in ledgers.ending.items() if month is not None}
        labels, sums, period = periods.labels, _by_period(periods, by_month), periods.name
    if None in ledgers.ending:
        labels, sums = [*labels, "never"], [*sums, ledgers.ending[None]]
    key = f"loyalty-{found.programme.name}-open"
    title = f"Open points in {words(found.programme.name)} by {period} of expiry"
    basis = (
        f"{percent(rate)} of the points that came to an end were spent"
        if ledgers.sum("spent") + ledgers.sum("expired")
        else "none have come to an end, so all are taken to be redeemed"
    )
    sentence = (
        f"{counted(ledgers.open, 'point')} open, pending ones included: a liability of "
        f"{money(owed.minor, currency)}; {basis}."
    )
    each = found.programme.point_cost
    note = f"A redeemed point costs {each.normalize():f} {currency}."
    if any(n < 0 for n in sums):
        note += f" Debts have no end. {BELOW}"
    return Chart(
        key=key, title=title, sentence=sentence, note=note,
        drawing=columns(
            key, labels, [Series("open", [max(n, 0) for n in sums])],
            title=title, sentence=sentence, unit="points",
        ),
        table=Table(
            ("Expire in", "Points", "Expected cost"),
            tuple(
                (label, whole(n), _cost(each * n * Decimal(repr(rate)), currency))
                for label, n in zip(labels, sums, strict=True)
            ),
        ),
    )  # fmt: skip


def _cost(amount: Decimal, currency: str) -> str:
    return money(Money.rounded(amount, currency).minor, currency)
