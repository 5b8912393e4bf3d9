"""What a backend should hold, worked out again in plain dictionaries.

It imports nothing of crmcore but what stands beside it and imports nothing either, so that it
cannot share its mistakes. Customers and facts are plain
mappings; money is minor units. Every profile is computed from all facts when asked for; nothing
is kept up to date, so nothing can go stale. Each command answers the name of the error that the
backend should raise, or `None`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from crmcore.testing.local_days import zone_of
from crmcore.testing.meanings import meaning

__all__ = ["KINDS", "Oracle", "told"]

Row = dict[str, Any]

KINDS = (
    "orders", "payments", "fulfilments", "cancellations", "returns", "interactions", "scores",
    "consents", "segment_changes", "points", "tier_changes", "decisions",
)  # fmt: skip
SCORERS = ("probability_alive", "expected_purchases", "lifetime_value")


class Oracle:
    """One tenant. `rate` is the price of one unit of any other currency in the model's own."""

    def __init__(self, *, currency: str, rate: Fraction) -> None:
        self.currency = currency
        self.rate = rate
        self.customers: dict[Any, Row] = {}
        self.facts: dict[str, dict[Any, Row]] = {kind: {} for kind in KINDS}
        self.removed: set[Any] = set()
        self.journal: list[tuple[Any, ...]] = []

    def copy(self) -> Oracle:
        """The same, to try something on."""
        other = Oracle(currency=self.currency, rate=self.rate)
        other.customers = dict(self.customers)
        other.facts = {kind: dict(rows) for kind, rows in self.facts.items()}
        other.removed, other.journal = set(self.removed), list(self.journal)
        return other

    def about(self, row: tuple[Any, ...]) -> list[Any]:
        """The ids of the customers whom a row of the journal is about."""
        kind, _, ids, _ = row
        if kind == "customers":
            return list(ids)
        return [self.facts[kind][id]["customer_id"] for id in ids]

    # customers

    def holders(self, key: tuple[str, str]) -> list[Any]:
        """The ids of those who have this key."""
        return sorted(id for id, row in self.customers.items() if key in row["keys"])

    def add(self, row: Row) -> str | None:
        """A new customer."""
        if row["id"] in self.customers:
            return "AlreadyExists"
        if self._taken(row):
            return "IdentifierTaken"
        self.customers[row["id"]] = row | {"version": 1}
        self.journal.append(("customers", "added", (row["id"],), 1))
        return None

    def save(self, row: Row) -> str | None:
        """A customer's next state, at the version that was read."""
        held = self.customers.get(row["id"])
        if held is None:
            return "NotFound"
        if held["version"] != row["version"]:
            return "Stale"
        if self._taken(row):
            return "IdentifierTaken"
        self.customers[row["id"]] = row | {"version": row["version"] + 1}
        self.journal.append(("customers", "saved", (row["id"],), row["version"] + 1))
        return None

    def remove(self, row: Row) -> str | None:
        """A customer who goes, at the version that was read."""
        held = self.customers.get(row["id"])
        if held is None:
            return "NotFound"
        if held["version"] != row["version"]:
            return "Stale"
        everything = (fact for facts in self.facts.values() for fact in facts.values())
        if any(fact["customer_id"] == row["id"] for fact in everything):
            return "Refused"
        del self.customers[row["id"]]
        self.journal.append(("customers", "removed", (row["id"],), row["version"]))
        return None

    def redact(self, id: Any) -> str | None:
        """A customer who is to be forgotten: what tells who they are goes, all else stays."""
        held = self.customers.get(id)
        if held is None:
            return "NotFound"
        bare: Row = {"name": None, "email": None, "phone": None, "keys": {}}
        self.customers[id] = held | bare | {"version": held["version"] + 1}
        self.journal.append(("customers", "redacted", (id,), held["version"] + 1))
        return None

    def _taken(self, row: Row) -> bool:
        exclusive = [key for key in row["keys"] if row["keys"][key]]
        return any(set(self.holders(key)) - {row["id"]} for key in exclusive)

    # facts

    def of(self, kind: str) -> list[Row]:
        """The facts of a kind that count, by `at` then id."""
        found = [row for id, row in self.facts[kind].items() if id not in self.removed]
        return sorted(found, key=lambda row: (row["at"], row["id"]))

    def known(self, kind: str, fact: Row) -> Row | None:
        """The fact, removed ones too, that has the same source key, or the same id."""
        return next((row for row in self.facts[kind].values() if _alike(row, fact)), None)

    def append(self, kind: str, facts: list[Row]) -> str | None:
        """Facts recorded together: all, or none."""
        given: list[Row] = []
        for fact in facts:
            known = next((row for row in given if _alike(row, fact)), None)
            if known is None:
                given.append(dict(fact))
            elif _content(known) != _content(fact):
                return "ConflictingFact"
        if any(fact["customer_id"] not in self.customers for fact in given):
            return "NotFound"
        new: dict[Any, Row] = {}
        for fact in given:
            known = self.known(kind, fact)
            if known is None:
                new[fact["id"]] = fact
            elif _content(known) != _content(fact):
                return "ConflictingFact"
        for fact in new.values():
            if error := self._refused(kind, fact, list(new.values())):
                return error
        for fact in new.values():
            if "amount" in fact:
                fact["base"] = self._base(kind, fact)
            self.facts[kind][fact["id"]] = fact
        if new:
            self.journal.append((kind, "appended", tuple(new), None))
        return None

    def strike(self, kind: str, id: Any) -> str | None:
        """A fact that was recorded by mistake."""
        if id not in self.facts[kind] or id in self.removed:
            return "NotFound"
        self.removed.add(id)
        self.journal.append((kind, "removed", (id,), None))
        return None

    def _refused(self, kind: str, fact: Row, together: list[Row]) -> str | None:
        if "order_id" not in fact or kind == "interactions":
            return None
        order = self.facts["orders"].get(fact["order_id"])
        if order is None or order["id"] in self.removed:
            return "NotFound"
        if order["customer_id"] != fact["customer_id"]:
            return "InvalidInput"
        before = together[: together.index(fact)]
        mine = [row for row in before if row["order_id"] == order["id"]]
        off = bool(self._about("cancellations", order)) or (kind == "cancellations" and bool(mine))
        if off and kind in ("cancellations", "returns"):
            return "Refused"
        if kind == "returns":
            if fact["currency"] != order["currency"]:
                return "Refused"
            credited = sum(row["amount"] for row in [*self._about("returns", order), *mine, fact])
            if credited > order["amount"]:
                return "Refused"
        return None

    def _about(self, kind: str, order: Row) -> list[Row]:
        return [row for row in self.of(kind) if row["order_id"] == order["id"]]

    def _base(self, kind: str, fact: Row) -> int:
        if kind == "returns":
            order = self.facts["orders"][fact["order_id"]]
            before = sum(row["amount"] for row in self._about("returns", order))
            share = Fraction(order["base"], order["amount"])
            return _half_up(share * (before + fact["amount"])) - _half_up(share * before)
        if fact["currency"] == self.currency:
            return int(fact["amount"])
        worth: Fraction = fact["amount"] * self.rate
        return round(worth)

    # what follows from them

    def purchases(self, id: Any) -> list[Row]:
        """What a customer bought and kept: orders without those cancelled or wholly returned."""
        return _purchases(
            self._by("orders", id), self._by("returns", id), self._by("cancellations", id)
        )

    def profile(self, id: Any) -> Row:
        """The single view of one customer."""
        customer = self.customers[id]
        bought, calls = self.purchases(id), self._by("interactions", id)
        paid, delivered = self._by("payments", id), self._by("fulfilments", id)
        row: Row = {name: customer[name] for name in COPIED} | customer["attributes"]
        row |= {
            "order_count": len(self._by("orders", id)),
            "purchase_count": len(bought),
            "revenue": sum(order["net"] for order in bought),
            "first_purchase_at": min((order["at"] for order in bought), default=None),
            "last_purchase_at": max((order["at"] for order in bought), default=None),
            "returned": sum(fact["base"] for fact in self._by("returns", id)),
            "paid": sum(fact["base"] for fact in paid),
            "interaction_count": len(calls),
            "last_interaction_at": max((fact["at"] for fact in calls), default=None),
            "phone_calls": sum(1 for fact in calls if fact["channel"] == "phone"),
            "web_revenue": sum(o["net"] for o in bought if o["channel"] == "web"),
            "largest_purchase": max((order["net"] for order in bought), default=None),
            "smallest_payment": min((fact["base"] for fact in paid), default=None),
            "shortest_wait": min(_values(calls, "waited_seconds"), default=None),
            "waited": sum(_values(calls, "waited_seconds")),
            "cancellations": len(self._by("cancellations", id)),
        }
        row |= _latest("last_channel", calls, "channel") | _latest("last_topic", calls, "topic")
        row |= _latest("delivered_whole", delivered, "complete")
        mailed = [fact for fact in self._by("consents", id) if fact["channel"] == "email"]
        row |= _latest("opted_in", mailed, "given")
        changes = [fact for fact in self._by("segment_changes", id) if fact["segment"] == "vip"]
        row |= _latest("in_vip", changes, "entered")
        entries = [fact for fact in self._by("points", id) if fact["programme"] == "club"]
        row |= {f"club_{n}": sum(fact[of] for fact in entries)
                for n, of in (("points", "active"), ("pending", "pending"))}  # fmt: skip
        tiers = [fact for fact in self._by("tier_changes", id) if fact["programme"] == "club"]
        row |= _latest("club_tier", tiers, "tier")
        for scorer in SCORERS:
            own = [fact for fact in self._by("scores", id) if fact["scorer"] == scorer]
            row |= _latest(scorer, own, "value")
        return row

    def _by(self, kind: str, id: Any) -> list[Row]:
        return [row for row in self.of(kind) if row["customer_id"] == id]

    def told_of(self, id: Any) -> dict[str, list[Row]]:
        """By kind, purchases among them, what can be asked about of a customer's facts."""
        return told({kind: self._by(kind, id) for kind in KINDS})

    def ids(self, question: Any, *, at: datetime, zone: str) -> list[Any]:
        """The ids of those for whom a predicate holds, asked at an instant under that zone, in
        order.
        """
        holds = meaning(question, at=at, zone=zone)
        own = {id: zone_of(row["zone"], zone) for id, row in self.customers.items()}
        return sorted(id for id in own if holds(self.profile(id), self.told_of(id), own[id]))


