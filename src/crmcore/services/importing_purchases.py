"""Importing purchases: one order per row, idempotent on the source's key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from hashlib import blake2b
from os import PathLike
from uuid import UUID

import attrs

from crmcore.domain.contact_points import Channel
from crmcore.domain.currencies import minor_digits
from crmcore.domain.customer import Customer
from crmcore.domain.errors import ConflictingFact, Fault, InvalidInput
from crmcore.domain.identifiers import Identifier, normalised
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import zone_named
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.ports import Backend
from crmcore.domain.text import checked_text
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.importing import (
    Cells,
    ImportReport,
    accepted,
    checked_source,
    moment,
    needed,
)
from crmcore.services.purchase_rows import PurchaseColumns, PurchaseRow, PurchaseRows
