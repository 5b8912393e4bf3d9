"""Histories: whatever is done, the store holds what a plain dictionary would."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from crmcore.testing.contract.machine import machine_of
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["HistoriesContract"]


class HistoriesContract(Subject):
    """Random histories of two tenants, on the backend and on the oracle."""

    def test_any_history_ends_as_the_oracle_says(self, backends: Make) -> None:
        """Every profile, answer and journal row is the oracle's, after every step."""
        effort = settings(
            max_examples=self.examples,
            stateful_step_count=self.steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )

        run_state_machine_as_test(machine_of(backends, type(self)), settings=effort)
