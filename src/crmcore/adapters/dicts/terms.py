"""What predicates ask about and compare with, as dictionaries: facts folded, and what is relative.

{"of": "purchases", "fold": "sum", "value": "amount", "since": {"ago": {"months": 6}}}
{"ago": {"days": 90}}   {"from_now": {"hours": 2}}   {"start_of": "month", "shift": {"months": -1}}

A window ends before `until`, and either bound is an instant as text or relative. Local days are
the model's, unless `"zone": "customer"` says that they are each customer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from crmcore.adapters.dicts.values import PLAIN, an_object, read_into, unknown_keys
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.expressions import LENGTHS
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.measures import Fold
from crmcore.domain.predicates import FactTerm, Predicate
from crmcore.domain.relative import LONGEST, Period, Relative, Unit, Zone
from crmcore.domain.text import Words

__all__ = [
    "FACTS",
    "RELATIVE",
    "fact_term",
    "fact_term_dict",
    "is_relative",
    "read_zone",
    "relative",
    "relative_dict",
]

W = TypeVar("W", bound=Words)
AMOUNTS = ("ago", "from_now")
BEGINS = ("ago", "from_now", "start_of")
TERM = ("of", "fold", "value", "where", "since", "until")


def relative_dict(value: Relative) -> dict[str, Any]:
    """An instant or day that is relative to that of asking."""
    found: dict[str, Any]
    if value.period is not None:
        found = {"start_of": value.period.value}
        if value.shift or value.unit is not LENGTHS[value.period][1]:
            found["shift"] = {value.unit.value: value.shift}
    elif value.shift < 0:
        found = {"ago": {value.unit.value: -value.shift}}
    else:
        found = {"from_now": {value.unit.value: value.shift}}
    return found if value.zone is Zone.MODEL else {**found, "zone": value.zone.value}


def is_relative(value: Any) -> bool:
    """Does plain data say an instant or day that is relative?"""
    return isinstance(value, Mapping) and any(name in value for name in BEGINS)


def relative(value: Any) -> Relative:
    """Back from `relative_dict`."""
    data = an_object(value)
    said = next((name for name in BEGINS if name in data), None)
    if said is None:
        raise InvalidInput.of("", f"must be an instant, or have one of {', '.join(BEGINS)}")
    known = (said, "zone") if said in AMOUNTS else (said, "shift", "zone")
    found: dict[str, Any] = {}
    faults = unknown_keys(data, known)
    reads = {"zone": read_zone, "shift": _shift, "start_of": _period}
    for name in known:
        if name in data:
            read_into(found, faults, name, reads.get(name, _amount), data[name])
    if faults:
        raise InvalidInput(tuple(faults))
    zone = found.get("zone", Zone.MODEL)
    if said == "start_of":
        period = found["start_of"]
        shift, unit = found.get("shift", (0, LENGTHS[period][1]))
        try:
            return Relative(shift, unit, period, zone)
        except InvalidInput as error:  # hours, by which no period is shifted
            raise InvalidInput.of("shift", error.faults[0].reason) from None
    count, unit = found[said]
    return Relative(-count if said == "ago" else count, unit, None, zone)


def read_zone(value: Any) -> Zone:
    """Whose local days: `model` or `customer`."""
    return _word(Zone, value)


def _period(value: Any) -> Period:
    return _word(Period, value)


def _word(words: type[W], value: Any) -> W:
    try:
        return words(value)
    except InvalidInput as error:
        raise InvalidInput.of("", error.faults[0].reason) from None


def _amount(value: Any) -> tuple[int, Unit]:
    return _counted(value, least=0)


def _shift(value: Any) -> tuple[int, Unit]:
    return _counted(value, least=-LONGEST)


def _counted(value: Any, *, least: int) -> tuple[int, Unit]:
    data = an_object(value)
    if faults := unknown_keys(data, list(Unit)):
        raise InvalidInput(tuple(faults))
    if len(data) != 1:
        raise InvalidInput.of("", f"must have one of {', '.join(Unit)}")
    ((unit, count),) = data.items()
    if type(count) is not int or not least <= count <= LONGEST:
        raise InvalidInput.of(unit, f"must be a whole number from {least:,} to {LONGEST:,}")
    return count, Unit(unit)


def fact_term_dict(term: FactTerm, write: Callable[[Predicate], Any]) -> dict[str, Any]:
    """Facts folded into a term; `write` turns their condition."""
    found: dict[str, Any] = {"of": term.of, "fold": str(term.fold)}
    if term.value is not None:
        found["value"] = term.value
    if term.where is not None:
        found["where"] = write(term.where)
    for name in ("since", "until"):
        bound = getattr(term, name)
        if bound is not None:
            found[name] = _bound_plain(bound)
    return found


def _bound_plain(bound: datetime | Relative) -> Any:
    if isinstance(bound, Relative):
        return relative_dict(bound)
    write = PLAIN[datetime].write
    return bound if write is None else write(bound)


def fact_term(value: Any, read: Callable[[Any], Predicate]) -> FactTerm:
    """Back from `fact_term_dict`."""
    data = an_object(value)
    found: dict[str, Any] = {}
    faults = unknown_keys(data, TERM)
    faults += [Fault(name, "is missing") for name in ("of", "fold") if name not in data]
    reads = {"fold": _fold, "where": read, "since": _bound, "until": _bound}
    for name in TERM:
        if name in data and (data[name] is not None or name in ("of", "fold")):
            read_into(found, faults, name, reads.get(name, PLAIN[str].read), data[name])
    if faults:
        raise InvalidInput(tuple(faults))
    return FactTerm(**found)


def _fold(value: Any) -> str:
    return str.__str__(_word(Fold, value))


def _bound(value: Any) -> datetime | Relative:
    return PLAIN[datetime].read(value) if isinstance(value, str) else relative(value)


_UNITS: dict[str, Any] = {
    "type": "object",
    "properties": {unit.value: {"type": "integer"} for unit in Unit},
    "additionalProperties": False,
}
_ZONE = {"enum": [zone.value for zone in Zone]}

RELATIVE: dict[str, Any] = {
    "description": "An instant or day, relative to that of asking.",
    "anyOf": [
        *(
            {
                "type": "object",
                "properties": {name: _UNITS, "zone": _ZONE},
                "required": [name],
                "additionalProperties": False,
            }
            for name in AMOUNTS
        ),
        {
            "type": "object",
            "properties": {
                "start_of": {"enum": [period.value for period in Period]},
                "shift": _UNITS,
                "zone": _ZONE,
            },
            "required": ["start_of"],
            "additionalProperties": False,
        },
    ],
}

_BOUND: dict[str, Any] = {"anyOf": [PLAIN[datetime].schema, *RELATIVE["anyOf"]]}

FACTS: dict[str, Any] = {
    "description": "A value folded from the customer's facts, with since <= at < until.",
    "type": "object",
    "properties": {
        "of": {"enum": list(MEASURABLE)},
        "fold": {"enum": [fold.value for fold in Fold]},
        "value": {"type": "string", "description": "The field that is folded; of a count, none."},
        "where": {"type": "object", "description": "A predicate over the facts."},
        "since": _BOUND,
        "until": _BOUND,
    },
    "required": ["of", "fold"],
    "additionalProperties": False,
}
