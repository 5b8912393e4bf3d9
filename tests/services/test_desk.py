"""What is no member, benefit or authority is refused by name, before anything is asked of it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import FactId, new_id
from crmcore.domain.money import Money
from crmcore.services import Authority, decide_benefit, desk_card, grant_benefit
from tests.services.test_loyalty import AGENT, DAY, START, UPGRADE, backend, member

__all__ = ["backend"]

OTHERS: tuple[Any, ...] = (None, 7, "C300", b"", [], {}, object, AGENT.limit)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("limit", "yearly") for value in (60, "60", None, 6.5)),
        ("limit", Money(-1, "EUR")), ("yearly", Money(-1, "EUR")), ("from_tier", None),
        ("from_tier", 1), ("from_tier", "no tier"), ("name", ""), ("asks", 5),
    ],
)  # fmt: skip
def test_an_authority_is_declared_in_money(name: str, value: Any):
    with pytest.raises(InvalidInput, match=f"^{name}: "):
        attrs.evolve(AGENT, **{name: value})


def test_nothing_may_be_given_by_an_authority_of_nothing(backend: Backend):
    none = Authority(
        name="trainee", limit=Money(0, "EUR"), yearly=Money(0, "EUR"), from_tier="gold"
    )
    with backend.reading() as uow:
        decided = decide_benefit(
            uow, member(backend, "C300"), UPGRADE, at=START + 60 * DAY, authority=none
        )
    assert decided.verdict == "needs_approval"


@pytest.mark.parametrize("other", OTHERS)
def test_who_or_what_is_asked_about_has_its_kind(backend: Backend, other: Any):
    who, at = member(backend, "C300"), START + 60 * DAY
    with backend.unit_of_work(actor="agent 7") as uow:
        for ask in (decide_benefit, grant_benefit):
            with pytest.raises(InvalidInput, match=r"^membership: "):
                ask(uow, other, UPGRADE, at=at, authority=AGENT)
            with pytest.raises(InvalidInput, match=r"^benefit: "):
                ask(uow, who, other, at=at, authority=AGENT)
            with pytest.raises(InvalidInput, match=r"^authority: "):
                ask(uow, who, UPGRADE, at=at, authority=other)
        with pytest.raises(InvalidInput, match=r"^programme: "):
            desk_card(uow, number="C300", programme=other, at=at)
        decision = FactId(new_id(at))
        members = uow.memberships
        for call in (
            lambda: members.project(other, at=at),
            lambda: members.project_many([who, other], at=at),
            lambda: members.as_of(other, at=at),
            lambda: members.advance(other, at=at),
            lambda: members.promote(other, "gold", at=at, until=at + DAY),
            lambda: members.revoke(other, decision, at=at),
            lambda: members.bonus(other, 5, at=at),
            lambda: members.redeem(other, 5, at=at),
            lambda: members.adjust(other, 5, at=at, reason="sorry"),
            lambda: members.release(other, decision, at=at),
            lambda: members.close(other, at=at),
            lambda: members.balance(other),
            lambda: members.entries_of([other]),
            lambda: members.hold(other),
        ):
            with pytest.raises(InvalidInput, match=r"^membership: must be a Membership$"):
                call()
        with pytest.raises(InvalidInput, match=r"^planned\[0\]: must be an order$"):
            members.project(who, at=at, planned=[other])
        with pytest.raises(InvalidInput, match=r"^qualifying: "):
            members.bonus(who, 5, at=at, qualifying=other)
    for several in (None, 7):
        with backend.reading() as uow:
            with pytest.raises(InvalidInput, match=r"^membership: "):
                uow.memberships.project_many(several, at=at)  # type: ignore[arg-type]
            with pytest.raises(InvalidInput, match=r"^planned: "):
                uow.memberships.project(who, at=at, planned=several)  # type: ignore[arg-type]
