"""Tiers in predicates: by name, and by rank where the model knows it."""

from __future__ import annotations

import pytest

from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.matching import matcher
from crmcore.domain.model import Model
from crmcore.domain.tier_terms import tier
from tests.domain.loyalty import a_programme

MODEL = Model(programmes=[a_programme()])
TIERS = ("classic", "silver", "gold", "platinum", None)


def whom(predicate) -> list[str | None]:
    """The tiers for which it holds; `None` is who is no member."""
    holds = matcher(MODEL.checked(predicate))
    return [known for known in TIERS if holds({"club_tier": known}.get)]


def test_a_tier_is_compared_by_rank():
    club = MODEL.tier("club")
    assert whom(club >= "gold") == ["gold", "platinum"]
    assert whom(club > "gold") == ["platinum"]
    assert whom(club <= "silver") == ["classic", "silver"]
    assert whom(club < "silver") == ["classic"]
    assert whom(club > "platinum") == []
    assert whom(club == "gold") == ["gold"]
    assert whom(club != "gold") == ["classic", "silver", "platinum", None]
    assert whom(club.is_in("classic", "gold")) == ["classic", "gold"]
    assert whom(club.is_absent()) == [None]
    assert whom(~(club >= "gold")) == ["classic", "silver", None]


def test_without_a_model_it_is_a_field():
    assert (tier["club"] == "gold") == (field("club_tier") == "gold")
    assert whom(tier["club"].is_present()) == ["classic", "silver", "gold", "platinum"]
    with pytest.raises(InvalidInput, match=r"model\.tier"):
        tier["club"] >= "gold"  # noqa: B015


def test_what_is_unknown_is_refused_when_it_is_written():
    with pytest.raises(InvalidInput, match="no programme"):
        MODEL.tier("clubb")
    with pytest.raises(InvalidInput, match=r"is none of .*; did you mean 'gold'\?"):
        MODEL.tier("club") == "golden"  # noqa: B015
    with pytest.raises(InvalidInput, match="is none of"):
        MODEL.tier("club") == 3  # noqa: B015
    with pytest.raises(InvalidInput):
        tier["Club"]
    with pytest.raises(TypeError):
        bool(MODEL.tier("club"))