def told(stored: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """By kind, purchases among them, one customer's facts as they are asked about."""
    asked = {kind: [_asked(fact) for fact in stored[kind]] for kind in KINDS}
    bought = _purchases(*(stored[kind] for kind in ("orders", "returns", "cancellations")))
    return asked | {"purchases": [_asked(one) | {"amount": one["net"]} for one in bought]}


def _purchases(
    orders: Sequence[Row], returns: Sequence[Row], cancellations: Sequence[Row]
) -> list[Row]:
    """The orders that were neither cancelled nor wholly returned, with what is left as `net`."""
    found = []
    for order in orders:
        back = [row for row in returns if row["order_id"] == order["id"]]
        whole = bool(back) and sum(row["amount"] for row in back) >= order["amount"]
        if not whole and all(row["order_id"] != order["id"] for row in cancellations):
            found.append(order | {"net": order["base"] - sum(row["base"] for row in back)})
    return found


def _asked(fact: Row) -> Row:
    """A fact by the names under which it is asked about."""
    found = fact | {"base_amount": fact.get("base")}
    if "lines" in fact:
        for name, place in (("products", 0), ("categories", 1)):
            told = {line[place] for line in fact["lines"]} - {None}
            found[name] = tuple(sorted(told))
    return found


COPIED = (
    "kind", "name", "stage", "stage_since", "known_since", "language", "zone", "region", "email",
    "phone", "tags",
)  # fmt: skip


def _alike(one: Row, other: Row) -> bool:
    """Do they claim to be the same fact?"""
    keyed = one["source_key"] is not None
    same_key = (one["source"], one["source_key"]) == (other["source"], other["source_key"])
    return one["id"] == other["id"] or (keyed and same_key)


def _content(fact: Row) -> Row:
    return {name: value for name, value in fact.items() if name not in BOOKKEEPING}


BOOKKEEPING = ("id", "source", "source_key", "recorded_at", "actor", "base")


def _values(facts: Iterable[Row], name: str) -> list[Any]:
    return [fact[name] for fact in facts if fact[name] is not None]


def _latest(name: str, facts: Iterable[Row], value: str) -> Row:
    known = [fact for fact in facts if fact[value] is not None]
    last = max(known, key=lambda f: (f["at"], f["recorded_at"], f[value]), default=None)
    return {
        name: None if last is None else last[value],
        f"{name}_at": None if last is None else last["at"],
    }


def _half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))
