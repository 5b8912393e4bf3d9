"""The tiers of a programme: who is in them, who moved, and who is near the next or a fall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from crmcore.domain.instants import LATEST, zone_named
from crmcore.report.charts import Bar, Cell, Series, bars, columns, heat_map
from crmcore.report.charts.marks import NARROW, WIDE, fitted
from crmcore.report.figures import MONTHS, counted, listed, money, percent, whole, words
from crmcore.report.layout import Chart, Table
from crmcore.report.loyalty import Loyalty, Near
from crmcore.report.periods import Periods
from crmcore.report.snapshot import Snapshot
from crmcore.services.loyalty import WITHIN

__all__ = ["MOST", "changes", "flow", "local_day", "members", "near", "year"]

MOST = 48
NAMED = 3
"""So many of the groups that are near a tier are told of; the others are in the chart."""
KINDS = ("joined", "risen", "renewed", "fallen")


def local_day(at: datetime, zone: str) -> str:
    """The local day of an instant: `3 January 1997`; of the last one there is, `no end`."""
    if at == LATEST:
        return "no end"
    local = at.astimezone(zone_named(zone))
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


def year(seen: Snapshot, found: Loyalty) -> str:
    """`From 3 January 1997 to 2 January 1998`: the year before the instant."""
    zone = found.programme.zone
    last = seen.at - timedelta(milliseconds=1)
    return f"From {local_day(found.since, zone)} to {local_day(last, zone)}"


def members(seen: Snapshot, found: Loyalty) -> Chart:
    """How many members each tier has."""
    key, total = f"loyalty-{found.programme.name}-members", found.members
    known = int(seen.known.sum())
    counts = {tier: own.members for tier, own in found.spend.items()}
    most = max(counts, key=lambda tier: counts[tier])
    sentence = (
        f"{counted(total, 'member')}, {percent(total, known)} of all customers; most of them, "
        f"{whole(counts[most])} ({percent(counts[most], total)}), in {words(most)}."
    )
    title = f"Members of {words(found.programme.name)} by tier"
    rows = [(words(tier), n, percent(n, total)) for tier, n in counts.items()]
    shown = [Bar(label, n, f"{whole(n)} ({share})") for label, n, share in rows]
    return Chart(
        key=key, title=title, sentence=sentence,
        drawing=bars(key, shown, title=title, sentence=sentence),
        table=Table(
            ("Tier", "Members", "Share"),
            tuple((label, whole(n), share) for label, n, share in rows),
        ),
        note="Tiers as they were last advanced: what has fallen due since is not in them.",
    )  # fmt: skip


def changes(found: Loyalty) -> Chart:
    """Who joined, rose, was renewed and fell, by period."""
    key = f"loyalty-{found.programme.name}-changes"
    months = [month for month, _, _ in found.changes]
    periods = Periods.over(min(months), max(months), most=MOST)
    counts: Counter[tuple[str, int]] = Counter()
    for (month, previous, tier), n in found.changes.items():
        counts[found.kind(previous, tier), (month - periods.first) // periods.size] += n
    there = [kind for kind in KINDS if any(k == kind for k, _ in counts)]
    series = [Series(kind, [counts[kind, n] for n in range(periods.count)]) for kind in there]
    told = listed([f"{whole(sum(s.values))} {_did(s.name, sum(s.values))}" for s in series])
    title = f"Tier changes in {words(found.programme.name)} by {periods.name}"
    sentence = (
        f"From {periods.label(0, full=True)} to {periods.label(periods.count - 1, full=True)}: "
        f"{told}."
    )
    rows = zip(periods.labels, *(s.values for s in series), strict=True)
    return Chart(
        key=key, title=title, sentence=sentence,
        drawing=columns(
            key, periods.labels, series, title=title, sentence=sentence, unit="changes"
        ),
        table=Table(
            (periods.name.capitalize(), *(s.name.capitalize() for s in series)),
            tuple((label, *map(whole, values)) for label, *values in rows),
        ),
        note="Each change at the instant from which it holds; who rose twice counts twice.",
    )  # fmt: skip


def _did(kind: str, count: int) -> str:
    forms = {
        "joined": ("joined", "joined"), "risen": ("rose", "rose"), "fallen": ("fell", "fell"),
        "renewed": ("was renewed", "were renewed"),
    }  # fmt: skip
    return forms[kind][count != 1]


def flow(seen: Snapshot, found: Loyalty) -> Chart | str:
    """From which tier to which, in the year before."""
    key, tiers = f"loyalty-{found.programme.name}-flow", found.programme.tiers
    if not found.flow:
        return f"{year(seen, found)} nobody joined or changed their tier."
    totals = Counter[str]()
    for (previous, tier), n in found.flow.items():
        totals[found.kind(previous, tier)] += n
    told = listed([f"{whole(totals[k])} {_did(k, totals[k])}" for k in KINDS if totals[k]])
    most = max(found.flow.values())
    before: Sequence[str | None] = (None, *tiers)
    rows = [previous for previous in before if any(p == previous for p, _ in found.flow)]
    cells, table = [], []
    for previous in rows:
        name = "not a member" if previous is None else words(previous)
        ns = [found.flow.get((previous, tier), 0) for tier in tiers]
        cells.append([
            Cell(n / most if n else None, (whole(n) if n else "–",),
                 f"from {name} to {words(tier)}: {counted(n, 'change')}")
            for tier, n in zip(tiers, ns, strict=True)
        ])  # fmt: skip
        table.append((name, *map(whole, ns)))
    title = f"From tier to tier in {words(found.programme.name)}, in a year"
    sentence = f"{year(seen, found)}, {told}."
    return Chart(
        key=key, title=title, sentence=sentence,
        drawing=heat_map(
            key, [name for name, *_ in table], _heads(tiers, WIDE), cells,
            title=title, sentence=sentence, row_title="From", column_title="To",
            scale=("few", "many"), short_columns=_heads(tiers, NARROW),
        ),
        table=Table(("From", *(f"To {words(tier)}" for tier in tiers)), tuple(table)),
        note="From a tier to the same one: renewed.",
    )  # fmt: skip


def _heads(tiers: Sequence[str], width: int) -> list[str]:
    """The names of tiers side by side, shortened where they would touch."""
    room = width * 0.64 / len(tiers) - 8
    return [fitted(words(tier), room) for tier in tiers]


def near(seen: Snapshot, found: Loyalty, *, falls: bool) -> Chart | str:
    """Who is near the next tier, or near a fall: counts, and what is missing."""
    groups = found.falling if falls else found.rising
    name, zone = words(found.programme.name), found.programme.zone
    last = local_day(found.until - timedelta(milliseconds=1), zone)
    if not groups:
        if falls:
            return f"Nobody falls below their tier until {last}, even without another purchase."
        return f"Nobody lacks {WITHIN:.0%} or less of what the next tier asks for."
    key = f"loyalty-{found.programme.name}-{'falls' if falls else 'rises'}"
    total = sum(group.count for group in groups)
    most = sorted(groups, key=lambda g: -g.count)[:NAMED]
    told = [f"{whole(g.count)} from {words(g.tier)} to {words(g.towards)}" for g in most]
    if rest := total - sum(g.count for g in most):
        told.append(f"{whole(rest)} others")
    each = listed(told)
    if falls:
        title = f"Members of {name} near a fall"
        verb = "falls" if total == 1 else "fall"
        sentence = f"Without another purchase, {counted(total, 'member')} {verb} until {last}: "
    else:
        title = f"Members of {name} near the next tier"
        verb = "lacks" if total == 1 else "lack"
        sentence = (
            f"{counted(total, 'member')} {verb} {WITHIN:.0%} or less of what the next tier asks "
            "for: "
        )
    sentence += f"{each}."
    rows = [(f"{words(g.tier)} to {words(g.towards)}", g) for g in groups]
    shown = [Bar(label, g.count, f"{whole(g.count)} ({_gap(g)})") for label, g in rows]
    ways = [way for way in ("points", "spend", "purchases") if _any(groups, way)]
    return Chart(
        key=key, title=title, sentence=sentence,
        drawing=bars(key, shown, title=title, sentence=sentence),
        table=Table(
            ("Tiers", "Members", "Share missing", *(f"{way.capitalize()} missing" for way in ways),
             "First fall" if falls else "Period ends"),
            tuple(
                (label, whole(g.count), percent(g.share), *(_missing(seen, g, way) for way in ways),
                 local_day(g.first, zone))
                for label, g in rows
            ),
        ),
        note="Missing: to keep the tier, of each group the middle one."
        if falls else "Missing: of each group the middle one; any one of the ways is enough.",
    )  # fmt: skip


def _any(groups: Sequence[Near], way: str) -> bool:
    return any(getattr(group, way) is not None for group in groups)


def _gap(group: Near) -> str:
    return f"{percent(group.share)} missing"


def _missing(seen: Snapshot, group: Near, way: str) -> str:
    value = getattr(group, way)
    if value is None:
        return "–"
    return money(value, seen.model.currency) if way == "spend" else whole(value)
