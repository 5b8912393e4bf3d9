"""Column types that hold and order the same wire values on every dialect.

Text compares by code point everywhere: PostgreSQL under the collation `C`, MariaDB under a binary
collation that minds trailing spaces. MariaDB's plain TEXT and BLOB end at 64 KiB, so they are the
long ones there, and ids are BINARY(16), which can be a key. Revisions use these types, so none of
them ever changes: another representation gets another name.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from crmcore.domain.fields import FieldType

__all__ = [
    "BYTES",
    "BY_CODE_POINT",
    "COUNTER",
    "ID",
    "INSTANT",
    "INTEGER",
    "TEXT",
    "TYPES",
    "short",
]

MARIADB = ("mariadb", "mysql")
BY_CODE_POINT = "utf8mb4_nopad_bin"

ID = sa.LargeBinary(16).with_variant(mysql.BINARY(16), *MARIADB)
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MARIADB)
INTEGER = INSTANT = sa.BigInteger()
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = (
    sa.Text()
    .with_variant(sa.Text(collation="C"), "postgresql")
    .with_variant(mysql.LONGTEXT(charset="utf8mb4", collation=BY_CODE_POINT), *MARIADB)
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
    FieldType.NESTED: TEXT,
}
"""The SQL type of each wire value."""
