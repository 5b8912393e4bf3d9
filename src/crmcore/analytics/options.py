"""Options and parameters of models, as attrs fields: all their faults are told together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from crmcore.analytics.checks import Checks

__all__ = ["Checked", "a_seed", "at_least_1", "one_of", "positive"]


@attrs.frozen
class Checked:
    """An attrs validator made of a function that notes what is wrong in `Checks`.

    What it refuses is refused together with the faults of all other fields of the value that are
    validated so: attrs sets every field before it validates the first.
    """

    check: Callable[[Checks, str, Any], None]

    def __call__(self, instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Raise InvalidInput where the value, and perhaps others beside it, cannot be."""
        checks = Checks()
        self.check(checks, attribute.name, value)
        if not checks.faults:
            return
        together = Checks()
        for field in attrs.fields(type(instance)):
            if isinstance(field.validator, Checked):
                field.validator.check(together, field.name, getattr(instance, field.name))
        together.close()


@Checked
def positive(checks: Checks, path: str, value: float) -> None:
    """A finite number above zero, as every parameter is."""
    if not 0 < value < np.inf:
        checks.refuse(path, "must be a finite number above 0")


@Checked
def at_least_1(checks: Checks, path: str, value: object) -> None:
    """A whole number above zero."""
    checks.whole(path, value, least=1)


@Checked
def a_seed(checks: Checks, path: str, value: object) -> None:
    """A whole number, of which all that is random follows."""
    checks.whole(path, value)


def one_of(*words: str) -> Checked:
    """A validator of one word out of several."""

    def check(checks: Checks, path: str, value: object) -> None:
        checks.word(path, value, words)

    return Checked(check)
