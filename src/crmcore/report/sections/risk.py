"""Customers at risk who are worth keeping: they brought much, and may be gone."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.report.charts import Bar, bars
from crmcore.report.figures import chance, counted, day_of, money, percent, weeks, whole
from crmcore.report.layout import Chart, Person, Section, Table
from crmcore.report.sections.scored import scored_when
from crmcore.report.snapshot import Snapshot

__all__ = ["SHOWN", "AtRisk", "at_risk", "risk"]

SHOWN = 20
BY_SCORE = ((0.0, "0 to 10%"), (0.1, "10 to 25%"), (0.25, "25 to 50%"), (0.5, "50 to 75%"),
            (0.75, "75 to 90%"), (0.9, "90% or more"))  # fmt: skip
BY_RHYTHM = ((0.0, "as usual"), (1.0, "1–2 times"), (2.0, "2–3 times"), (3.0, "3–5 times"),
             (5.0, "over 5 times"))  # fmt: skip
LIKELY = 0.5
OVERDUE = 2.0
REGULAR = 3
TITLE = "At risk, and worth keeping"


@attrs.frozen(eq=False)
class AtRisk:
    """Of the `best` quarter of buyers (places, the most revenue first) those who can be `judged`,
    the `measure` of each of these, and who is `chosen` as at risk.
    """

    by_score: bool
    best: IntArray
    judged: IntArray
    measure: FloatArray
    chosen: IntArray


def at_risk(seen: Snapshot) -> AtRisk:
    """Those less likely alive than not; where less than half of the best quarter is scored, those
    who stay away for more than twice their own mean time between purchase days, of at least three.
    """
    here, bought = seen.buyers, seen.purchases
    ranked = here[np.argsort(-bought.revenue[here], kind="stable")]
    best = ranked[: -(-len(ranked) // 4)]
    scored = best[seen.scored[best]]
    by_score = 0 < len(best) <= 2 * len(scored)
    if by_score:
        judged = scored
        measure = seen.scores.alive[judged]
        return AtRisk(by_score, best, judged, measure, judged[measure < LIKELY])
    judged = best[bought.days[best] >= REGULAR]
    usual = (bought.last[judged] - bought.first[judged]) / (bought.days[judged] - 1)
    measure = (seen.today - bought.last[judged]) / usual
    return AtRisk(by_score, best, judged, measure, judged[measure > OVERDUE])


def risk(seen: Snapshot, found: AtRisk, names: Mapping[int, str | None]) -> Section:
    """The best quarter by how sure they are, and the first of those at risk by name."""
    if not len(found.best):
        return Section(key="risk", title=TITLE, nothing="Nobody had bought anything.")
    if not len(found.judged):
        why = (
            "Less than half of the best quarter has a score that knows of their last purchase, and "
            f"nobody of it bought on at least {REGULAR} days: there is nothing to judge by."
        )
        return Section(key="risk", title=TITLE, nothing=why)
    chart = _chart(seen, found)
    people = tuple(
        Person(
            id=seen.id_of(place), name=names.get(place),
            figure=money(int(seen.purchases.revenue[place]), seen.model.currency),
            sentence=_story(seen, found, place),
        )
        for place in found.chosen[:SHOWN].tolist()
    )  # fmt: skip
    nobody = () if people else ("Nobody of the best quarter is at risk by this measure.",)
    return Section(
        key="risk", title=TITLE, charts=(chart,), people=people, remarks=nobody,
        people_title=f"The first {len(people)}, by revenue" if len(people) > 1 else "At risk",
    )  # fmt: skip


def _chart(seen: Snapshot, found: AtRisk) -> Chart:
    currency, revenue = seen.model.currency, seen.purchases.revenue
    lost, whole_total = sum(revenue[found.chosen].tolist()), seen.purchases.total
    bands = BY_SCORE if found.by_score else BY_RHYTHM
    place = np.searchsorted([low for low, _ in bands], found.measure, side="right") - 1
    rows = []
    for number, (_, label) in enumerate(bands):
        inside = found.judged[place == number]
        rows.append((label, len(inside), sum(revenue[inside].tolist())))
    measured = (
        "less than 50% likely alive" if found.by_score else "away for over twice as long as usual"
    )
    n = len(found.chosen)
    sentence = (
        f"{whole(n)} of the {counted(len(found.best), 'customer')} who brought most (the best "
        f"quarter) {'is' if n == 1 else 'are'} {measured}; they brought {money(lost, currency)}, "
        f"{percent(lost, whole_total)} of all revenue."
    )
    title = (
        "Revenue of the best quarter, by how likely they are alive"
        if found.by_score
        else "Revenue of the best quarter, by time away against their own rhythm"
    )
    shown = [
        Bar(label, total, f"{money(total, currency)} ({counted(count, 'customer')})")
        for label, count, total in rows
    ]
    left = len(found.best) - len(found.judged)
    if found.by_score:
        note = f"Judged by scores. {scored_when(seen)}"
        note += f" {counted(left, 'customer')} of the best quarter without a score." if left else ""
    else:
        note = (
            "Judged by recency, because less than half of the best quarter has a score that knows "
            "of their last purchase: the days since the last purchase against the mean days "
            f"between purchases, of who bought on at least {REGULAR} days."
        )
        note += f" {counted(left, 'customer')} of the best quarter bought on fewer." if left else ""
    return Chart(
        key="risk-bands", title=title, sentence=sentence, note=note,
        drawing=bars("risk-bands", shown, title=title, sentence=sentence),
        table=Table(
            ("Likely alive" if found.by_score else "Time away", "Customers", "Revenue"),
            tuple((label, whole(count), money(total, currency)) for label, count, total in rows),
        ),
    )  # fmt: skip


def _story(seen: Snapshot, found: AtRisk, place: int) -> str:
    bought = seen.purchases
    last, ago = int(bought.last[place]), seen.today - int(bought.last[place])
    told = (
        f"{counted(int(bought.count[place]), 'purchase')}, the last on {day_of(last)}, "
        f"{weeks(ago)} ago"
    )
    measure = float(found.measure[int(np.flatnonzero(found.judged == place)[0])])
    if found.by_score:
        return f"{told}; {chance(measure)} likely alive."
    return f"{told}, {measure:.1f} times as long as usual."
