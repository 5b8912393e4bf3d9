"""Predicates compiled to SQL: values always bound, two-valued whatever is NULL.

`~` is pushed down to the single comparisons, so that each of them can say what NULL gives: a
plain comparison selects no row where the field is NULL, its negation selects those rows too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.functions import FunctionElement

from crmcore.adapters.sql.types import BY_CODE_POINT, INDEXED_TEXT, INTEGER, IndexedText
from crmcore.adapters.term_groups import Folded
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
from crmcore.domain.names import next_beyond
from crmcore.domain.predicates import (
    And,
    Comparison,
    Contains,
    Has,
    HasWord,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
    StartsWith,
    Term,
)

__all__ = ["attribute", "compiled", "form_of", "generated"]

Expression = sa.ColumnElement[Any]
Condition = sa.ColumnElement[bool]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


GROUP = 100
"""How many conditions stand side by side."""

NUMBER = '?(@.type() == "number")'
"""Of a path in PostgreSQL: what is no number is absent."""

FORMS: Mapping[FieldType, str] = {
    FieldType.TEXT: "t",
    FieldType.DATE: "t",
    FieldType.FLOAT: "f",
    FieldType.BOOLEAN: "b",
}


def form_of(type: FieldType) -> str:
    """A letter for how the wire value is read: text, float, boolean, or else a whole number."""
    return FORMS.get(type, "n")


def attribute(
    column: Expression, name: str, type: FieldType, dialect: str, *, indexed: bool = False
) -> Expression:
    """The wire value of a host attribute within the JSON column: text by code point, or a number.

    The path stands in the statement itself, not as a parameter, or no index would serve it; a
    declared name has no character that could end it. On PostgreSQL what is no number, as the same
    name may be to another tenant, is absent and no error. On MariaDB an `indexed` one is read from
    its generated column.
    """
    form = form_of(type)
    text: sa.types.TypeEngine[Any] = IndexedText() if indexed else sa.Text()
    if dialect == "sqlite":
        found: Expression = sa.func.json_extract(column, sa.literal_column(f"'$.\"{name}\"'"))
        read = {"t": sa.Text(), "f": sa.Double()}.get(form, sa.Numeric())
        return sa.type_coerce(found, read)
    if dialect == "postgresql":
        json = sa.cast(column, JSONB)
        if form == "t":
            found = json.op("->>", return_type=sa.Text())(sa.literal_column(f"'{name}'"))
            return sa.type_coerce(sa.collate(found, "C"), text)
        path: Expression = sa.literal_column(f"'$.\"{name}\" {NUMBER}'")
        found = sa.func.jsonb_path_query_first(json, path)
        if form == "f":
            return sa.cast(found, sa.Double())
        return sa.cast(found, sa.Numeric()) == 1 if form == "b" else sa.cast(found, sa.Numeric())
    if indexed:
        return generated(name, type)[0]
    path = sa.literal_column(f"'$.{name}'")
    found = sa.func.json_value(column, path, type_=sa.Text())
    if form == "t":
        return sa.collate(found, BY_CODE_POINT)
    if form == "b":
        return sa.cast(found, sa.BigInteger()) == 1
    return sa.cast(found, sa.Double() if form == "f" else sa.BigInteger())


def generated(name: str, type: FieldType) -> tuple[sa.ColumnClause[Any], str]:
    """MariaDB's generated column of an indexed attribute, and its definition."""
    form = form_of(type)
    value = f"JSON_VALUE(attributes, '$.{name}')"
    kind = f"JSON_TYPE(JSON_EXTRACT(attributes, '$.{name}'))"
    forms: dict[str, tuple[sa.types.TypeEngine[Any], str]] = {
        "t": (INDEXED_TEXT, f"LONGTEXT CHARACTER SET utf8mb4 COLLATE {BY_CODE_POINT} AS ({value})"),
        # To MariaDB 1e+300 is of the JSON type INTEGER as well.
        "n": (
            INTEGER,
            (
                f"BIGINT AS (CASE WHEN {value} REGEXP '^-?[0-9]{{1,17}}$'"
                f" THEN CAST({value} AS SIGNED) END)"
            ),
        ),
        "b": (
            sa.Boolean(),
            f"BOOL AS (CASE WHEN {kind} = 'INTEGER' THEN {value} = '1' END)",
        ),
        "f": (
            sa.Double(),
            (
                f"DOUBLE AS (CASE WHEN {kind} IN ('INTEGER', 'DOUBLE') THEN CAST({value} AS DOUBLE)"
                " END)"
            ),
        ),
    }
    column, definition = forms[form]
    return sa.column(f"{name}__{form}", column), f"{definition} STORED"


