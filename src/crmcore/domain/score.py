"""Score: what a model says of a customer, as a fact (S49): value, scorer, and why."""

from __future__ import annotations

import math

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.text import optional_text, symbol, text

__all__ = ["Score"]


def _finite(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not math.isfinite(value):
        raise InvalidInput.of(attribute.name, "must be a finite number")


@attrs.frozen(kw_only=True)
class Score(Fact):
    """One score; `unit` says of what (`probability`, `purchases`, `EUR`), `why` on what ground.

    `model` names the scorer's model and parameters, so that a score can be traced to its fit.
    """

    scorer: str = attrs.field(validator=symbol)
    value: float = attrs.field(converter=float, validator=_finite)
    unit: str = attrs.field(validator=text(40))
    model: str | None = attrs.field(default=None, validator=optional_text(200))
    why: str | None = attrs.field(default=None, validator=optional_text(500))
