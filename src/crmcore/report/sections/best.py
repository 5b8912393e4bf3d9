"""The best customers, with their story in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.domain.money import Money
from crmcore.report.figures import chance, counted, day_of, money, percent, weeks, words
from crmcore.report.layout import Person, Section
from crmcore.report.purchases import local_days_of
from crmcore.report.snapshot import Snapshot

__all__ = ["best", "best_places"]

SHOWN = 20
TITLE = "Top customers"


def best_places(seen: Snapshot) -> IntArray:
    """The places of those who brought most, the best first; of equals in the order of ids."""
    here = seen.buyers
    return here[np.argsort(-seen.purchases.revenue[here], kind="stable")][:SHOWN]


def best(seen: Snapshot, names: Mapping[int, str | None]) -> Section:
    """Who they are, what they brought, and their story so far."""
    places = best_places(seen).tolist()
    if not places:
        return Section(key="best", title=TITLE, nothing="Nobody had bought anything.")
    currency, revenue = seen.model.currency, seen.purchases.revenue
    brought, total = sum(revenue[places].tolist()), seen.purchases.total
    verb = "brings" if len(places) == 1 else "bring"
    intro = (
        f"The best {counted(len(places), 'customer')} {verb} {money(brought, currency)}, "
        f"{percent(brought, total)} of all revenue."
    )
    people = tuple(
        Person(
            id=seen.id_of(place), name=names.get(place),
            figure=money(int(revenue[place]), currency), sentence=_story(seen, place),
        )
        for place in places
    )  # fmt: skip
    return Section(key="best", title=TITLE, intro=intro, people=people)


def _story(seen: Snapshot, place: int) -> str:
    bought, zone = seen.purchases, seen.model.zone
    count, last = int(bought.count[place]), int(bought.last[place])
    ago = seen.today - last
    when = f"{weeks(ago)} ago" if ago else "on the day of this report"
    if count == 1:
        told = f"Bought once, on {day_of(last)}, {when}."
    else:
        each = Decimal(int(bought.revenue[place])) / count
        mean = money(int(each.to_integral_value()), seen.model.currency)
        told = (
            f"{counted(count, 'purchase')} of {mean} on average, the first on "
            f"{day_of(int(bought.first[place]))}, the last on {day_of(last)}, {when}."
        )
    stage = seen.stages.stage.names[seen.stages.stage.codes[place]]
    since = int(local_days_of(seen.stages.since[place : place + 1], zone)[0])
    told += f" {words(stage or 'no stage').capitalize()} since {day_of(since)}."
    scores = []
    if seen.scored[place]:
        scores.append(f"{chance(float(seen.scores.alive[place]))} likely alive")
    worth = float(seen.scores.values["lifetime_value"][place])
    if seen.scored[place] and np.isfinite(worth):
        value = Money.rounded(Decimal(repr(worth)), seen.model.currency)
        scores.append(f"lifetime value {money(value.minor, value.currency)}")
    return told + (f" Scored: {', '.join(scores)}." if scores else "")
