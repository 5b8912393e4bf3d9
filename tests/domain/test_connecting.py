"""`connect` takes URLs; what is none is told how to become one."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmcore import UnknownBackend, connect


@pytest.mark.parametrize(
    "given", [Path("crm.db"), "crm.db", "", "memory", "sqlite", "sqlite:crm.db", None, b"x://y"]
)
def test_what_is_no_url_is_told_how_a_file_is_given(given: object):
    with pytest.raises(UnknownBackend, match=r"sqlite:///crm\.db"):
        connect(given)  # type: ignore[arg-type]


def test_an_unserved_scheme_is_told_what_is_served():
    with pytest.raises(UnknownBackend, match=r"redis.*memory"):
        connect("redis://localhost")
