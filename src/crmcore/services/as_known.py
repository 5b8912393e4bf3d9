"""A predicate as it would have been answered then: with what the store knew at an earlier instant.

A profile is what is known now: an order that comes in late counts in it, whenever it happened. To
repeat an answer of last month (who was written to, what a model was trained on), facts recorded
since are left out, and what the journal says was changed since is undone.

What is gone for good stays gone: removed facts, removed customers, and redacted values do not come
back. The definitions of segments that the predicate names, and the measures, are today's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import instant
from crmcore.domain.kinds import CUSTOMERS
from crmcore.domain.matching import matcher
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import Predicate, Term, terms
from crmcore.services.known_facts import KnownFacts, changed_since

__all__ = ["as_known"]

BATCH = 1_000


def as_known(backend: Backend, predicate: Predicate, *, at: datetime) -> Iterator[CustomerId]:
    """The ids of those for whom `predicate`, asked at `at`, held by what was recorded until then,
    `at` included, in the order of ids.

    The journal is read once, and every customer is worked out in Python, a thousand at a time: it
    costs far more than `where`, which knows only now. What is read while others write may hold
    what they write.
    """
    at = instant(at)
    undo, later = changed_since(backend, at)
    model = backend.model
    with backend.reading() as unit:
        asked = model.resolved(
            model.checked(predicate), at=at, definition=partial(unit.segment_definition, at=at)
        )
    holds, wanted = matcher(asked), set(terms(asked))
    last: CustomerId | None = None
    while True:
        with backend.reading() as unit:
            customers = unit.reads.after(CUSTOMERS, last, BATCH)
            known = [customer for customer in customers if customer.id not in later]
            then = KnownFacts(unit.reads, model, [CustomerId(c.id) for c in known], recorded_by=at)
            values = then.values(wanted, then.copies(known, undo))
        for customer in known:
            if holds(partial(_value, values, CustomerId(customer.id))):
                yield CustomerId(customer.id)
        if len(customers) < BATCH:
            return
        last = CustomerId(customers[-1].id)


def _value(values: Mapping[Term, Callable[[CustomerId], Any]], id: CustomerId, term: Term) -> Any:
    return values[term](id)
