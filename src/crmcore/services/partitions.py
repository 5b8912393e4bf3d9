"""Checking a partition: is every customer in exactly one of the cells?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import CustomerId
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import And, Or, Predicate
from crmcore.domain.profiles import each_resolved
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["PartitionCheck", "check_partition"]

EXAMPLES = 10


@attrs.frozen(kw_only=True)
class PartitionCheck:
    """How customers fall into cells.

    `counts` says how many are in each cell, `total` how many there are. `in_none` are in no cell,
    `in_several` in more than one. `overlaps` says of the latter how many have which as their first
    and their last cell. `examples_in_none` and `examples_in_several` name up to ten of them.
    """

    counts: Mapping[str, int]
    total: int
    in_none: int = 0
    in_several: int = 0
    overlaps: Mapping[tuple[str, str], int] = attrs.field(factory=dict[tuple[str, str], int])
    examples_in_none: tuple[CustomerId, ...] = ()
    examples_in_several: tuple[CustomerId, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Is everybody in exactly one cell?"""
        return self.in_none == 0 and self.in_several == 0


def check_partition(
    backend: Backend, cells: Mapping[str, Predicate], *, at: datetime | None = None
) -> PartitionCheck:
    """Count the customers in each cell, and find those who are in none or in several.

    Where all is well that is one pass over the profiles; else two more find who is where. What is
    relative is asked at `at`, by default now. Who comes or moves between the passes may be seen by
    one and not by the next. No cells at all are `InvalidInput`.
    """
    if not cells:
        raise InvalidInput.of("cells", "name at least one")
    with backend.reading() as uow:
        asked = each_resolved(uow, cells, at)
        questions = [*asked.values(), Or(tuple(asked.values())), And(())]
        *each, in_some, total = uow.reads.count_each(None, questions)
        counts = dict(zip(asked, each, strict=True))
        # With so many in cells, and as many in one at least, nobody is in two.
        if sum(each) == in_some == total:
            return PartitionCheck(counts=counts, total=total)
        return _examined(uow, asked, counts)


def _examined(
    uow: UnitOfWork, asked: Mapping[str, Predicate], counts: Mapping[str, int]
) -> PartitionCheck:
    """By everybody's first cell and their last: whoever is in several has two."""
    names, predicates = list(asked), list(asked.values())
    lasts = dict(uow.reads.first_of(None, predicates[::-1]))
    total, in_none, in_several = 0, list[CustomerId](), list[CustomerId]()
    overlaps = Counter[tuple[str, str]]()
    for id, first in uow.reads.first_of(None, predicates):
        total += 1
        if first is None:
            in_none.append(id)
        elif (behind := lasts.get(id)) is not None:
            last = len(names) - 1 - behind
            if first != last:
                in_several.append(id)
                overlaps[names[first], names[last]] += 1
    return PartitionCheck(
        counts=counts, total=total, in_none=len(in_none), in_several=len(in_several),
        overlaps=dict(overlaps.most_common()), examples_in_none=tuple(in_none[:EXAMPLES]),
        examples_in_several=tuple(in_several[:EXAMPLES]),
    )  # fmt: skip
