"""Growth: who came, who bought for the first time and again, and the moves of the life cycle."""

from __future__ import annotations

import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.report.charts import Series, columns
from crmcore.report.figures import counted, listed, percent, whole, words
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.periods import Periods, months_of
from crmcore.report.snapshot import Snapshot

__all__ = ["growth"]

MOST = 48
TITLE = "Growth and life cycle"


def growth(seen: Snapshot) -> Section:
    """New customers, buyers, and moves into each stage, a column a period."""
    if not seen.known.any():
        nothing = "No customer was known at this instant."
        return Section(key="growth", title=TITLE, nothing=nothing)
    since = months_of(seen.since[seen.known])
    bought = months_of(seen.purchases.day)
    every = np.concatenate([since, bought, seen.moved])
    periods = Periods.over(int(every.min()), int(every.max()), most=MOST)
    charts = [_new(seen, periods, since)]
    remarks = []
    if len(bought):
        charts.append(_buyers(seen, periods, bought))
    else:
        remarks.append("Nobody had bought anything.")
    if len(seen.moved):
        charts.append(_moves(seen, periods))
    else:
        remarks.append("The journal has no move from one stage to another.")
    return Section(key="growth", title=TITLE, charts=tuple(charts), remarks=tuple(remarks))


def _counts(periods: Periods, months: IntArray) -> list[int]:
    found = np.bincount(periods.number(months), minlength=periods.count)
    return [int(n) for n in found]


def _note(seen: Snapshot, periods: Periods) -> str:
    last = periods.count - 1
    if not periods.is_open(last, seen.today):
        return ""
    return f"The last {periods.name}, {periods.label(last, full=True)}, was not over."


def _new(seen: Snapshot, periods: Periods, since: IntArray) -> Chart:
    counts = _counts(periods, since)
    total, best = sum(counts), int(np.argmax(counts))
    title = f"New customers by {periods.name}"
    sentence = (
        f"{counted(total, 'customer')} came from {periods.label(0, full=True)} to "
        f"{periods.label(periods.count - 1, full=True)}; most of them, {whole(counts[best])}, "
        f"in {periods.label(best, full=True)}."
    )
    sums = np.cumsum(counts)
    rows = zip(periods.labels, counts, sums.tolist(), strict=True)
    return Chart(
        key="growth-new", title=title, sentence=sentence,
        drawing=columns(
            "growth-new", periods.labels, [Series("new", counts)],
            title=title, sentence=sentence, unit="customers",
        ),
        table=Table(
            (periods.name.capitalize(), "New customers", "Customers so far"),
            tuple((label, whole(n), whole(so_far)) for label, n, so_far in rows),
        ),
        note="New when first recorded, or first bought, whichever was earlier. "
        + _note(seen, periods),
    )  # fmt: skip


def _buyers(seen: Snapshot, periods: Periods, bought: IntArray) -> Chart:
    """Who bought in each period: for the first time, or having bought in an earlier one."""
    here = periods.number(bought)
    buyer = seen.purchases.buyer
    opens = np.ones(len(here), bool)
    opens[1:] = (np.diff(buyer) != 0) | (np.diff(here) != 0)
    first = periods.number(months_of(seen.purchases.first[buyer[opens]]))
    once = here[opens]
    new = np.bincount(once[once == first], minlength=periods.count).tolist()
    again = np.bincount(once[once > first], minlength=periods.count).tolist()
    last = max(periods.count - 1 - periods.is_open(periods.count - 1, seen.today), 0)
    title = f"Buyers by {periods.name}, first and again"
    sentence = (
        f"In {periods.label(last, full=True)}, {counted(new[last] + again[last], 'customer')} "
        f"bought: {whole(again[last])} again ({percent(again[last], new[last] + again[last])}), "
        f"{whole(new[last]) if new[last] else 'none'} for the first time."
    )
    rows = zip(periods.labels, new, again, strict=True)
    return Chart(
        key="growth-buyers", title=title, sentence=sentence,
        drawing=columns(
            "growth-buyers", periods.labels,
            [Series("bought again", again), Series("bought for the first time", new)],
            title=title, sentence=sentence, unit="customers",
        ),
        table=Table(
            (periods.name.capitalize(), "First", "Again", "All"),
            tuple((label, whole(a), whole(b), whole(a + b)) for label, a, b in rows),
        ),
        note=_note(seen, periods),
    )  # fmt: skip


def _moves(seen: Snapshot, periods: Periods) -> Chart:
    names, entered = seen.stages.stage.names, seen.stages.moved_to
    declared = [stage.name for stage in seen.model.life_cycle.stages]
    order = [n for n in declared if n in names] + [n for n in names if n not in declared]
    series, totals = [], {}
    for name in order:
        months = seen.moved[entered == names.index(name)]
        if len(months):
            totals[words(name or "none")] = len(months)
            series.append(Series(f"to {words(name or 'none')}", _counts(periods, months)))
    title = f"Moves in the life cycle by {periods.name}"
    told = listed([f"{whole(n)} to {name}" for name, n in totals.items()])
    sentence = f"{counted(len(entered), 'move')}: {told}."
    rows = zip(periods.labels, *(s.values for s in series), strict=True)
    return Chart(
        key="growth-moves", title=title, sentence=sentence,
        drawing=columns(
            "growth-moves", periods.labels, series, title=title, sentence=sentence, unit="moves"
        ),
        table=Table(
            (periods.name.capitalize(), *(s.name.capitalize() for s in series)),
            tuple((label, *map(whole, counts)) for label, *counts in rows),
        ),
        note="Each change of stage in the journal, at the instant from which it holds.",
    )  # fmt: skip
