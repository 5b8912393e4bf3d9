"""Values in plain English: amounts, instants, and what is relative to the instant of asking.

Different values of one type are spelt differently, so that who reads them knows which it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from crmcore.domain.expressions import LENGTHS, PERIODS
from crmcore.domain.instants import zone_named
from crmcore.domain.money import Money
from crmcore.domain.predicates import Comparison, FactTerm, Predicate
from crmcore.domain.relative import Period, Relative, Unit, Zone

__all__ = ["during", "is_one_period", "last_of", "relative_words", "spelt", "text_words"]

PLAIN_WORD = re.compile(r"[^\W\d_][\w-]*")
RESERVED = {"known", "nothing", "true", "false", "now", "theirs"}
"""Words that mean something where a value stands, so the text of them is quoted."""
OWN_ZONE = " in the customer's zone"


def spelt(value: Any, *, zone: str) -> str:
    """One value; instants are told by the clocks of `zone`, with their distance from UTC."""
    match value:
        case Relative():
            return relative_words(value)
        case bool():
            return "true" if value else "false"
        case str():
            return text_words(value)
        case Money():
            return f"{value.amount:,} {value.currency}"
        case int():
            return f"{value:,}"
        case datetime():
            local = value.astimezone(zone_named(zone))
            if local.microsecond:
                return local.isoformat(" ", "milliseconds")
            return local.isoformat(" ", "seconds" if local.second else "minutes")
        case date():
            return value.isoformat()
        case tuple():
            return ", ".join(spelt(part, zone=zone) for part in value) or "nothing"
        case None:
            return "not known"
    return str(value)


def text_words(text: str) -> str:
    """A text: a plain word as it is, any other in quotation marks."""
    if PLAIN_WORD.fullmatch(text) and text not in RESERVED and text.isprintable():
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in quoted)


def relative_words(value: Relative) -> str:
    """`90 days ago`, `now`, `the start of last month`, `3 days after the start of today`."""
    own = OWN_ZONE if value.zone is Zone.CUSTOMER else ""
    if value.period is None:
        if not value.shift and value.unit is Unit.DAYS:
            return f"now{own}"
        distance = _many(abs(value.shift), value.unit)
        return f"{distance} {'ago' if value.shift < 0 else 'from now'}{own}"
    named = _period_named(value)
    if named is not None:
        return f"the start of {named}{own}"
    begins = f"the start of {'today' if value.period is Period.DAY else f'this {value.period}'}"
    side = "before" if value.shift < 0 else "after"
    return f"{_many(abs(value.shift), value.unit)} {side} {begins}{own}"


def is_one_period(parts: Sequence[Predicate]) -> bool:
    """Are these two comparisons, which bound one term by a period that has a name?"""
    return during(parts) is not None


def during(parts: Sequence[Predicate]) -> str | None:
    """`during last month`, where two parts together say so of one term; else `None`."""
    match parts:
        case (
            Comparison(name, ">=", Relative() as since),
            Comparison(other, "<", Relative() as end),
        ):
            named = _period_named(since)
            if name != other or named is None or since.period is None or since.zone != end.zone:
                return None
            length, unit = LENGTHS[since.period]
            following = Relative(since.shift + length, unit, since.period, since.zone)
            if following != end:
                return None
            own = OWN_ZONE if since.zone is Zone.CUSTOMER else ""
            return f"{'' if since.period is Period.DAY else 'during '}{named}{own}"
    return None


def last_of(term: FactTerm) -> str | None:
    """`in the last 6 months`, where that is its window; else `None`."""
    since, until = term.since, term.until
    if not isinstance(since, Relative) or until != Relative():
        return None
    if since.period is not None or since.shift >= 0:
        return None
    own = OWN_ZONE if since.zone is Zone.CUSTOMER else ""
    return f"in the last {_many(-since.shift, since.unit)}{own}"


def _period_named(value: Relative) -> str | None:
    """`today`, `last month`: the period that begins there, where it has such a name."""
    if value.period is None:
        return None
    length, unit = LENGTHS[value.period]
    for name, (period, shift) in PERIODS.items():
        if (period, shift * length, unit) == (value.period, value.shift, value.unit):
            return name.replace("_", " ")
    return None


def _many(count: int, unit: Unit) -> str:
    return f"{count:,} {unit.value.removesuffix('s') if count == 1 else unit.value}"
