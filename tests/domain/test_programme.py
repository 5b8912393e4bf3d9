"""A programme that could not work is refused when it is declared, at the place of what is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import InvalidInput
from crmcore.domain.money import Money
from crmcore.domain.periods import Anniversary, Calendar, Expiry, Fixed, Rolling
from crmcore.domain.programme import Benefit, Pending, Programme, Rules, Tier
from tests.domain.loyalty import START

OTHER: tuple[Any, ...] = (5, "x", "never", [None], timedelta(1), Money(1, "EUR"))
TIERS = [Tier("member"), Tier("silver", 100)]


@pytest.mark.parametrize("value", [None, *OTHER])
@pytest.mark.parametrize("name", ["tiers", "earning", "expiry", "pending", "window", "tier_expiry"])
def test_rules_are_made_of_what_they_ask_for(name: str, value: Any) -> None:
    absent = "only with a rolling window|" if (name, value) == ("tier_expiry", None) else ""
    with pytest.raises(InvalidInput, match=f"^{name}: ({absent}must be )"):
        Rules(**{"tiers": TIERS, name: value})


@pytest.mark.parametrize("value", [None, *OTHER])
def test_benefits_and_rules_are_several(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^benefits: must be benefits$"):
        Tier("gold", 300, benefits=value)
    with pytest.raises(InvalidInput, match=r"^rules: must be Rules, "):
        Programme("club", value)


@pytest.mark.parametrize(
    "window", [Fixed(START, START + timedelta(9)), Calendar(), Anniversary(), Rolling()]
)
def test_every_window_goes_with_rules(window: Any) -> None:
    rules = Rules(
        tiers=iter(TIERS),
        earning=iter([EarningRule("euro", 1)]),
        window=window,
        expiry=Expiry("after", 3),
        tier_expiry=Expiry("after", 3),
        pending=Pending("on_action"),
    )
    assert (rules.tiers, rules.window) == (tuple(TIERS), window)
    assert Programme("club", iter([rules])).rules == Programme("club", rules).rules == (rules,)
    assert Tier("gold", 300, benefits=iter([Benefit("line")])).benefits == (Benefit("line"),)
