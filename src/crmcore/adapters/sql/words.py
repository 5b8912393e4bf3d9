"""What customers are searched by, in SQL: a row for each word of a name, and for each tag.

The table is nothing but its key, in which words stand in the order of code points, so those that
begin alike are one range of it. A word is no row that anybody reads: it is added and dropped with
the customer that it follows from, whose state before says which rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from crmcore.adapters.sql import bulk
from crmcore.adapters.sql.driver import done_by, text_of
from crmcore.adapters.sql.tables import Tables
from crmcore.domain.customer import Customer
from crmcore.domain.names import BEYOND, name_words
from crmcore.domain.predicates import Has, HasWord

__all__ = ["add_words", "change_words", "count_words", "has_words"]

NAMES = ("tenant", "field", "word", "customer_id")
Row = tuple[str, str, str, bytes]


def add_words(
    connection: sa.Connection, tables: Tables, tenant: str, customers: Sequence[Customer]
) -> None:
    """The words of new customers."""
    bulk.insert(connection, tables.words, NAMES, list(_rows(tenant, customers)))


def change_words(
    connection: sa.Connection,
    tables: Tables,
    tenant: str,
    before: Sequence[Customer],
    after: Sequence[Customer],
) -> None:
    """Drop the words that customers had and have no more, and add the new ones."""
    held, wanted = set(_rows(tenant, before)), set(_rows(tenant, after))
    if lost := sorted(held - wanted):
        done_by(connection, text_of(_lose(tables), connection.dialect).text, lost)
    bulk.insert(connection, tables.words, NAMES, sorted(wanted - held))


def has_words(tables: Tables, tenant: str, asked: Has | HasWord) -> sa.ColumnElement[bool]:
    """The condition that a profile's customer has the tag, or a word that begins so."""
    words = tables.words
    inside = sa.select(words.c.customer_id).where(
        words.c.tenant == tenant, words.c.field == asked.name
    )
    if isinstance(asked, Has):
        inside = inside.where(words.c.word == asked.value)
    else:
        first, beyond = asked.beginning, asked.beginning + BEYOND
        inside = inside.where(words.c.word >= first, words.c.word < beyond)
    return tables.profiles.c.customer_id.in_(inside)


def count_words(
    tables: Tables, tenant: str, field: str, customers: sa.Select[Any]
) -> sa.Select[*tuple[Any, ...]]:
    """By word of a field, how many of these customers have it."""
    words = tables.words
    return (
        sa.select(words.c.word, sa.func.count())
        .where(words.c.tenant == tenant, words.c.field == field)
        .where(words.c.customer_id.in_(customers))
        .group_by(words.c.word)
    )


def _rows(tenant: str, customers: Sequence[Customer]) -> Iterator[Row]:
    for customer in customers:
        if customer.name is not None:
            id = customer.id.bytes
            for word in name_words(customer.name):
                yield tenant, "name", word, id
        for tag in customer.tags:
            yield tenant, "tags", tag, customer.id.bytes


@lru_cache(maxsize=256)
def _lose(tables: Tables) -> sa.Delete:
    """One row, by its key, whose parts are the parameters in their order."""
    words = tables.words
    return sa.delete(words).where(*(words.c[name] == sa.bindparam(name) for name in NAMES))
