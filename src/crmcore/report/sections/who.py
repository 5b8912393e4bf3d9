"""Who the customers are: by stage, kind, language and region."""

from __future__ import annotations

from crmcore.report.charts import Bar, bars
from crmcore.report.figures import counted, listed, percent, whole, words
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.snapshot import Snapshot

__all__ = ["who"]

SHOWN = 10
STANDINGS = {
    "prospect": ("is a prospect", "are prospects"),
    "customer": ("is a customer now", "are customers now"),
    "former": ("is a former customer", "are former customers"),
}


def who(seen: Snapshot) -> Section:
    """Counts of the known customers, the largest group of each kind named."""
    total = int(seen.known.sum())
    if not total:
        nothing = "No customer was known at this instant."
        return Section(key="who", title="Who the customers are", nothing=nothing)
    charts = [_stages(seen, total)]
    remarks = []
    for name, labels in (
        ("kind", seen.customers.kinds),
        ("language", seen.customers.languages),
        ("region", seen.customers.regions),
    ):
        found = _chart(name, labels.counts(seen.known), total)
        if isinstance(found, Chart):
            charts.append(found)
        else:
            remarks.append(found)
    return Section(
        key="who", title="Who the customers are", charts=tuple(charts), remarks=tuple(remarks)
    )


def _stages(seen: Snapshot, total: int) -> Chart:
    counts = seen.stages.stage.counts(seen.known)
    cycle = seen.model.life_cycle
    declared = [stage.name for stage in cycle.stages]
    order = [n for n in declared if n in counts] + [n for n in counts if n not in declared]
    standings: dict[str, int] = {}
    for stage in cycle.stages:
        if stage.name in counts:
            standings[stage.standing] = standings.get(stage.standing, 0) + counts[stage.name]
    told = listed(
        [f"{whole(n)} {STANDINGS[s][n != 1]} ({percent(n, total)})" for s, n in standings.items()]
    )
    sentence = f"Of {whole(total)} in all, {told}."
    rows = [(words(name or "none"), counts[name]) for name in order]
    return _drawn("stage", "Customers by stage of the life cycle", sentence, rows, total)


def _chart(name: str, counts: dict[str | None, int], total: int) -> Chart | str:
    """A chart where there is something to compare, else a sentence."""
    known = {value: count for value, count in counts.items() if value is not None}
    if not known:
        return f"No {name} is recorded of any customer."
    (most, count), *others = known.items()
    if not others and count == total:
        return f"All {counted(total, 'customer')} have the same {name}: {words(most)}."
    rows = [(words(value), count) for value, count in known.items()]
    rest = rows[SHOWN:]
    if len(rest) > 1:
        rows = [*rows[:SHOWN], (f"{len(rest)} others", sum(n for _, n in rest))]
    if missing := counts.get(None, 0):
        rows.append(("not recorded", missing))
    sentence = (
        f"The most frequent {name} is {words(most)}, of {counted(count, 'customer')} "
        f"({percent(count, total)})."
    )
    return _drawn(name, f"Customers by {name}", sentence, rows, total)


def _drawn(key: str, title: str, sentence: str, rows: list[tuple[str, int]], total: int) -> Chart:
    shown = [Bar(label, n, f"{whole(n)} ({percent(n, total)})") for label, n in rows]
    table = Table(
        (title.removeprefix("Customers by ").capitalize(), "Customers", "Share"),
        tuple((label, whole(n), percent(n, total)) for label, n in rows),
    )
    return Chart(
        key=f"who-{key}", title=title, sentence=sentence, table=table,
        drawing=bars(f"who-{key}", shown, title=title, sentence=sentence),
    )  # fmt: skip
