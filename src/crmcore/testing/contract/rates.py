"""One rate for every currency on every day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import attrs

__all__ = ["OneRate"]


@attrs.frozen
class OneRate:
    """Any currency costs as much of any other."""

    price: Decimal = attrs.field(converter=Decimal)

    def rate(self, currency: str, into: str, on: date) -> Decimal | None:
        """The rate, whatever is asked."""
        return self.price
