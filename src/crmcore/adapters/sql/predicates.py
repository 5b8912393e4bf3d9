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

from crmcore.adapters.sql.types import BY_CODE_POINT
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
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

__all__ = ["attribute", "compiled"]

Expression = sa.ColumnElement[Any]
Condition = sa.ColumnElement[bool]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def attribute(column: Expression, name: str, type: FieldType, dialect: str) -> Expression:
    """The wire value of a host attribute within the JSON column: text by code point, or a number.

    The path stands in the statement itself, not as a parameter, or no index would serve it; a
    declared name has no character that could end it.
    """
    is_text = type in (FieldType.TEXT, FieldType.DATE)
    if dialect == "sqlite":
        found: Expression = sa.func.json_extract(column, sa.literal_column(f"'$.\"{name}\"'"))
        return sa.type_coerce(found, sa.Text() if is_text else sa.Numeric())
    if dialect == "postgresql":
        step = sa.cast(column, JSONB).op("->>", return_type=sa.Text())
        found, collation = step(sa.literal_column(f"'{name}'")), "C"
    else:
        path: Expression = sa.literal_column(f"'$.{name}'")
        found, collation = sa.func.json_value(column, path, type_=sa.Text()), BY_CODE_POINT
    if is_text:
        return sa.collate(found, collation)
    if type is FieldType.BOOLEAN:
        return sa.cast(found, sa.BigInteger()) == 1
    return sa.cast(found, sa.Double() if type is FieldType.FLOAT else sa.BigInteger())


def compiled(predicate: Predicate, column: Callable[[str], Expression]) -> Condition:
    """The condition for a checked predicate in wire form; `column` gives a field's expression."""
    return _compiled(predicate, column, True)


def _compiled(node: Predicate, column: Callable[[str], Expression], positive: bool) -> Condition:
    match node:
        case Not(part):
            return _compiled(part, column, not positive)
        case And(parts) | Or(parts):
            found = [_compiled(part, column, positive) for part in parts]
            if isinstance(node, And) is positive:
                return sa.and_(sa.true(), *found)
            return sa.or_(sa.false(), *found)
        case Present(name):
            return column(name).is_not(None) if positive else column(name).is_(None)
        case OneOf(name, values):
            inside = column(name).in_(values)
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
