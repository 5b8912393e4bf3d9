"""Cohorts: of those who first bought together, how many bought again in each period after."""

from __future__ import annotations

import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.report.charts import Cell, heat_map
from crmcore.report.figures import counted, percent, whole
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.periods import Periods, months_of
from crmcore.report.snapshot import Snapshot

__all__ = ["cohorts", "triangle"]

MOST = 24
ON_A_PHONE = 12
TITLE = "Cohort retention"


def cohorts(seen: Snapshot) -> Section:
    """A triangle: a row a cohort, a column each period since its first purchase."""
    here = seen.buyers
    if not len(here):
        return Section(key="cohorts", title=TITLE, nothing="Nobody had bought anything.")
    last = int(months_of(seen.purchases.day).max())
    first = int(months_of(seen.purchases.first[here]).min())
    periods = Periods.over(first, last, most=MOST)
    found = triangle(seen, periods)
    sizes = found[:, 0]
    rows = [row for row in range(periods.count) if sizes[row]]
    done = periods.count - (1 if periods.is_open(periods.count - 1, seen.today) else 0)
    sentence = _sentence(found, periods, done)
    shades = [found[row, 1:] / sizes[row] for row in rows]
    strongest = max((float(shade.max(initial=0)) for shade in shades), default=0) or 1
    cells = []
    for row, shade in zip(rows, shades, strict=True):
        line: list[Cell | None] = []
        for offset in range(1, periods.count - row):
            n, part = int(found[row, offset]), float(shade[offset - 1])
            told = (
                f"{periods.label(row)}, {counted(offset, periods.name)} later: "
                f"{whole(n)} of {whole(int(sizes[row]))}, {percent(part)}"
            )
            line.append(Cell(min(part / strongest, 0.999), (_figure(part),), told))
        cells.append(line + [None] * (periods.count - 1 - len(line)))
    title = f"Bought again, in percent of the cohort, by {periods.name}"
    offsets = [str(n) for n in range(1, periods.count)]
    drawn = [row for row in rows if row < periods.count - 1]  # the last has no later period
    labels = [f"{periods.label(row)} ({whole(int(sizes[row]))})" for row in drawn]
    header = (
        "First bought",
        "Customers",
        *(f"{counted(n, periods.name)} later" for n in range(1, periods.count)),
    )

    def later(row: int) -> list[str]:
        told = [whole(int(n)) for n in found[row, 1 : periods.count - row]]
        return told + [""] * (periods.count - 1 - len(told))

    table = tuple((periods.label(row), whole(int(sizes[row])), *later(row)) for row in rows)
    note = f"The table has the number of customers who bought in each {periods.name}."
    if done < periods.count:
        note += (
            f" {periods.label(done, full=True)} was not over: the last figure of each row grows."
        )
    if len(offsets) > ON_A_PHONE:
        note += f" On a narrow screen the first {ON_A_PHONE} are drawn; the table has all."
    if not drawn:
        nothing = f"All purchases fall into one {periods.name}: nobody can have come back later."
        return Section(key="cohorts", title=TITLE, nothing=nothing)
    chart = Chart(
        key="cohorts-triangle", title=title, sentence=sentence, table=Table(header, table),
        drawing=heat_map(
            "cohorts-triangle", labels, offsets, cells[: len(drawn)],
            title=title, sentence=sentence, row_title="first bought",
            column_title=f"{periods.name}s since the first purchase",
            scale=("0%", f"{percent(strongest)} bought"), narrow_columns=ON_A_PHONE,
            short_rows=[periods.label(row) for row in drawn],
        ),
        note=note,
    )  # fmt: skip
    return Section(key="cohorts", title=TITLE, charts=(chart,))


def _figure(part: float) -> str:
    """Percent without its sign, which the title tells."""
    return "<1" if 0 < part < 0.005 else f"{100 * part:.0f}"


def triangle(seen: Snapshot, periods: Periods) -> IntArray:
    """By cohort (down) and periods since its first purchase (across): how many customers bought.

    A customer counts once in a period; column 0 is the size of the cohort.
    """
    bought = seen.purchases
    here = periods.number(months_of(bought.day))
    opens = np.ones(len(here), bool)
    opens[1:] = (np.diff(bought.buyer) != 0) | (np.diff(here) != 0)
    cohort = periods.number(months_of(bought.first[bought.buyer[opens]]))
    flat = cohort * periods.count + here[opens] - cohort
    return np.bincount(flat, minlength=periods.count**2).reshape(periods.count, periods.count)


def _sentence(found: IntArray, periods: Periods, done: int) -> str:
    """All cohorts together, so far as the period in question is over for them."""
    told = []
    for offset, after in (
        (1, f"in the {periods.name} after"),
        (6, f"in the sixth {periods.name} after"),
    ):
        rows = range(max(done - offset, 0))
        of = sum(int(found[row, 0]) for row in rows)
        again = sum(int(found[row, offset]) for row in rows)
        if of:
            told.append(f"{percent(again, of)} of {counted(of, 'customer')} bought {after}")
    if not told:
        return f"No cohort has a whole {periods.name} behind its first purchase yet."
    first, *more = told
    return f"{first} their first purchase" + "".join(f", {m} it" for m in more) + "."
