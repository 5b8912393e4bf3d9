"""Every figure at small counts: the promise is kept, and without the protection it is noticed.

The full counts: `make faults`.
"""

from __future__ import annotations

import pytest

from tests.faults.figures import FIGURES

FEW = {
    "killed-writers": 20,
    "killed-servers": 3,
    "killed-servers-bare": 2,
    "lost-updates": 80,
    "reset-commits": 60,
    "every-statement": 1,
    "idle-connections": 5,
    "conflicts": 2,
    "full-disk": 1,
}
ENOUGH = {"killed-writers": 24, "lost-updates": 200, "reset-commits": 60}
"""So many tries of a control show at least one violation, whatever the moments are."""

QUICK = {("full-disk", "sqlite"), ("lost-updates", "memory"), ("killed-writers", "sqlite")}


def marked(*case: str) -> object:
    marks = () if case[:2] in QUICK else (pytest.mark.slow,)
    return pytest.param(*case, id="-".join(case), marks=marks)


CASES = [marked(name, backend) for name, figure in FIGURES.items() for backend in figure.times]
CONTROLS = [
    marked(name, backend, control)
    for name, figure in FIGURES.items()
    for backend in figure.times
    for control in figure.controls
]


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_nothing_is_lost_half_or_foreign(name: str, backend: str, stores):
    figure = FIGURES[name]
    found = figure.tried(stores(backend, durable=figure.durable), FEW[name])

    assert found.violations == 0, str(found)


@pytest.mark.parametrize(("name", "backend", "control"), CONTROLS)
def test_a_fault_is_noticed_without_the_protection(name: str, backend: str, control: str, stores):
    figure = FIGURES[name]
    store = stores(backend, durable=figure.durable)
    found = figure.controls[control](store, ENOUGH.get(name, figure.fewer))

    assert found.violations > 0, str(found)
