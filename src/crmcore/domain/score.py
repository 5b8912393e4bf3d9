"""Score: what a model says of a customer, as a fact (S49): value, scorer, and why."""

from __future__ import annotations

import math

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.text import optional_text, symbol, text

__all__ = ["Score"]


def _finite(value: float, path: str = "value") -> float:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InvalidInput.of(path, "must be a finite number")
    return found + 0.0  # minus zero is zero: not every store keeps its sign


def _low(value: float | None) -> float | None:
    return None if value is None else _finite(value, "low")


def _high(value: float | None) -> float | None:
    return None if value is None else _finite(value, "high")


@attrs.frozen(kw_only=True)
class Score(Fact):
    """One score; `unit` says of what (`probability`, `purchases`, `EUR`), `why` on what ground.

    `model` names the scorer's model and parameters, so that a score can be traced to its fit.
    `low` and `high` are the ends of an interval, both or neither, with the value within.

    - `scorer`: what was scored (`probability_alive`, `lifetime_value`)
    - `value`: the score
    - `unit`: of what the value is: `probability`, `purchases`, a currency
    - `model`: the model and its parameters that the score comes from
    - `why`: on what ground, in a sentence
    - `low`: the lower end of the interval of the estimate
    - `high`: the upper end of the interval of the estimate
    - `scorer_version`: the version of the scorer that gave it
    """

    scorer: str = attrs.field(validator=symbol)
    value: float = attrs.field(converter=_finite)
    unit: str = attrs.field(validator=text(40))
    model: str | None = attrs.field(default=None, validator=optional_text(200))
    why: str | None = attrs.field(default=None, validator=optional_text(500))
    low: float | None = attrs.field(default=None, converter=_low)
    high: float | None = attrs.field(default=None, converter=_high)
    scorer_version: str | None = attrs.field(default=None, validator=optional_text(40))

    def __attrs_post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise InvalidInput.of("high" if self.high is None else "low", "is missing")
        if self.low is not None and not self.low <= self.value:
            raise InvalidInput.of("low", "must not lie above the value")
        if self.high is not None and not self.value <= self.high:
            raise InvalidInput.of("high", "must not lie below the value")