class _Apart(Grouping[bool]):
    """A condition in parentheses that SQLAlchemy does not take apart again."""

    operator = None
    inherit_cache = True


class _place(FunctionElement[int]):  # noqa: N801  written as a SQL function
    """Where in a text another one begins, from 1; 0 where it is nowhere. Text of the collations
    that are stored is compared character by character, and none of them is a pattern.
    """

    name = "instr"
    type = sa.Integer()
    inherit_cache = True


@compiles(_place)
def _instr(element: _place, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_place, "postgresql")
def _strpos(element: _place, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


Words = Callable[[Has | HasWord | Folded], Condition]
FoldedText = Callable[[str], Expression]


def _no_words(asked: Has | HasWord | Folded) -> Condition:
    raise InvalidInput.of(str(asked.name), "has no words")


def _not_folded(name: str) -> Expression:
    raise InvalidInput.of(name, "is not searched by its text")


def compiled(
    predicate: Predicate,
    column: Callable[[Term], Expression],
    words: Words = _no_words,
    folded: FoldedText = _not_folded,
) -> Condition:
    """The condition for a checked predicate in wire form; `column` gives a field's expression,
    `words` the condition that a word is among those of a field, or that facts folded are as asked,
    which is never null, `folded` the folded text of a field, which is null where the field is.
    """
    return _compiled(predicate, column, words, folded, True)


def _compiled(
    node: Predicate,
    column: Callable[[Term], Expression],
    words: Words,
    folded: FoldedText,
    positive: bool,
) -> Condition:
    match node:
        case Not(part):
            return _compiled(part, column, words, folded, not positive)
        case And(parts) | Or(parts):
            found = [_compiled(part, column, words, folded, positive) for part in parts]
            if isinstance(node, And) is positive:
                return _joined(sa.and_, sa.true(), found)
            return _joined(sa.or_, sa.false(), found)
        case Has() | HasWord() | Folded():
            return words(node) if positive else sa.not_(words(node))
        case Contains(name, text):
            holds = _place(folded(name), sa.literal(text, sa.Text())) > 0
            return holds if positive else sa.or_(column(name).is_(None), sa.not_(holds))
        case StartsWith(name, text):
            holds = _begins(folded(name), text)
            return holds if positive else sa.or_(column(name).is_(None), sa.not_(holds))
        case OnDays(name, days):
            holds = sa.func.substr(column(name), 6, 5, type_=sa.Text()).in_(days)
            return holds if positive else sa.or_(column(name).is_(None), sa.not_(holds))
        case Present(name):
            return column(name).is_not(None) if positive else column(name).is_(None)
        case OneOf(name, values):
            # By the column's type: by their own, PostgreSQL would take the first one's for all.
            known = column(name)
            asked: Any = values
            if not isinstance(known.type, sa.String):
                asked = sa.bindparam(None, values, type_=known.type, expanding=True, unique=True)
            inside = known.in_(asked)
            return inside if positive else sa.or_(column(name).is_(None), sa.not_(inside))
        case Comparison(name, op, OtherField(other)):
            left, right = column(name), column(other)
            holds = OPERATORS[op](left, right)
            return holds if positive else sa.or_(left.is_(None), right.is_(None), sa.not_(holds))
        case Comparison(name, op, value):
            bound = sa.bindparam(None, value, type_=column(name).type, unique=True)
            holds = OPERATORS[op](column(name), bound)
            return holds if positive else sa.or_(column(name).is_(None), sa.not_(holds))
    raise InvalidInput.of("", f"{type(node).__name__} is no predicate")


def _begins(known: Expression, text: str) -> Condition:
    """A range in the order of code points, which an index can serve, and no pattern."""
    beyond = next_beyond(text)
    least = known >= sa.literal(text, sa.Text())
    return least if beyond is None else sa.and_(least, known < sa.literal(beyond, sa.Text()))


def _joined(
    join: Callable[..., Condition], neutral: Condition, found: list[Condition]
) -> Condition:
    """All of them joined, many in groups: SQLite takes `a OR b OR c` for a tree as deep as long."""
    while len(found) > GROUP:
        starts = range(0, len(found), GROUP)
        found = [_Apart(join(neutral, *found[n : n + GROUP])) for n in starts]
    return join(neutral, *found)
