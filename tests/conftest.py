"""What every test shares: how hard hypothesis looks, and readable contract failures."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A contract test that fails shows its values only if its module is rewritten before import.
pytest.register_assert_rewrite("crmcore.testing")

# No deadline: a laptop under load is no fault of the code. In CI the same examples every time.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
