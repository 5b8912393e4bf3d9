"""Loyalty: a section for each programme, of its tiers, its points, and what members bring."""

from __future__ import annotations

from crmcore.report.charts import Bar, bars
from crmcore.report.figures import counted, money, percent, whole, words
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.loyalty import Decided, Loyalty
from crmcore.report.sections.points import open_points, posted
from crmcore.report.sections.tiers import changes, flow, members, near, year
from crmcore.report.snapshot import Snapshot

__all__ = ["loyalty"]


def loyalty(seen: Snapshot) -> tuple[Section, ...]:
    """A section for each programme; none where the model declares none."""
    return tuple(_section(seen, found) for found in seen.loyalty)


def _section(seen: Snapshot, found: Loyalty) -> Section:
    name = found.programme.name
    key, title = f"loyalty-{name}", f"Loyalty: {words(name)}"
    if not found.changes:
        return Section(key=key, title=title, nothing="Nobody had joined this programme.")
    parts: list[Chart | str] = [
        members(seen, found) if found.members else "All members had left.",
        changes(found),
        flow(seen, found),
        near(seen, found, falls=False),
        near(seen, found, falls=True),
        *posted(found),
        open_points(seen, found),
        _spend(seen, found),
        _decisions(seen, found),
    ]
    return Section(
        key=key, title=title, charts=tuple(part for part in parts if isinstance(part, Chart)),
        remarks=tuple(part for part in parts if isinstance(part, str)),
    )  # fmt: skip


def _spend(seen: Snapshot, found: Loyalty) -> Chart | str:
    """What the members of each tier bought in the year before."""
    key, currency = f"loyalty-{found.programme.name}-spend", seen.model.currency
    tiers = [own for own in found.spend.values() if own.members]
    if not any(own.purchases for own in tiers):
        return f"{year(seen, found)} no member bought anything."
    low, high = tiers[0], tiers[-1]
    told = [f"a member of {words(high.tier)} spent {money(high.spend_each.minor, currency)}"]
    if low is not high:
        told.append(f"one of {words(low.tier)} {money(low.spend_each.minor, currency)}")
    title = f"Spend of a member of {words(found.programme.name)} in a year, by tier"
    sentence = f"{year(seen, found)}, {', '.join(told)} on average."
    shown = [
        Bar(
            words(own.tier), own.spend_each.minor,
            f"{money(own.spend_each.minor, currency)} ({own.purchases_each:,.1f} purchases)",
        )
        for own in tiers
    ]  # fmt: skip
    return Chart(
        key=key, title=title, sentence=sentence,
        drawing=bars(key, shown, title=title, sentence=sentence),
        table=Table(
            ("Tier", "Members", "Who bought", "Share", "Purchases each", "Spend each", "Spend"),
            tuple(
                (words(own.tier), whole(own.members), whole(own.buyers),
                 percent(own.buyers, own.members), f"{own.purchases_each:,.2f}",
                 money(own.spend_each.minor, currency), money(own.spend.minor, currency))
                for own in tiers
            ),
        ),
        note="By the tier in which members are now, over all of them, whether they bought or not.",
    )  # fmt: skip


def _decisions(seen: Snapshot, found: Loyalty) -> Chart | str:
    """What was decided in the year before, what it costs and is expected to gain."""
    key, currency = f"loyalty-{found.programme.name}-decisions", seen.model.currency
    if not found.decisions:
        return f"{year(seen, found)} no decision about a member was recorded."
    total = Decided()
    for own in found.decisions.values():
        for name in ("taken", "hold", "cost", "value"):
            setattr(total, name, getattr(total, name) + getattr(own, name))
    title = f"Decisions about members of {words(found.programme.name)}, in a year"
    verb = "holds: it costs" if total.hold == 1 else "hold: they cost"
    gain = "is" if total.hold == 1 else "are"
    sentence = (
        f"{year(seen, found)}, {counted(total.taken, 'decision')}, of which {whole(total.hold)} "
        f"{verb} {money(total.cost, currency)} and {gain} expected to gain "
        f"{money(total.value, currency)}."
    )
    shown = [
        Bar(words(subject), own.taken, f"{whole(own.taken)} ({_ends(own)})")
        for subject, own in found.decisions.items()
    ]
    return Chart(
        key=key, title=title, sentence=sentence,
        drawing=bars(key, shown, title=title, sentence=sentence),
        table=Table(
            ("Decided", "Taken", "Hold", "Refused", "Waiting", "Taken back", "Cost",
             "Expected gain"),
            tuple(
                (words(subject), whole(own.taken), whole(own.hold), whole(own.refused),
                 whole(own.waiting), whole(own.taken_back), money(own.cost, currency),
                 money(own.value, currency))
                for subject, own in found.decisions.items()
            ),
        ),
        note="A decision holds if it was allowed, or approved, and was not taken back.",
    )  # fmt: skip


def _ends(own: Decided) -> str:
    """What became of the decisions of a subject, as far as there are any."""
    ends = (("hold", own.hold), ("refused", own.refused), ("waiting", own.waiting),
            ("taken back", own.taken_back))  # fmt: skip
    return ", ".join(f"{whole(n)} {what}" for what, n in ends if n)
