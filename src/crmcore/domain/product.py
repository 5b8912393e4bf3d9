"""Product: what is sold, known by its SKU."""

from __future__ import annotations

from datetime import datetime

import attrs

from crmcore.domain.ids import ProductId, a_version, an_id, new_id
from crmcore.domain.instants import instant
from crmcore.domain.money import Money, optional_amount
from crmcore.domain.text import optional_text, text

__all__ = ["Product"]


@attrs.frozen(kw_only=True)
class Product:
    """A product; its SKU is exclusive within the tenant, its price what it lists for now.

    - `sku`: the stock keeping unit, by which it is ordered
    - `at`: since when it is known
    - `name`: what it is called
    - `category`: the group of products that it is in
    - `price`: what it lists for now
    - `id`: the product's own id
    - `version`: how often this record was stored
    """

    sku: str = attrs.field(validator=text(100))
    at: datetime = attrs.field(converter=instant)
    name: str | None = attrs.field(default=None, validator=optional_text(500))
    category: str | None = attrs.field(default=None, validator=optional_text(100))
    price: Money | None = attrs.field(default=None, validator=optional_amount)
    id: ProductId = attrs.field(
        default=attrs.Factory(lambda self: ProductId(new_id(self.at)), takes_self=True),
        validator=an_id,
    )
    version: int = attrs.field(default=0, validator=a_version)

    def priced(self, price: Money | None) -> Product:
        """At another list price; orders keep the price they were agreed at."""
        return attrs.evolve(self, price=price)
