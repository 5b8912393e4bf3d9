"""Score: what a model says of a customer, as a fact (S49): value, scorer, and why."""

from __future__ import annotations

import math

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.text import optional_text, symbol, text

__all__ = ["Score"]


def _finite(value: float) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InvalidInput.of("value", "must be a finite number")
    return found + 0.0  # minus zero is zero: not every store keeps its sign


@attrs.frozen(kw_only=True)
class Score(Fact):
    """One score; `unit` says of what (`probability`, `purchases`, `EUR`), `why` on what ground.

    `model` names the scorer's model and parameters, so that a score can be traced to its fit.

    - `scorer`: what was scored (`probability_alive`, `lifetime_value`)
    - `value`: the score
    - `unit`: of what the value is: `probability`, `purchases`, a currency
    - `model`: the model and its parameters that the score comes from
    - `why`: on what ground, in a sentence
    """

    scorer: str = attrs.field(validator=symbol)
    value: float = attrs.field(converter=_finite)
    unit: str = attrs.field(validator=text(40))
    model: str | None = attrs.field(default=None, validator=optional_text(200))
    why: str | None = attrs.field(default=None, validator=optional_text(500))
