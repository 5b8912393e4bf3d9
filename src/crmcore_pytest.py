"""The pytest plugin of crmcore: fixtures for the tests of host applications.

It is found by itself where crmcore is installed. It stands outside of the package and imports
crmcore only when a fixture is asked for: what is imported as pytest starts is not seen by coverage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import pytest
except ImportError as _error:
    from crmcore.domain.errors import MissingExtra

    raise MissingExtra("testing") from _error

if TYPE_CHECKING:
    from crmcore import Model
    from crmcore.adapters.memory import MemoryBackend
    from crmcore.testing import FrozenClock

__all__ = ["crm", "crm_clock", "crm_model"]


@pytest.fixture
def crm_model() -> Model:
    """The model of `crm`; define a fixture of this name to test under your own."""
    from crmcore import Model

    return Model()


@pytest.fixture
def crm_clock() -> FrozenClock:
    """The clock of `crm`: it stands still until `crm_clock.advance(…)`."""
    from crmcore.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def crm(crm_model: Model, crm_clock: FrozenClock) -> MemoryBackend:
    """An empty memory backend, migrated, one for each test."""
    from crmcore.adapters.memory import MemoryBackend

    backend = MemoryBackend(model=crm_model, clock=crm_clock)
    backend.migrate()
    return backend
