"""Column types that hold and order the same wire values on every dialect.

Text compares by code point everywhere: PostgreSQL under the collation `C`, MariaDB under a binary
collation that minds trailing spaces. MariaDB's plain TEXT and BLOB end at 64 KiB, so they are the
long ones there, and ids are BINARY(16), which can be a key. Revisions use these types, so none of
them ever changes: another representation gets another name.

Long text is indexed by its beginning, because PostgreSQL and MariaDB bound the size of a key:
MariaDB does so by itself, for PostgreSQL each comparison says it (`IndexedText`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler

from crmcore.domain.fields import FieldType

__all__ = [
    "BEGINNING",
    "BYTES",
    "BY_CODE_POINT",
    "COUNTER",
    "ID",
    "INDEXED_TEXT",
    "INSTANT",
    "INTEGER",
    "MARIADB",
    "TEXT",
    "TYPES",
    "IndexedText",
    "beginning",
    "short",
    "stands_in",
]

MARIADB = ("mariadb", "mysql")
BY_CODE_POINT = "utf8mb4_nopad_bin"
BEGINNING = 500
"""So many characters of a long text are in its index: 2,000 bytes at most, of 2,700 allowed."""

ID = sa.LargeBinary(16).with_variant(mysql.BINARY(16), *MARIADB)
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MARIADB)
INTEGER = INSTANT = sa.BigInteger()
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_ON_MARIADB = mysql.LONGTEXT(charset="utf8mb4", collation=BY_CODE_POINT)
TEXT = (
    sa.Text()
    .with_variant(sa.Text(collation="C"), "postgresql")
    .with_variant(LONG_ON_MARIADB, *MARIADB)
)


class beginning(sa.ColumnElement[str]):  # noqa: N801  written and read as a SQL function
    """The part of a long text that PostgreSQL's index holds; the text itself elsewhere."""

    inherit_cache: bool | None = True
    _traverse_internals = [  # noqa: RUF012  SQLAlchemy's own annotation
        ("text", sa.sql.visitors.InternalTraversal.dp_clauseelement)
    ]

    def __init__(self, text: sa.ColumnElement[Any]) -> None:
        self.text = text
        self.type: sa.types.TypeEngine[str] = sa.Text()


@compiles(beginning)
def _whole(element: beginning, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.text, **options))


@compiles(beginning, "postgresql")
def _left(element: beginning, compiler: SQLCompiler, **options: Any) -> str:
    return f"left({compiler.process(element.text, **options)}, {BEGINNING})"


class stands_in(sa.ColumnElement[bool]):  # noqa: N801  written and read as a SQL function
    """Is the text, a bound parameter, somewhere in a column that compares by code point?"""

    inherit_cache: bool | None = True
    _traverse_internals = [  # noqa: RUF012  SQLAlchemy's own annotation
        ("part", sa.sql.visitors.InternalTraversal.dp_clauseelement),
        ("text", sa.sql.visitors.InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, part: str, text: sa.ColumnElement[Any]) -> None:
        self.part: sa.ColumnElement[str] = sa.bindparam(None, part, type_=sa.Text(), unique=True)
        self.text = text
        self.type: sa.types.TypeEngine[bool] = sa.Boolean()


@compiles(stands_in)
def _instr(element: stands_in, compiler: SQLCompiler, **options: Any) -> str:
    return _found("instr", element, compiler, options)


@compiles(stands_in, "postgresql")
def _strpos(element: stands_in, compiler: SQLCompiler, **options: Any) -> str:
    return _found("strpos", element, compiler, options)


def _found(name: str, element: stands_in, compiler: SQLCompiler, options: dict[str, Any]) -> str:
    text, part = (compiler.process(each, **options) for each in (element.text, element.part))
    return f"({name}({text}, {part}) > 0)"


COARSE: dict[Any, Callable[[Any, Any], Any]] = {
    operators.eq: operator.eq,
    operators.lt: operator.le,
    operators.le: operator.le,
    operators.gt: operator.ge,
    operators.ge: operator.ge,
}


class IndexedText(sa.Text):
    """Long text that is indexed by its beginning: to compare it, its beginning is compared too."""

    cache_ok = True

    class Comparator(sa.Text.Comparator[str]):
        """`text > value` is `beginning(text) >= beginning(value) AND text > value`."""

        def operate(self, op: Any, *other: Any, **options: Any) -> Any:
            exact = super().operate(op, *other, **options)
            if op in COARSE:
                value = exact.right if isinstance(exact, sa.BinaryExpression) else other[0]
                return sa.and_(COARSE[op](beginning(self.expr), beginning(value)), exact)
            if op is operators.in_op:
                near = [beginning(sa.literal(value, self.type)) for value in other[0]]
                return sa.and_(beginning(self.expr).in_(near), exact)
            return exact

    comparator_factory: Any = Comparator


INDEXED_TEXT = (
    IndexedText()
    .with_variant(sa.Text(collation="C"), "postgresql")
    .with_variant(LONG_ON_MARIADB, *MARIADB)
)


def short(length: int) -> sa.types.TypeEngine[Any]:
    """Text of a bounded length, which can be part of a key."""
    return (
        sa.String(length)
        .with_variant(sa.String(length, collation="C"), "postgresql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation=BY_CODE_POINT), *MARIADB)
    )


TYPES: dict[FieldType, sa.types.TypeEngine[Any]] = {
    FieldType.TEXT: TEXT,
    FieldType.INTEGER: INTEGER,
    FieldType.FLOAT: sa.Double(),
    FieldType.DECIMAL: INTEGER,
    FieldType.BOOLEAN: sa.Boolean(),
    FieldType.DATE: short(10),
    FieldType.INSTANT: INSTANT,
    FieldType.ID: ID,
    FieldType.TEXT_SET: TEXT,
    FieldType.NESTED: TEXT,
}
"""The SQL type of each wire value."""
