"""Values as people and programs are shown them."""

from __future__ import annotations

import pytest

from crmcore.cli.showing import ABSENT, plain, shown_value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ABSENT), ((), ABSENT), (("vip", "a\x1bb"), "vip, a\\x1bb"), (True, "yes"),
        (1234, "1,234"), (0.5, "0.50"), ("a\nb", "a\\nb"),
    ],
)  # fmt: skip
def test_a_value_is_shown_to_people(value: object, shown: str):
    assert shown_value(value, zone="UTC") == shown


def test_several_are_a_list_to_programs():
    assert plain(("a", "b")) == ["a", "b"]
