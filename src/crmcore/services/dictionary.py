"""The data dictionary: what every column of an extract means, made from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import groupby

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType, fields_of
from crmcore.domain.kinds import AGGREGATES, FACTS, PURCHASES
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.predicates import (
    And,
    Comparison,
    Not,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
)
from crmcore.domain.profile import COPIED_FIELDS

__all__ = [
    "KINDS",
    "ColumnDescription",
    "data_dictionary",
    "described",
    "dictionary_page",
    "dictionary_version",
]

PROFILES = "profiles"
CLASSES = {kind.name: kind.cls for kind in (*AGGREGATES, *FACTS, PURCHASES)}
KINDS: tuple[str, ...] = (*CLASSES, PROFILES)
"""Everything that has columns: aggregates, facts, purchases, profiles."""

UNITS = {
    FieldType.ID: "UUID",
    FieldType.INSTANT: "UTC, to the millisecond",
    FieldType.DATE: "calendar day",
    FieldType.NESTED: "JSON",
}


@attrs.frozen(kw_only=True)
class ColumnDescription:
    """One column of `backend.columns(kind)` and of an exported file.

    `type` is what the values are: `text`, `integer`, `float`, `boolean`, `instant`, `id`,
    `nested`. `since` is the schema version that brought the column.
    """

    kind: str
    column: str
    type: FieldType
    unit: str | None
    meaning: str
    nullable: bool
    personal: bool
    since: int = 1


def data_dictionary(model: Model) -> tuple[ColumnDescription, ...]:
    """Every column of every kind under this model, in the order of the columns.

    Customers and products are among them, which are exported, though not streamed by `columns()`.
    """
    return tuple(column for kind in KINDS for column in described(kind, model))


def described(kind: str, model: Model) -> tuple[ColumnDescription, ...]:
    """The columns of one kind; an unknown one is `InvalidInput`."""
    if kind == PROFILES:
        return tuple(_profile_columns(model))
    if kind not in CLASSES:
        raise InvalidInput.of("kind", f"is none of {', '.join(KINDS)}")
    return tuple(column for f in fields_of(CLASSES[kind]) for column in _columns(kind, f))


def dictionary_version(model: Model) -> str:
    """The schema version and a mark of the model's columns: the same text, the same columns."""
    columns = data_dictionary(model)
    told = "\n".join(
        f"{c.kind} {c.column} {c.type} {c.unit} {c.nullable} {c.personal} {c.since}"
        for c in columns
    )
    model_mark = blake2b(told.encode(), digest_size=4).hexdigest()
    return f"schema {max(column.since for column in columns)}, model {model_mark}"


def dictionary_page(model: Model) -> str:
    """The dictionary as a page of Markdown: a table for each kind."""
    lines = ["# Data dictionary", "", f"Version: {dictionary_version(model)}.", ""]
    for kind, columns in groupby(data_dictionary(model), lambda column: column.kind):
        lines += [f"## {kind}", ""]
        lines += ["| column | type | unit | meaning | may be absent | personal | since |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for c in columns:
            marks = " | ".join("yes" if mark else "" for mark in (c.nullable, c.personal))
            told = " | ".join([f"`{c.column}`", c.type, c.unit or "", _cell(c.meaning)])
            lines.append(f"| {told} | {marks} | {c.since} |")
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text within a table of Markdown."""
    return text.replace("|", r"\|").replace("\n", " ")


def _columns(kind: str, field: Field) -> Iterator[ColumnDescription]:
    column = ColumnDescription(
        kind=kind,
        column=field.name,
        type=field.type,
        unit="seconds" if field.name.endswith("_seconds") else UNITS.get(field.type),
        meaning=field.meaning,
        nullable=field.optional,
        personal=field.personal,
        since=field.since,
    )
    if field.type is not FieldType.MONEY:
        yield column
        return
    currency = f"{field.name}_currency"
    yield attrs.evolve(
        column, column=f"{field.name}_minor", type=FieldType.INTEGER,
        unit=f"minor units of `{currency}`",
    )  # fmt: skip
    yield attrs.evolve(
        column, column=currency, type=FieldType.TEXT, unit="ISO 4217",
        meaning=f"the currency of `{field.name}_minor`",
    )  # fmt: skip


def _profile_columns(model: Model) -> Iterator[ColumnDescription]:
    whose = Field("customer_id", FieldType.ID, False, meaning="the customer whose profile this is")
    names = ", ".join(f"{known.name} ({known.type})" for known in model.attributes)
    host = Field(
        "attributes", FieldType.NESTED, False, True,
        meaning=f"the host's attributes by name: {names or 'none in this model'}; instants in "
        "milliseconds since 1970, decimals in millionths, money in minor units, yes and no as 1 "
        "and 0",
    )  # fmt: skip
    for field in (whose, *COPIED_FIELDS, host):
        yield from _columns(PROFILES, field)
    for measure in model.all_measures:
        own, *dated = measure.fields
        found = next(_columns(PROFILES, attrs.evolve(own, meaning=_meaning(measure))))
        if own.type is FieldType.MONEY:
            found = attrs.evolve(found, unit=f"minor units of {model.currency}")
        yield found
        for field in dated:
            since = f"since when `{measure.name}` is so"
            yield from _columns(PROFILES, attrs.evolve(field, meaning=since))


def _meaning(measure: Measure) -> str:
    """What a measure counts or looks for, from its declaration."""
    value = f"`{measure.value}` of {measure.of}"
    told = {
        Fold.COUNT: f"how many {measure.of}",
        Fold.SUM: f"the sum of {value}",
        Fold.MIN: f"the first {value}"
        if measure.type is FieldType.INSTANT
        else f"the least {value}",
        Fold.MAX: f"the last {value}"
        if measure.type is FieldType.INSTANT
        else f"the greatest {value}",
        Fold.LATEST: f"the latest {value}",
    }[measure.fold]
    return told if measure.where is None else f"{told} where {_said(measure.where)}"


def _said(predicate: Predicate) -> str:
    match predicate:
        case Comparison(name, op, OtherField(other)):
            return f"{name} {op} {other}"
        case Comparison(name, op, value):
            return f"{name} {op} {value}"
        case OneOf(name, values):
            return f"{name} is one of {', '.join(map(str, values))}"
        case Present(name):
            return f"{name} is known"
        case And(parts):
            return "(" + " and ".join(map(_said, parts)) + ")"
        case Or(parts):
            return "(" + " or ".join(map(_said, parts)) + ")"
        case Not(part):
            return f"not {_said(part)}"
    raise TypeError(f"{type(predicate).__name__} is no predicate")
