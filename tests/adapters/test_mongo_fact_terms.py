"""More ids than one filter of Mongo names are asked for in ranges that nobody falls between."""

from __future__ import annotations

import pytest

from crmcore import facts
from crmcore.adapters.mongo import fact_terms
from crmcore.adapters.term_groups import Folded, grouped_by_term

IDS = [bytes([n]) for n in range(10)]


def folded(at_least: int) -> Folded:
    found = grouped_by_term(facts("orders").count() >= at_least)
    assert isinstance(found, Folded)
    return found


@pytest.mark.parametrize("most", [1, 3, 7, 100])
def test_every_id_is_in_one_range(monkeypatch: pytest.MonkeyPatch, most: int):
    monkeypatch.setattr(fact_terms, "MOST", most)
    found = {folded(1): IDS, folded(2): IDS[::2]}
    parts = list(fact_terms.ranges(found))

    for asked, ids in found.items():
        assert [id for _, within in parts for id in within[asked]] == ids
    for id in (*IDS, b"\xff"):
        bounds = [within.get("customer_id", {}) for within, _ in parts]
        assert sum(b.get("$gte", b"") <= id < b.get("$lt", b"\xff\xff") for b in bounds) == 1
    assert len(parts) > 1 or most == 100
